package roll

// Who joins signers that have a DS makes keys and shows them to peers alone. Outsiders
// get answers when these validate for everyone, whatever a cache has and whatever the
// parent may follow (RFC 8901 3; PROTOCOL joiner-answers-last).

// join lets outsiders in once a joiner's answers validate for everyone: its DS is in
// every cache that has a DS, every signer's keys in every DNSKEY RRset, and nobody asks
// for a DS RRset without it. Until then it answers for as long as no cache has a DS, and
// nobody asks for one.
func (z *step) join() {
	if z.f.Joining == 0 {
		return
	}
	next := z.chained()
	if next < 0 {
		return
	}
	var h hold
	z.allSeen(&h)
	z.askedByAll(&h, next)
	if !z.neverDS() { // one that is gone without an order may come back as it was
		z.dsEverywhere(&h, next)
	}
	for n := range z.addresses(0) {
		if a := &z.views[0].Addresses[n]; a.Unclaimed && a.State != Good {
			h.needs(nameserversClaimed, noKey, at(0, n))
		}
	}
	for k := range z.f.Keys {
		if z.live(k) && !z.lazy(k) {
			z.everywhereElse(&h, k)
		}
	}
	if !h.blocked {
		z.f.Joining, z.f.Known, z.f.Asked, z.f.Outrun = 0, false, 0, false
		return
	}
	if z.f.NoDS != 0 && !z.anyoneAsks() && (!z.f.Secured || z.goesInsecure()) {
		var gone hold
		if z.f.Secured {
			z.dsGone(&gone)
		}
		if h = gone; !h.blocked {
			return
		}
	}
	z.wait(waitJoin, noKey, &h)
	if z.refusal, z.refusedFor = joins, h.reason; z.f.Outrun {
		z.refusal = isOutrun
	}
}

// Joining reports whether outsiders are refused until our keys are known everywhere.
func (s State) Joining() bool { return s.f.Joining != 0 }

// allSeen holds while any peer that is configured was never reached: whether its data
// validates with our keys is not known.
func (z *step) allSeen(h *hold) {
	for i := 1; i < len(z.f.Signers); i++ {
		if z.peers[i] != nil && !z.member(i) {
			h.needs(peersTrusted, noKey, all(i))
		}
	}
}

// isNew reports whether we join, and had no DS before. Who has recovered a lost state had
// one all along, and others may miss it in what they ask for because we do not ask ourselves.
func (z *step) isNew() bool { return z.f.Joining != 0 && !z.f.Known }

// joinsStill reports whether we had not joined yet when our state was lost: the parent has
// no DS of ours though others have one or ask for one, we are not in the delegation, or a
// signer of our kind asks for a DS RRset without ours.
func (z *step) joinsStill() bool {
	if z.p.Parent == ParentNone {
		return false
	}
	asks := z.othersAsk()
	if !z.hasOurDS() && (z.f.NoDS == 0 || asks || !z.noDS()) {
		return true
	}
	if z.f.NoDS == 0 && len(z.p.Hosts) > 0 && !z.delegated() {
		return true
	}
	for i := 1; i < len(z.f.Signers); i++ {
		if z.peers[i] == nil || z.peers[i].Foreign {
			continue
		}
		if z.atAny(i, func(a *Address) bool { return z.leavesUsOut(i, a) }) {
			return true
		}
	}
	return false
}

// anyoneAsks reports whether a peer asks for any DS, as far as is seen.
func (z *step) anyoneAsks() bool {
	for i := 1; i < len(z.f.Signers); i++ {
		if z.atAny(i, (*Address).asks) {
			return true
		}
	}
	return false
}

// goesInsecure reports whether any peer asks for the DS to be removed, or has gone insecure.
// Only that tells a DS set that is gone by order from one that may be back tomorrow.
func (z *step) goesInsecure() bool {
	for i := 1; i < len(z.f.Signers); i++ {
		if v := z.views[i]; v != nil && v.unsigned() || z.atAny(i, func(a *Address) bool { return a.CDSDelete }) {
			return true
		}
	}
	return z.f.Orders.Insecure != 0
}

// atAny reports whether any address of signer i that answers is so.
func (z *step) atAny(i int, is func(*Address) bool) bool {
	for n := range z.addresses(i) {
		if a := &z.views[i].Addresses[n]; a.State == Good && !a.Transfer && is(a) {
			return true
		}
	}
	return false
}

// asks reports whether a's CDS asks for any DS.
func (a *Address) asks() bool { return len(a.CDS)+a.UnknownCDS > 0 }

// askedByAll holds until all peers were seen to ask for our DS or for none, and no cache
// can hold a DS RRset made from what one asked for before: the parent may follow any of
// them, and a person may paste what any of them prints.
func (z *step) askedByAll(h *hold, k int) {
	if z.p.Parent == ParentNone || !z.isNew() {
		return
	}
	var asked hold
	lacks := false
	for i := 1; i < len(z.f.Signers); i++ {
		if !z.awaited(i) {
			continue
		}
		if len(z.addresses(i)) == 0 {
			asked.needs(peersTrusted, noKey, all(i))
		}
		for n := range z.addresses(i) {
			a := &z.views[i].Addresses[n]
			switch {
			case a.Transfer:
			case z.unseen(&asked, i, n):
			case z.leavesUsOut(i, a):
				lacks = true
				asked.needs(signersCDSName, k, at(i, n))
			}
		}
	}
	if lacks || z.restarted {
		z.f.Asked = 0
	}
	if z.f.Asked == 0 && !asked.blocked {
		z.f.Asked = z.t
	}
	h.merge(&asked)
	if z.f.Asked != 0 {
		z.olderCDS(h, noKey, z.f.Asked)
	}
}

// leavesUsOut reports whether what an address of peer i asks for would take our DS away. One
// of other software may ask for that of its own keys alone, for as long as nobody tells
// it of others: then no parent can follow it.
func (z *step) leavesUsOut(i int, a *Address) bool {
	alone := z.peers[i] != nil && z.peers[i].Foreign
	for _, id := range a.CDS {
		k := z.key(id)
		if k >= 0 && z.f.Keys[k].Owner == 0 && z.f.Keys[k].published() {
			return false
		}
		alone = alone && (k < 0 || z.f.Keys[k].Owner < 0 || z.ownedBy(&z.f.Keys[k], i))
	}
	return a.asks() && !alone
}

// everywhereElse holds until every peer's caches have key k, and our own would
// (PROTOCOL joiner-in-caches). Our secondaries do not count: they get nothing as long as
// we refuse outsiders.
func (z *step) everywhereElse(h *hold, k int) {
	for i := 1; i < len(z.f.Signers); i++ {
		if z.member(i) {
			z.servedAt(h, i, k)
		}
	}
	z.firstSight(h, 0)
	key := &z.f.Keys[k]
	if !contains(z.seen.Published.DNSKEY, key.ID) {
		h.needs(ownPublish, k, all(0))
		return
	}
	z.pass(h, joinerInCaches, k, key.Pub, z.keyTTL(0), z.way(0))
}

// chained returns the key of ours whose DS has been at the parent for the longest, or
// the one that is to have it: a joiner may roll it before it answers anyone.
func (z *step) chained() int {
	next := z.incumbent((*key).entry)
	for _, k := range z.ours {
		key := &z.f.Keys[k]
		if key.published() && key.Role.Entry() && z.ofZone(key) && key.DSSince != 0 &&
			(next < 0 || z.f.Keys[next].DSSince == 0 || key.DSSince < z.f.Keys[next].DSSince) {
			next = k
		}
	}
	return next
}
