package simulation

import (
	"time"

	"github.com/multisigner/multisigner/plugin/multisigner/roll"
)

// build makes the world of the configuration, with what the seed adds to it.
func (w *world) build() {
	n := w.Signers
	w.cut = make([][]int64, n+1)
	for i := range w.cut {
		w.cut[i] = make([]int64, n+1)
	}
	w.parent = &parent{w: w, nextTTL: oneOf(w, hour, 6*hour, day)}
	w.nsTTL = oneOf(w, hour, 6*hour, day, 2*day)
	w.parent.ttl = [2]int64{w.parent.nextTTL, w.parent.nextTTL}
	for i := range n {
		s := &signer{w: w, n: i, name: string(rune('a' + i)), random: w.stream(uint64(10 + i)), reach: make([]int64, n+1), lag: w.between(minute, 2*hour), phase: w.between(0, hour),
			wakeAt: forever, lookAt: forever}
		s.serveAt(s.name + "1")
		if w.Start == Delegated && i == 0 || w.chance(50) && !(w.Start == Delegated && i == n-1) {
			s.serveAt(s.name + "2")
		}
		s.policy = w.policy(s)
		if w.Tags == 0 {
			s.policy.Tags = func(tag uint16) bool { return int(tag%8) == i }
		}
		if i >= n-w.Foreign && w.late(s) == 0 {
			s.foreign = newForeign(s)
		}
		w.signers = append(w.signers, s)
	}
	if w.Hidden {
		for _, s := range w.signers {
			s.hide()
		}
	}
	for _, s := range w.signers {
		s.taken, s.newest, s.trusts = make([]uint32, n), make([]uint32, n), make([]trust, n)
		s.answered = make([]int64, w.servers+len(w.parent.shown))
		for _, other := range w.signers {
			if other != s && (w.late(other) == 0 || w.late(s) != 0) {
				s.befriend(other)
			}
		}
	}
	w.oracle.overstay = w.leastMargin()
	for _, s := range w.signers {
		w.launch(s)
	}
	w.by(w.stream(2), w.parent.plan)
	w.random = w.chaos
	if w.Faults {
		w.after(w.between(10*day, 20*day), w.fault)
		w.after(20*day, w.save)
	}
	w.after(w.between(20*day, 60*day), w.order)
	w.by(w.stream(3), func() { w.after(w.between(day, 60*day), w.edit) })
	if w.Faults {
		w.by(w.stream(6), func() { w.after(w.between(day, 60*day), w.editNS) })
	}
	if w.Old && w.Faults && w.Signers > 1 && !w.avoids(oldStateUnseen, w.Late) && !w.avoids(oldStateBesideForeign, w.Foreign > 0) && !w.avoids(oldStateWithFewTags, w.Tags > 0) {
		w.by(w.stream(5), func() { w.after(w.between(40*day, 90*day), w.oldDisk) })
	}
	if w.Crowd {
		w.by(w.stream(4), w.crowds)
	}
}

func (s *signer) serveAt(name string) {
	s.servers = append(s.servers, &server{n: s.w.servers, name: name})
	s.w.servers++
}

// hide gives s a server that no look finds.
func (s *signer) hide() {
	if s.w.avoids(hiddenOfForeign, s.foreign != nil) || s.w.avoids(hiddenOfJoiner, s.w.late(s) != 0) {
		return
	}
	s.unseen = s.w.between(30*minute, 12*hour)
	s.policy.Propagation = time.Duration(s.unseen)
	s.hidden = &server{n: -1, name: s.name + " hidden"}
}

// befriend makes another signer a peer of s.
func (s *signer) befriend(other *signer) {
	peer := roll.Peer{Name: other.name, Foreign: other.foreign != nil, Propagation: time.Duration(other.unseen)}
	if other.foreign != nil {
		peer.Resign = time.Duration(other.foreign.change.told)
	}
	s.policy.Peers = append(s.policy.Peers, peer)
}

// late is when a signer that joins a group does so; 0: it is there from the beginning.
func (w *world) late(s *signer) int64 {
	if w.Start >= Joined && s.n == w.Signers-1 && s.n > 0 {
		return 60 * day
	}
	return 0
}

// leastMargin is for how long beyond its TTL resolvers may keep what they have: every signer of ours
// adds at least that to each of its waits.
func (w *world) leastMargin() int64 {
	least := forever
	for _, s := range w.signers {
		if s.foreign == nil {
			least = min(least, int64(s.policy.Margin))
		}
	}
	return least
}

