package xfr

import (
	"errors"
	"fmt"
	"iter"
	"slices"

	"github.com/miekg/dns"

	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// Kind is what the answer to an IXFR turned out to be.
type Kind uint8

// The kinds.
const (
	Current Kind = iota // nothing newer than what we have
	Differs             // differences, to be applied to what we have
	Whole               // all of the zone
)

// Change is what a transfer brought. It is complete: an answer that breaks off gives none.
type Change struct {
	Kind    Kind
	Serial  uint32        // the primary's
	Version *zone.Version // the zone at that serial; of Current, what we had
	// Diffs lead from what we had to Version, one after the other, where Kind is Differs.
	Diffs   []zone.Diff
	Skipped int       // records left out because they are not in the zone
	Outside zone.Name // the owner of the first of them
}

// ErrNeedsWhole is wrapped by errors of CollectChange that say that the differences do not fit
// what we have, or are so many that all of the zone is less: a full transfer is to be
// asked for.
var ErrNeedsWhole = errors.New("a full transfer is needed")

// CollectChange reads the answer to an IXFR that asked what has changed since have, as
// ask.Session.Incremental yields it. The differences must be exact: what goes must be
// there and what comes must not, so that a primary with another history is found out.
// It fails on the sequence's error, and keeps nothing then.
func CollectChange(apex zone.Name, have *zone.Version, messages iter.Seq2[*dns.Msg, error]) (Change, error) {
	c := &changeCollector{have: have, whole: collector{apex: apex, skips: true, sets: map[setKey]*gathered{}}}
	c.most = max(have.Records()/2, fewChanges)
	for m, err := range messages {
		if err != nil {
			return Change{}, err
		}
		for _, rr := range m.Answer {
			if err := c.record(rr); err != nil {
				return Change{}, err
			}
		}
	}
	return c.change()
}

// CollectWhole reads a full transfer as content: what is not in the zone is left out.
func CollectWhole(apex zone.Name, messages iter.Seq2[*dns.Msg, error]) (Change, error) {
	c := &changeCollector{form: Whole, whole: collector{apex: apex, skips: true, sets: map[setKey]*gathered{}}}
	for m, err := range messages {
		if err == nil {
			err = c.whole.message(m)
		}
		if err != nil {
			return Change{}, err
		}
	}
	return c.change()
}

// fewChanges are the records that differences of any zone may have: our choice, for
// with less than that it does not matter.
const fewChanges = 1000

type changeCollector struct {
	have  *zone.Version
	most  int // records that differences may have
	form  Kind
	whole collector // the opening SOA is in it, whatever follows

	newest zone.Record // the opening SOA
	open   bool        // newest was seen
	count  int         // records of differences
	now    *zone.Version
	diffs  []zone.Diff
	part   difference
	ended  bool
}

func (c *changeCollector) record(rr dns.RR) error {
	if c.form == Whole {
		return c.whole.record(rr)
	}
	r, skip, err := c.whole.read(rr)
	if err != nil || skip {
		return err
	}
	soa := r.Type == zone.TypeSOA && r.Name == c.whole.apex
	switch {
	case c.ended:
		return errors.New("there are records after the closing SOA")
	case !c.open && !soa:
		return errors.New("the first record is not the zone's SOA")
	case !c.open:
		c.open, c.newest = true, r
		return nil
	case c.form == Current && (!soa || r.Rdata == c.newest.Rdata):
		c.form = Whole
		for _, r := range []zone.Record{c.newest, r} {
			if err := c.whole.take(r); err != nil {
				return err
			}
		}
		return nil
	case c.form == Current:
		c.form, c.now = Differs, c.have
	}
	if soa {
		return c.section(r)
	}
	if c.count++; c.count > c.most {
		return fmt.Errorf("%w: the differences have more than %d records, half of what the zone has", ErrNeedsWhole, c.most)
	}
	return c.part.take(r)
}

// section begins what goes or what comes, or ends it all.
func (c *changeCollector) section(soa zone.Record) error {
	switch {
	case c.part.from == nil: // the first difference
	case !c.part.comes:
		c.part.comes = true
		return c.part.take(soa)
	default:
		diff, next, err := c.part.end()
		if err != nil {
			return err
		}
		c.diffs, c.now = append(c.diffs, diff), next
		if next.Serial() == zone.SOASerial(c.newest.Rdata) {
			if soa.Rdata != c.newest.Rdata {
				return errors.New("the closing SOA is not the opening one: the zone changed meanwhile")
			}
			c.ended = true
			return nil
		}
	}
	if len(c.diffs) >= maxDiffs {
		return fmt.Errorf("%w: more than %d differences", ErrNeedsWhole, maxDiffs)
	}
	c.part = difference{from: c.now, nodes: map[zone.Name]*loosened{}}
	if !c.now.SOA().Rdata.Has(soa.Rdata) {
		return fmt.Errorf("%w: the differences begin at another SOA of serial %d than ours of %d", ErrNeedsWhole, zone.SOASerial(soa.Rdata), c.now.Serial())
	}
	return c.part.take(soa)
}

// maxDiffs bounds the differences of one transfer: our choice. Small ones cost an SOA
// each, which the bound of records does not count.
const maxDiffs = 10_000

func (c *changeCollector) change() (Change, error) {
	is := Change{Kind: c.form, Skipped: c.whole.skipped, Outside: c.whole.outside}
	switch {
	case c.form == Whole && !c.whole.ended, c.form == Differs && !c.ended, c.form == Current && !c.open:
		return Change{}, errors.New("the transfer ends before its closing SOA")
	case c.form == Whole:
		is.Version = c.whole.version()
	case c.form == Differs:
		is.Version, is.Diffs = c.now, c.diffs
	default:
		is.Version, is.Serial = c.have, zone.SOASerial(c.newest.Rdata)
		if zone.SerialAfter(is.Serial, c.have.Serial()) {
			return Change{}, fmt.Errorf("%w: the answer is one SOA, which is newer than ours", ErrNeedsWhole)
		}
		return is, nil
	}
	is.Serial = is.Version.Serial()
	return is, nil
}

// difference is one pair of sections: what goes, then what comes.
type difference struct {
	from  *zone.Version
	comes bool
	nodes map[zone.Name]*loosened
	order []zone.Name
}

func (d *difference) take(r zone.Record) error {
	n := d.nodes[r.Name]
	if n == nil {
		n = loosen(d.from, r.Name)
		d.nodes[r.Name] = n
		d.order = append(d.order, r.Name)
	}
	if !d.comes && !n.remove(r) {
		return fmt.Errorf("%w: the differences remove a record %s %s that is not there at serial %d", ErrNeedsWhole, r.Name, r.Type, d.from.Serial())
	}
	if d.comes && !n.add(r) {
		return fmt.Errorf("%w: the differences add a record %s %s that is there already, to serial %d", ErrNeedsWhole, r.Name, r.Type, d.from.Serial())
	}
	return nil
}

// end gives the difference, and where it leads.
func (d *difference) end() (zone.Diff, *zone.Version, error) {
	diff := zone.Diff{Apex: d.from.Apex(), From: d.from.Serial()}
	for _, name := range d.order {
		diff.Changes = append(diff.Changes, d.nodes[name].changes()...)
	}
	slices.SortFunc(diff.Changes, zone.Canonically)
	next, err := d.from.Apply(diff)
	if err != nil {
		return diff, nil, err
	}
	if diff.To = next.Serial(); !zone.SerialAfter(diff.To, diff.From) {
		return diff, nil, fmt.Errorf("a difference leads from serial %d to %d", diff.From, diff.To)
	}
	return diff, next, nil
}
