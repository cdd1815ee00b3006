package simulation

import (
	"slices"

	"github.com/multisigner/multisigner/plugin/multisigner/roll"
)

// foreign is a signer of other software: it rolls by its own timers, as Knot and BIND
// do, and has of others' keys what was pushed to it. It may forget them.
type foreign struct {
	s        *signer
	keys     []foreignKey
	pushed   []roll.KeyID // others' DNSKEYs
	cds      []roll.KeyID // others' CDS
	delay    int64        // its propagation delay: covers our looks
	lifetime int64
	lost     []lostKey
	withdrew []lostKey    // its own KSKs, without a look at whether others ask for their DS still
	deaf     int64        // it takes no pushes until then
	spared   []roll.KeyID // with these it would still sign data had it waited until everyone had the next
	ttl      int64
	raised   int64 // when it last did so
	hasty    bool  // it drops old ZSKs an hour after they stopped signing, and changes its algorithm as hastily

	rolling int // rollovers of ZSK and KSK that have begun and not ended
	change  algorithmChange
}

type foreignKey struct {
	id         roll.KeyID
	ksk        bool
	signs, cds bool
	data       bool // a KSK that signs data, too
	hidden     bool // it is not in the DNSKEY RRset
	junk       bool // nobody ever signs with it
	since      int64
}

// lostKey is a key in use that a foreign signer left out; caches may miss it until then.
type lostKey struct {
	id    roll.KeyID
	until int64
}

func newForeign(s *signer) *foreign {
	f := &foreign{s: s, delay: s.w.between(3*hour, 12*hour), lifetime: s.w.between(20*day, 70*day), hasty: s.w.chance(30),
		ttl: []int64{hour, 6 * hour, day}[s.w.random.IntN(3)]}
	f.change.algorithm = firstAlgorithm
	if s.w.Moves {
		s.w.by(s.w.stream(3), f.drawChange)
	}
	return f
}

func (f *foreign) begin() {
	a := f.change.algorithm
	f.keys = []foreignKey{{id: f.make(true, a), ksk: true, signs: true, cds: true, since: f.s.w.t}}
	f.keys = append(f.keys, foreignKey{id: f.make(false, a), signs: true})
	f.serve()
	f.s.w.after(f.lifetime, f.rollZSK)
	f.s.w.after(3*f.lifetime, f.rollKSK)
}

// make makes a key.
func (f *foreign) make(sep bool, algorithm uint8) roll.KeyID {
	var avoid []uint16
	for _, s := range f.s.w.signers {
		if s.foreign != nil && f.s.w.avoids(oneTagOfForeign, true) {
			for _, k := range s.foreign.keys {
				avoid = append(avoid, k.id.Tag)
			}
		}
	}
	for _, id := range f.pushed {
		avoid = append(avoid, id.Tag)
	}
	return f.s.w.newKey(f.s.n, sep, algorithm, avoid)
}

// turn takes what the others push.
func (f *foreign) turn() {
	w := f.s.w
	if len(f.keys) == 0 || w.t < f.deaf {
		return
	}
	reached := false // by one who pushes for all
	for _, other := range w.signers {
		if other == f.s || other.outside {
			continue
		}
		if other.down || other.version == nil {
			return // whoever pushes for all holds still
		}
		reached = reached || w.cut[other.n][f.s.n] <= w.t
	}
	if !reached {
		return
	}
	var dnskey, cds []roll.KeyID
	for _, other := range w.signers {
		if other != f.s && other.version != nil {
			dnskey = append(dnskey, other.version.owns...)
			cds = append(cds, ownedBy(other.version.cds, other.n)...)
		}
	}
	if !slices.Equal(dnskey, f.pushed) || !slices.Equal(cds, f.cds) {
		f.pushed, f.cds = dnskey, cds
		f.serve()
	}
}

