package roll

import "time"

// dataKeys rolls the key that signs our data: a successor is published, and signs when
// every cache that has any signer's DNSKEY RRset has it (RFC 7583 3.2.1, RFC 8901 6.2;
// PROTOCOL sign-after-dnskey-everywhere). The very first key signs at once: there is
// nothing yet that it could contradict (RFC 7583 3.3.5;
// PROTOCOL first-key-signs-at-once).
func (z *step) dataKeys() {
	current := z.incumbent((*key).signing)
	need := current < 0 || z.dataDue(&z.f.Keys[current])
	z.rolling = z.rolling || need
	if current >= 0 && need && z.accompanied(current) {
		return // it goes when its companion is everywhere
	}
	if !need && (!z.p.Standby || z.f.Moving != 0) {
		return
	}
	next := z.successor(z.p.dataRole(), func(k *key) bool { return k.DataOn == 0 })
	if next < 0 {
		z.request(z.p.dataRole(), z.algorithm(), current < 0)
		return
	}
	z.publish(next)
	if !need {
		return
	}
	z.chosen[next] = successor
	key := &z.f.Keys[next]
	if current >= 0 {
		h := z.leaving(current)
		z.everywhere(&h, next)
		z.standStill(&h)
		if h.blocked && z.signBeside(current, next) {
			return
		}
		if h.blocked {
			z.wait(waitDataKey, key.ID, "sign the zone with "+label(key), &h)
			return
		}
	}
	for _, k := range z.ours {
		if old := &z.f.Keys[k]; old.signing() && z.ofZone(old) {
			old.DataOff = z.t
		}
	}
	if !key.published() {
		return
	}
	key.DataOn = z.t
	z.f.Algorithm = key.ID.Algorithm
}

// entryKeys rolls the key that the DS names. By SwapDS the successor gets its DS when
// every cache that has our DNSKEY RRset has it with the successor's signature; the old DS
// goes in the same change (Double-KSK, RFC 7583 3.3.1; PROTOCOL ds-after-dnskey). By
// DoubleDS it is asked for at once, and the old key goes when the new DS is everywhere
// (Double-RRset, RFC 7583 3.3.3; PROTOCOL ds-beside-ds); before there is any DS, no key
// waits for one.
func (z *step) entryKeys() {
	current := z.incumbent((*key).entry)
	need := current < 0 || z.entryDue(&z.f.Keys[current])
	z.rolling = z.rolling || need
	if !need && (!z.p.Standby || z.f.Moving != 0) {
		return
	}
	next := z.successor(z.p.entryRole(), func(k *key) bool {
		return k.EntryOn == 0 || k.Double && k.Out == 0 && current >= 0 && k != &z.f.Keys[current]
	})
	if next < 0 {
		z.request(z.p.entryRole(), z.algorithm(), current < 0)
		return
	}
	z.publish(next)
	if !need {
		return
	}
	z.chosen[next] = successor
	key := &z.f.Keys[next]
	if current < 0 {
		if key.published() {
			key.EntryOn = z.t
		}
		return
	}
	if z.p.Variant == DoubleDS && key.EntryOn == 0 && !z.still() {
		key.EntryOn, key.Double = z.t, true
	}
	h := z.leaving(current)
	z.servedAt(&h, 0, next)
	if key.Role == CSK { // it must be good for data, too, before the DS names it alone (PROTOCOL csk-everywhere)
		z.everywhere(&h, next)
	}
	if key.Double && !z.neverDS() {
		z.dsEverywhere(&h, next)
	}
	z.standStill(&h)
	if h.blocked {
		z.wait(waitEntryKey, key.ID, "change the DS to "+label(key), &h)
		return
	}
	z.retireEntry(next)
	if key.EntryOn == 0 {
		key.EntryOn = z.t
	}
}

// entry reports whether k, one of ours, is to have a DS.
func (k *key) entry() bool { return k.EntryOn != 0 && k.Out == 0 }

// office is since when k signs data or is to have a DS, whichever came first.
func (k *key) office() moment {
	if k.DataOn == 0 || k.EntryOn != 0 && k.EntryOn < k.DataOn {
		return k.EntryOn
	}
	return k.DataOn
}

