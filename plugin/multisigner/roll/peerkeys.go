package roll

// peerKeys decides which of the peers' keys stand in our DNSKEY RRset: each from the
// moment its owner shows it anywhere, until its owner was seen without it for so long
// that nobody can need our copy (RFC 8901 6.2; PROTOCOL owner-withdraws-first). How many
// there may be, PROTOCOL keys-have-limits says.
func (z *step) peerKeys() {
	var out []int
	for k := range z.f.Keys {
		key := &z.f.Keys[k]
		if key.Owner == 0 {
			continue
		}
		if key.Owner < 0 && (!z.mayBeForeign(key) || z.expire(k)) {
			continue
		}
		if z.ownerShows(k) {
			if !z.knowsAlgorithm(key.ID.Algorithm) {
				if z.moves(key) {
					continue // we publish ours at the same time
				}
				z.alarm(AlarmPeerAlgorithm, label(key), "a peer publishes "+label(key)+" of algorithm "+itoa(int(key.ID.Algorithm))+", with which we do not sign: it is not taken over",
					"give all signers the same algorithm")
				continue
			}
			switch {
			case key.published() && z.stays(k):
			case key.published():
				key.Gone = z.t
			case z.takes(k):
				key.Pub, key.Gone = z.t, 0
			default:
				out = append(out, k)
			}
			continue
		}
		if key.published() {
			z.withdraw(k)
		}
	}
	z.leftOut(out)
}

// mayBeForeign reports whether a key that was not seen to sign anything may belong to
// a signer of other software. Signers of our kind sign their DNSKEY RRset with every
// key of their own, so with them such a key is a copy, or will soon be seen at its owner.
func (z *step) mayBeForeign(key *key) bool {
	for i := 1; i < len(z.f.Signers); i++ {
		if z.ownedBy(key, i) && z.peers[i] != nil && z.peers[i].Foreign {
			return true
		}
	}
	return false
}

// expire gives up a key that nobody was ever seen to sign with, and that not all signers
// publish although they have had twice the time in which a withdrawn key is forgotten.
// Else two signers that lost their state could take each other for the owner of a key for
// ever, when its owner has long dropped it. Should it sign one day, it is taken over at
// once (PROTOCOL unowned-copy-expires).
func (z *step) expire(k int) bool {
	key := &z.f.Keys[k]
	if key.Expired {
		return true
	}
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
	if key.Lacking == 0 || z.still() {
		return false
	}
	end := key.Lacking + 2*moment(z.p.retain())
	z.wakeAt(end)
	if z.t >= end {
		key.Expired = true
		if key.published() {
			key.Gone = z.t
		}
	}
	return key.Expired
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

// withdraw lets a peer's key go when its owner was seen without it long enough, and
// nothing that it signed can be in a cache: the owner may be too fast with that. It is
// Iret of RFC 7583 3.2.1, by two looks longer (PROTOCOL copy-out-of-use).
func (z *step) withdraw(k int) {
	key := &z.f.Keys[k]
	if key.Absent == 0 || z.still() && !key.Compromised {
		return
	}
	looks := 2 * moment(z.p.interval())
	var resign, way moment
	slowest := &peaks{}
	for i := 1; i < len(z.f.Signers); i++ {
		if z.ownedBy(key, i) {
			slowest, way = larger(slowest, &z.f.Signers[i].DNSKEYTTL), max(way, z.propagation(i))
			if z.peers[i] != nil {
				resign = max(resign, moment(z.peers[i].Resign))
			}
		}
	}
	h, stays := z.leaving(k), ttlOf(ownersKeyTTL, -1, slowest)
	if looks >= stays.long {
		stays = plain(twoLooks, looks)
	}
	z.pass(&h, ownerWithout, k, key.Absent, stays, plain(propagation, way))
	if key.LastSig != 0 {
		z.pass(&h, rrsigOutOfCaches, k, key.LastSig, z.ownerTTL(key), plain(resigning, resign), plain(twoLooks, looks), plain(propagation, way))
	}
	if h.blocked {
		z.wait(waitRemoval, key.ID, "drop "+z.name(z.ownerOf(key))+"'s "+label(key), &h)
		return
	}
	key.Gone = z.t
}

// still reports whether rollovers stand still: by order, or because something is broken
// that the next step could make worse (PROTOCOL freeze-stops-rollovers,
// injury-stops-rollovers).
func (z *step) still() bool { return z.red || z.f.Orders.Frozen }
