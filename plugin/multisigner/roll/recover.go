package roll

import "time"

// recover takes the keys in the key store for ours although no state tells what they
// did. All are published, and all that may have signed last sign: whatever DNSKEY
// RRset a cache has, one of them is in it. They go back to one when one is known to
// be in all (PROTOCOL one-key-when-everywhere). Those with a DS enter. It says why it cannot, or nothing.
func (z *step) recover() refusal {
	if z.p.Parent != ParentNone && !z.parentFresh {
		return whyUnasked
	}
	data, entry := z.bestKnown(), -1
	for _, k := range z.ours {
		if key := &z.f.Keys[k]; z.held[k] && key.Role.Entry() && (entry < 0 || key.DSSince > z.f.Keys[entry].DSSince) {
			entry = k
		}
	}
	switch { // before anything is changed: what was begun would be gone on with
	case data < 0:
		return whyNoDataKey
	case entry < 0:
		return whyNoEntryKey
	}
	for _, k := range z.ours {
		key := &z.f.Keys[k]
		if !z.held[k] {
			continue
		}
		key.enter(z.t)
		if key.Role.Data() {
			key.sign(z.t)
		}
		if key.Role.Entry() {
			key.ask(z.t)
		}
	}
	for _, k := range z.ours {
		if key := &z.f.Keys[k]; key.entry() && k != entry && key.DSSince == 0 {
			key.retire(z.t)
		}
	}
	z.f.Algorithm = z.f.Keys[data].ID.Algorithm
	for _, k := range z.ours { // an algorithm rollover was under way: the zone's is the one that the DS has
		if key := &z.f.Keys[k]; key.signing() && key.ID.Algorithm == z.f.Keys[entry].ID.Algorithm {
			z.f.Algorithm = key.ID.Algorithm
		}
	}
	for _, k := range z.ours {
		if key := &z.f.Keys[k]; !z.ofZone(key) {
			key.unasked() // as if it had been on its way in
		}
	}
	z.observeMoving()
	z.f.DSTTL.see(unknownTTL, z.t)
	z.f.assume(z.mayHaveSigned(), moment(unknownTTL), z.t)
	for i := 1; i < len(z.f.Signers); i++ {
		z.f.Signers[i].DNSKEYTTL.see(unknownTTL, z.t)
		z.f.Signers[i].MaxTTL.see(unknownTTL, z.t)
	}
	z.f.Orders.Recover, z.f.Recovered = false, z.t
	if z.joinsStill() {
		z.f.Joining, z.f.Known = z.t, false
	} else if !z.knownToAll() {
		z.f.Joining, z.f.Known = z.t, true // a peer may have forgotten us meanwhile: our answers are good when it knows us again
	}
	return refusesNobody
}

// mayHaveSigned are our keys that may have signed data before the state was lost.
func (z *step) mayHaveSigned() (ids keyIDs) {
	for _, k := range z.ours {
		if key := &z.f.Keys[k]; key.Role.Data() {
			ids = append(ids, key.ID)
		}
	}
	return ids
}

// unknownTTL is the TTL that any RRset in a cache may have had before a state was lost,
// or before anything was seen: the parent, a peer or our own operator may have lowered
// it just at a change. Our choice: what most zones and parents have at most.
const unknownTTL = 24 * time.Hour

// bestKnown returns the data key of ours that most addresses publish, or -1.
func (z *step) bestKnown() int {
	best, most := -1, -1
	for _, k := range z.ours {
		key := &z.f.Keys[k]
		if !z.held[k] || !key.Role.Data() {
			continue
		}
		n := 0
		for i := range z.f.Signers {
			for a := range z.addresses(i) {
				if contains(z.views[i].Addresses[a].DNSKEY, key.ID) {
					n++
				}
			}
		}
		if n > most {
			best, most = k, n
		}
	}
	return best
}

