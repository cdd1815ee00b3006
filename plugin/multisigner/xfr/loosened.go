package xfr

import (
	"maps"
	"slices"

	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// loosened is a name's RRsets taken apart into records, to be changed one by one. A
// signature stands with the type that it covers, whether there are records of that or not.
type loosened struct {
	name zone.Name
	was  map[zone.Type]zone.RRset
	sets map[zone.Type]*loose
}

// loose is one RRset: rdata, and how each record is written.
type loose struct {
	ttl   uint32
	owner string
	data  map[string]string
	sigs  map[string]bool
}

func (l *loose) empty() bool { return len(l.data) == 0 && len(l.sigs) == 0 }

func loosen(v *zone.Version, name zone.Name) *loosened {
	n := &loosened{name: name, was: map[zone.Type]zone.RRset{}, sets: map[zone.Type]*loose{}}
	if at := v.Get(name); at != nil {
		for s := range at.All() {
			n.put(s)
		}
	}
	if s, ok := v.RRset(name, zone.TypeNSEC3); ok {
		n.put(s)
	}
	return n
}

func (n *loosened) put(s zone.RRset) {
	n.was[s.Type] = s
	if s.Type == zone.TypeRRSIG {
		for sig := range s.Rdata.All() {
			n.at(zone.RRSIG(sig).Covered(), s.TTL).sigs[sig] = true
		}
		return
	}
	l := n.at(s.Type, s.TTL)
	owner, written := s.Written()
	l.owner = owner
	for rdata := range s.Rdata.All() {
		l.data[rdata] = string(written[2 : 2+len(rdata)])
		written = written[2+len(rdata):]
	}
	for sig := range s.Sigs.All() {
		l.sigs[sig] = true
	}
}

func (n *loosened) at(t zone.Type, ttl uint32) *loose {
	l := n.sets[t]
	if l == nil {
		l = &loose{data: map[string]string{}, sigs: map[string]bool{}}
		n.sets[t] = l
	}
	if l.empty() {
		l.ttl = ttl
	}
	l.ttl = min(l.ttl, ttl) // they should be equal; the lowest counts (RFC 2181 5.2)
	return l
}

// remove takes r out; false when it is not there. Its TTL is not looked at: where
// those of an RRset differ, we have only the lowest.
func (n *loosened) remove(r zone.Record) bool {
	t, sig := under(r)
	l := n.sets[t]
	if l == nil {
		return false
	}
	if sig {
		if !l.sigs[r.Rdata] {
			return false
		}
		delete(l.sigs, r.Rdata)
		return true
	}
	if _, there := l.data[r.Rdata]; !there {
		return false
	}
	delete(l.data, r.Rdata)
	return true
}

// add puts r in; false when it is there.
func (n *loosened) add(r zone.Record) bool {
	t, sig := under(r)
	if l := n.sets[t]; l != nil {
		if _, there := l.data[r.Rdata]; !sig && there || sig && l.sigs[r.Rdata] {
			return false
		}
	}
	l := n.at(t, r.TTL)
	if sig {
		l.sigs[r.Rdata] = true
		return true
	}
	if len(l.data) == 0 {
		l.owner = r.Owner
	}
	l.data[r.Rdata] = r.Written
	return true
}

// under is the type with which r is kept.
func under(r zone.Record) (t zone.Type, sig bool) {
	if r.Type == zone.TypeRRSIG {
		return zone.RRSIG(r.Rdata).Covered(), true
	}
	return r.Type, false
}

// changes puts the records together again, and gives what has become of each RRset.
func (n *loosened) changes() []zone.Change {
	is := map[zone.Type]zone.RRset{}
	orphans := zone.RRset{Name: n.name, Type: zone.TypeRRSIG}
	var covering []string // signatures of nothing
	for t, l := range n.sets {
		sigs := slices.Collect(maps.Keys(l.sigs))
		if len(l.data) > 0 {
			is[t] = l.rrset(n.name, t).WithSigs(zone.Pack(sigs...))
		} else if len(sigs) > 0 {
			if len(covering) == 0 {
				orphans.TTL = l.ttl
			}
			orphans.TTL = min(orphans.TTL, l.ttl)
			covering = append(covering, sigs...)
		}
	}
	if len(covering) > 0 {
		orphans.Rdata = zone.Pack(covering...)
		is[zone.TypeRRSIG] = orphans
	}
	var changes []zone.Change
	for t, s := range is {
		if n.was[t] != s {
			changes = append(changes, zone.Change{Old: n.was[t], New: s})
		}
	}
	for t, s := range n.was {
		if _, there := is[t]; !there {
			changes = append(changes, zone.Change{Old: s})
		}
	}
	return changes
}

func (l *loose) rrset(name zone.Name, t zone.Type) zone.RRset {
	var g zone.Gathering
	for _, rdata := range slices.Sorted(maps.Keys(l.data)) {
		g.Add(zone.Record{Name: name, Type: t, Rdata: rdata, Owner: l.owner, Written: l.data[rdata]})
	}
	return g.RRset(name, t, l.ttl)
}
