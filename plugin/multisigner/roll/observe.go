package roll

import (
	"slices"
	"time"
)

// observe brings the facts up to what was seen.
func (z *step) observe() {
	z.observeOwn()
	z.noteKnowers()
	z.observeMoving()
	z.observeServed()
	known := len(z.f.Keys)
	for i := range z.f.Signers {
		if z.views[i] != nil {
			z.discover(i)
		}
	}
	if len(z.f.Keys) > known {
		z.lookAgain()
	}
	for i := range z.f.Signers {
		z.observeSigner(i)
	}
	z.observeParent()
	z.settleOwners()
}

// observeOwn makes records of private keys that have none: one that was just made,
// or one that was found. Neither is ever deleted for want of a record.
func (z *step) observeOwn() {
	for range z.f.Keys {
		z.held = append(z.held, false)
	}
	for _, own := range z.seen.Own {
		k := z.key(own.ID)
		if k < 0 && z.full() {
			z.alarm(AlarmTooManyKeys, "", "there are more keys than can be remembered: "+own.ID.String()+" in the key store is not used", "remove keys that nobody needs any more from the key store, or ask the peers to")
			continue
		}
		if k < 0 {
			k = z.add(key{ID: own.ID, Role: z.roleOf(own), SEP: own.SEP, Owner: 0})
		}
		if key := &z.f.Keys[k]; key.Evidence != held {
			if key.Owner < 0 { // it was published as a copy: what it did as ours nobody knows
				key.unpublished()
				key.Role, key.SEP = z.roleOf(own), own.SEP
			}
			key.Owner, key.Evidence, key.Candidates = 0, held, 0
		}
		z.held[k] = true
	}
	z.findOurs()
}

// findOurs finds the places of our keys. Nothing but a private key makes one ours, so
// that they stay what they are until a key is dropped.
func (z *step) findOurs() {
	z.ours = z.ours[:0]
	for k := range z.f.Keys {
		if z.f.Keys[k].Owner == 0 {
			z.ours = append(z.ours, k)
		}
	}
}

func (z *step) roleOf(own OwnKey) Role {
	switch {
	case own.Role != Unknown:
		return own.Role
	case own.SEP:
		return z.p.entryRole()
	}
	return ZSK
}

// reached reports whether a was seen to serve serial or a later version (RFC 1982).
func (a *Address) reached(serial uint32) bool {
	return a.State == Good && int32(a.Serial-serial) >= 0
}

// observeSigner notes since when signer i serves which key at all its addresses. A look
// that found less is evidence at once; to be sure that a key is everywhere, all addresses
// must have answered (PROTOCOL every-address-counts). Whatever might have happened unseen
// starts a wait anew.
func (z *step) observeSigner(i int) {
	v := z.views[i]
	if v == nil || i > 0 && !v.Trusted && !v.unsigned() {
		return
	}
	complete, restart, gap := z.observeAddresses(i, v)
	if i == 0 && gap {
		z.servedUnseen()
	}
	z.restarted = z.restarted || restart && i > 0
	if i == 0 && len(v.Addresses) == 0 {
		complete = len(z.seen.Published.DNSKEY) > 0
	}
	if complete && z.f.Signers[i].Met == 0 {
		z.f.Signers[i].Met = z.t
	}
	z.observeProofs(i, v)
	z.observeAlgorithm(i, v, complete, restart)
	shared := z.sharedAt(i, v)
	for k := range z.f.Keys {
		since := z.spread(i, k)
		switch {
		case !shared.has(k):
			z.setSpread(i, k, 0)
		case restart && !complete:
			z.setSpread(i, k, 0)
		case complete && (since == 0 || restart):
			z.setSpread(i, k, z.t)
		}
	}
}

// sharedAt returns the keys that no address of signer i was seen to lack.
func (z *step) sharedAt(i int, v *View) (shared keySet) {
	if shared = allKeys; i == 0 {
		shared = z.setOf(z.seen.Published.DNSKEY)
		if entry := z.seen.Published.Entry; entry != nil {
			z.dropCopies(&shared, entry)
		}
	}
	for n := range v.Addresses {
		switch a := &v.Addresses[n]; {
		case a.State == Unsigned: // it is no evidence of anything, but caches may hold it
			return keySet{}
		case a.shows() && !a.Transfer:
			if shared.keep(&z.sight(i, n).keys); i == 0 {
				z.dropCopies(&shared, a.Entry)
			}
		}
	}
	return shared
}

// dropCopies takes out keys of ours for DS RRsets that do not sign the DNSKEY RRset where they were seen:
// they were copies then, because our key store did not have them (PROTOCOL own-copy-is-no-key).
func (z *step) dropCopies(keys *keySet, entry []KeyID) {
	for _, k := range z.ours {
		if keys.has(k) && z.isCopyIn(k, entry) {
			keys.drop(k)
		}
	}
}