// restored notices that our state is older than the world: others publish a key of ours
// of which the state knows nothing, or none that we think signs our data, or, when
// nothing is served yet, our secondaries serve what another key signed. Which key signed
// last cannot always be told. So all that may have done so sign together, and whatever
// DNSKEY RRset a cache has, one of them is in it, until one is known to be in all
// (PROTOCOL one-key-when-everywhere). CDS is silent until all is known anew (PROTOCOL
// shown-keys-are-taken-back, all-that-may-have-signed-sign).
func (z *step) restored() {
	found := z.adoptShown()
	if z.seen.Published.none() {
		for n := range z.addresses(0) {
			for _, id := range z.views[0].Addresses[n].DataSigners {
				found = z.signToo(z.key(id)) || found
			}
		}
	}
	for _, k := range z.ours {
		if key := &z.f.Keys[k]; key.published() && !key.signing() && key.Role.Data() && z.ofZone(key) && z.shownInstead(k) && z.signToo(k) {
			z.alarm(AlarmWentBack, label(key), "a peer has "+label(key)+" and none of the keys that sign our data: that key signs again, too", "see which of us was restored to an old state")
		}
	}
	for _, k := range z.ours { // a standby key, or a successor, may have been in use since
		if key := &z.f.Keys[k]; found && key.published() && key.Shown == z.t && z.ofZone(key) {
			z.signToo(k)
		}
	}
	if found {
		z.f.assume(z.mayHaveSigned(), moment(unknownTTL), 0)
	}
	enters := z.incumbent((*key).entry)
	for _, k := range z.ours {
		key := &z.f.Keys[k]
		if key.published() && key.Role.Entry() && key.EntryOn == 0 && z.held[k] && z.ofZone(key) && z.hasDS(key.ID) {
			if enters >= 0 && z.hasDS(z.f.Keys[enters].ID) {
				continue // somebody asked for the standby key's, too
			}
			key.ask(z.t) // we must have asked for it
			found = true
			z.retireEntry(k)
		}
	}
	if found {
		z.f.CDS = nil
		z.alarm(AlarmWentBack, "", "other servers know later keys of ours than our state: every key that may have signed last signs now", "see why an old state was restored")
	}
}

// unshown takes back that a key signs when a crash kept that from being shown, and
// others have lost the key since: what they see is still signed by the one before.
func (z *step) unshown() {
	for _, k := range z.ours {
		key := &z.f.Keys[k]
		if !key.signing() || !z.ofZone(key) || contains(z.seen.Published.Signers, key.ID) {
			continue
		}
		for n := range z.f.Keys {
			old := &z.f.Keys[n]
			if old.Owner != 0 || old.DataOff != key.DataOn || !old.published() || !contains(z.seen.Published.Signers, old.ID) {
				continue
			}
			var h hold
			z.everywhere(&h, k)
			if h.blocked {
				key.unsigned()
				old.signsOn()
				break
			}
		}
	}
}

// arrived notices that the zone has another algorithm than our state says: keys of ours
// that were never asked for have a DS, and none of the zone's has one. The state was
// saved before the group exchanged its DS, or another signer was faster than we.
func (z *step) arrived() {
	arrived := -1
	for _, k := range z.ours {
		key := &z.f.Keys[k]
		if !z.held[k] || !key.Role.Entry() || key.Compromised || !z.hasDS(key.ID) {
			continue
		}
		if z.ofZone(key) {
			return
		}
		if leaves := z.moves(key) && !z.f.neverAsked(); key.EntryOn == 0 && (key.published() && !leaves || key.Pub == 0) {
			arrived = k // a successor goes with its algorithm, whoever asked for its DS
		}
	}
	if arrived < 0 {
		return
	}
	if z.comes() && z.f.Keys[arrived].published() {
		// Another signer was faster. Nothing but what needs the old keys may hold us.
		if z.allReadyToMove() {
			z.exchange(arrived)
		}
		return
	}
	to := z.f.Keys[arrived].ID.Algorithm
	data := false
	for _, k := range z.ours {
		if key := &z.f.Keys[k]; z.held[k] && key.ID.Algorithm == to && key.Role.Data() && key.DataOff == 0 && !key.Compromised {
			data = z.signToo(k) || key.signing() || data
		}
	}
	if !data {
		return // there is nothing to sign with: it stays as it is
	}
	z.f.Algorithm, z.f.Orders.Algorithm, z.f.CDS = to, to, nil
	key := &z.f.Keys[arrived]
	if !key.published() {
		key.enter(z.t)
	}
	key.ask(z.t)
	z.retireEntry(arrived)
	z.observeMoving()
	z.alarm(AlarmWentBack, label(key), "the parent has the DS of "+label(key)+", whose algorithm is not the zone's in our state: the DS was exchanged meanwhile", "see why our state is older, if it was restored")
}

