package simulation

import (
	"slices"

	"github.com/multisigner/multisigner/plugin/multisigner/roll"
)

// fault does something bad, and plans the next.
func (w *world) fault() {
	if w.moot(w.t >= w.calm) {
		return
	}
	w.happens(func() {
		s := w.signers[w.random.IntN(len(w.signers))]
		switch w.random.IntN(21) {
		case 0, 1, 2:
			w.partition()
		case 3, 4:
			if s.canCrash() {
				w.note("%s crashes", s.name)
				w.did("crash")
				s.crash(w.downtime())
			}
		case 5, 6:
			w.jump(s)
		case 7, 8:
			w.blink(s)
		case 9:
			w.oldParent()
		case 10:
			s.crashLoop(w.between(3, 30))
		case 11:
			w.powerFailure()
		case 12:
			s.amnesia()
		case 13:
			w.blip()
		case 14:
			w.stranger()
		case 15:
			w.relapse(s)
		case 16, 17:
			w.renumber(s)
		case 18:
			w.vanish()
		case 19, 20:
			w.answerInPart(s)
		}
	})
	w.after(w.between(hour, 12*day), w.fault)
}

// save keeps a backup of every state now and then.
func (w *world) save() {
	for _, s := range w.signers {
		if w.chance(30) && s.version != nil && !w.avoids(oldStateAcrossMove, w.t <= w.grand) && s.oldUntil < w.t { // nobody makes one of a backup
			s.backup, s.backupOwn, s.backupTrusts = s.disk, s.own, slices.Clone(s.trusts)
			s.second.backup = s.second.disk
			s.steps = roll.Steps{} // they would not let it be
		}
	}
	w.after(w.between(day, 20*day), w.save)
}

// partition cuts one or both ways between two parties, the parent among them.
func (w *world) partition() {
	i, j := w.random.IntN(len(w.cut)), w.random.IntN(len(w.cut))
	if i == j {
		return
	}
	if max(i, j) == len(w.signers) {
		w.parent.excuse()
	}
	length := w.between(minute, 12*hour)
	if w.chance(10) {
		length = w.between(day, 10*day)
	}
	w.cutOff(i, j, length)
	if w.chance(50) {
		w.cutOff(j, i, length)
	}
}

func (w *world) cutOff(i, j int, length int64) {
	until := w.t + length
	if w.moot(w.cut[i][j] >= until) || j < len(w.signers) && w.avoids(unseenTTL, w.signers[j].justRaised()) ||
		i == j && w.avoids(relapseUnseen, slices.ContainsFunc(w.signers[i].servers, func(s *server) bool { return s.back > w.t })) {
		return
	}
	w.cut[i][j] = until
	w.did("partition")
	w.note("%s does not reach %s for %.1f h", w.party(i), w.party(j), float64(length)/float64(hour))
	if i == len(w.signers) {
		return
	}
	s := w.signers[i]
	s.soon()
	w.after(length, func() {
		if w.cut[i][j] <= w.t {
			s.reach[j] = w.t
			s.soon()
			if j < len(w.signers) && w.signers[j].foreign != nil {
				w.signers[j].soon() // what is pushed to it arrives now
			}
		}
	})
}

// justRaised reports whether s, a foreign signer, has raised its TTL and may not have
// been looked at since: who has not seen a TTL cannot wait for it.
func (s *signer) justRaised() bool {
	return s.foreign != nil && s.foreign.raised != 0 && s.w.t-s.foreign.raised < 30*minute
}

func (w *world) party(i int) string {
	if i == len(w.signers) {
		return "the parent"
	}
	return w.signers[i].name
}

// jump sets a wall clock wrong, and right again later.
func (w *world) jump(s *signer) {
	if w.avoids(clockOfForeign, s.foreign != nil) {
		return
	}
	by := oneOf(w, hour, -hour, 365*day, -365*day, -40*day, 3*day)
	s.offset += by
	w.did("jump")
	w.note("the clock of %s jumps by %d h", s.name, by/hour)
	s.soon()
	w.after(w.between(minute, 5*day), func() {
		s.offset -= by
		w.note("the clock of %s is right again", s.name)
		s.soon()
	})
}

// blink makes a secondary of s slower, or lets a foreign signer do something odd.
func (w *world) blink(s *signer) {
	if s.foreign != nil {
		s.foreign.blink()
		return
	}
	w.note("%s is late from now on", s.name)
	s.lag = w.between(hour, 10*hour)
}