// isCopyIn reports whether key k does not sign a DNSKEY RRset that entry sign, as our keys for DS RRsets do.
func (z *step) isCopyIn(k int, entry []KeyID) bool {
	key := &z.f.Keys[k]
	return key.Owner == 0 && key.Role.Entry() && !contains(entry, key.ID)
}

// observeAddresses compares each look with the one before it. It reports whether every
// address answered, and whether something may have been missed in between: a gap, an
// address that was not there, a set signed anew for no visible reason
// (PROTOCOL unseen-change-restarts); and whether there was a gap.
func (z *step) observeAddresses(i int, v *View) (complete, restart, gap bool) {
	complete, z.fresh[i] = true, true
	asked := 0
	var sum uint64
	var of []KeyID                    // whose sum that is
	var keyTTL, dataTTL time.Duration // the largest of all addresses: a cache may ask any
	for n := range v.Addresses {
		a := &v.Addresses[n]
		if a.Transfer {
			continue
		}
		asked++
		switch a.State {
		case Good:
			keyTTL, dataTTL = max(keyTTL, a.DNSKEYTTL), max(dataTTL, a.MaxTTL)
		case Unsigned: // caches hold that it has no DNSKEY, unless a DS forbids it (PROTOCOL absence-is-cached)
			if z.f.NoDS != 0 || !z.f.Secured {
				keyTTL, dataTTL = max(keyTTL, a.DNSKEYTTL), max(dataTTL, a.DNSKEYTTL)
			}
			fallthrough
		default:
			complete, z.fresh[i] = false, false
			continue
		}
		if !sameList(a.DNSKEY, of) {
			sum, of = setHash(a.DNSKEY), a.DNSKEY
		}
		now := address{Signer: int8(i), Addr: a.Addr, Seen: z.at(a.Seen), Set: sum, Mark: a.Mark, Serial: a.Serial}
		if z.peers[i] != nil && z.peers[i].Online {
			now.Mark = 0
		}
		if z.t-now.Seen > 2*moment(z.p.interval()) {
			z.fresh[i] = false
		}
		if last := z.address(int8(i), a.Addr); last == nil {
			restart = true
			z.f.Addresses = append(z.f.Addresses, now)
		} else if now.cameLate(last) {
			complete, z.fresh[i] = false, false
		} else {
			if z.unseenFor(last, &now, a.Since) {
				gap, restart = true, true
			}
			restart = z.missed(last, &now) || restart
			if int32(now.Serial-last.Serial) < 0 && now.Seen >= last.Seen {
				z.f.Signers[i].Proofs = proofs{} // serials begin anew: they say nothing of what was before
			}
			*last = now
		}
	}
	if i > 0 {
		z.f.Signers[i].DNSKEYTTL.seeAll(keyTTL, complete, z.propagation(i), z.t)
		// All signers serve one zone, each from when it has got it: what is not looked at may
		// have the TTLs that ours had within the horizon.
		dataTTL = max(dataTTL, time.Duration(z.f.Signers[0].MaxTTL.current()))
		z.f.Signers[i].MaxTTL.seeAll(dataTTL, complete, z.propagation(i), z.t)
	}
	if asked == 0 {
		z.fresh[i] = i == 0 && len(z.seen.Published.DNSKEY) > 0
		return false, false, false
	}
	z.forgetAddresses(int8(i), asked, func(addr string) bool {
		return slices.ContainsFunc(v.Addresses, func(a Address) bool { return a.Addr == addr })
	})
	return complete, restart, gap
}

// lateBy is by how much looks may seem older than the same looks did at the step before, where the wall clock
// runs faster than time passes: our choice.
const lateBy = moment(time.Minute)

// cameLate reports whether a look is older than one that was known before: what was seen since may be otherwise.
func (a *address) cameLate(last *address) bool { return a.Seen < last.Seen-lateBy }

// unseenFor reports whether an address was not seen for so long that something may have come and gone.
// since is that of the look: all looks were good from then on.
func (z *step) unseenFor(last, now *address, since time.Time) bool {
	return now.Seen-last.Seen > 2*moment(z.p.interval()) && (since.IsZero() || z.at(since) > last.Seen)
}

// missed reports whether an address was signed anew, or went back, between two looks.
func (z *step) missed(last, now *address) bool {
	moved := last.Mark != 0 && now.Mark != 0 && last.Mark != now.Mark
	switch {
	case now.Seen <= last.Seen:
		now.Anew = last.Anew
		return false
	case moved && last.Anew == 0:
		now.Anew = last.Seen
	case moved:
		now.Anew = last.Anew
	}
	return moved && last.Set == now.Set || int32(now.Serial-last.Serial) < 0 // RFC 1982: it went back
}

