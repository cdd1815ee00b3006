package update

import (
	"slices"

	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// Settle gives the edits that a new base makes of o: what updates have added and the base
// now has, and what they have removed and the base no longer has, leaves the overlay.
func Settle(base *zone.Version, o Overlay) []Edit {
	var edits []Edit
	for _, e := range o.Sorted() {
		was, _ := base.RRset(e.Name, e.Type)
		if next := e.settle(was); next != e {
			edits = append(edits, next)
		}
	}
	return edits
}

func (e Entry) settle(base zone.RRset) Entry {
	if e.Type == zone.TypeSOA {
		switch {
		case sameSOA(base.Rdata, e.Added.Rdata) && !zone.SerialAfter(e.Added.Rdata.Serial(), base.Rdata.Serial()):
			return Entry{Key: e.Key, By: e.By, Since: e.Since}
		case e.TTLSet && e.TTL == base.TTL:
			e.TTL, e.TTLSet = 0, false
		}
		return e
	}
	next := e
	var added zone.Gathering
	for _, r := range records(e.Added) {
		if !base.Rdata.Has(r.Rdata) {
			added.Add(r)
		}
	}
	next.Added = some(added.RRset(e.Name, e.Type, 0))
	next.Removed = zone.Pack(slices.DeleteFunc(list(e.Removed), func(r string) bool { return !base.Rdata.Has(r) })...)
	records := next.Added.Exists() || next.Removed != ""
	had := e.Added.Exists() || e.Removed != ""
	// A TTL goes with the records that came with it; one that was given to the base's
	// own records stays until the base has it.
	if had && !records || !records && !base.Exists() || base.Exists() && base.TTL == e.TTL {
		next.TTL, next.TTLSet = 0, false
	}
	return next
}
