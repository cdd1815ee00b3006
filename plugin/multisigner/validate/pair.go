package validate

import (
	"fmt"

	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// pair is an RRset of the new version and what was there before.
type pair struct{ was, is zone.RRset }

// sampleSize is how many RRsets from each end of the zone stand for those that a
// change of keys leaves as they are: our choice; all are signed by the same keys.
const sampleSize = 8

// pairs lists the RRsets whose signatures are to be checked.
func (g *guard) pairs(d zone.Diff) (pairs []pair) {
	inDiff := map[zone.Type]bool{} // apex types
	for _, c := range d.Changes {
		if c.New.Exists() && g.authoritative(c.New) {
			pairs = append(pairs, pair{c.Old, c.New})
			if c.New.Name == g.new.Apex() {
				inDiff[c.New.Type] = true
			}
		}
	}
	if !g.rekeyed {
		return pairs
	}
	for s := range g.new.Top().All() {
		if !inDiff[s.Type] {
			pairs = append(pairs, pair{s, s})
		}
	}
	return g.sample(pairs)
}

func (g *guard) sample(pairs []pair) []pair {
	take := func(n *zone.Node, count *int) bool {
		for s := range n.All() {
			if was, ok := g.old.RRset(s.Name, s.Type); ok && was == s && g.authoritative(s) {
				pairs = append(pairs, pair{s, s})
				*count++
			}
		}
		return *count < sampleSize
	}
	if g.old == nil {
		return pairs
	}
	count, looked := 0, 0
	for n := range g.new.All() {
		if looked++; looked > 8*sampleSize || !n.IsApex() && !take(n, &count) {
			break
		}
	}
	count, looked = 0, 0
	for n := range g.new.Backward("\x01\xff" + g.new.Apex()) {
		if looked++; looked > 8*sampleSize || n.IsApex() || !take(n, &count) {
			break
		}
	}
	return pairs
}

// authoritative reports whether an RRset has to be signed (RFC 4035 2.2).
func (g *guard) authoritative(s zone.RRset) bool {
	if s.Type == zone.TypeNSEC3 {
		return true
	}
	n := g.new.Get(s.Name)
	return n != nil && !n.Occluded() && (!n.IsCut() || s.Type == zone.TypeDS || s.Type == zone.TypeNSEC)
}

// pair checks an RRset under the version's own keys and along every chain.
func (g *guard) pair(p pair) (faults []Fault) {
	t := trial{made: map[tried]bool{}, apex: g.new.Apex()}
	if why := t.own(g.own, p.is, g.clock); why != nil && !g.wasBroken(p) {
		faults = append(faults, Fault{p.is.Name, p.is.Type, "", why.Error()})
	}
	if p.is.Type == zone.TypeDNSKEY && p.is.Name == g.new.Apex() {
		return faults // trusted through DS, never through another DNSKEY RRset
	}
	if p.is == p.was || g.old == nil {
		return faults // the chains do not see that anything is new, or had nothing before
	}
	for _, c := range g.rings {
		why := t.accepts(c.ring, p.is, g.clock)
		if why == nil {
			continue
		}
		before := p.was
		if !before.Exists() {
			before = g.old.SOA() // stands for the zone
		}
		if t.accepts(c.ring, before, clock{}) == nil {
			faults = append(faults, Fault{p.is.Name, p.is.Type, c.name, why.Error()})
		}
	}
	return faults
}

// wasBroken reports whether what p was did not verify before: then that it does
// not now is nothing new.
func (g *guard) wasBroken(p pair) bool {
	if len(g.was) == 0 {
		return len(g.own) == 0 && g.old != nil // not signed, before or now
	}
	was := p.was
	if !was.Exists() {
		was = g.old.SOA()
	}
	t := trial{made: map[tried]bool{}, apex: g.new.Apex()}
	return t.own(g.was, was, clock{}) != nil
}

// trial verifies the signatures of one RRset under many rings, each once per key.
type trial struct {
	made map[tried]bool
	apex zone.Name
}

type tried struct {
	sig zone.RRSIG
	key *key
}

func (t trial) by(k *key, sig zone.RRSIG, s zone.RRset) bool {
	at := tried{sig, k}
	good, known := t.made[at]
	if !known {
		good = k.unfit == nil && k.verify(zone.AppendSigned(nil, sig.Header(), s), []byte(sig.Signature()))
		t.made[at] = good
	}
	return good
}

// accepts says why no key of r has signed s.
func (t trial) accepts(r ring, s zone.RRset, c clock) error {
	why := fmt.Errorf("no signature")
	for rdata := range s.Sigs.All() {
		sig := zone.RRSIG(rdata)
		if why = form(sig, s, t.apex); why != nil {
			continue
		}
		if why = c.check(sig); why != nil {
			continue
		}
		why = fmt.Errorf("no key with tag %d and algorithm %d", sig.KeyTag(), sig.Algorithm())
		for _, k := range r {
			if k.tag == sig.KeyTag() && k.record.Algorithm() == sig.Algorithm() {
				if t.by(k, sig, s) {
					return nil
				}
				why = fmt.Errorf("signature by key %d is bad", sig.KeyTag())
			}
		}
	}
	return why
}

// own is accepts, and refuses besides a bad signature next to a good one, and one
// over another TTL or another name.
func (t trial) own(r ring, s zone.RRset, c clock) error {
	if err := t.accepts(r, s, c); err != nil {
		return err
	}
	labels := s.Name.Labels()
	if s.Name.IsWildcard() {
		labels--
	}
	for rdata := range s.Sigs.All() {
		sig := zone.RRSIG(rdata)
		if err := form(sig, s, t.apex); err != nil {
			return err
		}
		if sig.OriginalTTL() != s.TTL || sig.Labels() != labels {
			return fmt.Errorf("signature is over TTL %d and %d labels", sig.OriginalTTL(), sig.Labels())
		}
		var known, good bool
		for _, k := range r {
			if k.tag == sig.KeyTag() && k.record.Algorithm() == sig.Algorithm() {
				known, good = true, good || t.by(k, sig, s)
			}
		}
		if known && !good {
			return fmt.Errorf("signature by key %d is bad", sig.KeyTag())
		}
	}
	return nil
}