// serve publishes its keys and what was pushed.
func (f *foreign) serve() {
	v := &version{ttl: f.ttl, maxTTL: f.s.maxTTL(), left: f.change.left, spared: f.spared, rash: f.change.rash > f.s.w.t}
	for _, l := range f.lost {
		if l.until > f.s.w.t {
			v.lost = append(v.lost, l.id)
		}
	}
	for _, k := range f.keys {
		if !k.hidden {
			v.dnskey = append(v.dnskey, k.id)
		}
		if k.ksk && k.hidden {
			continue
		}
		if k.ksk {
			v.entry = append(v.entry, k.id)
			v.cdsSigners = append(v.cdsSigners, k.id)
			if k.data {
				v.data = append(v.data, k.id)
			}
		} else if k.signs {
			v.data = append(v.data, k.id)
			v.cdsSigners = append(v.cdsSigners, k.id)
		}
		if k.cds {
			v.cds = append(v.cds, k.id)
		}
	}
	v.dnskey = append(v.dnskey, f.pushed...)
	v.cds = append(v.cds, f.cds...)
	v.rest, v.slipped = f.change.unsigned(v.data), f.change.slipped != 0
	slices.SortFunc(v.dnskey, roll.KeyID.Compare)
	slices.SortFunc(v.cds, roll.KeyID.Compare)
	f.s.last++
	v.serial, v.algs = f.s.last, algorithmsOf(v.data)
	f.s.serve(v)
	f.mend(v)
}

// rollZSK publishes, waits for a time that it thinks enough, signs, and removes.
func (f *foreign) rollZSK() {
	w := f.s.w
	if w.t > w.calm {
		return
	}
	if w.avoids(foreignRollsBoth, w.moving()) {
		w.after(2*day, f.rollZSK)
		return
	}
	f.rolling++
	old := slices.IndexFunc(f.keys, func(k foreignKey) bool { return !k.ksk && k.signs })
	id, oldID := f.make(false, f.change.algorithm), f.keys[old].id
	f.keys = append(slices.Clone(f.keys), foreignKey{id: id})
	f.serve()
	w.after(f.delay+2*day+f.ttl, func() {
		f.set(id, func(k *foreignKey) { k.signs = true })
		f.set(oldID, func(k *foreignKey) { k.signs = false })
		if f.spared = nil; !w.oracle.everyone(id) {
			f.spared = []roll.KeyID{oldID}
		}
		f.serve()
		keep := f.s.maxTTL() + f.delay
		if f.hasty {
			keep = hour
		}
		w.after(keep, func() {
			f.keys = slices.DeleteFunc(slices.Clone(f.keys), func(k foreignKey) bool { return k.id == oldID })
			f.lose(oldID)
			f.rolling--
			f.serve()
		})
	})
	w.after(f.lifetime, f.rollZSK)
}

// rollKSK swaps the DS as BIND and Knot do; it does look at the parent.
func (f *foreign) rollKSK() {
	w := f.s.w
	if w.t > w.calm {
		return
	}
	if w.avoids(foreignRollsBoth, w.moving()) {
		w.after(2*day, f.rollKSK)
		return
	}
	w.after(3*f.lifetime, f.rollKSK)
	if len(w.parent.ds) == 0 {
		return
	}
	old := slices.IndexFunc(f.keys, func(k foreignKey) bool { return k.ksk })
	if slices.IndexFunc(f.keys[old+1:], func(k foreignKey) bool { return k.ksk }) >= 0 {
		return // the last one has not ended
	}
	f.rolling++
	id, oldID := f.make(true, f.change.algorithm), f.keys[old].id
	f.keys = append(slices.Clone(f.keys), foreignKey{id: id, ksk: true, signs: true, since: w.t})
	f.serve()
	w.after(f.delay+2*hour+f.ttl, func() {
		f.askFor(id, oldID)
		f.awaitDS(id, oldID, 0, func() {
			f.keys = slices.DeleteFunc(slices.Clone(f.keys), func(k foreignKey) bool { return k.id == oldID })
			f.lose(oldID)
			f.withdraw(oldID)
			f.rolling--
			f.serve()
		})
	})
}

// askFor lets its CDS name one KSK in the place of another.
func (f *foreign) askFor(id, oldID roll.KeyID) {
	f.set(id, func(k *foreignKey) { k.cds = true })
	f.set(oldID, func(k *foreignKey) { k.cds = false })
	f.serve()
}

