package xfr

import (
	"encoding/binary"
	"iter"

	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// Asked is what a transfer repeats of its request.
type Asked struct {
	ID          uint16
	RD          bool
	Name        []byte // the question's, as it came, in wire form; the first message has it
	Incremental bool   // IXFR was asked for, whatever is given
}

// Packed yields v as whole messages of a full transfer in wire form, each at most
// size octets (up to 65,535; one record that is larger makes its message so), owner names
// compressed, to be signed and framed by the caller. All names are compressed where size is at
// most 16,384 octets. A message is valid until the next is asked for, and records may be appended to it.
func Packed(v *zone.Version, a Asked, size int) iter.Seq[[]byte] { return packed(full(v), a, size) }

// PackedDiffs yields a chain of differences so, as IXFR has it.
func PackedDiffs(a Asked, size int, chain ...zone.Diff) iter.Seq[[]byte] {
	return packed(incremental(chain, differing), a, size)
}

func packed(records iter.Seq[record], a Asked, size int) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		p := newPacker(a.ID, size)
		if a.RD {
			p.buf[2] |= 1
		}
		t := uint16(typeAXFR)
		if a.Incremental {
			t = typeIXFR
		}
		p.question(zone.Name(a.Name), t)
		for r := range records {
			if !p.add(r) {
				if !yield(p.message()) {
					return
				}
				p.reset()
				p.add(r)
			}
		}
		if p.records > 0 {
			yield(p.message())
		}
	}
}

const (
	typeIXFR = 251
	typeAXFR = 252

	headerSize = 12
	// maxPointer is the last octet that a compressed name can point to (RFC 1035 4.1.4).
	maxPointer = 0x3fff
)

// packer builds one message after another.
type packer struct {
	buf     []byte
	max     int
	records int
	names   map[string]int // where each name, and each of its ends, stands in these letters
	last    string         // the last owner, and where it stands
	lastAt  int
}

func newPacker(id uint16, size int) *packer {
	p := &packer{buf: make([]byte, headerSize, size+1<<9), max: size, names: map[string]int{}}
	binary.BigEndian.PutUint16(p.buf, id)
	p.buf[2] = 0x84 // QR, AA
	return p
}

func (p *packer) reset() {
	p.buf = p.buf[:headerSize]
	clear(p.buf[4:]) // also the counts of what others have appended
	p.records, p.last = 0, ""
	clear(p.names)
}

func (p *packer) question(apex zone.Name, t uint16) {
	p.names[string(apex)] = len(p.buf)
	p.buf = append(p.buf, apex...)
	p.buf = binary.BigEndian.AppendUint16(p.buf, t)
	p.buf = append(p.buf, 0, 1)
	binary.BigEndian.PutUint16(p.buf[4:], 1)
}

// add appends r. It does not, and says so, when there is no room and other
// records are in the message already.
func (p *packer) add(r record) bool {
	before := len(p.buf)
	p.name(r.owner)
	p.buf = binary.BigEndian.AppendUint16(p.buf, uint16(r.t))
	p.buf = append(p.buf, 0, 1)
	p.buf = binary.BigEndian.AppendUint32(p.buf, r.ttl)
	p.buf = binary.BigEndian.AppendUint16(p.buf, uint16(len(r.rdata)))
	p.buf = append(p.buf, r.rdata...)
	if len(p.buf) > p.max && p.records > 0 || p.records == 0xffff {
		p.buf = p.buf[:before]
		return false
	}
	p.records++
	return true
}

// name appends n, with a pointer for as much of its end as the message has already
// in these letters: a pointer to others would change how it is written.
func (p *packer) name(n string) {
	if n == p.last {
		p.buf = append(p.buf, 0xc0|byte(p.lastAt>>8), byte(p.lastAt))
		return
	}
	at := len(p.buf)
	for rest := n; ; rest = rest[1+int(rest[0]):] {
		if rest[0] == 0 {
			p.buf = append(p.buf, 0)
			break
		}
		if to, ok := p.names[rest]; ok {
			p.buf = append(p.buf, 0xc0|byte(to>>8), byte(to))
			break
		}
		if len(p.buf) <= maxPointer {
			p.names[rest] = len(p.buf)
		}
		p.buf = append(p.buf, rest[:1+int(rest[0])]...)
	}
	if at <= maxPointer && n[0] != 0 {
		p.last, p.lastAt = n, at
	}
}

func (p *packer) message() []byte {
	binary.BigEndian.PutUint16(p.buf[6:], uint16(p.records))
	return p.buf
}
