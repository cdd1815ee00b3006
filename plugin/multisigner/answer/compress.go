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

// compression knows where in a message names and their parents were written. Owners
// take the first place of each, so one that was asked for repeats the case of the
// question; names in rdata keep the case of the zone, and point only to what is
// written in the same letters.
type compression struct {
	lengths  [maxSuffixes]byte // of the suffixes: searched first, because it is quick
	offsets  [maxSuffixes]uint16
	names    [maxSuffixes]zone.Name
	count    int
	high     int  // the count of the largest message since reset
	capitals bool // some name may stand in the message otherwise than in lower case
}

// forget makes ready for the next message.
func (c *compression) forget() { c.high, c.count, c.capitals = max(c.high, c.count), 0, false }

// reset lets go of the names, too.
func (c *compression) reset() {
	c.forget()
	clear(c.names[:c.high])
	c.high = 0
}

// owner writes an owner's name to a message that began at dst[base], compressed,
// and remembers its parts for those that follow.
func (c *compression) owner(dst []byte, base int, n zone.Name, written string) []byte {
	c.note(n, written)
	known := c.count // a suffix of n is never found in n itself
	for at := 0; n[at] != 0; at += 1 + int(n[at]) {
		if to, ok := c.find(n[at:], known); ok {
			return append(dst, 0xc0|byte(to>>8), byte(to))
		}
		c.add(n[at:], len(dst)-base)
		dst = append(dst, written[at:at+1+int(n[at])]...)
	}
	return append(dst, 0)
}

// inside is owner for a name in rdata, which keeps its case.
func (c *compression) inside(dst []byte, base int, n zone.Name, written string) []byte {
	c.note(n, written)
	if !c.capitals {
		return c.owner(dst, base, n, written)
	}
	known := c.count
	for at := 0; n[at] != 0; at += 1 + int(n[at]) {
		for i := range known {
			if c.names[i] == n[at:] && stands(dst[base:], int(c.offsets[i]), written[at:]) {
				return append(dst, 0xc0|byte(c.offsets[i]>>8), byte(c.offsets[i]))
			}
		}
		c.add(n[at:], len(dst)-base)
		dst = append(dst, written[at:at+1+int(n[at])]...)
	}
	return append(dst, 0)
}

// note remembers whether the message is about to have capitals.
func (c *compression) note(n zone.Name, written string) {
	c.capitals = c.capitals || string(n) != written
}

// stands reports whether a message has a name in these letters at an offset.
func stands(message []byte, at int, written string) bool {
	for {
		for message[at] >= 0xc0 {
			at = int(message[at]&0x3f)<<8 | int(message[at+1])
		}
		size := 1 + int(message[at])
		if string(message[at:at+size]) != written[:size] {
			return false
		}
		if size == 1 {
			return true
		}
		at, written = at+size, written[size:]
	}
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