// oldParent restores the DS set that the parent had before, for three days. That can
// be bogus at once, and is no fault of ours if it is; but what was withdrawn must
// come back, and after a look and the longest TTL all must be well.
func (w *world) oldParent() {
	p := w.parent
	if w.moot(len(p.before) == 0 || len(p.ds) == 0 || p.until > w.t) || w.avoids(dsFaultsWhileMoving, w.t < w.grand) ||
		w.avoids(oldDSAtCarelessParent, w.Parent == Hasty) || w.avoids(oldDSBesideForeign, w.Foreign > 0) || w.avoids(oldDSOfLostKey, w.t-p.changed > 5*day) {
		return
	}
	for _, s := range w.signers {
		if w.avoids(oldDSUnseen, s.down || s.policy.Parent == roll.ParentNone || w.cut[s.n][len(w.signers)] > w.t) ||
			w.avoids(oldDSWithoutSigner, len(ownedBy(p.before, s.n)) == 0) {
			return
		}
	}
	for _, id := range p.before {
		if w.avoids(oldDSOfLostKey, !slices.ContainsFunc(w.signers[owner(id)].own, func(o roll.OwnKey) bool { return o.ID == id })) {
			return
		}
	}
	w.note("the parent restores old data")
	w.did("old parent")
	p.ds, p.right = p.before, p.ds
	p.until, p.wrong = w.t+4*day, w.t+3*day
	for i := range p.shown {
		p.show(i, p.ds, p.ttl[i])
	}
	w.after(3*day, func() {
		if w.t >= p.wrong {
			w.oracle.rightAgain()
		}
	})
}

// blip lets the parent's second address go back, unseen by some, for a time within
// the validity of what it shows. Who sees only later what was before cannot mind it.
func (w *world) blip() {
	p := w.parent
	if w.moot(len(p.before) == 0 || p.until > w.t || w.t-p.changed > 2*day || p.changedAt[1] < p.changed) || w.avoids(oldDSUnseen, w.Late) ||
		w.avoids(oldDSBesideForeign, w.Foreign > 0) {
		return
	}
	for _, id := range p.before {
		for _, server := range w.signers[owner(id)].everywhere() {
			if w.avoids(oldDSUnseen, server.cur == nil || !slices.Contains(server.cur.entry, id)) {
				return
			}
		}
	}
	for i := range w.oracle.dnskey { // one that was withdrawn and came back may be missing in caches
		r := &w.oracle.dnskey[i]
		for _, id := range p.before {
			owner := w.signers[owner(id)]
			if w.avoids(oldDSUnseen, r.ends > w.t && !r.signed.has(w.oracle.numberOf(id)) && slices.ContainsFunc(owner.everywhere(), func(s *server) bool { return s.name == r.from.server })) {
				return
			}
		}
	}
	for _, id := range p.ds {
		if w.avoids(oldDSWithoutSigner, len(ownedBy(p.before, owner(id))) == 0) {
			return
		}
	}
	for _, s := range w.signers {
		if w.avoids(oldDSUnseen, s.down) { // it may have decided already, and could not see it before it shows that
			return
		}
	}
	w.note("p2 goes back for a while")
	w.did("parent goes back unseen")
	length, now, old := w.between(30*minute, 5*hour), p.ds, p.before
	p.until, p.right = w.t+length, now
	for _, s := range w.signers {
		if s.foreign == nil && w.chance(70) {
			w.cutOff(s.n, len(w.signers), length+20*minute)
		}
	}
	p.show(1, old, p.ttl[1])
	w.after(length, func() {
		if slices.Equal(p.ds, now) {
			p.show(1, now, p.ttl[1])
		}
	})
}

// stranger lets the parent have a DS beside ours that nobody knows, for some days. As
// long as it is there, nobody asks the parent for another set: that would remove it.
func (w *world) stranger() {
	p := w.parent
	if w.moot(w.t < p.strange[1]+20*day || len(p.ds) == 0) || w.avoids(dsFaultsWhileMoving, w.t < w.grand) {
		return
	}
	w.note("the parent has a DS that nobody knows")
	w.did("stranger")
	length := w.between(hour, 5*day)
	p.strange = [2]int64{w.t, w.t + length}
	for _, s := range w.signers {
		s.soon()
	}
	w.after(length, func() {
		for _, s := range w.signers {
			s.soon()
		}
	})
}

// vanish takes the DS set away at the parent, without an order, and brings it back as it was.
func (w *world) vanish() {
	p := w.parent
	if w.moot(len(p.ds) == 0 || p.until > w.t) || w.avoids(dsFaultsWhileMoving, w.Moves) || w.avoids(vanishedDSUnsettled, w.Late || w.t-p.changed < 6*day) {
		return
	}
	length := w.between(hour, 6*day)
	w.note("the DS set is gone at the parent for %.0f h", float64(length)/float64(hour))
	w.did("DS gone")
	p.until, p.right = w.t+length, p.ds
	for i := range p.shown {
		p.show(i, nil, p.ttl[i])
	}
	w.after(length, func() {
		for i := range p.shown {
			p.show(i, p.ds, p.nextTTL)
		}
	})
}

