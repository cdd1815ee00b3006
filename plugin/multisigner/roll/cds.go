package roll

import "slices"

// parentSet decides what CDS and CDNSKEY say. A CDS RRset is an order to the parent that
// any parent may carry out at any time after it saw it at a single server (RFC 7344 6.1,
// RFC 8901 8). So it changes only to a set under which every signer's answers validate,
// for every DNSKEY RRset in any cache (PROTOCOL cds-is-safe-for-all); until then it stays
// as it is, and at first there is none.
func (z *step) parentSet() {
	if z.p.Parent == ParentNone || z.f.Orders.Insecure != 0 {
		z.f.CDS = nil
		return
	}
	z.takeBack()
	want := z.wantedDS()
	if z.asksFor(&want) {
		return
	}
	h := hold{urgent: z.urgent(), hasty: z.hastyEntry()}
	z.standOn(&h)
	z.safeDS(&h)
	if h.blocked {
		z.wait(waitCDS, KeyID{}, "publish CDS and CDNSKEY for all signers", &h)
		return
	}
	z.f.CDS, z.f.CDSSince, z.f.Told = z.ids(&want), z.t, 0
}

// asksFor reports whether our CDS names exactly these keys.
func (z *step) asksFor(want *keySet) bool {
	for _, id := range z.f.CDS {
		if k := z.key(id); k < 0 || !want.has(k) {
			return false
		}
	}
	return len(z.f.CDS) == want.size()
}

// takeBack withdraws a CDS RRset under which some signer's answers would not validate as
// they are now. That is so after an old state of ours was restored: others have rolled
// their keys since. None is better than a wrong one (PROTOCOL wrong-cds-is-taken-back).
func (z *step) takeBack() {
	if len(z.f.CDS) == 0 {
		return
	}
	// PROTOCOL overtaken-cds-is-taken-back.
	if next := z.incumbent((*key).entry); z.f.Moving == 0 && z.parentFresh && next >= 0 && z.f.Keys[next].DSSince != 0 && z.namesOurs(z.f.CDS) && !z.namesOurDS(z.f.CDS) {
		z.f.CDS = nil
		z.alarm(AlarmTakenBack, label(&z.f.Keys[next]), "the parent has the DS of "+label(&z.f.Keys[next])+", and our CDS named only keys of ours that it has no DS of any more: it is taken back", "see why our state is older than that")
		return
	}
	for i := range z.f.Signers {
		for n := range z.addresses(i) {
			a := &z.views[i].Addresses[n]
			if a.State == Unsigned && i > 0 && z.member(i) && z.f.NoDS != 0 {
				z.f.CDS = nil
				z.alarm(AlarmTakenBack, z.name(i), "the zone is unsigned at "+z.whereIs(i, a)+" and has no DS: our CDS is taken back", "have it signed there (`secure`, if it went insecure); or give `insecure` here, too")
				return
			}
			if a.State != Good || i > 0 && !z.member(i) || shareKey(a.Entry, z.f.CDS) || len(a.Entry) == 0 {
				continue
			}
			z.f.CDS = nil
			if i > 0 && !z.inChain(i) {
				return // it joins: nobody's state is old
			}
			z.alarm(AlarmTakenBack, z.name(i), "our CDS named no key that signs the DNSKEY RRset of "+z.whereIs(i, a)+": it is taken back", "see why our state is older than that")
			return
		}
	}
}

// namesOurDS reports whether a CDS RRset names any key of ours of which the parent has a DS.
func (z *step) namesOurDS(ids []KeyID) bool {
	for _, id := range ids {
		if k := z.key(id); k >= 0 && z.f.Keys[k].Owner == 0 && z.hasDS(id) {
			return true
		}
	}
	return false
}

func shareKey(a, b []KeyID) bool {
	for _, id := range a {
		if contains(b, id) {
			return true
		}
	}
	return false
}

