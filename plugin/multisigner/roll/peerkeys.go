package roll

// Which of the peers' keys stand in our DNSKEY RRset: each from the moment its owner shows it
// anywhere, or anybody while no owner is known, until its owner was seen without it for so long
// that nobody can need our copy (RFC 8901 6.2; PROTOCOL owner-withdraws-first). How many there may
// be, PROTOCOL keys-have-limits says.

// peerKeys finds which of the peers' keys are shown by an owner, and which nobody owns any more.
func (z *step) peerKeys() {
	for range z.f.Keys {
		z.copies = append(z.copies, noCopy)
	}
	for k := range z.f.Keys {
		key := &z.f.Keys[k]
		switch {
		case key.Owner == 0:
		case key.Owner < 0 && z.expire(k):
			z.copies[k] = expiredCopy
		case !z.ownerShows(k):
			z.copies[k] = unshownCopy
		case z.knowsAlgorithm(key.ID.Algorithm):
			z.copies[k] = shownCopy
		case !z.moves(key) && z.quotaOf(key) != nobody: // else we publish ours at the same time, or it is a copy
			z.alarm(AlarmPeerAlgorithm, label(key), "a peer publishes "+label(key)+" of algorithm "+itoa(int(key.ID.Algorithm))+", with which we do not sign: it is not taken over",
				"give all signers the same algorithm")
		}
	}
}

// peersKeys are those of which others have the private part.
func peersKeys(z *step) []int {
	z.theirs = z.theirs[:0]
	for k := range z.f.Keys {
		if z.f.Keys[k].Owner != 0 {
			z.theirs = append(z.theirs, k)
		}
	}
	return z.theirs
}

// isToYield reports whether our copy of key k goes at once: nobody owns it, or it shares a tag
// with a key of ours and nobody signs with it.
func (z *step) isToYield(k int) bool {
	return z.f.Keys[k].published() && (z.copies[k] == expiredCopy || z.copies[k] == shownCopy && !z.stays(k))
}

// isCopyToLeave reports whether our copy of key k is to go because its owner was seen without it.
func (z *step) isCopyToLeave(k int) bool {
	key := &z.f.Keys[k]
	return z.copies[k] == unshownCopy && key.published() && key.Absent != 0 && (!z.f.Orders.Frozen || key.Compromised)
}

// isToBeTaken reports whether key k is to be published for its owner, if there is room.
func (z *step) isToBeTaken(k int) bool { return z.copies[k] == shownCopy && !z.f.Keys[k].published() }

// mayBeForeign reports whether a key that was not seen to sign anything may belong to
// a signer of other software. Signers of our kind sign their DNSKEY RRset with every
// key of their own, so with them such a key is a copy, or will soon be seen at its owner.
func (z *step) mayBeForeign(key *key) bool { return key.Owner < 0 && z.foreignOwner(key) != nobody }

// foreignOwner is the first signer of other software that may own key, or nobody.
func (z *step) foreignOwner(key *key) int {
	for i := 1; i < len(z.f.Signers); i++ {
		if z.ownedBy(key, i) && z.peers[i] != nil && z.peers[i].Foreign {
			return i
		}
	}
	return nobody
}

// nobody stands in the place of a signer.
const nobody = -1

// expire gives up a key that nobody was ever seen to sign with. Else signers that lost their
// state could take each other for the owner of a key for ever, when its owner has long dropped
// it. Should it sign one day, it is taken over at once (PROTOCOL unowned-copy-expires).
func (z *step) expire(k int) bool {
	key := &z.f.Keys[k]
	switch {
	case key.Expired:
	case key.Hasty:
		key.Expired = true
	case z.mayBeForeign(key):
		key.Expired = z.isUnclaimed(key, k)
	case !z.peersFresh():
	default: // its owner would be seen to sign with it
		var h hold
		z.copyUnneeded(&h, k)
		z.wakeAt(h.until)
		key.Expired = !h.blocked && (!z.f.Orders.Frozen || key.Compromised)
	}
	return key.Expired
}

// isUnclaimed reports whether not all signers publish key, at place k, although they have had twice the
// time in which a withdrawn key is forgotten.
func (z *step) isUnclaimed(key *key, k int) bool {
	lacking := false
	for i := 1; i < len(z.f.Signers); i++ {
		if !z.member(i) || !z.fresh[i] {
			continue
		}
		for n := range z.addresses(i) {
			lacking = lacking || !z.views[i].Addresses[n].Transfer && !z.sight(i, n).keys.has(k)
		}
	}
	switch {
	case !lacking:
		key.Lacking = 0
	case key.Lacking == 0:
		key.Lacking = z.t
	}
	if key.Lacking == 0 || z.f.Orders.Frozen && !key.Compromised {
		return false
	}
	end := key.Lacking + 2*moment(z.p.retain())
	z.wakeAt(end)
	return z.t >= end
}

