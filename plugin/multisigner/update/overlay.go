package update

import (
	"maps"
	"slices"
	"time"

	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// Entry is what updates have made of one RRset: content is the base without Removed
// and with Added. No record of Added is in the base, and every one of Removed is, when
// the base is the one that the entry was made for.
type Entry struct {
	Key
	Added   zone.RRset  // its TTL is of no account
	Removed zone.Packed // rdata
	// TTL is that of the RRset when the base has none of it, or if TTLSet; else the
	// base's counts.
	TTL    uint32
	TTLSet bool

	By    string    // the TSIG key of the last update
	Since time.Time // when that was
}

// Overlay is what updates have made of a zone, by RRset.
type Overlay map[Key]Entry

// Edit is one change of an overlay: an Entry with neither Added, Removed nor TTL takes
// the RRset's out of it.
type Edit = Entry

// Empty reports whether the entry leaves the base as it is.
func (e Entry) Empty() bool { return !e.Added.Exists() && e.Removed == "" && !e.TTLSet }

// With is o with edits; o stays as it is.
func (o Overlay) With(edits []Edit) Overlay {
	if len(edits) == 0 {
		return o
	}
	next := maps.Clone(o)
	if next == nil {
		next = Overlay{}
	}
	next.Take(edits)
	return next
}

// Take puts edits into o itself.
func (o Overlay) Take(edits []Edit) {
	for _, e := range edits {
		if e.Empty() {
			delete(o, e.Key)
		} else {
			o[e.Key] = e
		}
	}
}

// Sorted lists the entries as records stand in a zone.
func (o Overlay) Sorted() []Entry {
	return slices.SortedFunc(maps.Values(o), func(a, b Entry) int { return a.compare(b.Key) })
}

// Records counts what the overlay holds, in records.
func (o Overlay) Records() int {
	n := 0
	for _, e := range o {
		n += e.Records()
	}
	return n
}

// Records counts what an entry costs, in records.
func (e Entry) Records() int {
	if e.Empty() {
		return 0
	}
	return e.Added.Rdata.Len() + e.Removed.Len() + 1
}

// over is base with the entry.
func (e Entry) over(base zone.RRset) zone.RRset {
	if e.Type == zone.TypeSOA {
		return e.overSOA(base)
	}
	var g zone.Gathering
	for _, r := range records(base) {
		if !e.Removed.Has(r.Rdata) {
			g.Add(r)
		}
	}
	for _, r := range records(e.Added) {
		g.Add(r)
	}
	ttl := e.TTL
	if base.Exists() && !e.TTLSet {
		ttl = base.TTL
	}
	return g.RRset(e.Name, e.Type, ttl)
}

// overSOA has the later serial of both: that of the base moves with each edit of a
// file, and does not make it another SOA.
func (e Entry) overSOA(base zone.RRset) zone.RRset {
	s := base
	if e.Added.Exists() {
		if !sameSOA(base.Rdata, e.Removed) && !sameSOA(base.Rdata, e.Added.Rdata) {
			return zone.RRset{Name: e.Name, Type: e.Type, TTL: base.TTL, Rdata: zone.Pack(append(list(base.Rdata), list(e.Added.Rdata)...)...)} // two: it does not fit
		}
		s = e.Added
		s.TTL = base.TTL
		if serial := base.Rdata.Serial(); zone.SerialAfter(serial, s.Rdata.Serial()) {
			s = s.WithSerial(serial)
		}
	}
	if e.TTLSet {
		s.TTL = e.TTL
	}
	return s
}

// sameSOA compares all but the serials.
func sameSOA(a, b zone.Packed) bool {
	bare := func(p zone.Packed) string {
		for rdata := range p.All() {
			return zone.SOAWithSerial(rdata, 0)
		}
		return ""
	}
	return bare(a) == bare(b)
}

func list(p zone.Packed) []string {
	var all []string
	for rdata := range p.All() {
		all = append(all, rdata)
	}
	return all
}