// wantedDS is the union over all signers of the keys that are to have a DS.
func (z *step) wantedDS() (all keySet) {
	for i := range z.f.Signers {
		if i == 0 || z.peers[i] != nil || z.member(i) {
			want := z.wantedOf(i)
			all.join(&want)
		}
	}
	return all
}

// standOn holds while what any signer wants to have a DS is unknown, or its chain would
// not stand on it (PROTOCOL first-ds-waits-for-all).
func (z *step) standOn(h *hold) {
	for i := range z.f.Signers {
		if i > 0 && z.peers[i] == nil && !z.member(i) {
			continue
		}
		want := z.wantedOf(i)
		stands := hold{hasty: i == 0 && h.hasty}
		for k := range z.f.Keys {
			if want.has(k) {
				z.standsOn(&stands, i, k)
			}
		}
		switch {
		case want != keySet{}:
			h.merge(&stands)
		case i == 0:
			h.on(missing, "a key of ours that can have a DS", z.name(0))
		default:
			z.wantsNothing(h, i)
		}
	}
}

// wantsNothing holds for peer i, of which no key is known that can have a DS.
func (z *step) wantsNothing(h *hold, i int) {
	if z.fresh[i] {
		h.on(unknown, "every peer to have a key that can have a DS", z.name(i))
		return
	}
	z.notFresh(h, i)
}

// ownWanted are our keys that are to have a DS.
func (z *step) ownWanted() (want keySet) {
	for _, k := range z.ours {
		key := &z.f.Keys[k]
		if key.EntryOn == 0 || key.Gone != 0 || !z.ofZone(key) {
			continue
		}
		if key.Out == 0 || z.leavesLate(k) {
			want.add(k)
		}
	}
	return want
}

// leavesLate reports whether key k, on its way out, keeps its DS until it is gone:
// by DoubleDS the DNSKEY goes first.
func (z *step) leavesLate(k int) bool {
	next := z.incumbent((*key).entry)
	return next >= 0 && z.f.Keys[next].Double
}

// standsOn notes in stands whether signer i could live on key k's DS alone. One key
// of several is enough, so stands keeps the mildest: not held once one is good.
func (z *step) standsOn(stands *hold, i, k int) {
	one := hold{hasty: stands.hasty}
	z.servedAt(&one, i, k)
	if !one.blocked {
		stands.settled = true
	}
	if !stands.blocked || one.until < stands.until {
		until := one
		until.settled = stands.settled
		*stands = until
	}
}

// wantedOf returns the keys that signer i wants to have a DS: of a peer those of its CDS
// that are its own, or, when it has none, those that sign its DNSKEY RRset. What a peer's
// CDS says of other signers' keys is a copy and counts nothing. Keys of another algorithm
// than the zone's wait until the whole group has it: a DS RRset of two algorithms has to
// have one of each for every signer (RFC 6840 5.11, RFC 8901 4; PROTOCOL cds-from-owners,
// one-algorithm-in-ds).
func (z *step) wantedOf(i int) (want keySet) {
	if i == 0 {
		return z.ownWanted()
	}
	v := z.views[i]
	if v == nil || !v.Trusted || !z.fresh[i] || z.asksForOther(i, v) {
		z.wants(i, z.f.CDS, &want) // it keeps what it has
		return want
	}
	var of []KeyID
	for n := range v.Addresses {
		if a := &v.Addresses[n]; !a.Transfer && !sameList(a.CDS, of) {
			of = a.CDS
			z.wants(i, of, &want)
		}
	}
	if want != (keySet{}) {
		return want
	}
	for n := range v.Addresses {
		a := &v.Addresses[n]
		if a.Transfer {
			continue
		}
		var entry keySet // one that is no SEP only shows whose it is
		z.wants(i, a.Entry, &entry)
		seps := z.setOf(a.SEP)
		for w := range want {
			want[w] |= entry[w] & seps[w]
		}
	}
	return want
}

