package roll

import "slices"

// An algorithm rollover goes by RFC 6781 4.1.4, with a barrier of the whole group at each
// step, A1 to A10 of docs/PROTOCOL.md: first all data of every signer is signed with both
// algorithms, then the new keys are published, then the DS set of the whole group is
// exchanged at once, then the old keys go, and last their signatures. So whoever demands
// that every algorithm of a DS or DNSKEY RRset signs everything (RFC 4035 2.2) is
// content, too.
//
// At each moment one algorithm is the zone's (facts.Algorithm): under it alone every
// chain stands. Another one may be on its way in, or out again (facts.Moving); what
// is given up on its way in goes out by the same rules as an old one.

// ofZone reports whether k has the zone's algorithm. Before there is one, any has.
func (z *step) ofZone(k *key) bool { return z.f.Algorithm == 0 || k.ID.Algorithm == z.f.Algorithm }

// moves reports whether k has the algorithm that is on its way.
func (z *step) moves(k *key) bool { return z.f.Moving != 0 && k.ID.Algorithm == z.f.Moving }

// comes reports whether the algorithm on its way is coming.
func (z *step) comes() bool { return z.f.Moving != 0 && z.f.Moving == z.f.Orders.Algorithm }

// movingBegun reports whether any key of ours of the algorithm on its way is in use.
func (z *step) movingBegun() bool {
	for _, k := range z.ours {
		if key := &z.f.Keys[k]; z.moves(key) && (key.signing() || key.published()) {
			return true
		}
	}
	return false
}

// moving is the algorithm on its way, or 0. One that signs is, ordered or not.
func (f *facts) moving() uint8 {
	if f.Algorithm == 0 {
		return 0
	}
	found := uint8(0)
	for k := range f.Keys {
		if key := &f.Keys[k]; key.Owner == 0 && key.ID.Algorithm != f.Algorithm && (key.signing() || key.published()) {
			found = key.ID.Algorithm
		}
	}
	if o := f.Orders.Algorithm; found == 0 && o != f.Algorithm {
		found = o
	}
	return found
}

// observeMoving finds which algorithm is on its way. What was seen of another one
// says nothing of it.
func (z *step) observeMoving() {
	was := z.f.Moving
	if z.f.Moving = z.f.moving(); z.f.Moving == was {
		return
	}
	for i := range z.f.Signers {
		s := &z.f.Signers[i]
		s.Signed, s.Whole, s.Clear = 0, 0, 0
	}
}

// observeAlgorithm notes since when all addresses of signer i have all data signed
// with the algorithm on its way, and since when none has a key of it.
func (z *step) observeAlgorithm(i int, v *View, complete, restart bool) {
	if z.f.Moving == 0 {
		return
	}
	s := &z.f.Signers[i]
	signed, clear := true, true
	if i == 0 {
		signed = slices.Contains(z.seen.Published.Algorithms, z.f.Moving)
		clear = !hasAlgorithm(z.seen.Published.DNSKEY, z.f.Moving)
	}
	for n := range v.Addresses {
		a := &v.Addresses[n]
		if a.State == Good && !a.Transfer {
			signed = signed && slices.Contains(a.Algorithms, z.f.Moving)
			clear = clear && !hasAlgorithm(a.DNSKEY, z.f.Moving)
		}
	}
	s.Signed = sinceThen(s.Signed, signed, complete, restart, z.t)
	s.Whole = sinceThen(s.Whole, signed && z.proven(i, v), complete, false, z.t) // after a gap Signed begins anew
	s.Clear = sinceThen(s.Clear, clear, complete, restart, z.t)
}

func hasAlgorithm(ids []KeyID, algorithm uint8) bool {
	for i := range ids {
		if ids[i].Algorithm == algorithm {
			return true
		}
	}
	return false
}

// isToSignBoth (A1) reports whether a new algorithm comes: our data is to be signed with it, too.
func (z *step) isToSignBoth(int) bool { return z.comes() }

// algorithmsTurn holds a new algorithm that nothing has begun with (PROTOCOL
// algorithm-waits-its-turn).
func (z *step) algorithmsTurn(h *hold, _ int) {
	if z.movingBegun() {
		return
	}
	z.standStill(h)
	if z.rolling && !z.overtaken() {
		h.needs(rolloversEnd, noKey, all(0))
	}
}