// awaitDS goes on when the new DS has been everywhere, and the old one nowhere, for two
// days. Who is hasty with a new algorithm forgets the TTL of the DS.
func (f *foreign) awaitDS(id, oldID roll.KeyID, seen int64, then func()) {
	w := f.s.w
	patience := 2 * day
	if f.hasty && f.change.begun {
		patience = hour
	}
	w.after(hour, func() {
		there := true
		for _, ds := range w.parent.shown {
			there = there && slices.Contains(ds, id) && !slices.Contains(ds, oldID)
		}
		switch {
		case !there:
			seen = 0
		case seen == 0:
			seen = w.t
		case w.t-seen > patience:
			then()
			return
		}
		f.awaitDS(id, oldID, seen, then)
	})
}

func (f *foreign) set(id roll.KeyID, do func(*foreignKey)) {
	f.keys = slices.Clone(f.keys)
	for i := range f.keys {
		if f.keys[i].id == id {
			do(&f.keys[i])
		}
	}
}

// lose notes that a key in use is left out from now on. A joiner that has decided to
// answer, and died before it did, cannot know that it did not.
func (f *foreign) lose(id roll.KeyID) {
	if f.s.w.signers[owner(id)].unshown || f.s.w.oracle.inUse().has(f.s.w.oracle.numberOf(id)) {
		f.lost = append(f.lost, lostKey{id, f.s.w.t + 20*day})
	}
}

// withdraw notes that a KSK goes. Others may ask for its DS for as long as they are told that there is no
// parent, and foreign signers do not wait for them.
func (f *foreign) withdraw(id roll.KeyID) {
	f.withdrew = append(f.withdrew, lostKey{id, f.s.w.t + 12*day})
}

// withdrawn are those of the keys that it has withdrawn not long ago.
func (f *foreign) withdrawn(of keys) (gone keys) {
	for _, l := range f.withdrew {
		if n := f.s.w.oracle.numberOf(l.id); l.until > f.s.w.t && of.has(n) {
			gone.add(n)
		}
	}
	return gone
}

// blink does something odd: it forgets, raises a TTL for some hours, lets its KSK sign
// data, alone or beside the ZSK, or loses what it signed with a new algorithm.
func (f *foreign) blink() {
	w := f.s.w
	if w.moot(len(f.keys) == 0) {
		return
	}
	switch w.random.IntN(4) {
	case 0, 1:
		f.forget()
	case 2:
		for _, s := range w.signers {
			if w.avoids(unseenTTL, s.down || w.cut[s.n][f.s.n] > w.t) {
				return
			}
		}
		old := f.ttl
		w.note("%s raises its DNSKEY TTL for a while", f.s.name)
		w.did("TTL raised")
		f.ttl, f.raised = 2*day, w.t
		f.serve()
		w.after(w.between(hour, 5*hour), func() {
			f.ttl = old
			f.serve()
		})
	case 3:
		if f.maySlip() {
			f.slip()
			return
		}
		id := f.keys[slices.IndexFunc(f.keys, func(k foreignKey) bool { return k.ksk })].id
		w.note("%s signs data with its KSK, too, or no more", f.s.name)
		w.did("KSK signs data")
		f.set(id, func(k *foreignKey) { k.data = !k.data })
		f.serve()
	}
}

// forget loses what was pushed, until it is pushed again.
func (f *foreign) forget() {
	w := f.s.w
	if w.moot(len(f.pushed) == 0) {
		return
	}
	chained := slices.Contains(w.parent.shown[0], f.keys[0].id) && slices.Contains(w.parent.shown[1], f.keys[0].id)
	for _, s := range w.signers {
		for _, id := range f.pushed {
			if s.version != nil && chained && !s.down && !s.refuses && slices.Contains(s.version.data, id) && slices.Contains(s.version.owns, id) {
				w.injuries = append(w.injuries, &injury{of: s, by: f, id: id})
				w.result.Injuries++
			}
		}
	}
	for _, id := range f.pushed {
		f.lose(id)
	}
	f.pushed, f.cds = nil, nil
	w.note("%s forgets the others' keys", f.s.name)
	w.did("forgotten")
	f.serve()
	if w.avoids(briefForgetting, true) {
		f.deaf = w.t + 12*minute
	}
	if w.chance(50) { // and some of them do not see it
		w.cutOff(w.random.IntN(len(w.signers)), f.s.n, w.between(minute, day))
	}
	w.after(w.between(12*minute, 30*minute), f.turn)
	for range 40 { // somebody sees to it, if not at once
		w.after(w.between(hour, 12*day), f.turn)
	}
}