// wants adds those of a list that are signer i's own, and of the zone's algorithm. What a
// signer of our kind asks for has signed its DNSKEY RRset: what has signed nothing there
// is a copy, of a key that its owner has lost.
func (z *step) wants(i int, ids []KeyID, want *keySet) {
	alike := i > 0 && z.peers[i] != nil && !z.peers[i].Foreign
	for _, id := range ids {
		k := z.key(id)
		if k >= 0 && z.ownedBy(&z.f.Keys[k], i) && z.ofZone(&z.f.Keys[k]) && (z.f.Keys[k].Owner == int8(i) || !alike) {
			want.add(k)
		}
	}
}

// asksForOther reports whether peer i asks for the DS of keys of its own of another
// algorithm than the zone's, and not of the one that goes: it is ahead of us.
func (z *step) asksForOther(i int, v *View) bool {
	other := false
	for n := range v.Addresses {
		a := &v.Addresses[n]
		if a.Transfer {
			continue
		}
		for _, id := range a.CDS {
			if k := z.key(id); k >= 0 && z.ownedBy(&z.f.Keys[k], i) {
				if z.ofZone(&z.f.Keys[k]) || z.moves(&z.f.Keys[k]) && !z.comes() {
					return false
				}
				other = true
			}
		}
	}
	return other
}

// safeDS holds until every signer's data validates under every signer's DNSKEY RRset,
// cached ones included, and nobody's CDS or DS says what nobody can explain.
func (z *step) safeDS(h *hold) {
	z.standStill(h)
	z.parentLooked(h)
	z.disowned(h)
	if len(z.f.CDS) == 0 {
		z.toldApart(h)
	}
	for i := 1; i < len(z.f.Signers); i++ {
		if z.peers[i] == nil && !z.member(i) {
			continue
		}
		if !z.fresh[i] {
			z.notFresh(h, i)
			continue
		}
		for n := range z.views[i].Addresses {
			z.safeCDS(h, i, &z.views[i].Addresses[n])
		}
	}
	for k := range z.f.Keys {
		if !z.live(k) || z.lazy(k) {
			continue
		}
		for i := range z.f.Signers {
			if i == 0 || z.member(i) {
				z.servedAt(h, i, k)
			}
		}
		if len(z.f.CDS) == 0 { // the zone was unsigned, or absent, before (RFC 7583 3.3.5; PROTOCOL unsigned-out-of-caches)
			i := z.ownerOf(&z.f.Keys[k])
			if since := z.spread(i, k); since != 0 {
				z.pass(h, unsignedOutOfCaches, noKey, since, z.dataTTL(i), z.way(i))
			}
			z.firstSight(h, i)
		}
	}
}

// disowned holds while the parent has a DS that belongs to no known key, and nobody has
// said that it may go: whatever the parent takes from us replaces all it has
// (PROTOCOL unknown-ds-is-disowned-first).
func (z *step) disowned(h *hold) {
	if z.unknownDS > 0 && !z.f.Orders.Disowned {
		z.onParent(h, "`disown`: the parent has a DS that belongs to no known key", func(a *ParentAddress) bool { return a.UnknownDS > 0 })
		z.alarm(AlarmParentStranger, "", "the parent has a DS that belongs to no known key: it is told nothing, and CDS stays as it is",
			"name its signer as a peer and see that every peer answers, or remove it at the parent, or give `disown` at every signer")
	}
}

// toldApart holds while two keys in any DNSKEY RRset have one tag and algorithm, cached
// ones included: before there is a DS, one of them can be rolled without anybody minding
// (PROTOCOL tags-told-apart-before-ds, one-tag-out-of-caches).
func (z *step) toldApart(h *hold) {
	slowest := 0 // the signer whose DNSKEY RRsets stay in caches for longest
	for i := range z.f.Signers {
		if z.ends(0, z.keyTTL(i), z.way(i)) > z.ends(0, z.keyTTL(slowest), z.way(slowest)) {
			slowest = i
		}
	}
	for k := range z.f.Keys {
		key := &z.f.Keys[k]
		other := z.clash(key)
		switch {
		case other == nil || !other.published() || key.Pub == 0 && key.Shown == 0:
		case key.published():
			h.on(missing, "two keys of one tag to be told apart: one of them is rolled", z.name(z.ownerOf(other)))
		default:
			z.pass(h, oneTagOutOfCaches, noKey, max(key.Gone, key.Shown), z.keyTTL(slowest), z.way(slowest))
		}
	}
}