// signBoth has our data signed with the new algorithm, too, when there are keys of it.
func (z *step) signBoth(int) {
	data, entry := z.newcomers()
	switch {
	case data < 0:
		z.request(z.p.dataRole(), z.f.Moving, false)
		if entry < 0 {
			z.request(z.p.entryRole(), z.f.Moving, false)
		}
	case entry < 0:
		z.request(KSK, z.f.Moving, false) // beside a ZSK that signs already
	case z.f.Keys[data].DataOn == 0:
		z.sign(data)
	}
}

// isToPublishNew (A3) reports whether our keys of the new algorithm are to be published.
func (z *step) isToPublishNew(int) bool {
	if !z.comes() {
		return false
	}
	data, entry := z.newcomers()
	return data >= 0 && entry >= 0 && z.f.Keys[data].DataOn != 0 && !(z.f.Keys[data].published() && z.f.Keys[entry].published())
}

func (z *step) publishNew(int) {
	data, entry := z.newcomers()
	for _, k := range [...]int{data, entry} {
		if z.f.Keys[k].Pub == 0 {
			z.enter(k)
		}
	}
}

// isToExchange (A5) reports whether the DS set is to be exchanged for all signers at once.
func (z *step) isToExchange(int) bool {
	if !z.comes() {
		return false
	}
	data, entry := z.newcomers()
	return data >= 0 && entry >= 0 && z.f.Keys[data].published() && z.f.Keys[entry].published()
}

// exchangeDS makes the new algorithm the zone's.
func (z *step) exchangeDS(int) {
	_, entry := z.newcomers()
	z.exchange(entry)
}

// overtaken reports whether any peer asks for the DS of its keys of the algorithm to come
// alone: it has gone ahead on timers of its own (PROTOCOL algorithm-waits-its-turn). Then
// no CDS is the same everywhere, and no rollover that needs the parent can end before the
// algorithm has arrived.
func (z *step) overtaken() bool {
	for i := 1; i < len(z.f.Signers); i++ {
		if v := z.views[i]; v != nil && v.Trusted && z.asksForOther(i, v) && slices.ContainsFunc(v.Addresses, func(a Address) bool { return hasAlgorithm(a.CDS, z.f.Moving) }) {
			return true
		}
	}
	return false
}

// exchange makes the coming algorithm the zone's.
func (z *step) exchange(entry int) {
	z.f.Keys[entry].ask(z.t)
	z.retireEntry(entry)
	z.f.Algorithm = z.f.Moving
	z.observeMoving() // what goes from now on is the old one
}

// newcomers returns the keys of ours that are to sign data and the DNSKEY RRset with
// the coming algorithm, or -1. What has begun to sign goes on, whatever roles new keys
// would have by now: caches know its signatures.
func (z *step) newcomers() (data, entry int) {
	data = z.newcomer(Role.Data, z.p.dataRole(), (*key).signing)
	if data >= 0 && z.f.Keys[data].Role == CSK {
		return data, data
	}
	role := z.p.entryRole()
	if data >= 0 {
		role = KSK
	}
	return data, z.newcomer(Role.Entry, role, (*key).published)
}

// newcomer prefers a key that has begun, then one of a role, then the oldest.
func (z *step) newcomer(fits func(Role) bool, role Role, begun func(*key) bool) int {
	next := -1
	better := func(a, b *key) bool {
		switch {
		case begun(a) != begun(b):
			return begun(a)
		case (a.Role == role) != (b.Role == role):
			return a.Role == role
		}
		return a.Created < b.Created
	}
	for _, k := range z.ours {
		key := &z.f.Keys[k]
		if !z.moves(key) || !fits(key.Role) || key.Gone != 0 || key.Compromised || !z.held[k] {
			continue
		}
		if next < 0 || better(key, &z.f.Keys[next]) {
			next = k
		}
	}
	return next
}

// signedByAll holds until no cache can hold data of any signer that is not signed with
// the coming algorithm (RFC 4035 2.2; PROTOCOL rrsig-before-dnskey).
func (z *step) signedByAll(h *hold) {
	for i := range z.f.Signers {
		if z.member(i) {
			z.signedWith(h, i)
		}
	}
}

// signedByForeign holds until the data of every signer of other software is signed with
// the coming algorithm, still or again: it may lose signatures and keep its keys.
func (z *step) signedByForeign(h *hold) {
	for i := range z.f.Signers {
		if p := z.peers[i]; p != nil && p.Foreign && z.member(i) {
			z.signedWith(h, i)
		}
	}
}

