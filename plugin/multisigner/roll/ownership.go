package roll

// discover makes records of the keys that signer i publishes and nobody knew. Every key
// is taken in, whatever its flags: a key that looks like a KSK may sign data one day
// (RFC 8901 7; PROTOCOL take-keys-of-any-flags). What a transfer shows is enough.
func (z *step) discover(i int) {
	v := z.views[i]
	if i == 0 {
		z.showOwn(v)
		return
	}
	if !v.Trusted {
		return
	}
	last := -1 // another address with the same list
	for n := range v.Addresses {
		a := &v.Addresses[n]
		if !a.shows() {
			continue
		}
		if last >= 0 && sameList(a.DNSKEY, v.Addresses[last].DNSKEY) {
			z.sight(i, n).keys = z.sight(i, last).keys
		} else {
			last = n
			keys := &z.sight(i, n).keys
			for _, id := range a.DNSKEY {
				if k := z.meetKey(i, id, a.SEP); k >= 0 {
					keys.add(k)
				}
			}
		}
		// A key that is not published yet (standby, Double-DS). Signers of our kind publish
		// before they ask for a DS: what only their CDS has is somebody's copy.
		if !z.peers[i].Foreign {
			continue
		}
		for _, id := range a.CDNSKEY {
			if contains(a.CDS, id) {
				z.meetKey(i, id, a.CDNSKEY)
			}
		}
	}
	if z.f.Signers[i].Since == 0 && z.owns(i) {
		z.f.Signers[i].Since = z.t
	}
}

// lookAgain completes what addresses were seen to have: a key that is met at one may
// stand at another that was looked at before.
func (z *step) lookAgain() {
	for i := range z.f.Signers {
		for n := range z.addresses(i) {
			z.sight(i, n).keys = z.setOf(z.views[i].Addresses[n].DNSKEY)
		}
	}
}

// showOwn notes which keys of ours our servers publish.
func (z *step) showOwn(v *View) {
	for n := range v.Addresses {
		keys := &z.sight(0, n).keys
		if n > 0 && sameList(v.Addresses[n].DNSKEY, v.Addresses[n-1].DNSKEY) {
			*keys = z.sight(0, n-1).keys
			continue
		}
		for _, id := range v.Addresses[n].DNSKEY {
			if k := z.key(id); k >= 0 {
				z.f.Keys[k].Shown = z.t
				keys.add(k)
			}
		}
	}
}

// owners are the signers, from one to before another, among which that of k is.
func (z *step) owners(k *key) (from, to int) {
	if k.Owner > 0 {
		return int(k.Owner), int(k.Owner) + 1
	}
	return 1, len(z.f.Signers)
}

// owns reports whether any key belongs to signer i.
func (z *step) owns(i int) bool {
	for k := range z.f.Keys {
		if z.ownedBy(&z.f.Keys[k], i) {
			return true
		}
	}
	return false
}

// ownedBy reports whether k is signer i's, as far as is known.
func (z *step) ownedBy(k *key, i int) bool {
	if k.Owner >= 0 {
		return int(k.Owner) == i
	}
	return k.Candidates&(1<<i) != 0
}

// meetKey notes that signer i publishes id. A key that is known already gains
// nothing by being copied. A new one may be i's: all signers that show it at our first
// sight are candidates until it signs somewhere, and a signer of other software is from when it shows
// the key, which may have been copied from it before we saw it there. It is a SEP when it is one of seps. It
// returns its place, or -1.
func (z *step) meetKey(i int, id KeyID, seps []KeyID) int {
	k := z.key(id)
	if k >= 0 {
		key := &z.f.Keys[k]
		key.Shown = z.t
		if key.Owner < 0 && key.Candidates&(1<<i) == 0 && (key.Created == z.t || z.peers[i] != nil && z.peers[i].Foreign) {
			key.Candidates |= 1 << i
			key.Expired = false
		}
		return k
	}
	if z.limitReached(i) {
		z.alarm(AlarmPeerKeys, z.name(i), "peer "+z.name(i)+" publishes more keys than one signer needs: new ones are ignored",
			"ask its operator to remove keys")
		return -1
	}
	role, sep := ZSK, contains(seps, id)
	if sep {
		role = KSK
	}
	return z.add(key{ID: id, Role: role, SEP: sep, Owner: -1, Candidates: 1 << i, Shown: z.t})
}

func (z *step) limitReached(i int) bool {
	n := 0
	for k := range z.f.Keys {
		if z.f.Keys[k].Owner != 0 && z.ownedBy(&z.f.Keys[k], i) && z.f.Keys[k].Gone == 0 {
			n++
		}
	}
	return n >= keysMet || z.full()
}