// answerInPart lets a server answer for its keys and not for the rest, for some time.
func (w *world) answerInPart(s *signer) {
	server := s.servers[w.random.IntN(len(s.servers))]
	length := w.between(minute, 2*day)
	if w.avoids(relapseUnseen, server.back > w.t) {
		return
	}
	server.inPart = w.t + length
	w.note("%s answers in part for %.1f h", server.name, float64(length)/float64(hour))
	w.did("answers in part")
	for _, other := range w.signers {
		other.soon()
	}
	w.after(length, func() {
		server.since = max(server.since, w.t)
		for _, other := range w.signers {
			other.soon()
		}
	})
}

// relapse lets a secondary of s go back to what it had before, as from a backup, until it
// transfers again. It does so only where nobody could mind that at this moment.
func (w *world) relapse(s *signer) {
	if w.moot(len(s.servers) < 2 || s.refuses) || w.avoids(relapseOfForeign, s.foreign != nil) || w.avoids(relapseUnseen, w.Late || s.unshown) {
		return
	}
	server, o := s.servers[1], &w.oracle
	if w.avoids(relapseUnseen, server.inPart > w.t || w.cut[s.n][s.n] > w.t) {
		return
	}
	v := server.before
	if w.moot(v == nil || server.cur == nil) || w.avoids(relapseWhileMoving, server.cur.unsigned != v.unsigned || w.t < w.grand) {
		return
	}
	has := o.bits(v.dnskey)
	if w.avoids(relapseThatBreaks, !o.inUse().minus(has).empty()) {
		return
	}
	for _, id := range slices.Concat(v.data, v.cdsSigners) {
		if w.avoids(relapseThatBreaks, !o.everyone(id)) {
			return
		}
	}
	for i := range o.ds {
		if ds := &o.ds[i]; w.avoids(relapseThatBreaks, ds.ends > w.t && !ds.set.meets(o.bits(v.entry))) {
			return
		}
	}
	for i := range o.dnskey { // no parent that follows its CDS may break a chain
		if r := &o.dnskey[i]; w.avoids(relapseThatBreaks, len(v.cds) > 0 && r.ends > w.t && !r.signed.meets(o.bits(v.cds))) {
			return
		}
	}
	w.note("%s goes back to version %d", server.name, v.serial)
	w.did("secondary goes back")
	s.install(server, v)
	least := minute
	if w.avoids(briefRelapse, true) {
		least = 30 * minute
	}
	length := w.between(least, 10*hour)
	server.back = w.t + length
	w.after(length, func() { s.fetch(server) })
}

// excuse says that not every signer could see what the parent went back to.
func (p *parent) excuse() {
	if p.until > p.w.t {
		p.wrong = p.until
	}
}

func (s *signer) canCrash() bool {
	return !s.down && s.begun && s.foreign == nil && !s.w.avoids(crashBeforeOldIsNoticed, s.w.t < s.w.fragile)
}

// downtime is how long a process stays down.
func (w *world) downtime() int64 {
	if w.chance(10) {
		return w.between(hour, 4*day)
	}
	return w.between(minute, 3*hour)
}

// crash stops the process for a while; its secondaries go on.
func (s *signer) crash(back int64) {
	w := s.w
	s.down = true
	s.starts++
	start := s.starts
	w.parent.excuse()
	s.steady += w.t - s.upSince
	clear(s.taken)
	for _, other := range w.signers {
		if other != s {
			other.soon()
		}
	}
	w.after(back, func() {
		if w.moot(s.starts != start) {
			return // somebody has started it meanwhile
		}
		s.down, s.blind, s.state = false, true, s.disk
		if v := s.servers[0].before; v != nil && s.version != nil && s.servers[0].cur == s.version && w.t-back-s.servers[0].changed < 10*minute && !s.refuses && w.chance(50) {
			w.note("%s finds version %d on its disk", s.name, v.serial) // a large zone is not written at each change
			w.did("old snapshot")
			s.version, s.mute = v, true
			s.install(s.servers[0], v)
		}
		s.restore()
		s.upSince = w.t
		s.recall(s.second.disk)
		s.servers[0].since = w.t
		w.note("%s is back", s.name)
		s.turn()
		s.transfer()
		w.parent.stir()
		for _, other := range w.signers {
			other.soon()
		}
	})
}

// crashLoop lets a process live for less than most TTLs, again and again.
func (s *signer) crashLoop(n int64) {
	w := s.w
	if w.moot(!s.canCrash() || n == 0 || w.t >= w.calm) {
		return
	}
	w.did("crash loop")
	w.note("%s crashes, and will %d times more", s.name, n-1)
	down := w.between(minute, 10*minute)
	s.crash(down)
	w.after(down+w.between(minute, 40*minute), func() { s.crashLoop(n - 1) })
}

