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
	s.Whole = sinceThen(s.Whole, signed && z.proven(i, v), complete, restart, z.t)
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

// moveAlgorithm takes the algorithm on its way one step further.
func (z *step) moveAlgorithm() {
	switch {
	case z.f.Moving == 0:
	case z.comes():
		z.algorithmComes()
	default:
		z.algorithmGoes()
	}
}

// algorithmComes has our data signed with the new algorithm, publishes its keys when
// no cache has data without such signatures, and makes it the zone's when no cache
// has a DNSKEY RRset without any of its keys.
func (z *step) algorithmComes() {
	name := "algorithm " + itoa(int(z.f.Moving))
	if !z.movingBegun() {
		var h hold
		z.standStill(&h)
		if z.rolling && !z.overtaken() {
			h.on(missing, "the rollovers that have begun to end", z.name(0))
		}
		if h.blocked {
			z.wait(waitAlgorithm, KeyID{}, "sign with "+name, &h)
			return
		}
	}
	data, entry := z.newcomers()
	switch {
	case data < 0:
		z.request(z.p.dataRole(), z.f.Moving, false)
		if entry < 0 {
			z.request(z.p.entryRole(), z.f.Moving, false)
		}
		return
	case entry < 0:
		z.request(KSK, z.f.Moving, false) // beside a ZSK that signs already
		return
	}
	dataKey, entryKey := &z.f.Keys[data], &z.f.Keys[entry]
	if dataKey.DataOn == 0 {
		dataKey.DataOn = z.t
	}
	var h hold
	z.standStill(&h)
	if !dataKey.published() || !entryKey.published() {
		z.signedByAll(&h)
		if h.blocked {
			z.wait(waitNewKeys, KeyID{}, "publish the keys of "+name, &h)
			return
		}
		z.publish(data)
		z.publish(entry)
	}
	z.keysOfAll(&h)
	z.signedByForeign(&h)
	z.parentLooked(&h) // CDS is to follow at once, while all this is so
	z.disowned(&h)
	if h.blocked {
		z.wait(waitNewDS, KeyID{}, "ask for the DS of "+name, &h)
		return
	}
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
	z.f.Keys[entry].EntryOn = z.t
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
		if i == 0 || z.member(i) {
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
	if s.Signed == 0 || !z.fresh[i] {
		z.askForSigned(h, i)
		if s.Signed == 0 {
			z.pass(h, algorithmInCaches, noKey, 0, ttl, z.way(i))
		}
		return
	}
	since, resign := s.Signed, moment(0)
	if p := z.peers[i]; i > 0 && p != nil && p.Foreign {
		known := s.Proofs.of(z.f.Moving)
		if resign = moment(p.Resign); resign == 0 && s.Whole == 0 || known != nil && known.Lacks {
			z.askForProof(h, i)
			z.pass(h, algorithmInCaches, noKey, 0, ttl, z.way(i))
			return
		}
		if resign == 0 {
			since = max(since, s.Whole)
		}
	}
	z.pass(h, algorithmInCaches, noKey, since, ttl, term{resigning, int16(i), resign, nil}, z.way(i))
}

// askForSigned names the addresses of signer i that were not seen to sign with the
// coming algorithm.
func (z *step) askForSigned(h *hold, i int) {
	why := "every signer to sign with both algorithms (give `roll algorithm` there, too)"
	if i == 0 {
		why = "our own servers to sign with both algorithms"
	}
	coming := z.f.Moving
	z.askEach(h, i, why, func(a *Address) bool { return slices.Contains(a.Algorithms, coming) })
}

// keysOfAll holds until every signer has keys of the coming algorithm that sign its data
// and its DNSKEY RRset, and no cache can hold a DNSKEY RRset without any of them
// (PROTOCOL keys-of-all-before-ds).
func (z *step) keysOfAll(h *hold) {
	for i := range z.f.Signers {
		if i > 0 && !z.member(i) {
			if z.peers[i] != nil {
				h.on(unknown, "every peer to be reachable and trusted", z.name(i))
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
			z.onThose(h, i, z.aboutAlgorithm("every signer to publish its keys of ", ""), func(a *Address) bool {
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

// algorithmGoes withdraws our keys of the old algorithm when no cache has a DS of it,
// and stops signing with it when no cache has a key of it.
func (z *step) algorithmGoes() {
	name := "algorithm " + itoa(int(z.f.Moving))
	var h hold
	z.standStill(&h)
	if z.publishes(z.f.Moving) {
		z.algorithmUnasked(&h)
		z.mayStillAbort(&h)
		if h.blocked {
			z.wait(waitOldKeys, KeyID{}, "withdraw the keys of "+name, &h)
			return
		}
	}
	for k := range z.f.Keys {
		// Our copies of the peers' keys go as well: all that they sign is signed with
		// the zone's algorithm, too.
		if key := &z.f.Keys[k]; z.moves(key) && key.published() {
			key.Gone = z.t
		}
	}
	for i := range z.f.Signers {
		if i == 0 || z.member(i) {
			z.clearOf(&h, i)
		}
	}
	if h.blocked {
		z.wait(waitOldSignatures, KeyID{}, "stop signing with "+name, &h)
		return
	}
	for _, k := range z.ours {
		key := &z.f.Keys[k]
		if !z.moves(key) {
			continue
		}
		if key.signing() {
			key.DataOff = z.t
		}
		if key.Gone == 0 {
			key.Gone = z.t // it was given up before it was published
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
		} else if !z.noDS() && z.mayHaveDS(key) {
			z.dsNowhere(h, k)
		}
	}
	if z.unknownDS > 0 {
		z.onParent(h, z.aboutAlgorithm("the parent to remove the DS that belongs to no known key: it may be of ", ""), func(a *ParentAddress) bool { return a.UnknownDS > 0 })
	} else if z.f.UnknownDS != 0 {
		z.pass(h, unknownDSOutOfCaches, noKey, z.f.UnknownDS, z.dsTTL())
	}
	for i := range z.f.Signers {
		if (i == 0 || z.member(i)) && !z.fresh[i] {
			z.notFresh(h, i)
		}
		for n := range z.addresses(i) {
			a := &z.views[i].Addresses[n]
			if a.State != Good || a.Transfer {
				continue
			}
			if hasAlgorithm(a.CDS, z.f.Moving) {
				h.on(missing, z.aboutAlgorithm("every signer to ask for no DS of ", ""), z.whereIs(i, a))
			}
			if i > 0 && !slices.Contains(a.Algorithms, z.f.Algorithm) {
				h.on(missing, "every signer to sign with the zone's algorithm", z.whereIs(i, a))
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
	why := z.aboutAlgorithm("every signer to withdraw its keys of ", "")
	if z.f.neverAsked() && !z.p.Terse {
		why += " (give `abort` there, too)"
	}
	goes := z.f.Moving
	z.askEach(h, i, why, func(a *Address) bool { return !hasAlgorithm(a.DNSKEY, goes) })
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
		if z.fresh[i] && !z.f.hasKeysOf(i, z.f.Moving) {
			return
		}
		alone = false
	}
	if !alone && z.f.neverAsked() {
		h.on(missing, z.aboutAlgorithm("a signer that has no keys of ", ": the others may be asking for its DS (`roll algorithm` lets it arrive)"), "")
	}
}
