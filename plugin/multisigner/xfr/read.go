package xfr

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"slices"

	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// Read reads what Write wrote, and no further. Its errors say at which octet and
// in which message it went wrong; one that is io.ErrUnexpectedEOF means that the
// end is missing.
func Read(r io.Reader) (*zone.Version, error) {
	d := &deframer{r: r}
	if err := d.begin(kindSnapshot); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("snapshot is empty: %w", io.ErrUnexpectedEOF)
		}
		return nil, fmt.Errorf("snapshot: %w", err)
	}
	v, err := readVersion(d)
	if err != nil {
		return nil, fmt.Errorf("snapshot: message %d, at octet %d: %w", d.messages, d.at, err)
	}
	return v, nil
}

// ReadDiff reads what WriteDiff wrote, and no further. At the end of r it gives
// io.EOF; where r ends in the middle of a difference, an error that is
// io.ErrUnexpectedEOF: it was being written when the power failed.
func ReadDiff(r io.Reader) (zone.Diff, error) {
	d := &deframer{r: r}
	if err := d.begin(kindDiff); err != nil {
		if err == io.EOF {
			return zone.Diff{}, io.EOF
		}
		return zone.Diff{}, fmt.Errorf("difference: %w", err)
	}
	diff, err := readDiff(d)
	if err != nil {
		return zone.Diff{}, fmt.Errorf("difference: message %d, at octet %d: %w", d.messages, d.at, err)
	}
	return diff, nil
}

func readVersion(d *deframer) (*zone.Version, error) {
	var b *zone.Builder
	var opening, closing zone.RRset
	g := grouper{}
	put := func(s zone.RRset) error {
		soa := s.Type == zone.TypeSOA && s.Name == d.apex
		switch {
		case closing.Exists():
			return errors.New("records after the closing SOA")
		case soa && opening.Exists():
			closing = s
			return nil
		case soa:
			opening = s
			b = zone.NewBuilder(d.apex)
		case b == nil:
			return errors.New("the first record is not the SOA")
		}
		b.Put(s)
		return nil
	}
	err := d.each(func(r record) error { return g.add(r, put) })
	if err == nil {
		err = g.flush(put)
	}
	switch {
	case err != nil:
		return nil, err
	case closing.Rdata != opening.Rdata || !opening.Exists():
		return nil, errors.New("it does not begin and end with the same SOA")
	}
	v := b.Version()
	if v.Records() != d.records-1 {
		return nil, fmt.Errorf("%d records, of which %d are different", d.records-1, v.Records())
	}
	return v, nil
}

// readDiff reads what incremental made of whole RRsets.
func readDiff(d *deframer) (zone.Diff, error) {
	type key struct {
		name zone.Name
		t    zone.Type
	}
	changes := map[key]zone.Change{}
	var soas []zone.RRset // the new, the old, the new, the new
	g := grouper{}
	put := func(s zone.RRset) error {
		if s.Type == zone.TypeSOA && s.Name == d.apex && s.Exists() {
			if soas = append(soas, s); len(soas) == 1 || len(soas) == 4 {
				return nil
			}
		}
		c := changes[key{s.Name, s.Type}]
		switch {
		case len(soas) == 2 && !c.Old.Exists():
			c.Old = s
		case len(soas) == 3 && !c.New.Exists():
			c.New = s
		default:
			return fmt.Errorf("%s %s is out of order", s.Name, s.Type)
		}
		changes[key{s.Name, s.Type}] = c
		return nil
	}
	err := d.each(func(r record) error { return g.add(r, put) })
	if err == nil {
		err = g.flush(put)
	}
	switch {
	case err != nil:
		return zone.Diff{}, err
	case len(soas) != 4 || soas[0].Rdata != soas[2].Rdata || soas[0].Rdata != soas[3].Rdata:
		return zone.Diff{}, errors.New("it has not the SOAs of a difference")
	}
	diff := zone.Diff{Apex: d.apex, From: serial(soas[1]), To: serial(soas[0])}
	for _, c := range changes {
		diff.Changes = append(diff.Changes, c)
	}
	slices.SortFunc(diff.Changes, canonically)
	return diff, nil
}

func serial(soa zone.RRset) uint32 {
	for rdata := range soa.Rdata.All() {
		return zone.SOASerial(rdata)
	}
	return 0
}

// canonically is the order of a zone.Diff: NSEC3 after all others.
func canonically(a, b zone.Change) int {
	if hashedA, hashedB := a.Type() == zone.TypeNSEC3, b.Type() == zone.TypeNSEC3; hashedA != hashedB {
		if hashedB {
			return -1
		}
		return 1
	}
	if c := a.Name().Compare(b.Name()); c != 0 {
		return c
	}
	return int(a.Type()) - int(b.Type())
}

// deframer reads messages and checks what protects them.
type deframer struct {
	r        io.Reader
	at       int // octets read, up to the message at hand
	sum      uint32
	apex     zone.Name
	messages int
	records  int
}

func (d *deframer) get(b []byte) error {
	n, err := io.ReadFull(d.r, b)
	d.at += n
	d.sum = crc32.Update(d.sum, castagnoli, b[:n])
	return err
}

// begin reads the head. io.EOF, bare, means that there is nothing.
func (d *deframer) begin(kind uint16) error {
	head := make([]byte, len(magic)+4)
	if err := d.get(head); err != nil {
		if errors.Is(err, io.EOF) {
			return io.EOF
		}
		return fmt.Errorf("its head is cut short: %w", err)
	}
	got, version := string(head[:len(magic)]), binary.BigEndian.Uint16(head[len(magic):])
	switch {
	case got != magic:
		return fmt.Errorf("it begins with %q, not with %q", got, magic)
	case version != format:
		return fmt.Errorf("it has format %d, this program reads %d", version, format)
	case binary.BigEndian.Uint16(head[len(magic)+2:]) != kind:
		return errors.New("it holds something else: snapshots and differences were mixed up")
	}
	return nil
}

// each gives the records of all messages, up to the end.
func (d *deframer) each(do func(record) error) error {
	for {
		var head [8]byte
		if err := d.get(head[:]); err != nil {
			return missing(err)
		}
		size, sum := binary.BigEndian.Uint32(head[:]), binary.BigEndian.Uint32(head[4:])
		if size == 0 {
			return d.finish(int(sum))
		}
		d.messages++
		if size > maxMessage {
			return fmt.Errorf("its length of %d octets is more than a message can have", size)
		}
		at := d.at
		message := make([]byte, size)
		if err := d.get(message); err != nil {
			return missing(err)
		}
		if crc32.Checksum(message, castagnoli) != sum {
			d.at = at
			return errors.New("its checksum is wrong: the file is damaged here")
		}
		if err := d.message(message, do); err != nil {
			d.at = at
			return err
		}
	}
}

// finish reads the rest of the end.
func (d *deframer) finish(records int) error {
	sum := d.sum
	var last [4]byte
	if err := d.get(last[:]); err != nil {
		return missing(err)
	}
	switch {
	case binary.BigEndian.Uint32(last[:]) != sum:
		return errors.New("the checksum over all is wrong: messages are missing, or not in order")
	case records != d.records:
		return fmt.Errorf("%d records, where its end says %d", d.records, records)
	}
	return nil
}

// missing is the error for an end that did not come.
func missing(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("it is cut short: %w", io.ErrUnexpectedEOF)
	}
	return err
}
