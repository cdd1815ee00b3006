package update

import (
	"fmt"
	"maps"
	"slices"

	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// Key names an RRset.
type Key struct {
	Name zone.Name
	Type zone.Type
}

// compare orders keys as records stand in a zone.
func (k Key) compare(o Key) int {
	if c := k.Name.Compare(o.Name); c != 0 {
		return c
	}
	return int(k.Type) - int(o.Type)
}

// draft is a version with what is being changed in it.
type draft struct {
	of    *zone.Version
	sets  map[Key]zone.RRset        // what was touched
	types map[zone.Name][]zone.Type // of the names that were
}

func newDraft(of *zone.Version) *draft {
	return &draft{of: of, sets: map[Key]zone.RRset{}, types: map[zone.Name][]zone.Type{}}
}

func (d *draft) get(n zone.Name, t zone.Type) zone.RRset {
	if s, ok := d.sets[Key{n, t}]; ok {
		return s
	}
	s, _ := d.of.RRset(n, t)
	return s
}

func (d *draft) has(n zone.Name, t zone.Type) bool { return d.get(n, t).Exists() }

// put replaces the RRset of n and t; one without records removes it.
func (d *draft) put(s zone.RRset) {
	k := Key{s.Name, s.Type}
	if _, known := d.sets[k]; !known {
		d.types[k.Name] = append(d.types[k.Name], k.Type)
	}
	d.sets[k] = s
}

func (d *draft) remove(n zone.Name, t zone.Type) { d.put(zone.RRset{Name: n, Type: t}) }

// touched lists the names of which something was touched, in canonical order: what is found
// at the first of them is told, and a start tells the same.
func (d *draft) touched() []zone.Name {
	return slices.SortedFunc(maps.Keys(d.types), zone.Name.Compare)
}

// at lists the types at n, in their order.
func (d *draft) at(n zone.Name) []zone.Type {
	var all []zone.Type
	if node := d.of.Get(n); node != nil {
		for s := range node.All() {
			if _, touched := d.sets[Key{n, s.Type}]; !touched {
				all = append(all, s.Type)
			}
		}
	}
	for _, t := range d.types[n] {
		if d.sets[Key{n, t}].Exists() {
			all = append(all, t)
		}
	}
	slices.Sort(all)
	return all
}

// dnameAbove is the DNAME strictly above n, "" without one.
func (d *draft) dnameAbove(n zone.Name) zone.Name {
	for n != d.of.Apex() {
		if n = n.Parent(); d.has(n, zone.TypeDNAME) {
			return n
		}
	}
	return ""
}

// below is the first name strictly below n, in canonical order, that has records; "" without any.
func (d *draft) below(n zone.Name) (first zone.Name) {
	for node := range d.of.From(n) {
		m := node.Name()
		if !m.Under(n) {
			break
		}
		if m != n && !node.Empty() && len(d.at(m)) > 0 {
			first = m
			break
		}
	}
	for m := range d.types {
		if m != n && m.Under(n) && len(d.at(m)) > 0 && (first == "" || m.Compare(first) < 0) {
			first = m
		}
	}
	return first
}

// digestSizes are those of the digest types of DS records, in octets.
var digestSizes = map[uint8]int{1: 20, 2: 32, 4: 48}

// unfit says why n cannot be served as it is in the draft; "" when it can. It holds
// updates to what package source asks of a file, so that a zone that updates have
// changed is one that a file could hold.
func (d *draft) unfit(n zone.Name) string {
	types := d.at(n)
	isApex := n == d.of.Apex()
	has := func(t zone.Type) bool { return slices.Contains(types, t) }
	if isApex && !(has(zone.TypeSOA) && has(zone.TypeNS)) {
		return "the apex would have no SOA or no NS records"
	}
	if len(types) == 0 {
		return ""
	}
	for _, t := range types {
		s := d.get(n, t)
		if replaces(t) && s.Rdata.Len() > 1 {
			return fmt.Sprintf("%s would have more than one %s record", n, t)
		}
		if records := s.Rdata.Len(); records > maxSet || len(n)+len(s.Rdata)+10*records > maxSetSize {
			return fmt.Sprintf("%s %s would have %d records in %d octets, more than an answer holds", n, t, records, len(s.Rdata))
		}
	}
	switch {
	case has(zone.TypeCNAME) && slices.ContainsFunc(types, func(t zone.Type) bool { return !besideCNAME(t) }):
		return fmt.Sprintf("%s would have a CNAME beside other records (RFC 1034 3.6.2)", n)
	case has(zone.TypeSOA) && !isApex:
		return fmt.Sprintf("%s would have an SOA, which stands at the apex only", n)
	case has(zone.TypeDS) && isApex:
		return "a DS belongs in the parent zone (RFC 4035 2.4)"
	case has(zone.TypeDNAME) && has(zone.TypeNS) && !isApex:
		return fmt.Sprintf("%s would have a DNAME beside NS records (RFC 6672 2.3)", n)
	case has(zone.TypeNS) && n.IsWildcard():
		return fmt.Sprintf("%s: a wildcard cannot delegate (RFC 4592 4.2)", n)
	}
	if above := d.dnameAbove(n); above != "" {
		return fmt.Sprintf("%s would be below the DNAME of %s (RFC 6672 2.4)", n, above)
	}
	if has(zone.TypeDNAME) {
		if m := d.below(n); m != "" {
			return fmt.Sprintf("%s would be below the DNAME of %s (RFC 6672 2.4)", m, n)
		}
	}
	if has(zone.TypeDS) {
		for rdata := range d.get(n, zone.TypeDS).Rdata.All() {
			if want := digestSizes[rdata[3]]; want != 0 && len(rdata)-4 != want {
				return fmt.Sprintf("%s has a DS whose digest is cut off or too long", n)
			}
		}
	}
	return ""
}

// Limits on one RRset: our choice, far more than is useful, and less than a message holds.
const (
	maxSet     = 1000
	maxSetSize = 1<<16 - 1 - 1500
)

// replaces reports whether a name has at most one record of type t, so that one that
// is added takes the place of the other (RFC 2136 3.4.2.2; RFC 6672 2.4).
func replaces(t zone.Type) bool {
	return t == zone.TypeSOA || t == zone.TypeCNAME || t == zone.TypeDNAME
}

// besideCNAME reports whether t may stand beside a CNAME, or is one.
func besideCNAME(t zone.Type) bool {
	return t == zone.TypeCNAME || t == 25 || t.SignerMade() // 25: KEY
}

// changes lists what differs, in canonical order.
func (d *draft) changes() []zone.Change {
	keys := make([]Key, 0, len(d.sets))
	for k := range d.sets {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, Key.compare)
	var all []zone.Change
	for _, k := range keys {
		old, _ := d.of.RRset(k.Name, k.Type)
		s := d.sets[k]
		if old.Exists() != s.Exists() || old.Exists() && old != s {
			all = append(all, zone.Change{Old: old, New: s})
		}
	}
	return all
}

// version makes the version that the changes lead to.
func (d *draft) version(changes []zone.Change) *zone.Version {
	if len(changes) == 0 {
		return d.of
	}
	b := d.of.Edit()
	for _, c := range changes {
		if c.New.Exists() {
			b.Put(c.New)
		} else {
			b.Delete(c.Name(), c.Type())
		}
	}
	return b.Version()
}