// incumbent returns the key of ours that has held an office for the longest, or -1.
func (z *step) incumbent(holds func(*key) bool) int {
	first := -1
	for _, k := range z.ours {
		key := &z.f.Keys[k]
		if z.ofZone(key) && holds(key) && (first < 0 || key.office() < z.f.Keys[first].office()) {
			first = k
		}
	}
	return first
}

// successor returns the oldest key of ours that may take over, or -1.
func (z *step) successor(role Role, free func(*key) bool) int {
	next := -1
	for _, k := range z.ours {
		key := &z.f.Keys[k]
		if key.Role != role || key.Gone != 0 || key.Compromised || !z.held[k] || !free(key) || key.ID.Algorithm != z.algorithm() {
			continue
		}
		if next < 0 || key.Created < z.f.Keys[next].Created {
			next = k
		}
	}
	return next
}

// algorithm is that of new keys: the zone's, and the policy's only for a new zone. A
// changed policy is no order to roll the algorithm.
func (z *step) algorithm() uint8 {
	if z.f.Algorithm != 0 {
		return z.f.Algorithm
	}
	return z.p.Algorithm
}

// request asks for a new key with a tag of its own (PROTOCOL new-key-avoids-tags).
func (z *step) request(role Role, algorithm uint8, first bool) {
	if z.still() && !z.urgent() && !first {
		return
	}
	for i := range z.out.Generate {
		if z.out.Generate[i].Role == role && z.out.Generate[i].Algorithm == algorithm { // a CSK for data is the CSK for entry
			return
		}
	}
	r := Request{Role: role, Algorithm: algorithm}
	for k := range z.f.Keys {
		tag := z.f.Keys[k].ID.Tag
		r.Avoid = append(r.Avoid, tag, tag+128, tag-128) // RFC 5011: REVOKE adds 128
	}
	z.out.Generate = append(z.out.Generate, r)
}

// publish puts a key of ours into our DNSKEY RRset.
func (z *step) publish(k int) {
	z.chosen[k] = max(z.chosen[k], standby)
	if key := &z.f.Keys[k]; key.Pub == 0 && (!z.still() || z.urgent() || !z.begun()) {
		key.Pub = z.t
	}
}

// keeps reports whether k stays in office whatever its lifetime: another algorithm is
// on its way, or the zone goes insecure. A compromised key never does.
func (z *step) keeps(k *key) bool {
	return (z.movingBegun() || z.f.Orders.Insecure != 0) && !k.Compromised
}

// dataDue reports whether the key that signs our data needs a successor. One of a role
// that the policy has no more does (PROTOCOL other-roles-by-new-keys).
func (z *step) dataDue(k *key) bool {
	if z.keeps(k) {
		return false
	}
	lifetime := z.p.LifetimeZSK
	ordered := z.f.Orders.RollZSK
	if k.Role == CSK {
		lifetime, ordered = z.p.LifetimeKSK, max(ordered, z.f.Orders.RollKSK)
	}
	return ordered > k.DataOn || k.Role != z.p.dataRole() || k.Compromised || z.clashes(k) || z.expired(k.DataOn, lifetime)
}

func (z *step) entryDue(k *key) bool {
	if z.keeps(k) {
		return false
	}
	ordered := z.f.Orders.RollKSK
	if k.Role == CSK {
		ordered = max(ordered, z.f.Orders.RollZSK)
	}
	leaves := k.Role == CSK && k.DataOff != 0 // its successor takes over both offices
	return leaves || ordered > k.EntryOn || k.Role != z.p.entryRole() || k.Compromised || z.clashes(k) || z.expired(k.EntryOn, z.p.LifetimeKSK)
}

func (z *step) expired(since moment, lifetime time.Duration) bool {
	if lifetime <= 0 {
		return false
	}
	z.wakeAt(since + moment(lifetime))
	return z.t >= since+moment(lifetime)
}

func (z *step) standStill(h *hold) {
	if h.urgent {
		return
	}
	if z.f.Orders.Frozen {
		h.on(missing, "`thaw`: rollovers are frozen", z.name(0))
	}
	if z.red {
		h.on(missing, "what is broken to be healed", "")
	}
}

