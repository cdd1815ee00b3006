package xfr

import (
	"errors"
	"fmt"
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
	err := d.each(func(r zone.Record) error { return g.add(r, put) })
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
	err := d.each(func(r zone.Record) error { return g.add(r, put) })
	if err == nil {
		err = g.flush(put)
	}
	switch {
	case err != nil:
		return zone.Diff{}, err
	case len(soas) != 4 || soas[0].Rdata != soas[2].Rdata || soas[0].Rdata != soas[3].Rdata:
		return zone.Diff{}, errors.New("it has not the SOAs of a difference")
	}
	diff := zone.Diff{Apex: d.apex, From: soas[1].Rdata.Serial(), To: soas[0].Rdata.Serial()}
	for _, c := range changes {
		diff.Changes = append(diff.Changes, c)
	}
	slices.SortFunc(diff.Changes, zone.Canonically)
	return diff, nil
}
