package xfr

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"iter"

	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// On disk, a version or a difference is
//
//	magic    8 octets
//	format   2 octets, of this layout: 1, or 2 if a name is written with capitals
//	kind     2 octets, snapshot or difference
//	messages each a length of 4 octets, a checksum of 4, and a DNS message
//	end      a length of 0 in 4 octets, the number of records in 4, and a checksum
//	         of all that stands before it in 4
//
// with numbers big endian and checksums CRC-32C. The messages are those of an AXFR
// or IXFR without TSIG; a message's checksum says where a file is damaged, the
// last that nothing is missing.
const (
	magic = "ms-zone\n"
	// A program that knew format 1 only took all for canonical: it must not read
	// what is not, for it would serve signatures that do not fit.
	canonicalFormat = 1
	writtenFormat   = 2

	kindSnapshot = 1
	kindDiff     = 2

	// messageSize keeps most owners within reach of compression.
	messageSize = 32 << 10
	// maxMessage is the largest message that is read: one record of 65,535 octets
	// that goes alone, with its name and the question.
	maxMessage = 1<<16 + 1<<10
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Write writes v for Read. v must have a SOA.
func Write(w io.Writer, v *zone.Version) error {
	if !v.SOA().Exists() {
		return fmt.Errorf("version of %s has no SOA", v.Apex())
	}
	return write(w, kindSnapshot, v.Apex(), full(v))
}

// WriteDiff writes d for ReadDiff. d must replace the SOA: what makes the first
// version of a zone is written by Write.
func WriteDiff(w io.Writer, d zone.Diff) error {
	if _, _, ok := soas(d); !ok {
		return fmt.Errorf("difference of %s does not replace the SOA", d.Apex)
	}
	return write(w, kindDiff, d.Apex, incremental([]zone.Diff{d}, whole))
}

func write(w io.Writer, kind uint16, apex zone.Name, records iter.Seq[record]) error {
	f := &framer{w: w}
	format := uint16(canonicalFormat)
	for r := range records {
		if r.capitals {
			format = writtenFormat
			break
		}
	}
	head := binary.BigEndian.AppendUint16([]byte(magic), format)
	f.put(binary.BigEndian.AppendUint16(head, kind))
	t := map[uint16]uint16{kindSnapshot: typeAXFR, kindDiff: typeIXFR}[kind]
	p := newPacker(0, messageSize)
	p.question(apex, t)
	total := 0
	for r := range records {
		if !p.add(r) {
			f.message(p.message())
			p.reset()
			p.add(r)
		}
		total++
	}
	f.message(p.message())
	f.end(total)
	return f.err
}

// framer writes, and sums up what it has written.
type framer struct {
	w   io.Writer
	sum uint32
	err error
}

func (f *framer) put(b []byte) {
	if f.err == nil {
		f.sum = crc32.Update(f.sum, castagnoli, b)
		_, f.err = f.w.Write(b)
	}
}

func (f *framer) message(m []byte) {
	head := binary.BigEndian.AppendUint32(nil, uint32(len(m)))
	f.put(binary.BigEndian.AppendUint32(head, crc32.Checksum(m, castagnoli)))
	f.put(m)
}

func (f *framer) end(records int) {
	f.put(binary.BigEndian.AppendUint32(make([]byte, 4), uint32(records)))
	f.put(binary.BigEndian.AppendUint32(nil, f.sum))
}