// removeKeys takes keys of ours out of the DNSKEY RRset that nothing in any cache needs:
// no signature by them, no DS of theirs, no CDS that would bring it back
// (PROTOCOL withdraw-dnskey-after-rrsig).
func (z *step) removeKeys() {
	for _, k := range z.ours {
		key := &z.f.Keys[k]
		if !key.published() || z.chosen[k] != notChosen || key.signing() || key.entry() || z.moves(key) {
			continue
		}
		z.rolling = z.rolling || key.DataOff != 0 || key.Out != 0
		if key.DataOn == 0 && key.EntryOn == 0 && z.mayStandBy(key) {
			continue
		}
		h := z.leaving(k)
		z.signaturesGone(&h, k)
		if key.EntryOn != 0 || key.Role.Entry() && (z.mayHaveDS(key) || z.askedOf(key.ID)) {
			z.entryGone(&h, k)
		}
		z.standStill(&h)
		if h.blocked {
			z.wait(waitRemoval, key.ID, "withdraw "+label(key), &h)
			continue
		}
		key.Gone = z.t
	}
}

// mayStandBy reports whether key, which was never used, may be needed one day (RFC 7583
// 4; PROTOCOL successor-stands-by).
func (z *step) mayStandBy(key *key) bool {
	return z.p.Standby && !key.Compromised && (key.Role == z.p.dataRole() || key.Role == z.p.entryRole())
}

// mayHaveDS reports whether a cache may have a DS of key, asked for or not.
func (z *step) mayHaveDS(key *key) bool {
	return z.p.Parent != ParentNone && z.f.Secured && (key.DSGone == 0 || z.t < z.ends(key.DSGone, z.dsTTL()))
}

// entryGone holds until every chain can do without entry key k: its successor signs every
// DNSKEY RRset of ours in any cache and is in every DS RRset in any cache, and no CDS
// that the parent may find would take it out again (RFC 7583 3.3.1, 3.3.3;
// PROTOCOL withdraw-ksk-after-ds). Without a successor it stays
// (PROTOCOL never-the-last-ksk).
func (z *step) entryGone(h *hold, k int) {
	next := z.incumbent((*key).entry)
	if next < 0 {
		h.on(missing, z.about("a successor of ", k, ""), z.name(0))
		return
	}
	z.servedAt(h, 0, next)
	z.cdsHas(h, next)
	if asked := z.f.Keys[next].Asked; asked != 0 && z.p.Parent != ParentNone {
		z.olderCDS(h, next, asked)
	}
	if z.neverDS() {
		return
	}
	z.dsEverywhere(h, next)
	if !z.f.Keys[next].Double {
		z.dsNowhere(h, k)
	}
}

// olderCDS holds until no cache can hold a DS RRset made from a CDS of before since, when
// all that can be seen had changed theirs: until the last server had, the parent may have
// taken an older one, and shown its DS for less than two looks (RFC 7344 6.1;
// PROTOCOL older-cds-out-of-caches).
func (z *step) olderCDS(h *hold, k int, since moment) {
	slowest := moment(0)
	for i := range z.f.Signers {
		slowest = max(slowest, z.propagation(i))
	}
	z.pass(h, olderCDSOutOfCaches, k, since, plain(propagation, slowest), z.dsTTL())
}

// observeCDS notes since when every CDS RRset that the parent may find has the key
// that is to have our DS.
func (z *step) observeCDS() {
	next := z.incumbent((*key).entry)
	for k := range z.f.Keys {
		key := &z.f.Keys[k]
		if k != next {
			key.Asked = 0
			continue
		}
		var h hold
		z.cdsHas(&h, k)
		if h.grave == missing || z.restarted {
			key.Asked = 0
		}
		if key.Asked == 0 && !h.blocked {
			key.Asked = z.t
		}
	}
}

// cdsHas holds while any address of any signer serves a CDS RRset without key k.
func (z *step) cdsHas(h *hold, k int) {
	if z.p.Parent == ParentNone {
		return
	}
	id := z.f.Keys[k].ID
	if len(z.seen.Published.CDS) > 0 && !contains(z.seen.Published.CDS, id) {
		h.on(missing, z.about("our own servers to publish the CDS of ", k, ""), z.name(0))
	}
	for i := range z.f.Signers {
		if i > 0 && !z.member(i) {
			continue
		}
		if !z.fresh[i] && (i > 0 || z.f.Joining == 0) { // secondaries of a joiner get nothing yet
			z.askFor(h, i, k)
		}
		for n := range z.addresses(i) {
			a := &z.views[i].Addresses[n]
			if a.State == Good && !a.Transfer && !contains(a.CDS, id) && z.namesOurs(a.CDS) {
				h.on(missing, z.about("every signer to publish the CDS of ", k, ""), z.whereIs(i, a))
			}
		}
	}
}