// lazy reports whether key k, a peer's, signs nothing that another key of the peer
// does not sign, too: signers of our kind sign CDS with all their keys.
func (z *step) lazy(k int) bool {
	key := &z.f.Keys[k]
	return key.Owner > 0 && key.Role == KSK && z.peers[key.Owner] != nil && !z.peers[key.Owner].Foreign
}

func (z *step) notFresh(h *hold, i int) {
	v := z.views[i]
	if v == nil || len(v.Addresses) == 0 {
		h.on(unknown, "every peer to be reachable and trusted", z.name(i))
		return
	}
	named := false
	for n := range v.Addresses {
		a := &v.Addresses[n]
		named = !a.Transfer && z.unseen(h, i, a) || named
	}
	switch {
	case named:
	case !v.Trusted:
		h.on(unknown, "every peer to be reachable and trusted", z.name(i))
	default:
		h.on(unknown, "a new look at every signer", z.name(i))
	}
}

// whyUneven: a DS RRset with a digest type that some key has no record of leaves that
// key's signer bogus to those who go by the strongest type
// (PROTOCOL digest-types-for-all-keys).
const whyUneven = "a peer's CDS to name every key in each of its digest types"

// safeCDS holds for what a peer says to the parent that we cannot say with it.
func (z *step) safeCDS(h *hold, i int, a *Address) {
	if a.Transfer {
		return
	}
	if a.UnknownCDS > 0 {
		h.on(missing, "a peer's CDS to name only known keys", z.whereIs(i, a))
	}
	if len(a.UnevenCDS) > 0 && !h.urgent {
		h.on(missing, whyUneven, z.whereIs(i, a))
	}
	if a.CDSDelete && z.f.Orders.Insecure == 0 {
		h.on(missing, "a peer to stop asking the parent to remove the DS", z.whereIs(i, a))
		z.alarm(AlarmPeerDeletes, z.name(i)+" "+a.Addr, "peer "+z.whereIs(i, a)+" asks the parent to remove the DS (RFC 8078); we do not",
			"give `insecure` here, too, if the zone is to go insecure; else `secure` there")
	}
}

// agreed holds until every address of every signer serves the CDS and CDNSKEY that we
// want: only then is the parent told (RFC 8901 8; PROTOCOL parent-told-when-all-agree).
func (z *step) agreed(h *hold) {
	if !sameKeys(z.seen.Published.CDS, z.f.CDS) {
		h.on(missing, "our own servers to publish CDS", z.name(0))
	}
	for i := range z.f.Signers {
		if i > 0 && z.peers[i] == nil && !z.member(i) {
			continue
		}
		// Secondaries of one who joins get nothing yet.
		if !z.fresh[i] && (i > 0 || z.f.Joining == 0) {
			z.notFresh(h, i)
		}
		for n := range z.addresses(i) {
			a := &z.views[i].Addresses[n]
			if a.Transfer || a.State != Good {
				continue
			}
			if !sameKeys(a.CDS, z.f.CDS) || !sameKeys(a.CDNSKEY, z.f.CDS) || a.UnknownCDS > 0 {
				h.on(missing, "every signer to publish the same CDS and CDNSKEY", z.whereIs(i, a))
			}
			if len(a.UnevenCDS) > 0 {
				h.on(missing, whyUneven, z.whereIs(i, a))
			}
		}
	}
}

func sameKeys(a, b []KeyID) bool {
	if slices.Equal(a, b) {
		return true
	}
	if len(a) != len(b) {
		return false
	}
	for _, id := range a {
		if !contains(b, id) {
			return false
		}
	}
	return true
}

