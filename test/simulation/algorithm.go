package simulation

import (
	"slices"

	"github.com/multisigner/multisigner/plugin/multisigner/roll"
)

// algorithmChange is how a foreign signer rolls its algorithm: by RFC 6781 4.1.4, on
// timers, but for the DS, which it waits for.
type algorithmChange struct {
	algorithm uint8 // of its new keys
	to        uint8 // what its person told it; 0: nothing
	begun     bool
	gradual   uint8  // with this algorithm only a part is signed, of which all that a look samples
	left      uint8  // with this one it has stopped signing
	rash      int64  // it left the old one without waiting for any cache; they have forgotten it then
	slipped   uint32 // the serial with which it lost a part of what it had signed; 0: it has not

	span  int64 // how long it takes to sign everything
	open  bool  // it publishes the new keys as soon as it signs with them, as BIND does; Knot later
	shows bool  // our signers may transfer its zone
	told  int64 // what is configured for how long it takes; 0: nothing
}

// drawChange draws how it signs, and what our signers may know of that.
func (f *foreign) drawChange() {
	c, w := &f.change, f.s.w
	c.span, c.open = w.between(minute, 4*day), w.chance(50)
	c.shows = w.chance(60)
	if !c.shows || w.chance(20) {
		c.told = c.span + f.s.lag // until its secondaries have it, too
	}
}

// moving reports whether the algorithm of a foreign signer is to change, or does: no
// other rollover of theirs begins then. They have one person, who knows that two of them
// which ask for other DS RRsets, each by its timers, wait for each other for ever.
func (w *world) moving() bool {
	return slices.ContainsFunc(w.signers, func(s *signer) bool { return s.foreign != nil && s.foreign.change.to != 0 })
}

// rolling reports whether a foreign signer rolls its ZSK or KSK.
func (w *world) rolling() bool {
	return slices.ContainsFunc(w.signers, func(s *signer) bool { return s.foreign != nil && s.foreign.rolling > 0 })
}

// unsigned are those of the keys that sign data that do not sign what no look samples
// yet; nil: all of them do.
func (c *algorithmChange) unsigned(data []roll.KeyID) []roll.KeyID {
	if c.gradual == 0 {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(data), func(id roll.KeyID) bool { return id.Algorithm == c.gradual })
}

// obey is what its person tells it. What it has begun it cannot give up.
func (f *foreign) obey(order roll.Command) {
	w, c := f.s.w, &f.change
	switch {
	case order.Kind == roll.RollAlgorithm && c.to == 0 && order.Algorithm != c.algorithm:
		c.to = order.Algorithm
		w.note("%s is told to roll to algorithm %d", f.s.name, c.to)
		f.beginChange()
	case order.Kind == roll.Abort && !w.avoids(foreignGivesUp, c.begun):
		c.to = 0
	}
}

// beginChange signs with the new algorithm beside the old one, when no other rollover
// is under way: at once all that a look samples, and the rest in the course of days.
func (f *foreign) beginChange() {
	w, c := f.s.w, &f.change
	switch {
	case c.to == 0 || c.begun:
		return
	case w.avoids(foreignRollsBoth, w.rolling()):
		w.after(6*hour, f.beginChange)
		return
	}
	w.note("%s begins to sign with algorithm %d; all will be in %.1f h", f.s.name, c.to, float64(c.span)/float64(hour))
	w.did("signs gradually")
	c.begun, c.gradual = true, c.to
	ksk, zsk := f.make(true, c.to), f.make(false, c.to)
	f.keys = append(slices.Clone(f.keys), foreignKey{id: ksk, ksk: true, signs: true, hidden: !c.open, since: w.t}, foreignKey{id: zsk, signs: true, hidden: !c.open})
	f.serve()
	publish := func() { f.publishNew(ksk, zsk) }
	if f.hasty {
		w.after(hour, publish)
	}
	w.after(c.span, func() {
		f.endSigning()
		if w.Faults && w.chance(30) {
			w.after(w.between(0, 5*day), func() { w.happens(f.slip) })
		}
		if !f.hasty {
			w.after(f.s.maxTTL()+f.delay, publish)
		}
	})
}

func (f *foreign) endSigning() {
	f.s.w.note("%s has signed all with algorithm %d", f.s.name, f.change.to)
	f.change.gradual, f.change.slipped = 0, 0
	f.serve()
}

// maySlip reports whether it has signed all with a new algorithm, of which no DS is there yet.
func (f *foreign) maySlip() bool {
	c := &f.change
	return c.begun && c.gradual == 0 && c.algorithm != c.to && !slices.Contains(algorithmsOf(f.s.w.parent.ds), c.to)
}

// slip loses what it has signed with the new algorithm, but for what a look samples, as
// when an old zone is restored. It signs that again, and its timers go on.
func (f *foreign) slip() {
	w, c := f.s.w, &f.change
	if w.moot(!f.maySlip()) {
		return
	}
	w.note("%s loses signatures by algorithm %d", f.s.name, c.to)
	w.did("signatures lost")
	c.gradual, c.slipped = c.to, f.s.last+1
	f.serve()
	w.after(c.span, f.endSigning)
}

// publishNew publishes the new keys, and later asks for the new DS. Without that it
// does nothing more.
func (f *foreign) publishNew(ksk, zsk roll.KeyID) {
	w := f.s.w
	old := f.keys[slices.IndexFunc(f.keys, func(k foreignKey) bool { return k.ksk })].id
	show := func(k *foreignKey) { k.hidden = false }
	f.set(ksk, show)
	f.set(zsk, show)
	f.serve()
	w.after(f.delay+2*hour+f.longestTTL(), func() {
		f.askFor(ksk, old)
		f.awaitDS(ksk, old, 0, func() { f.leaveOld(zsk) })
	})
}

// longestTTL is that which a cached DNSKEY RRset of it may have.
func (f *foreign) longestTTL() int64 {
	if f.raised != 0 && f.s.w.t-f.raised < 3*day {
		return 2 * day
	}
	return f.ttl
}

// leaveOld withdraws the old keys, and stops signing with them when nobody has them.
func (f *foreign) leaveOld(zsk roll.KeyID) {
	w, c := f.s.w, &f.change
	if c.gradual != 0 {
		w.after(hour, func() { f.leaveOld(zsk) })
		return
	}
	from := c.algorithm
	c.algorithm = c.to
	keep := f.delay + 2*hour + f.longestTTL()
	if f.hasty {
		keep, c.rash = hour, w.t+3*day
		w.after(3*day, f.serve)
		for _, k := range f.keys {
			if k.id.Algorithm == from { // DS RRsets that name it may be in caches
				f.lost = append(f.lost, lostKey{k.id, w.t + 2*day})
			}
		}
	}
	for _, k := range f.keys {
		if k.ksk && k.id.Algorithm == from {
			f.withdraw(k.id)
		}
	}
	f.keys = slices.DeleteFunc(slices.Clone(f.keys), func(k foreignKey) bool { return k.ksk && k.id.Algorithm == from })
	for i := range f.keys {
		f.keys[i].hidden = f.keys[i].id.Algorithm == from
	}
	f.serve()
	w.after(keep, func() {
		f.spared = nil
		for _, k := range f.keys {
			if k.id.Algorithm == from && (f.hasty || !w.oracle.everyone(zsk)) {
				f.spared = append(f.spared, k.id)
			}
		}
		f.keys = slices.DeleteFunc(slices.Clone(f.keys), func(k foreignKey) bool { return k.id.Algorithm == from })
		c.left, c.to, c.begun = from, 0, false
		w.did("foreign algorithm")
		f.serve()
	})
}
