package answer

import (
	"bytes"

	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// maxSuffixes bounds the places that later names may point to: our choice. An
// answer for a datagram has fewer; in a larger one the rest is only written out.
const maxSuffixes = 128

// maxPointer is the first offset that a pointer cannot express (RFC 1035 4.1.4).
const maxPointer = 1 << 14

// compression knows where in a message names and their parents were written. It
// takes the first place of each, so a pointer into the question repeats its case.
type compression struct {
	lengths [maxSuffixes]byte // of the suffixes: searched first, because it is quick
	offsets [maxSuffixes]uint16
	names   [maxSuffixes]zone.Name
	count   int
	high    int // the count of the largest message since reset
}

// forget makes ready for the next message.
func (c *compression) forget() { c.high, c.count = max(c.high, c.count), 0 }

// reset lets go of the names, too.
func (c *compression) reset() {
	c.forget()
	clear(c.names[:c.high])
	c.high = 0
}

// append writes a name to a message that began at dst[base], compressed, and
// remembers its parts for those that follow.
func (c *compression) append(dst []byte, base int, n zone.Name) []byte {
	known := c.count // a suffix of n is never found in n itself
	for n != zone.Root {
		if at, ok := c.find(n, known); ok {
			return append(dst, 0xc0|byte(at>>8), byte(at))
		}
		c.add(n, len(dst)-base)
		label := 1 + int(n[0])
		dst, n = append(dst, n[:label]...), n[label:]
	}
	return append(dst, 0)
}

// learn remembers the parts of a name that stands at an offset in full.
func (c *compression) learn(n zone.Name, at int) {
	for known := c.count; n != zone.Root; n = n.Parent() {
		if _, ok := c.find(n, known); ok {
			return
		}
		c.add(n, at)
		at += 1 + int(n[0])
	}
}

func (c *compression) find(n zone.Name, known int) (at uint16, ok bool) {
	for i := 0; i < known; i++ {
		skip := bytes.IndexByte(c.lengths[i:known], byte(len(n)))
		if skip < 0 {
			return 0, false
		}
		if i += skip; c.names[i] == n {
			return c.offsets[i], true
		}
	}
	return 0, false
}

func (c *compression) add(n zone.Name, at int) {
	if c.count == maxSuffixes || at >= maxPointer {
		return
	}
	c.lengths[c.count], c.offsets[c.count], c.names[c.count] = byte(len(n)), uint16(at), n
	c.count++
}
