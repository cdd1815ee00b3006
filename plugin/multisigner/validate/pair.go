package validate

import (
	"iter"

	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// pair is an RRset of the new version and what was there before; was does not
// Exist when it was not the zone's to sign.
type pair struct{ was, is zone.RRset }

// sampleSize is how many RRsets from each end of the zone stand for those that a
// change of keys leaves as they are: our choice; all are signed by the same keys.
const sampleSize = 8

// first lists the RRsets whose signatures are to be checked of a version before which
// there was none: as pairs and sampled do, but without a look at all, for which others
// wait. Of the names, and of the NSEC3 records, each step-th is looked at, and of such
// a name one RRset, which takes turns.
func (g *guard) first() (pairs []pair) {
	count := g.new.Names()
	for range g.new.Hashed() {
		count++
	}
	step, at := g.every(count)
	i := 0
	var sets []zone.RRset
	for _, nodes := range []iter.Seq[*zone.Node]{g.new.All(), g.new.Hashed()} {
		for n := range nodes {
			if i++; i%step != at && !n.IsApex() {
				continue
			}
			sets = sets[:0]
			for s := range n.All() {
				if authoritativeAt(n, s.Type) {
					sets = append(sets, s)
				}
			}
			if turn := i / step; step > 1 && len(sets) > 1 && !n.IsApex() {
				sets = sets[turn%len(sets):][:1]
			}
			for _, s := range sets {
				s.Sigs, _ = g.new.Signatures(s, true) // of a draft, too
				pairs = append(pairs, pair{is: s})
			}
		}
	}
	return pairs
}

// pairs lists the RRsets whose signatures are to be checked.
func (g *guard) pairs(d zone.Diff) (pairs []pair) {
	type place struct {
		name zone.Name
		t    zone.Type
	}
	listed := map[place]bool{}
	add := func(was, is zone.RRset) {
		if at := (place{is.Name, is.Type}); !listed[at] {
			listed[at] = true
			pairs = append(pairs, pair{was, is})
		}
	}
	for _, c := range d.Changes {
		if c.New.Exists() && authoritative(g.new, c.New) {
			add(g.signedBefore(c.Old), c.New)
		}
	}
	for _, c := range d.Changes {
		if shades(c, g.new.Apex()) {
			for _, s := range g.surfaced(c.Name()) {
				add(zone.RRset{}, s)
			}
		}
	}
	if !g.rekeyed {
		return pairs
	}
	for s := range g.new.Top().All() {
		add(s, s)
	}
	g.ofTheRest(add)
	return pairs
}

// signedBefore is s if it was the zone's to sign: what was glue was not, and that
// it had no signature excuses nothing.
func (g *guard) signedBefore(s zone.RRset) zone.RRset {
	if s.Exists() && authoritative(g.old, s) {
		return s
	}
	return zone.RRset{}
}

// shades reports whether a change brings or takes away what makes the names below
// it another's, and at a cut most of what is at the name.
func shades(c zone.Change, apex zone.Name) bool {
	if c.Old.Exists() == c.New.Exists() {
		return false
	}
	return c.Type() == zone.TypeNS && c.Name() != apex || c.Type() == zone.TypeDNAME
}

// surfaced are the RRsets at and below top that have become the zone's to sign.
// Nothing of their own need have changed.
func (g *guard) surfaced(top zone.Name) (sets []zone.RRset) {
	for n := range g.new.From(top) {
		if !n.Name().Under(top) {
			break
		}
		for s := range n.All() {
			if authoritative(g.new, s) && !authoritative(g.old, s) {
				sets = append(sets, s)
			}
		}
	}
	return sets
}

// ofTheRest adds some RRsets that are as they were, besides those of the apex.
func (g *guard) ofTheRest(add func(was, is zone.RRset)) {
	take := func(n *zone.Node, count *int) bool {
		for s := range n.All() {
			if was, _ := g.old.RRset(s.Name, s.Type); was == s && authoritative(g.new, s) {
				add(s, s)
				*count++
			}
		}
		return *count < sampleSize
	}
	count, looked := 0, 0
	for n := range g.new.All() {
		if looked++; looked > 8*sampleSize || !n.IsApex() && !take(n, &count) {
			break
		}
	}
	count, looked = 0, 0
	for n := range g.new.Backward("\x01\xff" + g.new.Apex()) {
		if looked++; looked > 8*sampleSize || !take(n, &count) {
			break
		}
	}
}

// sampled keeps the apex and about Sample others of the pairs, each time others.
func (g *guard) sampled(pairs []pair) []pair {
	step, at := g.every(len(pairs))
	kept := pairs[:0:0]
	for i, p := range pairs {
		if p.is.Name == g.new.Apex() || i%step == at {
			kept = append(kept, p)
		}
	}
	return kept
}

// every says that of count RRsets each step-th is verified, beginning with that at.
func (g *guard) every(count int) (step, at int) {
	if g.Sample <= 0 {
		return 1, 0
	}
	// An odd step, so that of names and their denial records, which take turns, both
	// kinds are met.
	step = count/g.Sample | 1
	return step, int(g.new.Serial()) % step
}

// authoritative reports whether an RRset has to be signed in v (RFC 4035 2.2). A
// CNAME has no place beside NS; if it is there, servers answer with it.
func authoritative(v *zone.Version, s zone.RRset) bool {
	if s.Type == zone.TypeNSEC3 {
		return true
	}
	n := v.Get(s.Name)
	return n != nil && authoritativeAt(n, s.Type)
}

// authoritativeAt is authoritative of a type at its node.
func authoritativeAt(n *zone.Node, t zone.Type) bool {
	return !n.Occluded() && (!n.IsCut() || t == zone.TypeDS || t == zone.TypeNSEC || t == zone.TypeCNAME)
}

// pair checks an RRset under the version's own keys and for whoever holds others.
func (g *guard) pair(p pair) (faults []Fault) {
	t := newTrial(g.new.Apex())
	if why := t.own(g.own, g.makers, p.is, g.clock, p.was.Sigs); why != nil && !g.wasBroken(t, p) {
		return []Fault{{p.is.Name, p.is.Type, "", why.Error()}}
	}
	if p.is.Type == zone.TypeDNSKEY && p.is.Name == g.new.Apex() || g.old == nil {
		return nil // trusted through DS, never through another DNSKEY RRset; or there was nothing before
	}
	before := p.was
	if !before.Exists() {
		before = g.old.SOA() // stands for the zone
	}
	for _, d := range g.wanted {
		algorithms := d.below
		if p.is.Name == g.new.Apex() {
			algorithms = d.algorithms // which is signed by several kinds of keys
		}
		for _, algorithm := range algorithms {
			why := t.accepts(d.ring, p.is, algorithm, g.clock, p.was.Sigs)
			if why != nil && t.accepts(d.was, before, algorithm, clock{}, "") == nil {
				faults = append(faults, Fault{p.is.Name, p.is.Type, d.name, why.Error()})
				break
			}
		}
	}
	return faults
}

// wasBroken reports whether what p was did not verify before: then that it does
// not now is nothing new.
func (g *guard) wasBroken(t trial, p pair) bool {
	if !g.wasDNSKEY().Exists() {
		return false // it is signed for the first time
	}
	was := p.was
	if !was.Exists() {
		was = g.old.SOA()
	}
	return t.own(g.was, nil, was, clock{}, "") != nil
}