// askedOf reports whether the CDS RRset of any address names a key. Where our state is
// old, others may ask for the DS of a key that it knows to have no office.
func (z *step) askedOf(id KeyID) bool {
	for i := range z.f.Signers {
		for n := range z.addresses(i) {
			if a := &z.views[i].Addresses[n]; a.State == Good && contains(a.CDS, id) {
				return true
			}
		}
	}
	return false
}

// namesOurs reports whether a CDS RRset names any key of ours. One of other software may
// name none, for as long as nobody tells it ours: no key of ours is worth keeping for it.
func (z *step) namesOurs(ids []KeyID) bool {
	for _, id := range ids {
		if k := z.key(id); k >= 0 && z.f.Keys[k].Owner == 0 {
			return true
		}
	}
	return false
}

func (z *step) addresses(i int) []Address {
	if z.views[i] == nil {
		return nil
	}
	return z.views[i].Addresses
}

// heal brings back what the world still needs. A DS of a key that was withdrawn may
// return: a parent restores its data, or was told so by a signer left behind. Or our
// state is older than the DS. Until the two agree again, CDS says nothing
// (PROTOCOL returned-ds-is-served).
func (z *step) heal() {
	for k := range z.f.Keys {
		key := &z.f.Keys[k]
		found := key.Pub == 0 || key.Created == z.t // it was made after the state that we have
		if key.Owner != 0 || key.published() && !found || !key.Role.Entry() || !z.held[k] || key.Compromised && key.EntryOn == 0 {
			continue
		}
		for n := range z.seen.Parent.Addresses {
			a := &z.seen.Parent.Addresses[n]
			if a.State == Good && contains(a.DS, key.ID) && !z.enters(a.DS, k) {
				z.alarm(AlarmWentBack, label(key), "the parent "+a.Addr+" has the DS of "+label(key)+", which is not published, and none that is: it is published again",
					"see why the parent or our own state went back")
				switch {
				case !z.ofZone(key):
					z.signAgainWith(key.ID.Algorithm) // a DS of it needs signatures of it
				case found: // it is what enters now
					key.Pub, key.EntryOn, key.Out = z.t, z.t, 0
					z.retireEntry(k)
				}
				if key.Pub == 0 {
					key.Pub = z.t
				}
				key.Gone = 0
				z.f.CDS = nil
			}
		}
	}
}

// signAgainWith lets a key of ours of an algorithm sign our data, if we have one.
func (z *step) signAgainWith(algorithm uint8) {
	for _, k := range z.ours {
		if key := &z.f.Keys[k]; key.ID.Algorithm == algorithm && (key.signing() && key.published() || z.signToo(k)) {
			return
		}
	}
}

// retireEntry takes all other keys of ours out of the DS set that is to be.
func (z *step) retireEntry(next int) {
	for _, k := range z.ours {
		if old := &z.f.Keys[k]; k != next && old.entry() {
			old.Out = z.t
		}
	}
}

// enters reports whether a DS set names a key of ours, other than one, that is published.
func (z *step) enters(ds []KeyID, other int) bool {
	for _, id := range ds {
		if k := z.key(id); k >= 0 && k != other && z.f.Keys[k].Owner == 0 && z.f.Keys[k].published() {
			return true
		}
	}
	return false
}

// forget gives up private keys that have been withdrawn for long, and records of keys
// that nobody has shown for long (PROTOCOL keep-removed-keys).
func (z *step) forget() {
	retain := moment(z.p.retain())
	for k := len(z.f.Keys) - 1; k >= 0; k-- {
		key := &z.f.Keys[k]
		if key.published() || key.Owner == 0 && (key.Gone == 0 || key.signing()) {
			continue
		}
		last := max(key.Gone, key.Shown, key.Created)
		if z.f.Secured && key.DSGone == 0 && z.p.Parent != ParentNone && key.Role.Entry() {
			continue
		}
		if key.Owner == 0 && z.held[k] {
			if z.t >= key.Gone+retain {
				z.out.Destroy = append(z.out.Destroy, key.ID)
			} else {
				z.wakeAt(key.Gone + retain)
			}
			continue
		}
		if z.t >= last+retain {
			z.bury(key)
			z.drop(k)
		}
	}
}
