package simulation

import (
	"slices"

	"github.com/multisigner/multisigner/plugin/multisigner/roll"
)

// junk is how many keys a foreign signer publishes in a crowd.
const junk = 20

// crowds has foreign signers publish, now and then, many keys with the tag of a key that
// one of ours signs with.
func (w *world) crowds() {
	w.after(w.between(40*day, 90*day), func() {
		if w.t < w.calm {
			w.crowd()
			w.crowds()
		}
	})
}

// crowd is the hostile deed of one foreign signer. Half of them take no keys from others
// meanwhile: what cures it must not wait for whoever does it.
func (w *world) crowd() {
	for _, s := range w.signers {
		f, victim := s.foreign, w.signers[w.random.IntN(len(w.signers))]
		if f == nil || len(f.keys) == 0 || victim.foreign != nil || victim.version == nil || victim.refuses || len(w.parent.ds) == 0 {
			continue
		}
		target := victim.version.data[0]
		w.note("%s publishes %d keys with the tag of %s", s.name, junk, keyName(target))
		w.did("crowd")
		f.keys = slices.Clone(f.keys)
		for range junk {
			id := w.newKey(s.n, false, target.Algorithm, nil)
			id.Tag = target.Tag
			f.keys = append(f.keys, foreignKey{id: id, junk: true})
		}
		length := w.between(12*day, 20*day)
		if w.chance(50) {
			w.did("crowd that takes nothing")
			f.deaf = w.t + length
		}
		f.serve()
		end := w.t + length
		w.after(curedIn, func() { w.cured(victim, target, end) })
		w.after(length, func() {
			f.keys = slices.DeleteFunc(slices.Clone(f.keys), func(k foreignKey) bool { return k.junk })
			f.serve()
			f.turn()
		})
		return
	}
}

// curedIn is how long a signer has for that while its rollovers are not frozen.
const curedIn = 6 * day

// cured demands that what a signer serves is signed by a key of another tag, if the crowd has not gone.
func (w *world) cured(s *signer, target roll.KeyID, end int64) {
	if s.plan.Frozen || w.t >= end {
		return // by order; or nothing is left to cure
	}
	if soon := s.thawed + curedIn; s.thawed > 0 && soon > w.t {
		w.after(soon-w.t, func() { w.cured(s, target, end) })
		return
	}
	for _, id := range s.version.data {
		if id.Tag != target.Tag {
			return
		}
	}
	w.fail("%s signs with %s alone, days after others have its tag", s.name, keyName(target))
}

// crowded demands that what one of ours publishes is within what validators take: no other
// key with the tag of one that signs there, and not too many in all.
func (s *signer) crowded(v *version) {
	for _, id := range append(slices.Clone(v.data), v.entry...) {
		twins := 0
		for _, other := range v.dnskey {
			if other.Tag == id.Tag && other.Algorithm == id.Algorithm {
				twins++
			}
		}
		if twins > 1 {
			s.w.fail("%s publishes %d keys with the tag of %s, which signs there", s.name, twins, keyName(id))
		}
	}
	if len(v.dnskey) > 64 {
		s.w.fail("%s publishes %d keys", s.name, len(v.dnskey))
	}
}