// powerFailure stops everyone at once.
func (w *world) powerFailure() {
	w.note("the power fails everywhere")
	w.did("power failure")
	for _, s := range w.signers {
		if s.canCrash() {
			s.crash(w.between(minute, 5*hour))
		}
	}
}

// alone reports whether s cannot see everyone now, so that nobody could tell it of
// what it has forgotten.
func (s *signer) alone() bool {
	w := s.w
	for _, other := range w.signers {
		if other != s && (other.down || other.version == nil || other.oldUntil > w.t || w.cut[s.n][other.n] > w.t) {
			return true
		}
		for _, server := range other.servers {
			if server.inPart > w.t {
				return true
			}
		}
	}
	return w.cut[s.n][len(w.signers)] > w.t || !slices.Equal(w.parent.shown[0], w.parent.shown[1]) // else the DS vouches for nobody
}

// restore gives the signer, now and then, an old state, as if its disk had come from
// a backup; its keys are all there. One that then sees nobody cannot know.
func (s *signer) restore() {
	w := s.w
	if w.moot(s.backup.Empty() || !w.Faults) || !w.chance(25) || w.avoids(oldStateUnseen, len(w.signers) == 1 || w.Late) || w.avoids(oldStateBesideForeign, w.Foreign > 0) ||
		w.avoids(oldStateOfOtherDS, w.parent.until > w.t) || w.avoids(oldStateWithFewTags, w.Tags > 0) || w.avoids(oldStateAcrossMove, w.t < w.grand) || w.avoids(oldStateUnseen, !s.told() || s.alone()) ||
		w.avoids(oldKeysUnsettled, s.oldUntil > w.t) {
		return
	}
	w.note("%s is restored to an old state", s.name)
	w.did("restored")
	w.fragile = w.t + 10*minute
	s.state, s.disk, s.backup = s.backup, s.backup, roll.State{}
	for _, o := range s.backupOwn { // those that were retired since are kept, and can be put back
		if !slices.Contains(s.own, o) {
			s.own = append(slices.Clip(s.own), o)
		}
	}
	s.trustsOf(s.backupTrusts) // whose KSK has rolled since is not believed before somebody says so
	s.version, s.second.disk = nil, s.second.backup
	s.servers[0].cur = nil
	s.silence()
	w.after(day, s.thaw) // it may have been frozen then
}

// told reports whether the others can tell the signer that its backup is old: they
// publish a key of its own that it had not made then.
func (s *signer) told() bool {
	for _, other := range s.w.signers {
		if other != s && !s.believedThen(other) {
			return false
		}
	}
	for _, o := range s.own {
		if slices.Contains(s.backupOwn, o) {
			continue
		}
		shown := true
		for _, other := range s.w.signers {
			for _, server := range other.servers {
				if other != s && (server.cur == nil || !slices.Contains(server.cur.dnskey, o.ID)) {
					shown = false
				}
			}
		}
		if shown {
			return true
		}
	}
	return false
}

// amnesia takes the state of a signer away; its keys are there. It must say nothing
// until an operator orders it to recover.
func (s *signer) amnesia() {
	w := s.w
	for _, other := range w.signers {
		if f := other.foreign; f != nil && w.avoids(lostStateBesideForeign, f.hasty || f.raised > w.t-10*day || w.edited > w.t-2*day) {
			return
		}
	}
	if w.moot(!w.Lost || !s.canCrash() || len(w.parent.ds) == 0 || s.refuses || s.outside || s.version == nil) || w.avoids(oldStateAcrossMove, w.t < w.grand) ||
		w.avoids(lostStateUnseen, s.policy.Parent == roll.ParentNone || w.parent.until > w.t || w.Late) ||
		w.avoids(lostStateBesideLeaver, slices.ContainsFunc(w.signers, func(of *signer) bool { return of.leaving != nil })) {
		return
	}
	if len(w.signers) > 1 && !w.avoids(lostStateBesideForeign, w.Foreign > 0) && !w.avoids(lostKeysUnsettled, !w.complete()) && w.chance(40) { // nobody can help one that is alone
		s.loseKeys()
		return
	}
	w.note("%s loses its state; its keys are there", s.name)
	w.did("state lost")
	s.state, s.disk, s.backup, s.version = roll.State{}, roll.State{}, roll.State{}, nil
	s.servers[0].cur = nil
	s.silence()
	s.plan, s.second = roll.Plan{}, second{}
	s.turn()
	if s.version != nil {
		w.fail("%s answers although its state is lost", s.name)
	}
	w.after(w.between(minute, day), s.remember)
}

// remember is an operator's order to go on with the keys that are there, until it works.
func (s *signer) remember() {
	if s.version != nil {
		return
	}
	s.tell(roll.Command{Kind: roll.Recover})
	s.w.after(hour, s.remember)
}