// launch starts a signer as the beginning has it.
func (w *world) launch(s *signer) {
	host := s.name + ".example."
	s.policy.Hosts = []string{host}
	if at := w.late(s); at != 0 {
		s.outside = true
		if w.Start == Delegated {
			w.delegated = append(w.delegated, host)
		}
		w.by(s.random, func() { w.after(at+w.between(0, 10*day), s.join) })
		return
	}
	w.delegated = append(w.delegated, host)
	for _, server := range s.everywhere() { // the zone was served unsigned until now, with TTLs that were lowered for this
		w.oracle.newDNSKEY(source{server.name, theDNSKEY}, &record{ttl: day})
		w.oracle.newData(source{server.name, theData}, &record{ttl: day})
	}
	var delay int64
	switch {
	case w.Start == Apart && s.n > 0:
		delay = w.between(hour, 3*day)
	case w.Start == Spread, w.Start >= Joined:
		delay = w.between(0, 2*hour)
	}
	w.by(s.random, func() { w.after(delay, s.begin) })
}

// join makes a signer a member of a group that has had a DS for long. One that is in
// the delegation already must not make keys before somebody says so.
func (s *signer) join() {
	w := s.w
	if w.chance(50) && s.lowered == 0 {
		s.lowered = w.t
		w.lowerTTLs()
		w.after(w.between(10*minute, 12*hour), s.join)
		return
	}
	if w.avoids(joinBesideVanishedDS, w.parent.until > w.t) {
		w.after(6*hour, s.join)
		return
	}
	w.note("%s is named as a peer, and starts", s.name)
	if w.algorithm != 0 {
		s.policy.Algorithm = w.algorithm
	}
	if w.Start == Delegated {
		a := w.signers[0]
		old := a.servers[1]
		a.servers = a.servers[:1]
		s.servers[0].name = old.name + " of " + s.name
		for _, k := range []kind{theDNSKEY, theData, theCDS} {
			w.oracle.withdraw(source{old.name, k})
		}
		s.outside, s.unbidden = false, true
		w.after(w.between(hour, 2*day), s.rejoin)
	}
	for _, other := range w.signers[:s.n] {
		other.befriend(s)
		other.soon()
	}
	s.begin()
	if w.Parent == Hoarder { // its alarm may say that a DS belongs to nobody: someone removes it
		w.after(w.between(day, 10*day), w.parent.cleaner)
	}
}

// lowerTTLs does what every guide tells who has something in mind.
func (w *world) lowerTTLs() {
	w.note("TTLs are lowered before the join")
	w.did("TTLs lowered before a join")
	for _, s := range w.signers {
		if s.foreign == nil && s.begun {
			s.policy.DNSKEYTTL = time.Hour
			s.turn()
		}
	}
	w.parent.nextTTL = hour
	for i := range w.parent.shown {
		w.parent.show(i, w.parent.shown[i], hour)
	}
}

// rejoin is the order of an operator who knows what became of the old keys.
func (s *signer) rejoin() {
	w := s.w
	w.did("rejoin")
	s.unbidden = false
	if s.version != nil { // the DS was gone at the parent: then it joins by itself
		return
	}
	if !s.tell(roll.Command{Kind: roll.Rejoin}) {
		w.after(hour, s.rejoin)
	}
}

// delegate adds a signer that answers everyone to the delegation, days later.
func (w *world) delegate(s *signer) {
	s.outside = false
	w.note("%s answers everyone", s.name)
	w.did("joined")
	w.delegated = append(w.delegated[:len(w.delegated):len(w.delegated)], s.name+".example.")
	for _, server := range s.everywhere() {
		if server.cur != nil {
			s.offer(server, server.cur)
		}
	}
}

func (w *world) policy(s *signer) roll.Policy {
	days := func(lo, hi int64) time.Duration { return time.Duration(w.between(lo*day, hi*day)) }
	p := roll.Policy{Signer: s.name, Split: !w.CSK, Algorithm: firstAlgorithm, LifetimeZSK: days(25, 90), LifetimeKSK: days(100, 365),
		DNSKEYTTL: time.Duration(oneOf(w, hour, 6*hour, day)), Margin: time.Duration(w.between(minute, hour)),
		Interval: 10 * time.Minute, EarlierTTL: 24 * time.Hour, Parent: roll.ParentScan, Terse: true, Standby: w.chance(20)}
	if w.Double {
		p.Variant = roll.DoubleDS
	}
	if w.Parent == Person {
		p.Parent = roll.ParentManual
	}
	return p
}