// signedWith holds until no cache can hold data of signer i that is not signed with the
// coming algorithm (PROTOCOL algorithm-in-caches). Of a signer of other software, a
// sample proves nothing: it may sign gradually (PROTOCOL whole-zone-proves-algorithm).
func (z *step) signedWith(h *hold, i int) {
	s := &z.f.Signers[i]
	z.firstSight(h, i)
	ttl := z.dataTTL(i)
	if keys := z.keyTTL(i); keys.long > ttl.long { // CDS has the TTL of the keys
		ttl = ttlOf(dataTTL, -1, keys.ttl)
	}
	since, resign := s.Signed, moment(0)
	if since == 0 || !z.fresh[i] {
		z.askForSigned(h, i)
	} else if p := z.peers[i]; i > 0 && p != nil && p.Foreign {
		known := s.Proofs.of(z.f.Moving)
		switch resign = moment(p.Resign); {
		case resign == 0 && s.Whole == 0 || known != nil && known.Lacks:
			z.askForProof(h, i)
			since = 0
		case resign == 0:
			since = max(since, s.Whole)
		}
	}
	if since == 0 || z.fresh[i] {
		z.pass(h, algorithmInCaches, noKey, since, ttl, term{resigning, int16(i), resign, nil}, z.way(i))
	}
}

// askForSigned names the addresses of signer i that were not seen to sign with the
// coming algorithm.
func (z *step) askForSigned(h *hold, i int) {
	g, coming := signersSignBoth, z.f.Moving
	if i == 0 {
		g = ownSignBoth
	}
	z.askEach(h, i, g, noKey, func(a *Address) bool { return slices.Contains(a.Algorithms, coming) })
}

// keysOfAll holds until every signer has keys of the coming algorithm that sign its data
// and its DNSKEY RRset, and no cache can hold a DNSKEY RRset without any of them
// (PROTOCOL keys-of-all-before-ds).
func (z *step) keysOfAll(h *hold) {
	for i := range z.f.Signers {
		if !z.member(i) {
			if z.peers[i] != nil {
				h.needs(peersTrusted, noKey, all(i))
			}
			continue
		}
		data, entry := false, false
		for k := range z.f.Keys {
			key := &z.f.Keys[k]
			if !z.moves(key) || !z.ownedBy(key, i) || !key.published() {
				continue
			}
			if i == 0 {
				data, entry = data || key.signing(), entry || key.Role.Entry()
			} else {
				data, entry = data || key.Signing && key.Role.Data(), entry || z.signsKeys(i, key.ID)
			}
			z.everywhere(h, k)
		}
		if !data || !entry {
			z.onThose(h, i, signersHaveAlgorithm, noKey, func(a *Address) bool {
				return !a.Transfer && !hasAlgorithm(a.DNSKEY, z.f.Moving)
			})
		}
	}
}

// signsKeys reports whether every address of peer i has its DNSKEY RRset signed by id.
func (z *step) signsKeys(i int, id KeyID) bool {
	any := false
	for n := range z.addresses(i) {
		a := &z.views[i].Addresses[n]
		if a.Transfer {
			continue
		}
		if a.State != Good || !contains(a.SEP, id) || !contains(a.Entry, id) {
			return false
		}
		any = true
	}
	return any
}

// goes reports whether an algorithm is on its way out.
func (z *step) goes() bool { return z.f.Moving != 0 && !z.comes() }

// isToWithdrawOld (A8) reports whether our keys of the old algorithm are to go.
func (z *step) isToWithdrawOld(int) bool { return z.goes() && z.publishes(z.f.Moving) }

// isToDropOld reports whether only copies of the peers' keys of it are left.
func (z *step) isToDropOld(int) bool { return z.goes() && !z.publishes(z.f.Moving) }

// withdrawOld takes all keys of the old algorithm out of our DNSKEY RRset. Our copies of the
// peers' keys go as well: all that they sign is signed with the zone's algorithm, too.
func (z *step) withdrawOld(int) {
	for k := range z.f.Keys {
		if key := &z.f.Keys[k]; z.moves(key) && key.published() {
			key.leave(z.t)
		}
	}
}