// allReadyToMove reports whether nothing holds the exchange of the DS any more.
func (z *step) allReadyToMove() bool {
	var h hold
	z.keysOfAll(&h)
	return !h.blocked
}

// shownInstead reports whether any address of a peer has key k and none of those that
// signed our data until now: it must be k that did when the peer last looked at us.
func (z *step) shownInstead(k int) bool {
	signers := z.signedBefore(z.t)
	return signers != (keySet{}) && z.anyPeer(func(keys *keySet) bool { return keys.has(k) && !keys.meets(&signers) })
}

// knownToAll reports whether every peer was seen to have a key that signs our data.
func (z *step) knownToAll() bool {
	signers := z.signedBefore(z.t + 1)
	return z.peersFresh() && !z.anyPeer(func(keys *keySet) bool { return !keys.meets(&signers) })
}

// peersFresh reports whether all addresses of every peer were seen lately.
func (z *step) peersFresh() bool {
	for i := 1; i < len(z.f.Signers); i++ {
		if z.awaited(i) && !z.fresh[i] {
			return false
		}
	}
	return true
}

// signedBefore are our keys that sign our data, and did so before t.
func (z *step) signedBefore(t moment) (signers keySet) {
	for _, k := range z.ours {
		if key := &z.f.Keys[k]; key.signing() && key.DataOn < t {
			signers.add(k)
		}
	}
	return signers
}

// anyPeer reports whether the DNSKEY RRset of any address of a peer that is seen is so. One is
// enough, whatever is not seen of the others: what it shows lets more keys sign, and none go.
func (z *step) anyPeer(is func(*keySet) bool) bool {
	for i := 1; i < len(z.f.Signers); i++ {
		if !z.member(i) || z.views[i] == nil || !z.views[i].Trusted {
			continue
		}
		for n := range z.addresses(i) {
			if a := &z.views[i].Addresses[n]; a.shows() && !a.Transfer && is(&z.sight(i, n).keys) {
				return true
			}
		}
	}
	return false
}

// signToo lets key k sign our data beside those that do, if it can.
func (z *step) signToo(k int) bool {
	if k < 0 {
		return false
	}
	key := &z.f.Keys[k]
	if key.Owner != 0 || !z.held[k] || !key.Role.Data() || key.Compromised || key.signing() {
		return false
	}
	key.enter(z.t)
	key.sign(z.t)
	return true
}

// adoptShown publishes keys of ours that others show although we know nothing of
// having published them: they have what we once showed.
func (z *step) adoptShown() bool {
	found := false
	for _, k := range z.ours {
		key := &z.f.Keys[k]
		if key.Pub != 0 || key.Gone != 0 || !z.held[k] || key.Shown != z.t || key.Compromised {
			continue
		}
		found = true
		key.enter(z.t)
		z.signToo(k)
		switch {
		case !z.ofZone(key): // an algorithm was on its way in
			if z.f.Moving == 0 {
				z.f.Orders.Algorithm = key.ID.Algorithm
			}
		case key.Role.Entry():
			if key.ask(z.t); z.hasDS(key.ID) {
				z.retireEntry(k)
			} else {
				key.retire(z.t)
			}
		}
		z.alarm(AlarmWentBack, label(key), "other signers publish "+label(key)+", which our state does not know: it is published again", "see why an old state was restored")
	}
	return found
}

// hasDS reports whether any address of the parent has a key's DS.
func (z *step) hasDS(id KeyID) bool {
	for n := range z.seen.Parent.Addresses {
		if a := &z.seen.Parent.Addresses[n]; a.State == Good && contains(a.DS, id) {
			return true
		}
	}
	return false
}

// isToSignAlone reports whether key k is to sign our data alone, where several do: it is a key
// that is not due to be replaced, and the youngest.
func (z *step) isToSignAlone(k int) bool {
	if !z.f.Keys[k].signing() {
		return false
	}
	keep, several := -1, false
	for _, n := range z.ours {
		key := &z.f.Keys[n]
		if !key.signing() || !z.ofZone(key) {
			continue
		}
		if keep < 0 {
			keep = n
			continue
		}
		several = true
		if other := &z.f.Keys[keep]; key.Role == z.p.dataRole() && (other.Role != z.p.dataRole() || key.Created > other.Created) {
			keep = n
		}
	}
	return several && keep == k
}
