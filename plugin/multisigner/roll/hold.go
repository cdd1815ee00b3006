package roll

// leaving is what stands in the way of key k's going.
func (z *step) leaving(k int) hold {
	if k < 0 {
		return hold{}
	}
	return hold{urgent: z.f.Keys[k].Compromised, hasty: z.f.Keys[k].Hasty}
}

// everywhere holds until no cache can hold a DNSKEY RRset of any signer without key k:
// Ipub of RFC 7583 3.2.1, at each signer (RFC 8901 6.2; PROTOCOL dnskey-in-caches).
func (z *step) everywhere(h *hold, k int) {
	for i := range z.f.Signers {
		if z.member(i) {
			z.servedAt(h, i, k)
		}
	}
}

// servedAt holds until no cache can hold a DNSKEY RRset of signer i without key k: seen
// at all its addresses, now and for as long as the set that it replaced may live. It is
// Ipub of RFC 7583 3.2.1 (PROTOCOL dnskey-in-caches). The look must be fresh
// (PROTOCOL look-is-fresh).
func (z *step) servedAt(h *hold, i, k int) {
	since := z.spread(i, k)
	z.firstSight(h, i)
	if since == 0 || !z.fresh[i] {
		z.askFor(h, i, k)
	}
	if since == 0 || z.fresh[i] {
		z.pass(h, dnskeyInCaches, k, since, z.keyTTL(i), z.way(i))
	}
}

// firstSight holds until no cache can hold what signer i served before we first saw it,
// or, of us, what the zone was before we served it: with TTLs that nobody saw, and that
// may have been lowered just for our coming (PROTOCOL first-look-passed, earlier-ttl).
func (z *step) firstSight(h *hold, i int) {
	z.beforeMet(h, firstLookPassed, z.f.Signers[i].Met, z.way(i))
}

func (z *step) beforeMet(h *hold, g gate, met moment, way term) {
	if earlier := moment(z.p.EarlierTTL); earlier != 0 && met != 0 {
		z.pass(h, g, noKey, met, plain(earlierTTL, earlier), way)
	}
}

// firstDS holds until no cache can hold a DS RRset from before we first saw the parent.
func (z *step) firstDS(h *hold) {
	z.beforeMet(h, parentFirstLookPassed, z.f.ParentMet, term{})
}

// askFor names the addresses of signer i that were not seen to serve key k.
func (z *step) askFor(h *hold, i, k int) {
	if z.enough(h) {
		return
	}
	if i == 0 && !contains(z.seen.Published.DNSKEY, z.f.Keys[k].ID) {
		h.needs(ownPublish, k, all(0))
		return
	}
	id, g := z.f.Keys[k].ID, signersPublish
	if i == 0 {
		g = ownPublish
	}
	z.askEach(h, i, g, k, func(a *Address) bool { return contains(a.DNSKEY, id) && (i > 0 || !z.isCopyIn(k, a.Entry)) })
}

// askEach names the addresses of signer i that were not seen to have something, and
// which of them cannot be seen.
func (z *step) askEach(h *hold, i int, g gate, k int, has func(*Address) bool) {
	named := false
	for n := range z.addresses(i) {
		a := &z.views[i].Addresses[n]
		switch {
		case a.Transfer:
			continue
		case z.unseen(h, i, n):
		case !has(a):
			h.needs(g, k, at(i, n))
		default:
			continue
		}
		named = true
	}
	switch {
	case named:
	case i > 0 && (z.views[i] == nil || !z.views[i].Trusted):
		h.needs(peerTrusted, noKey, all(i))
	default:
		h.needs(g, k, all(i))
	}
}

// unseen holds for the nth address of signer i if it cannot be seen now, and reports that.
func (z *step) unseen(h *hold, i, n int) bool {
	switch a := &z.views[i].Addresses[n]; {
	case a.State != Good:
		h.needs(addressesAnswer, noKey, at(i, n))
	case z.t-z.at(a.Seen) > 2*moment(z.p.interval()):
		h.needs(signersSeenAnew, noKey, at(i, n))
	default:
		return false
	}
	return true
}