// isToStopOld (A10) reports whether our data is to be signed with the old algorithm no more.
func (z *step) isToStopOld(int) bool { return z.goes() && !z.publishes(z.f.Moving) }

// clearOfAll holds until no cache can hold a DNSKEY RRset with a key of the old algorithm.
func (z *step) clearOfAll(h *hold) {
	for i := range z.f.Signers {
		if z.member(i) {
			z.clearOf(h, i)
		}
	}
}

func (z *step) stopOld(int) {
	for _, k := range z.ours {
		key := &z.f.Keys[k]
		if !z.moves(key) {
			continue
		}
		if key.signing() {
			key.stop(z.t)
		}
		if key.Gone == 0 {
			key.leave(z.t) // it was given up before it was published
		}
	}
}

// publishes reports whether our DNSKEY RRset has a key of ours of an algorithm.
func (z *step) publishes(algorithm uint8) bool {
	for _, k := range z.ours {
		if key := &z.f.Keys[k]; key.published() && key.ID.Algorithm == algorithm {
			return true
		}
	}
	return false
}

// algorithmUnasked holds until no DS RRset in any cache has a key of the algorithm that
// goes, whoever's it is, and no CDS asks for one (PROTOCOL ds-before-dnskey-leaves).
func (z *step) algorithmUnasked(h *hold) {
	for k := range z.f.Keys {
		key := &z.f.Keys[k]
		if !z.moves(key) {
			continue
		}
		if key.Owner == 0 && key.EntryOn != 0 {
			z.entryGone(h, k)
		} else if z.mayHaveDS(key) {
			z.dsNowhere(h, k)
		}
	}
	if z.unknownDS > 0 {
		z.onParent(h, strangerOfAlgorithmGone, noKey, func(a *ParentAddress) bool { return a.UnknownDS > 0 })
	} else if z.f.UnknownDS != 0 {
		// It was last seen then, and may have stood there until the look after.
		z.pass(h, unknownDSOutOfCaches, noKey, z.f.UnknownDS, z.dsTTL(), plain(twoLooks, 2*moment(z.p.interval())))
	}
	for i := range z.f.Signers {
		if z.member(i) && !z.fresh[i] {
			z.notFresh(h, i)
		}
		for n := range z.addresses(i) {
			a := &z.views[i].Addresses[n]
			if a.State != Good || a.Transfer {
				continue
			}
			if hasAlgorithm(a.CDS, z.f.Moving) {
				h.needs(signersAskForNone, noKey, at(i, n))
			}
			if i > 0 && !slices.Contains(a.Algorithms, z.f.Algorithm) {
				h.needs(signersSignZones, noKey, at(i, n))
			}
		}
	}
}

// clearOf holds until no cache can hold a DNSKEY RRset of signer i that has a key of the
// algorithm that goes (PROTOCOL dnskey-before-rrsig-leaves, dnskey-out-of-caches).
func (z *step) clearOf(h *hold, i int) {
	s := &z.f.Signers[i]
	if s.Clear == 0 || !z.fresh[i] {
		z.askForClear(h, i)
	}
	if s.Clear == 0 || z.fresh[i] {
		z.pass(h, dnskeyOutOfCaches, noKey, s.Clear, z.keyTTL(i), z.way(i))
	}
}

// askForClear names the addresses of signer i that were not seen to be without keys of
// the algorithm that goes.
func (z *step) askForClear(h *hold, i int) {
	g, goes := signersDropAlgorithm, z.f.Moving
	if z.f.neverAsked() {
		g = signersDropGivenUp
	}
	z.askEach(h, i, g, noKey, func(a *Address) bool { return !hasAlgorithm(a.DNSKEY, goes) })
}

// mayStillAbort holds when the algorithm is given up on its way in although every other
// signer may be about to ask for its DS. One that was seen without keys of it cannot be,
// for as long as a DNSKEY RRset lives; and without it nobody can
// (PROTOCOL abort-while-one-lacks-keys).
func (z *step) mayStillAbort(h *hold) {
	alone := true
	for i := 1; i < len(z.f.Signers); i++ {
		if !z.member(i) {
			continue
		}
		if !z.f.hasKeysOf(i, z.f.Moving) { // algorithmUnasked holds until it is seen
			return
		}
		alone = false
	}
	if !alone && z.f.neverAsked() {
		h.needs(someoneLacksAlgorithm, noKey)
	}
}
