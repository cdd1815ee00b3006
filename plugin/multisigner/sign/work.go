package sign

import (
	"iter"
	"slices"
	"time"

	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// job is an RRset whose signatures are not as they should be: which of them stay,
// and who makes the others.
type job struct {
	set  zone.RRset
	keep []string
	keys []*signerKey
	have []bool // which of the signers have one
}

// work finds what there is to sign in next, one after the other, so that not all
// of a large zone has to be held at once.
func (s *signing) work(next *zone.Version) (l look, jobs iter.Seq[job]) {
	l = look{signing: s, next: next, due: s.times.latest.Add(s.times.Refresh), whole: s.everything()}
	if s.Old != nil {
		if earliest, ok := s.Old.Earliest(); ok {
			l.due = s.times.due(earliest)
		}
	}
	if l.whole {
		return l, l.all
	}
	return l, slices.Values(l.some())
}

// everything reports whether all RRsets have to be looked at: at first, on demand,
// and when the SOA, which is signed with every version and as all data is, shows
// that Old was signed by other keys than those that are to sign, or by a clock
// ahead of ours.
func (s *signing) everything() bool {
	if s.Old == nil || s.Resign {
		return true
	}
	soa := s.Old.SOA()
	count := 0
	for sig := range soa.Sigs.All() {
		count++
		if s.data.maker(zone.RRSIG(sig), soa) < 0 || !s.times.begun(zone.RRSIG(sig)) {
			return true
		}
	}
	return count != len(s.data)
}

// look judges the signatures of a version; due is the earliest end that may stay.
type look struct {
	*signing
	next  *zone.Version
	due   time.Time
	whole bool // every RRset has to be looked at
}

// all looks at every RRset.
func (l look) all(yield func(job) bool) {
	for _, nodes := range []iter.Seq[*zone.Node]{l.next.All(), l.next.Hashed()} {
		for n := range nodes {
			for set := range n.All() {
				var j job
				if l.judge(n, set, &j) && !yield(j) {
					return
				}
			}
		}
	}
}

// some looks at what changed, at what came into a shadow or out of it, at what is
// due, and at the apex, which has signers of its own.
func (l look) some() []job {
	type place struct {
		name zone.Name
		t    zone.Type
	}
	seen := map[place]bool{}
	var jobs []job
	add := func(n *zone.Node, set zone.RRset) {
		if at := (place{set.Name, set.Type}); !seen[at] {
			seen[at] = true
			var j job
			if l.judge(n, set, &j) {
				jobs = append(jobs, j)
			}
		}
	}
	for _, c := range zone.Compare(l.Old, l.next).Changes {
		if c.New.Exists() {
			add(l.next.Get(c.New.Name), c.New)
		}
		if c.Old.Exists() == c.New.Exists() || c.Type() != zone.TypeNS && c.Type() != zone.TypeDNAME {
			continue
		}
		for n := range l.next.From(c.Name()) {
			if !n.Name().Under(c.Name()) {
				break
			}
			for set := range n.All() {
				add(n, set)
			}
		}
	}
	for set := range l.Old.Expiring(l.due) {
		if is, ok := l.next.RRset(set.Name, set.Type); ok {
			add(l.next.Get(set.Name), is)
		}
	}
	for set := range l.next.Top().All() {
		add(l.next.Top(), set)
	}
	return jobs
}

// judge says whether the signatures of set, at node n, are not those that it should
// have, and what to do about it then: j, of which the room is used again. n is nil for NSEC3.
func (l look) judge(n *zone.Node, set zone.RRset, j *job) (wrong bool) {
	*j = job{set: set, keep: j.keep[:0], keys: j.keys[:0], have: j.have[:0]}
	if n != nil && n.IsApex() && l.foreign(set.Type) {
		return false
	}
	keys := l.signersOf(n, set.Type)
	for range keys {
		j.have = append(j.have, false)
	}
	for sig := range set.Sigs.All() {
		r := zone.RRSIG(sig)
		if i := keys.maker(r, set); i >= 0 && !j.have[i] && !l.Resign && l.times.good(r, l.due) {
			j.have[i] = true
			j.keep = append(j.keep, sig)
		} else {
			wrong = true
		}
	}
	for i := range keys {
		if !j.have[i] {
			j.keys, wrong = append(j.keys, &keys[i]), true
		}
	}
	return wrong
}

// signersOf says who signs the RRsets of a type at n; nobody when it is not
// authoritative data: delegations, glue, and what lies below a DNAME (RFC 4035 2.2).
func (s *signing) signersOf(n *zone.Node, t zone.Type) signers {
	switch {
	case n == nil || t == zone.TypeNSEC3:
		return s.data
	case n.Occluded() || n.IsCut() && t != zone.TypeDS && t != zone.TypeNSEC:
		return nil
	case n.IsApex():
		if own := s.special(t); own != nil {
			return *own
		}
	}
	return s.data
}
