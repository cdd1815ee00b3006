package update

import (
	"slices"

	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// Parked is the parts of an overlay that do not go with the base, each with why: they are
// not served and not lost.
type Parked map[zone.Name]map[zone.Type]string

func (p Parked) add(k Key, why string) {
	if p[k.Name] == nil {
		p[k.Name] = map[zone.Type]string{}
	}
	p[k.Name][k.Type] = why
}

// Has reports whether the part of k is parked.
func (p Parked) Has(k Key) bool { return p.Why(k) != "" }

// Why says why the part of k is parked; "" when it is not.
func (p Parked) Why(k Key) string { return p[k.Name][k.Type] }

// Len is how many RRsets are parked.
func (p Parked) Len() (n int) {
	for _, at := range p {
		n += len(at)
	}
	return n
}

// First is the first in the order of a zone. There must be one.
func (p Parked) First() (first Key) {
	found := false
	for n, at := range p {
		for t := range at {
			if k := (Key{n, t}); !found || k.compare(first) < 0 {
				first, found = k, true
			}
		}
	}
	return first
}

// strike gives the parked entries of which m takes something away: its removals reach
// them as far as the grants let the key, for whoever removes a record means it also where
// nobody sees it; and a record that m puts into the content is no longer one to remove.
func (m *Message) strike(o Overlay, parked Parked, content *zone.Version, grants []Grant, key string) map[Key]Entry {
	struck := map[Key]Entry{}
	if len(parked) == 0 {
		return struck
	}
	for _, r := range m.Updates {
		for t := range parked[r.Name] {
			if r.Type != zone.TypeANY && r.Type != t {
				continue
			}
			k := Key{r.Name, t}
			if r.Class == Any && m.stays(k) || r.Type == zone.TypeANY && !granted(grants, key, k.Name, m.Apex, t) {
				continue // Permit has seen what is served only
			}
			e, again := struck[k]
			if !again {
				e = o[k]
			}
			if e, hit := e.strike(r, content); hit {
				struck[k] = e
			}
		}
	}
	return struck
}

// strike is the entry after one record of a message, and whether that has touched it.
func (e Entry) strike(r Record, content *zone.Version) (_ Entry, hit bool) {
	switch {
	case r.Class == IN:
		is, _ := content.RRset(e.Name, e.Type)
		if !e.Removed.Has(r.Rdata) || !is.Rdata.Has(r.Rdata) {
			return e, false
		}
		e.Removed = zone.Pack(slices.DeleteFunc(list(e.Removed), func(rdata string) bool { return rdata == r.Rdata })...)
	case r.Class == Any:
		e.Added = zone.RRset{}
	case e.Added.Rdata.Has(r.Rdata):
		e.Added = without(e.Added, r.Rdata)
	default:
		return e, false
	}
	if !e.Added.Exists() && e.Removed == "" {
		e.TTL, e.TTLSet = 0, false
	}
	return e, true
}

func without(s zone.RRset, rdata string) zone.RRset {
	var g zone.Gathering
	for _, r := range records(s) {
		if r.Rdata != rdata {
			g.Add(r)
		}
	}
	return some(g.RRset(s.Name, s.Type, s.TTL))
}