// ownerShows reports whether any address of the key's owner publishes it.
func (z *step) ownerShows(k int) bool {
	key := &z.f.Keys[k]
	for i, end := z.owners(key); i < end; i++ {
		v := z.views[i]
		if v == nil || !v.Trusted || !z.ownedBy(key, i) {
			continue
		}
		for n := range v.Addresses {
			if v.Addresses[n].shows() && z.sight(i, n).keys.has(k) {
				return true
			}
		}
	}
	return false
}

// knowsAlgorithm reports whether every RRset of ours in any cache is signed with
// algorithm: only then may our DNSKEY RRset have a key of it (RFC 4035 2.2;
// PROTOCOL rrsig-before-dnskey).
func (z *step) knowsAlgorithm(algorithm uint8) bool {
	if algorithm == z.f.Algorithm || z.f.Algorithm == 0 && algorithm == z.p.Algorithm {
		return true
	}
	return algorithm == z.f.Moving && z.publishes(algorithm)
}

// ownerGone holds until no cache can hold a DNSKEY RRset of its owner with key k. It is Iret of
// RFC 7583 3.2.1, by two looks longer (PROTOCOL copy-out-of-use).
func (z *step) ownerGone(h *hold, k int) {
	key := &z.f.Keys[k]
	slowest := &peaks{}
	for i := 1; i < len(z.f.Signers); i++ {
		if z.ownedBy(key, i) {
			slowest = larger(slowest, &z.f.Signers[i].DNSKEYTTL)
		}
	}
	needed := z.copyNeeded(key)
	stays, looks, way := ttlOf(ownersKeyTTL, -1, slowest), needed[2], needed[3]
	if looks.long >= stays.long {
		stays = looks
	}
	z.pass(h, ownerWithout, k, key.Absent, stays, way)
}

// copyUnneeded holds until nothing that key k, a peer's, has signed can be in a cache: its owner may
// be too fast with it, or have lost it.
func (z *step) copyUnneeded(h *hold, k int) {
	key := &z.f.Keys[k]
	if key.Unseen != 0 || key.Owner < 0 && z.f.Joining != 0 {
		z.tellGivers(h, k)
	}
	if last := max(key.LastSig, key.Given); last != 0 {
		needed := z.copyNeeded(key)
		z.pass(h, rrsigOutOfCaches, k, last, needed[:]...)
	}
}

// tellGivers names who may give out data signed by key k, of which no owner is known. Until nobody does, the
// wait for caches begins anew at each look.
func (z *step) tellGivers(h *hold, k int) {
	for i := range z.f.Signers {
		if z.awaited(i) && !z.fresh[i] {
			z.notFresh(h, i)
		}
	}
	if z.f.Keys[k].Unseen&1 != 0 || z.f.Joining != 0 {
		h.needs(ownDataWithout, k, all(0))
	}
}

// copyNeeded is for how long after a peer's key was last seen to sign data that data may be in a
// cache: its TTL, until all was signed anew, two looks, and the way to the last server that
// nobody sees (PROTOCOL copy-out-of-use).
func (z *step) copyNeeded(key *key) [4]term {
	var resign, way moment
	for i := range z.f.Signers {
		if z.mayHaveOwned(key, i) {
			way = max(way, z.propagation(i))
			if i > 0 && z.peers[i] != nil {
				resign = max(resign, moment(z.peers[i].Resign))
			}
		}
	}
	signed := z.ownerTTL(key)
	if key.Owner < 0 { // what its owner served nobody knows any more
		signed.long = max(signed.long, moment(unknownTTL))
	}
	return [...]term{signed, plain(resigning, resign), plain(twoLooks, 2*moment(z.p.interval())), plain(propagation, way)}
}

// mayHaveOwned reports whether signer i owns key, or nobody is seen to and it may have lost it.
func (z *step) mayHaveOwned(key *key, i int) bool { return key.Owner < 0 || int(key.Owner) == i }

// still reports whether rollovers stand still: by order, or because something is broken
// that the next step could make worse (PROTOCOL freeze-stops-rollovers,
// injury-stops-rollovers).
func (z *step) still() bool { return z.red || z.f.Orders.Frozen }