func (z *step) name(i int) string { return z.f.Signers[i].Name }

// parentLooked holds until every address of the parent has answered.
func (z *step) parentLooked(h *hold) {
	if z.p.Parent == ParentNone || z.parentFresh {
		return
	}
	h.blocked = true
	if len(z.seen.Parent.Addresses) == 0 {
		h.needs(parentAsked, noKey, all(theParent))
	}
	for n := range z.seen.Parent.Addresses {
		a := &z.seen.Parent.Addresses[n]
		if a.State != Good {
			h.needs(parentAnswers, noKey, at(theParent, n))
		} else if z.t-z.at(a.Seen) > 2*moment(z.p.interval()) {
			h.needs(parentSeenAnew, noKey, at(theParent, n))
		}
	}
}

// dsEverywhere holds until no cache can hold a DS RRset without key k's: Iret of RFC 7583
// 3.3.1, in which seeing it at every address takes the place of DprpP
// (PROTOCOL ds-in-caches).
func (z *step) dsEverywhere(h *hold, k int) {
	if z.p.Parent == ParentNone {
		return
	}
	z.parentLooked(h)
	z.firstDS(h)
	since := z.f.Keys[k].DSSince
	if since == 0 {
		id := z.f.Keys[k].ID
		z.onParent(h, parentHasDS, k, func(a *ParentAddress) bool { return !contains(a.DS, id) || contains(a.UnevenDS, id) })
	}
	z.pass(h, dsInCaches, k, since, z.dsTTL())
}

// dsNowhere holds until no cache can hold a DS RRset with key k's (RFC 7583 3.3.1;
// PROTOCOL ds-out-of-caches).
func (z *step) dsNowhere(h *hold, k int) {
	if z.p.Parent == ParentNone {
		return
	}
	z.parentLooked(h)
	z.firstDS(h)
	since := z.f.Keys[k].DSGone
	if since == 0 {
		id := z.f.Keys[k].ID
		z.onParent(h, parentWithoutDS, k, func(a *ParentAddress) bool { return contains(a.DS, id) })
	}
	z.pass(h, dsOutOfCaches, k, since, z.dsTTL())
}

// dsGone holds until no cache can hold any DS RRset of the zone, of which the parent was seen
// to have none (PROTOCOL ds-out-of-caches, first-look-passed).
func (z *step) dsGone(h *hold) {
	z.firstDS(h)
	z.pass(h, dsOutOfCaches, noKey, z.f.NoDS, z.dsTTL())
}

// neverDS reports whether the parent was seen without a DS and never with one, but for
// those of before the zone went insecure by order. A DS set that is gone without an order
// may be back tomorrow, as it was (PROTOCOL vanished-ds-may-return).
func (z *step) neverDS() bool { return z.parentFresh && z.f.NoDS != 0 && !z.f.Secured }

// noDS reports whether no cache can hold any DS of the zone, which has just been looked for at
// the parent: it is insecure, and has been for long enough.
func (z *step) noDS() bool {
	var h hold
	if z.f.Secured {
		z.dsGone(&h)
	}
	return z.f.NoDS != 0 && !h.blocked
}

// onThose holds for those addresses of signer i that still do not do something.
func (z *step) onThose(h *hold, i int, g gate, k int, late func(*Address) bool) {
	named := false
	for n := range z.addresses(i) {
		if a := &z.views[i].Addresses[n]; late(a) {
			h.needs(g, k, at(i, n))
			named = true
		}
	}
	if !named {
		h.needs(g, k, all(i))
	}
}

// wakeAt asks for a call of Step at m, if that is to come.
func (z *step) wakeAt(m moment) {
	if m <= z.t {
		return
	}
	if w := z.wall(m); z.out.Wake.IsZero() || w.Before(z.out.Wake) {
		z.out.Wake = w
	}
}
