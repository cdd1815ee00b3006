package roll

import "slices"

// What CDS and CDNSKEY say is an order to the parent that any parent may carry out at any time
// after it saw it at a single server (RFC 7344 6.1, RFC 8901 8). So it changes only to a set under
// which every signer's answers validate, for every DNSKEY RRset in any cache; until then it stays
// as it is, and at first there is none.

// takeBackCDS withdraws a CDS RRset that nobody may follow any more.
func (z *step) takeBackCDS() {
	if !z.names() {
		z.f.CDS = nil
		return
	}
	z.takeBack()
}

// names reports whether CDS may name keys: there is a parent, and the zone does not go insecure.
func (z *step) names() bool { return z.p.Parent != ParentNone && z.f.Orders.Insecure == 0 }

// isToChangeCDS reports whether CDS names other keys than those that are to have a DS.
func (z *step) isToChangeCDS(int) bool {
	if !z.names() {
		return false
	}
	want := z.wantedDS()
	return !z.asksFor(&want)
}

// goingCDS says whether it is an emergency that CDS is to change.
func (z *step) goingCDS(int) hold { return hold{urgent: z.urgent(), hasty: z.hastyEntry()} }

func (z *step) changeCDS(int) {
	want := z.wantedDS()
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
	if next := z.incumbent(func(k *key) bool { return k.entry() && k.DSSince != 0 }); z.f.Moving == 0 && z.parentFresh && next >= 0 && z.namesOurs(z.f.CDS) && !z.namesOurDS(z.f.CDS) {
		z.f.CDS = nil
		z.alarm(AlarmTakenBack, label(&z.f.Keys[next]), "the parent has the DS of "+label(&z.f.Keys[next])+", and our CDS named only keys of ours whose DS the parent has no more: our CDS is withdrawn", "see why our state is older than that")
		return
	}
	for i := range z.f.Signers {
		for n := range z.addresses(i) {
			a := &z.views[i].Addresses[n]
			if a.State == Unsigned && i > 0 && z.member(i) && z.f.NoDS != 0 {
				z.f.CDS = nil
				z.alarm(AlarmTakenBack, z.name(i), "the zone is unsigned at "+z.whereIs(i, a)+" and has no DS: our CDS is withdrawn", "have it signed there (`secure`, if it went insecure); or give `insecure` here, too")
				return
			}
			if a.State != Good || a.Transfer || i > 0 && !z.views[i].Trusted || !z.member(i) && !z.inChain(i) || shareKey(a.Entry, z.f.CDS) || len(a.Entry) == 0 {
				continue
			}
			z.f.CDS = nil
			if i > 0 && !z.inChain(i) {
				return // it joins: nobody's state is old
			}
			z.alarm(AlarmTakenBack, z.name(i), "our CDS named no key that signs the DNSKEY RRset of "+z.whereIs(i, a)+": our CDS is withdrawn", "see why our state is older than that")
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
		if z.awaited(i) {
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
		if !z.awaited(i) {
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
			h.needs(ownHaveEntryKey, noKey, all(0))
		default:
			h.needs(peersHaveEntryKey, noKey, all(i))
		}
	}
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

// leavesLate reports whether key k, on its way out, keeps its DS until it is gone: by DoubleDS the
// DNSKEY goes first. One that has no DS any more gets none back.
func (z *step) leavesLate(k int) bool {
	next, id := z.incumbent((*key).entry), z.f.Keys[k].ID
	return next >= 0 && z.f.Keys[next].Double && (contains(z.f.CDS, id) || len(z.f.CDS) == 0 && z.hasDS(id))
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
	if !z.alike(i) {
		return want
	}
	if has := z.withDS(&want); has != (keySet{}) {
		return has
	}
	return z.newest(want)
}

// withDS are those of some keys that have a DS at any address of the parent. A signer of our kind
// that went silent may sign with all keys that it ever had. A DS RRset with each of them would be
// larger than some validators look at, and one that they have is enough until it asks itself.
func (z *step) withDS(keys *keySet) (has keySet) {
	for k := range z.f.Keys {
		if keys.has(k) && z.hasDS(z.f.Keys[k].ID) {
			has.add(k)
		}
	}
	return has
}

// newest are the two keys of a signer that were seen last, of those that may get a DS: what it will
// ask for itself, and its successor. Those of before are on their way out. With all of them the first
// DS RRset of a group would be larger than some validators look at.
func (z *step) newest(keys keySet) (last keySet) {
	for range 2 {
		next := -1
		for k := range z.f.Keys {
			if keys.has(k) && !last.has(k) && (next < 0 || z.f.Keys[k].Created >= z.f.Keys[next].Created) {
				next = k
			}
		}
		if next >= 0 {
			last.add(next)
		}
	}
	return last
}

// alike reports whether signer i is a peer of our kind.
func (z *step) alike(i int) bool { return i > 0 && z.peers[i] != nil && !z.peers[i].Foreign }

// wants adds those of a list that are signer i's own, and of the zone's algorithm. What a
// signer of our kind asks for has signed its DNSKEY RRset: what has signed nothing there
// is a copy, of a key that its owner has lost.
func (z *step) wants(i int, ids []KeyID, want *keySet) {
	alike := z.alike(i)
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

// peersCDSKnown holds while a peer cannot be seen, or its CDS says what we cannot say with it.
func (z *step) peersCDSKnown(h *hold) {
	for i := 1; i < len(z.f.Signers); i++ {
		if !z.awaited(i) {
			continue
		}
		if !z.fresh[i] {
			z.notFresh(h, i)
			continue
		}
		for n := range z.views[i].Addresses {
			z.safeCDS(h, i, n)
		}
	}
}

// dataValid holds until every signer's data validates under every signer's DNSKEY RRset, cached
// ones included.
func (z *step) dataValid(h *hold) {
	for k := range z.f.Keys {
		if !z.live(k) || z.lazy(k) || z.laidDown(k) {
			continue
		}
		for i := range z.f.Signers {
			if z.member(i) {
				z.servedAt(h, i, k)
			}
		}
	}
}

// laidDown reports whether the owner of key k, a peer of our kind, is seen without it. It withdraws
// a key when its signatures have left the caches, so nobody needs it; our copy stays longer, for
// safety. If a peer's lifetimes are short there is always such a copy, and CDS would never change.
// Before there is a CDS it counts: a peer may have lost its keys then, and made new ones
// (PROTOCOL withdrawn-key-holds-no-cds).
func (z *step) laidDown(k int) bool {
	key := &z.f.Keys[k]
	return key.Owner > 0 && key.Absent != 0 && len(z.f.CDS) > 0 && z.alike(int(key.Owner))
}

// unsignedGone holds the first CDS until no cache can hold data of any signer from before it was
// signed: the zone was unsigned, or absent, before (RFC 7583 3.3.5; PROTOCOL unsigned-out-of-caches).
func (z *step) unsignedGone(h *hold) {
	if len(z.f.CDS) > 0 {
		return
	}
	for k := range z.f.Keys {
		if !z.live(k) || z.lazy(k) {
			continue
		}
		i := z.ownerOf(&z.f.Keys[k])
		if since := z.spread(i, k); since != 0 {
			z.pass(h, unsignedOutOfCaches, noKey, since, z.dataTTL(i), z.way(i))
		}
		z.firstSight(h, i)
	}
}

// disowned holds while the parent has a DS that belongs to no known key, and nobody has
// said that it may go: whatever the parent takes from us replaces all it has
// (PROTOCOL unknown-ds-is-disowned-first).
func (z *step) disowned(h *hold) {
	if z.unknownDS > 0 && !z.f.Orders.Disowned {
		z.onParent(h, strangerDisowned, noKey, func(a *ParentAddress) bool { return a.UnknownDS > 0 })
		z.alarm(AlarmParentStranger, "", "the parent has a DS that belongs to no known key: the parent is told nothing, and CDS stays as it is",
			"name its signer as a peer and see that every peer answers, or remove it at the parent, or give `disown` at every signer")
	}
}

// toldApart holds while two keys in any DNSKEY RRset have one tag and algorithm, cached
// ones included: before there is a DS, one of them can be rolled without anybody minding
// (PROTOCOL tags-told-apart-before-ds, one-tag-out-of-caches).
func (z *step) toldApart(h *hold) {
	if len(z.f.CDS) > 0 {
		return
	}
	for k := range z.f.Keys {
		key := &z.f.Keys[k]
		other := z.clash(key)
		switch {
		case other == nil || !other.published() || key.Pub == 0 && key.Shown == 0:
		case key.published():
			h.needs(tagsToldApart, noKey, all(z.ownerOf(other)))
		default:
			for i := range z.f.Signers {
				z.pass(h, oneTagOutOfCaches, noKey, max(key.Gone, key.Shown), z.keyTTL(i), z.way(i))
			}
		}
	}
}

// lazy reports whether key k, a peer's, signs nothing that another key of the peer
// does not sign, too: signers of our kind sign CDS with all their keys.
func (z *step) lazy(k int) bool {
	key := &z.f.Keys[k]
	return key.Owner > 0 && key.Role == KSK && z.peers[key.Owner] != nil && !z.peers[key.Owner].Foreign
}

// notFresh holds for a signer that was not seen as a whole just now: for those of its addresses
// that were not, or where it has none, for all of it.
func (z *step) notFresh(h *hold, i int) {
	named := false
	for n := range z.addresses(i) {
		a := &z.views[i].Addresses[n]
		named = !a.Transfer && z.unseen(h, i, n) || named
	}
	if !named {
		h.needs(peersTrusted, noKey, all(i))
	}
}

// safeCDS holds for what the nth address of a peer says to the parent that we cannot say with
// it. A DS RRset with a digest type that some key has no record of leaves that key's signer
// bogus to those who go by the strongest type (PROTOCOL digest-types-for-all-keys).
func (z *step) safeCDS(h *hold, i, n int) {
	a := &z.views[i].Addresses[n]
	if a.Transfer {
		return
	}
	if a.UnknownCDS > 0 {
		h.needs(cdsKnown, noKey, at(i, n))
	}
	if len(a.UnevenCDS) > 0 && !h.urgent {
		h.needs(cdsEven, noKey, at(i, n))
	}
	if a.CDSDelete && z.f.Orders.Insecure == 0 {
		h.needs(deletionTakenBack, noKey, at(i, n))
		z.alarm(AlarmPeerDeletes, z.name(i)+" "+a.Addr, "peer "+z.whereIs(i, a)+" asks the parent to remove the DS (RFC 8078); we do not",
			"give `insecure` here, too, if the zone is to go insecure; else `secure` there")
	}
}

// agreed holds until every address of every signer serves the CDS and CDNSKEY that we
// want: only then is the parent told (RFC 8901 8; PROTOCOL parent-told-when-all-agree).
func (z *step) agreed(h *hold) {
	if !sameKeys(z.seen.Published.CDS, z.f.CDS) {
		h.needs(ownCDS, noKey, all(0))
	}
	for i := range z.f.Signers {
		if !z.awaited(i) {
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
				h.needs(signersAgree, noKey, at(i, n))
			}
			if len(a.UnevenCDS) > 0 {
				h.needs(cdsEven, noKey, at(i, n))
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

// parentFollowed notes that the parent has what CDS asks for: if that changes, it is told at once.
func (z *step) parentFollowed() {
	if z.tells() && z.parentHas(z.f.CDS) {
		z.f.Told = 0
	}
}

// tells reports whether there is a parent to be told, and something to tell.
func (z *step) tells() bool { return z.p.Parent != ParentNone && !z.orphaned && len(z.f.CDS) > 0 }

// isToTell reports whether the parent does not have the set that CDS asks for.
func (z *step) isToTell(int) bool { return z.tells() && !z.parentHas(z.f.CDS) }

// tell plans the notification of the parent, and says what is awaited of it.
func (z *step) tell(int) {
	z.tellParent()
	g := parentHasAll
	if z.p.Parent == ParentManual {
		g = personBringsAll
	}
	var h hold
	z.onParent(&h, g, noKey, func(a *ParentAddress) bool { return a.UnknownDS > 0 || !sameKeys(a.DS, z.f.CDS) })
	z.wait(waitDS, noKey, &h)
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
			z.wait(waitPaste, noKey, &h)
			return true
		}
		if z.asksForOther(i, z.views[i]) && (!z.parentFresh || z.hasDSAskedAt(i)) {
			var h hold
			if z.parentLooked(&h); !h.blocked {
				h.needs(dsExchangedHere, noKey, all(0))
			}
			z.wait(waitPaste, noKey, &h)
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
			if k := z.key(id); k >= 0 && z.ownedBy(&z.f.Keys[k], i) && !z.ofZone(&z.f.Keys[k]) && z.hasDS(id) {
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
