package roll

import "slices"

// begun reports whether keys of ours were ever published.
func (z *step) begun() bool { return z.f.begun() }

func (f *facts) begun() bool {
	for k := range f.Keys {
		if f.Keys[k].Owner == 0 && f.Keys[k].Pub != 0 {
			return true
		}
	}
	return false
}

// mayBegin holds us to never making a new set of keys where an old one may be in use: for
// a zone without keys of ours that is only so when the parent has no DS, or there is no
// parent, or we join signers whose DS it has. Else the operator settles it
// (PROTOCOL no-new-keys-beside-a-ds).
func (z *step) mayBegin() bool {
	if z.begun() {
		return true
	}
	why := z.mustNotBegin()
	switch {
	case why == whyAlgorithm:
	case z.f.Orders.Recover:
		if why = z.recover(); why == refusesNobody {
			return true
		}
	case z.f.Orders.Rejoin, why == refusesNobody && z.p.Parent != ParentNone && (z.othersAsk() || !z.noDS()):
		z.f.Joining, z.f.Known = z.t, false
		z.f.Secured = z.f.Secured || z.anyoneAsks() // the DS may be gone for an hour, and they may stop to ask because of us
		return true
	case why == refusesNobody:
		return true
	}
	z.refusal = why
	return false
}

// othersAsk reports whether a signer of our kind asks for a DS: it does so when all its
// peers are ready, and does not know us. One of other software asks by itself. One who
// asks for none tells that there was a DS, which caches may have.
func (z *step) othersAsk() bool {
	asks := false
	for i := 1; i < len(z.f.Signers); i++ {
		if z.peers[i] == nil || z.peers[i].Foreign || z.views[i] == nil || !z.views[i].Trusted {
			continue
		}
		for n := range z.addresses(i) {
			a := &z.views[i].Addresses[n]
			if a.State != Good {
				continue
			}
			asks = asks || a.asks()
			if a.CDSDelete && !z.f.Secured {
				z.f.Secured = true
				z.f.DSTTL.see(unknownTTL, z.t)
			}
		}
	}
	return asks
}

// mustNotBegin says why keys must not be made, or nothing.
func (z *step) mustNotBegin() refusal {
	if z.p.Parent == ParentNone {
		return refusesNobody
	}
	if !z.parentFresh {
		return whyUnasked
	}
	if z.f.NoDS != 0 {
		return refusesNobody
	}
	if z.unknownDS > 0 {
		return whyStranger
	}
	if !z.hasDSOf(z.p.Algorithm) && !z.f.Orders.Recover {
		return whyAlgorithm
	}
	for n := range z.seen.Parent.Addresses {
		a := &z.seen.Parent.Addresses[n]
		for _, id := range a.DS {
			if k := z.key(id); k < 0 && z.askedFor(id) {
				continue
			} else if k < 0 {
				return whyStranger
			} else if z.f.Keys[k].Owner == 0 {
				return whyOurs
			}
		}
	}
	if z.delegated() {
		return whyDelegated
	}
	return refusesNobody
}

// delegated reports whether any address of the parent names a nameserver of ours.
func (z *step) delegated() bool {
	for n := range z.seen.Parent.Addresses {
		for _, ns := range z.seen.Parent.Addresses[n].NS {
			if slices.Contains(z.p.Hosts, ns) {
				return true
			}
		}
	}
	return false
}

// askedFor reports whether any trusted peer asks for the DS of a key: it was in use,
// and goes or comes. Nobody who waits for a joiner can take it out of CDS before.
func (z *step) askedFor(id KeyID) bool {
	for i := 1; i < len(z.f.Signers); i++ {
		for n := range z.addresses(i) {
			if a := &z.views[i].Addresses[n]; z.views[i].Trusted && a.State == Good && contains(a.CDS, id) && contains(a.CDNSKEY, id) {
				return true
			}
		}
	}
	return false
}

// hasDSOf reports whether the parent has any DS of a key of an algorithm.
func (z *step) hasDSOf(algorithm uint8) bool {
	for n := range z.seen.Parent.Addresses {
		if hasAlgorithm(z.seen.Parent.Addresses[n].DS, algorithm) {
			return true
		}
	}
	return false
}

// checkHealth finds keys that sign now and that a signer does not publish. That is an
// injury, whoever did it; until it is healed nothing else is begun (RFC 8901 3;
// PROTOCOL injury-stops-rollovers). Where the DS RRset is gone nobody is harmed before it is back.
func (z *step) checkHealth() {
	if len(z.strange) > 0 {
		z.red = true
		z.alarm(AlarmPeerGone, z.strange[0], "peer "+z.strange[0]+" cannot be counted: this zone has had too many peers, of which none can be forgotten, and nothing is done without looking at all",
			"take its block out; give a peer that has another name by now the name that it had")
	}
	gone := z.p.Parent != ParentNone && z.f.NoDS != 0
	if z.f.Joining != 0 || z.p.Parent != ParentNone && !z.f.Secured || gone && z.goesInsecure() {
		return
	}
	for i := 1; i < len(z.f.Signers); i++ {
		v := z.views[i]
		if v == nil || !v.Trusted || !z.inChain(i) && !(gone && z.f.Signers[i].Knew) {
			continue
		}
		for _, k := range z.ours {
			key := &z.f.Keys[k]
			if z.spread(i, k) != 0 || !z.live(k) {
				continue
			}
			for n := range v.Addresses {
				a := &v.Addresses[n]
				if a.shows() && !a.Transfer && !z.sight(i, n).keys.has(k) {
					z.red = z.red || !gone
					z.alarm(AlarmPeerLacksKey, z.name(i)+" "+a.Addr+" "+label(key), "peer "+z.whereIs(i, a)+" does not publish "+label(key)+", which signs our data",
						"add it to the peer's DNSKEY RRset")
				}
			}
		}
	}
}

// inChain reports whether resolvers may trust what peer i serves: it has a DS, at any
// address of the parent.
func (z *step) inChain(i int) bool {
	for k := range z.f.Keys {
		if key := &z.f.Keys[k]; z.ownedBy(key, i) && (key.DSSince != 0 || z.p.Parent == ParentNone || z.hasDS(key.ID)) {
			return true
		}
	}
	return false
}

// live reports whether data signed by key k may be in a cache.
func (z *step) live(k int) bool {
	key := &z.f.Keys[k]
	if !z.ofZone(key) || key.Gone != 0 {
		return false // what it signed is signed with the zone's algorithm, too, or given up
	}
	if key.Owner == 0 {
		if key.DataOn == 0 {
			return false
		}
		var h hold
		z.signaturesGone(&h, k)
		return key.DataOff == 0 || h.blocked
	}
	if key.LastSig == 0 {
		return false
	}
	terms := z.copyNeeded(key)
	return key.Signing || z.t < z.ends(key.LastSig, terms[:]...)
}

// ownerTTL is the largest TTL of data that the owner of a peer's key may have signed.
func (z *step) ownerTTL(key *key) term {
	most := &z.f.Signers[0].MaxTTL
	for i := 1; i < len(z.f.Signers); i++ {
		if z.mayHaveOwned(key, i) {
			most = larger(most, &z.f.Signers[i].MaxTTL)
		}
	}
	return ttlOf(dataTTL, -1, most)
}

func contains(ids []KeyID, id KeyID) bool {
	for i := range ids {
		if ids[i] == id {
			return true
		}
	}
	return false
}
