package update

import (
	"slices"

	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// Compose lays o over base. An entry that does not go with the base, as a CNAME beside
// other records, is parked: of two that exclude each other the base's is served. So is
// the older of two entries that exclude each other, as a parked one and one that came
// after may.
func Compose(base *zone.Version, o Overlay) (content *zone.Version, parked Parked) {
	d := newDraft(base)
	entries := make([]Entry, 0, len(o))
	for _, e := range o {
		entries = append(entries, e)
	}
	parked = Parked{}
	d.lay(base, entries, parked)
	return d.version(d.changes()), parked
}

// Recompose gives what Compose would, where content and parked are of the overlay before
// edits, and content has the changes that edits are made of. It costs what the edits'
// names hold, unless a DNAME is about: that is in the way of names below it. parked may be
// changed in its place.
func Recompose(base, content *zone.Version, o Overlay, parked Parked, edits []Edit) (*zone.Version, Parked) {
	if len(parked) == 0 {
		return content, parked // what was judged goes with all that is served
	}
	names := map[zone.Name]bool{}
	for _, e := range edits {
		if e.Type == zone.TypeDNAME || aboutDNAME(e.Name, base, content, o) {
			return Compose(base, o)
		}
		names[e.Name] = names[e.Name] || parked[e.Name] != nil
	}
	d := newDraft(content)
	var entries []Entry
	for n, any := range names {
		if !any {
			continue
		}
		for _, t := range typesAt(n, base, content, parked) {
			if e, ok := o[Key{n, t}]; ok {
				was, _ := base.RRset(n, t)
				was.Name, was.Type = n, t
				d.put(was)
				entries = append(entries, e)
			}
		}
		delete(parked, n)
	}
	d.lay(base, entries, parked)
	return d.version(d.changes()), parked
}

// aboutDNAME reports whether there is a DNAME at n or above, in a version or parked.
func aboutDNAME(n zone.Name, base, content *zone.Version, o Overlay) bool {
	for {
		_, laid := o[Key{n, zone.TypeDNAME}]
		if _, of := base.RRset(n, zone.TypeDNAME); of || laid {
			return true
		}
		if _, of := content.RRset(n, zone.TypeDNAME); of {
			return true
		}
		if n == base.Apex() {
			return false
		}
		n = n.Parent()
	}
}

// typesAt lists the types of which an overlay may have entries at n, each once: an entry
// that is served is of a type that the base or the content has.
func typesAt(n zone.Name, base, content *zone.Version, parked Parked) []zone.Type {
	all := newDraft(base).at(n)
	all = append(all, newDraft(content).at(n)...)
	for t := range parked[n] {
		all = append(all, t)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// lay lays entries over base in the draft: those first that only remove, for they make
// room, then the youngest.
func (d *draft) lay(base *zone.Version, entries []Entry, parked Parked) {
	slices.SortFunc(entries, func(a, b Entry) int {
		switch adds := a.Added.Exists(); {
		case adds != b.Added.Exists():
			if adds {
				return 1
			}
			return -1
		case adds && !a.Since.Equal(b.Since):
			return b.Since.Compare(a.Since)
		}
		return a.compare(b.Key)
	})
	for _, e := range entries {
		was, _ := base.RRset(e.Name, e.Type)
		d.put(e.over(was))
		if why := d.unfit(e.Name); why != "" {
			was.Name, was.Type = e.Name, e.Type
			d.put(was)
			parked.add(e.Key, why)
		}
	}
}