// tell plans the notification of the parent, once the whole group agrees on a set
// that the parent does not have; and says what is awaited of it.
func (z *step) tell() {
	if z.p.Parent == ParentNone || z.orphaned || len(z.f.CDS) == 0 {
		return
	}
	if z.parentHas(z.f.CDS) {
		z.f.Told = 0 // if that changes, the parent is told at once
		return
	}
	var h hold
	z.agreed(&h)
	z.disowned(&h)
	if h.blocked {
		z.wait(waitParent, KeyID{}, "ask the parent for the new DS", &h)
		return
	}
	z.tellParent()
	why := z.aboutKeys("the parent to have the DS of ", z.f.CDS, ", and no other")
	if z.p.Parent == ParentManual {
		why = z.aboutKeys("someone to put in place at the parent the DS of ", z.f.CDS, ", and no other (`ds` prints them)")
	}
	z.onParent(&h, why, func(a *ParentAddress) bool { return a.UnknownDS > 0 || !sameKeys(a.DS, z.f.CDS) })
	z.wait(waitDS, KeyID{}, "have the DS of every signer at the parent", &h)
}

// outpaced reports whether our CDS may name a key that its owner has dropped, or is about
// to drop: other software looks at its own CDS alone, and at the parent. What our CDS
// names is no DS set to paste then (PROTOCOL paste-only-what-is-safe).
func (z *step) outpaced() bool {
	for i := 1; i < len(z.f.Signers); i++ {
		if p := z.peers[i]; p == nil || !p.Foreign || !z.member(i) || len(z.f.CDS) == 0 {
			continue
		}
		if !z.fresh[i] {
			var h hold
			z.notFresh(&h, i)
			z.wait(waitPaste, KeyID{}, "say which DS is safe at the parent", &h)
			return true
		}
		if z.asksForOther(i, z.views[i]) && (!z.parentFresh || z.hasDSAskedAt(i)) {
			var h hold
			if z.parentLooked(&h); !h.blocked {
				h.on(missing, "the exchange of the DS here (give `roll algorithm`): the parent has one of another algorithm already", z.name(0))
			}
			z.wait(waitPaste, KeyID{}, "say which DS is safe at the parent", &h)
			return true
		}
		want := z.wantedOf(i)
		for _, id := range z.f.CDS {
			if k := z.key(id); k >= 0 && z.ownedBy(&z.f.Keys[k], i) && !want.has(k) {
				return true // the change of CDS is what is waited for
			}
		}
	}
	return false
}

// hasDSAskedAt reports whether the parent has the DS of a key of signer i's own that is
// not of the zone's algorithm, and that signer i asks for.
func (z *step) hasDSAskedAt(i int) bool {
	for n := range z.addresses(i) {
		a := &z.views[i].Addresses[n]
		for _, id := range a.CDS {
			if k := z.key(id); k >= 0 && !a.Transfer && z.ownedBy(&z.f.Keys[k], i) && !z.ofZone(&z.f.Keys[k]) && z.hasDS(id) {
				return true
			}
		}
	}
	return false
}

// tellParent plans that the parent is told of CDS, now and again after the bound.
func (z *step) tellParent() {
	if z.f.Told == 0 || z.t >= z.f.Told+moment(z.p.bound()) {
		z.f.Told = z.t
		z.out.TellParent = append(z.out.TellParent, TellCDS)
	}
	z.wakeAt(z.f.Told + moment(z.p.bound()))
}

// parentHas reports whether every address of the parent has exactly these keys' DS.
func (z *step) parentHas(keys []KeyID) bool {
	for n := range z.seen.Parent.Addresses {
		a := &z.seen.Parent.Addresses[n]
		if a.State != Good || a.UnknownDS > 0 || len(a.UnevenDS) > 0 || !sameKeys(a.DS, keys) {
			return false
		}
	}
	return len(z.seen.Parent.Addresses) > 0
}
