package roll

import (
	"fmt"
	"time"
)

// A compromised key is rolled like any other, whatever its lifetime, and while other
// rollovers are frozen or something is red. What must be seen is waited for always: the
// successor at every signer, its DS at the parent. A sole entry key is never removed
// first: that would leave no chain at all (PROTOCOL never-the-last-ksk). Waits for caches
// may be given up, at a cost (PROTOCOL emergency-skips-waits-not-looks).

// compromised marks a key so that it is rolled at once. A peer's key is dropped as
// soon as its owner is seen without it: that needs the order at every signer.
func compromised(s State, f facts, c Command) (State, error) {
	for k := range f.Keys {
		if key := &f.Keys[k]; key.ID == c.Key {
			if key.Gone != 0 && (f.Moving == 0 || key.ID.Algorithm != f.Moving) {
				return s, removed(key)
			}
			if f.Moving != 0 && key.Owner == 0 && key.ID.Algorithm == f.Moving {
				return s, fmt.Errorf("algorithm %d is on its way, and its keys go or come with it: let it end, or give `abort` if it is coming", f.Moving)
			}
			key.Compromised, key.Hasty = true, key.Hasty || c.Hasty
			return State{f}, nil
		}
	}
	return s, fmt.Errorf("key %s is not known", c.Key)
}

func removed(key *key) error {
	return fmt.Errorf("%s was removed already: it signs nothing any more", label(key))
}

// urgent reports whether a key of ours that holds an office is compromised.
func (z *step) urgent() bool {
	for _, k := range z.ours {
		if key := &z.f.Keys[k]; key.Compromised && key.published() {
			return true
		}
	}
	return false
}

// hastyEntry reports whether an entry key of ours goes without waiting for caches.
func (z *step) hastyEntry() bool {
	for _, k := range z.ours {
		if key := &z.f.Keys[k]; key.Hasty && key.published() && key.Role.Entry() {
			return true
		}
	}
	return false
}

// Price is what the emergency rollover of a key costs.
type Price struct {
	// Waiting is for how long the key stays good at the least if every wait is kept:
	// whoever has it can use it against resolvers until then.
	Waiting time.Duration
	// Bogus are the answers that resolvers refuse if no cache is waited for, a line each.
	Bogus []string
}

// Cost says what an emergency rollover of a key costs: with all waits, and without.
func Cost(s State, p Policy, id KeyID) (Price, error) {
	z := &step{f: s.f, p: &p, seen: new(Observation)}
	z.index()
	z.findOurs()
	k := z.key(id)
	if k < 0 {
		return Price{}, fmt.Errorf("key %s is not known", id)
	}
	key := &z.f.Keys[k]
	if key.Gone != 0 {
		return Price{}, removed(key)
	}
	var price Price
	lose := func(ttl moment, format string, args ...any) {
		price.Waiting += time.Duration(ttl) + p.Margin
		price.Bogus = append(price.Bogus, fmt.Sprintf(format, args...)+fmt.Sprintf(", for up to %s", time.Duration(ttl)))
	}
	ours, group := z.f.Signers[0].DNSKEYTTL.max(), moment(0)
	for i := range z.f.Signers {
		group = max(group, z.f.Signers[i].DNSKEYTTL.max())
	}
	if key.Owner != 0 {
		lose(z.ownerTTL(key).long, "answers of its owner that are signed by it and in a cache")
		return price, nil
	}
	if key.Role.Data() {
		if !z.replaceable(key, len(z.f.Signers)) {
			lose(group, "all our answers, for resolvers that have a DNSKEY RRset without its successor")
		}
		lose(z.f.Signers[0].MaxTTL.max(), "answers of ours that are signed by it and in a cache")
	}
	if key.Role.Entry() {
		if !z.replaceable(key, 1) {
			lose(ours, "all our answers, for resolvers that have our DNSKEY RRset without its successor and get the new DS")
		}
		lose(z.f.DSTTL.max(), "all our answers, for resolvers that have the old DS RRset")
	}
	return price, nil
}

// replaceable reports whether a standby key for k's office has been in the DNSKEY
// RRsets of the first n signers for so long that every cache has it.
func (z *step) replaceable(k *key, n int) bool {
	for s := range z.f.Keys {
		standby := &z.f.Keys[s]
		if standby.Owner != 0 || standby.Role != k.Role || !standby.published() || standby.DataOn != 0 || standby.EntryOn != 0 || standby.Compromised || !z.ofZone(standby) {
			continue
		}
		ready := true
		for i := range n {
			since := z.spread(i, s)
			if !z.member(i) {
				continue
			}
			ready = ready && since != 0 && z.f.Clock >= since+z.f.Signers[i].DNSKEYTTL.max()+moment(z.p.Margin)
		}
		if ready {
			return true
		}
	}
	return false
}