// settleOwners gives keys to the signer that is seen to sign with them, and notes
// signatures and absence (PROTOCOL owner-by-signature). A copy is never evidence: only
// the owner's own addresses are looked at for either (PROTOCOL copy-is-no-evidence).
func (z *step) settleOwners() {
	for i := 1; i < len(z.f.Signers); i++ {
		v := z.views[i]
		if v == nil || !v.Trusted {
			continue
		}
		last := -1 // another address with the same lists
		for n := range v.Addresses {
			a := &v.Addresses[n]
			if !a.shows() {
				continue
			}
			if last >= 0 && sameList(a.Entry, v.Addresses[last].Entry) && sameList(a.DataSigners, v.Addresses[last].DataSigners) {
				z.sight(i, n).data = z.sight(i, last).data
				continue
			}
			last = n
			z.settle(i, a.Entry, nil)
			z.settle(i, a.DataSigners, &z.sight(i, n).data)
		}
	}
	for k := range z.f.Keys {
		if z.f.Keys[k].Owner != 0 {
			z.observeAbsence(k)
			z.observeSilence(k)
			z.observeGiven(k)
		}
	}
}

// observeSilence notes that a peer's key has stopped signing. It did so somewhere
// between two looks; the later one counts. A peer that is not seen may still sign.
func (z *step) observeSilence(place int) {
	k := &z.f.Keys[place]
	if !k.Signing {
		return
	}
	k.LastSig = z.t
	i := int(k.Owner)
	v := z.views[i]
	if v == nil || !v.Trusted || !z.fresh[i] {
		return
	}
	for n := range v.Addresses {
		if v.Addresses[n].shows() && z.sight(i, n).data.has(place) {
			return
		}
	}
	k.Signing = false
}

// observeGiven notes until when anybody may have given out data signed by a key that nobody is seen
// to own: one who has lost it, by servers that have not got anything newer, or we have. Whoever was
// seen without such data gives out none later, if he was not out of sight for long. While we refuse, servers
// of ours that nobody looks at get nothing newer.
func (z *step) observeGiven(place int) {
	k := &z.f.Keys[place]
	if k.Owner >= 0 {
		return
	}
	before, now := k.Unseen, uint32(0)
	for i := range z.f.Signers {
		if z.awaited(i) && !z.fresh[i] && (k.Given == 0 || before&(1<<i) != 0 || z.lostSight(i)) {
			now |= 1 << i
		}
	}
	for n := range z.addresses(0) {
		if contains(z.views[0].Addresses[n].DataSigners, k.ID) {
			now |= 1
		}
	}
	if k.Unseen = now; k.Given == 0 || before|now != 0 || z.f.Joining != 0 {
		k.Given = z.t
	}
}

// lostSight reports whether some address of signer i was not seen for so long that a key may have come and gone
// there: a key is shown by its owner for a margin before it signs, and for another one after.
func (z *step) lostSight(i int) bool {
	none := true
	for n := range z.f.Addresses {
		if a := &z.f.Addresses[n]; int(a.Signer) == i {
			if none = false; z.t-a.Seen > z.margin() {
				return true
			}
		}
	}
	return none
}

// settle takes in who signs something at signer i; data, if that is not the DNSKEY
// RRset, gets their places.
func (z *step) settle(i int, signers []KeyID, data *keySet) {
	for _, id := range signers {
		n := z.key(id)
		if n < 0 {
			continue
		}
		if data != nil {
			data.add(n)
		}
		k := &z.f.Keys[n]
		if k.Owner < 0 {
			k.Owner, k.Evidence, k.Candidates, k.Expired, k.Unseen = int8(i), signs, 0, false, 0
		}
		if int(k.Owner) != i || i == 0 {
			continue
		}
		if data != nil {
			k.Signing, k.LastSig = true, z.t
			if k.Role == KSK && k.SEP && z.signsZone(i, id) {
				k.Role = CSK
			}
		}
	}
}

// signsZone reports whether id signs data of signer i by itself: where no other key
// of its algorithm does, it is a CSK. KSKs sign CDS and CDNSKEY, too, so that alone
// says nothing.
func (z *step) signsZone(i int, id KeyID) bool {
	for n := range z.views[i].Addresses {
		a := &z.views[i].Addresses[n]
		if !a.shows() || !contains(a.DataSigners, id) {
			continue
		}
		for _, other := range a.DataSigners {
			if other.Algorithm == id.Algorithm && !contains(a.SEP, other) {
				return false
			}
		}
		return true
	}
	return false
}

// observeAbsence notes since when the owner of k, a peer's key, is seen without it.
// Silence is not absence; every address must have said so.
func (z *step) observeAbsence(place int) {
	k := &z.f.Keys[place]
	absent := true
	for i, end := z.owners(k); i < end; i++ {
		if !z.ownedBy(k, i) {
			continue
		}
		v := z.views[i]
		if v == nil || !v.Trusted || !z.fresh[i] {
			absent = false
		}
		if v == nil || !v.Trusted {
			continue
		}
		for n := range v.Addresses {
			if v.Addresses[n].shows() && z.sight(i, n).keys.has(place) {
				k.Absent = 0
				return
			}
		}
	}
	if absent && k.Absent == 0 {
		k.Absent = z.t
	}
	if !absent {
		k.Absent = 0 // it may have been back unseen
	}
}