func setHash(ids []KeyID) uint64 {
	var h uint64
	for i := range ids {
		h += ids[i].hash()
	}
	return h
}

// address returns the record of a look, or nil. Signer -1 is the parent.
func (z *step) address(signer int8, addr string) *address {
	for n := range z.f.Addresses { // they are looked up in the order in which they stand
		i := (z.next + n) % len(z.f.Addresses)
		if a := &z.f.Addresses[i]; a.Signer == signer && a.Addr == addr {
			z.next = i + 1
			return a
		}
	}
	return nil
}

// forgetAddresses drops the records of a signer's addresses that are not asked any
// more, when there are more than the ones that were.
func (z *step) forgetAddresses(signer int8, asked int, keep func(addr string) bool) {
	for i := range z.f.Addresses {
		if z.f.Addresses[i].Signer == signer {
			asked--
		}
	}
	if asked == 0 {
		return
	}
	z.f.Addresses = slices.DeleteFunc(z.f.Addresses, func(a address) bool { return a.Signer == signer && !keep(a.Addr) })
}

// observeParent notes since when each DS is at every address of the parent, or at none.
func (z *step) observeParent() {
	addresses := z.seen.Parent.Addresses
	complete, restart, empty, good := len(addresses) > 0, false, true, 0
	z.parentFresh = complete
	var ttl time.Duration
	for n := range addresses {
		a := &addresses[n]
		if a.State != Good {
			complete, z.parentFresh = false, false
			continue
		}
		good++
		ttl = max(ttl, a.TTL)
		z.unknownDS = max(z.unknownDS, a.UnknownDS)
		empty = empty && len(a.DS) == 0 && a.UnknownDS == 0
		now := address{Signer: -1, Addr: a.Addr, Seen: z.at(a.Seen)}
		if z.t-now.Seen > 2*moment(z.p.interval()) {
			z.parentFresh = false
		}
		if last := z.address(-1, a.Addr); last == nil {
			restart = true
			z.f.Addresses = append(z.f.Addresses, now)
		} else if now.cameLate(last) {
			complete, z.parentFresh = false, false
		} else {
			gap := z.unseenFor(last, &now, a.Since)
			restart = restart || gap
			*last = now
		}
	}
	if good == 0 {
		return
	}
	if z.f.ParentMet == 0 {
		z.f.ParentMet = z.t
		if z.hasOurDS() {
			z.f.DSTTL.see(unknownTTL, z.t) // of what stood there before our DS nothing was seen
		}
	}
	z.f.DSTTL.seeAll(ttl, complete, 0, z.t)
	z.forgetAddresses(-1, good, func(addr string) bool {
		return slices.ContainsFunc(addresses, func(a ParentAddress) bool { return a.Addr == addr })
	})
	z.f.Secured = z.f.Secured || !empty
	z.f.NoDS = sinceThen(z.f.NoDS, empty, complete, restart, z.t)
	z.observeDS(complete, restart)
	if z.unknownDS > 0 {
		z.f.UnknownDS = z.t
	} else if z.parentFresh {
		z.f.Orders.Disowned = false // it was said of what was there then
	}
}

// hasOurDS reports whether any address of the parent has a DS of a key of ours.
func (z *step) hasOurDS() bool {
	return slices.ContainsFunc(z.ours, func(k int) bool { return z.hasDS(z.f.Keys[k].ID) })
}

// observeDS notes for every key since when all addresses of the parent have its DS,
// and since when none has.
func (z *step) observeDS(complete, restart bool) {
	all, any := allKeys, keySet{}
	for n := range z.seen.Parent.Addresses {
		a := &z.seen.Parent.Addresses[n]
		if a.State != Good {
			continue
		}
		has, uneven := z.setOf(a.DS), z.setOf(a.UnevenDS)
		for w := range has {
			all[w] &= has[w] &^ uneven[w]
			any[w] |= has[w]
		}
	}
	for k := range z.f.Keys {
		key := &z.f.Keys[k]
		key.DSSince = sinceThen(key.DSSince, all.has(k), complete, restart, z.t)
		key.DSGone = sinceThen(key.DSGone, !any.has(k), complete, restart, z.t)
	}
}

// sinceThen carries on the moment since when something holds everywhere.
func sinceThen(since moment, holds, complete, restart bool, t moment) moment {
	switch {
	case !holds || restart && !complete:
		return 0
	case complete && (since == 0 || restart):
		return t
	}
	return since
}
