package update

import (
	"maps"
	"slices"
	"time"

	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// Edits says what an UPDATE that was judged makes of the overlay o over base: r is what
// Judge has made of it, key who sent it, and since when. What is parked is beside that:
// nobody sees it in the content, and an update that goes on with the RRset leaves there
// what it does not speak of.
func (m *Message) Edits(base *zone.Version, o Overlay, parked Parked, r Result, grants []Grant, key string, since time.Time) []Edit {
	struck := m.strike(o, parked, r.Content, grants, key)
	edits := make([]Edit, 0, len(r.Diff.Changes)+len(struck))
	for _, c := range r.Diff.Changes {
		k := Key{c.Name(), c.Type()}
		was, _ := base.RRset(k.Name, k.Type)
		e := between(was, c.New)
		if parked.Has(k) {
			left, ok := struck[k]
			if !ok {
				left = o[k]
			}
			e = e.beside(left, k.Type)
			delete(struck, k)
		}
		e.Key, e.By, e.Since = k, key, since
		edits = append(edits, e)
	}
	return append(edits, slices.SortedFunc(maps.Values(struck), func(a, b Entry) int { return a.compare(b.Key) })...)
}

// beside is e, by which an RRset is as it is served now, with what is left of the parked
// entry: both were acknowledged. Where only one record can be, the later one is.
func (e Entry) beside(left Entry, t zone.Type) Entry {
	if t == zone.TypeSOA && e.Added.Exists() {
		return e
	}
	e.Removed = zone.Pack(append(list(e.Removed), list(left.Removed)...)...)
	switch {
	case !left.Added.Exists() || e.Added.Exists() && replaces(t):
	case !e.Added.Exists():
		e.Added = left.Added
		if !e.TTLSet {
			e.TTL, e.TTLSet = left.TTL, left.TTLSet
		}
	default:
		var g zone.Gathering
		for _, r := range append(records(left.Added), records(e.Added)...) {
			g.Add(r)
		}
		e.Added = g.RRset(e.Added.Name, t, 0)
	}
	return e
}

// between is the entry that makes is of was, without whose it is.
func between(was, is zone.RRset) Entry {
	var e Entry
	var added zone.Gathering
	for _, r := range records(is) {
		if !was.Rdata.Has(r.Rdata) {
			added.Add(r)
		}
	}
	e.Added = some(added.RRset(is.Name, is.Type, 0))
	var removed []string
	for rdata := range was.Rdata.All() {
		if !is.Rdata.Has(rdata) {
			removed = append(removed, rdata)
		}
	}
	e.Removed = zone.Pack(removed...)
	if is.Exists() {
		e.TTL, e.TTLSet = is.TTL, !was.Exists() || was.TTL != is.TTL
	}
	return e
}

// some is s, or the zero value if it has no records, so that entries can be compared.
func some(s zone.RRset) zone.RRset {
	if !s.Exists() {
		return zone.RRset{}
	}
	return s
}
