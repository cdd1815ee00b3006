package roll

import "time"

// goal is which keys of ours are to hold which office. It says nothing of when: that is for the
// gates of the rules.
type goal struct {
	entry, data office
	first       bool // no key of ours was ever published
}

// office is one of the two offices: to sign data, or to have a DS. A CSK holds both.
type office struct {
	holder int  // the key of ours that has held it for the longest, or -1
	due    bool // nobody holds it, or the holder needs a successor
	next   int  // who is to take over, or, where that is not due, stands by; or -1
}

// takesOver reports whether key k is to take the office over from another key; takesFirst,
// whether it is to be the first to hold it.
func (o *office) takesOver(k int) bool  { return o.due && o.next == k && o.holder >= 0 }
func (o *office) takesFirst(k int) bool { return o.due && o.next == k && o.holder < 0 }

// setGoal finds who is to hold each office, and asks for the keys that are missing.
func (z *step) setGoal() {
	z.goal.first = !z.begun()
	z.setEntry(&z.goal.entry)
	z.setData(&z.goal.data)
	for _, k := range z.ours {
		if key := &z.f.Keys[k]; key.published() && z.chosen[k] == notChosen && !key.signing() && !key.entry() && !z.moves(key) {
			z.rolling = z.rolling || key.DataOff != 0 || key.Out != 0
		}
	}
}

// setData finds who is to sign our data.
func (z *step) setData(o *office) {
	current := z.incumbent((*key).signing)
	*o = office{holder: current, due: current < 0 || z.dataDue(current), next: -1}
	if current >= 0 && o.due && z.accompanied(current) {
		z.rolling = true
		return // it goes when its companion is everywhere
	}
	z.choose(o, z.p.dataRole(), func(k *key) bool { return k.DataOn == 0 })
}

// setEntry finds who is to have our DS. By DoubleDS a successor has one before it takes over.
func (z *step) setEntry(o *office) {
	current := z.incumbent((*key).entry)
	*o = office{holder: current, due: current < 0 || z.entryDue(current), next: -1}
	z.choose(o, z.p.entryRole(), func(k *key) bool {
		return k.EntryOn == 0 || k.Double && k.Out == 0 && current >= 0 && k != &z.f.Keys[current]
	})
}

// choose finds the successor in an office, or who stands by (PROTOCOL successor-stands-by), and
// asks for a key where there is none.
func (z *step) choose(o *office, role Role, free func(*key) bool) {
	z.rolling = z.rolling || o.due
	if !o.due && (!z.p.Standby || z.f.Moving != 0) {
		return
	}
	o.next = z.successor(role, free)
	switch {
	case o.next < 0:
		z.request(role, z.algorithm(), o.holder < 0)
	case o.due:
		z.chosen[o.next] = successor
	default:
		z.chosen[o.next] = max(z.chosen[o.next], standby)
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

// successor returns the oldest key of ours that may take over, or -1. One that has left an
// office is on its way out: a CSK that takes over one office alone would be replaced at once
// (PROTOCOL retired-key-takes-no-office).
func (z *step) successor(role Role, free func(*key) bool) int {
	next := -1
	for _, k := range z.ours {
		key := &z.f.Keys[k]
		if key.Role != role || key.Gone != 0 || key.Compromised || !z.held[k] || !free(key) || key.DataOff != 0 || key.Out != 0 || key.ID.Algorithm != z.algorithm() {
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

// keeps reports whether k stays in office whatever its lifetime: another algorithm is
// on its way, or the zone goes insecure. A compromised key never does.
func (z *step) keeps(k *key) bool {
	return (z.movingBegun() || z.f.Orders.Insecure != 0) && !k.Compromised
}

// dataDue reports whether the key that signs our data needs a successor. One of a role
// that the policy has no more does (PROTOCOL other-roles-by-new-keys).
func (z *step) dataDue(k int) bool {
	key := &z.f.Keys[k]
	if z.keeps(key) {
		return false
	}
	lifetime := z.p.LifetimeZSK
	ordered := z.f.Orders.RollZSK
	if key.Role == CSK {
		lifetime, ordered = z.p.LifetimeKSK, max(ordered, z.f.Orders.RollKSK)
	}
	return ordered > key.DataOn || key.Role != z.p.dataRole() || key.Compromised || z.clashes(key) || z.outlived(k, key.DataOn, lifetime)
}

func (z *step) entryDue(k int) bool {
	key := &z.f.Keys[k]
	if z.keeps(key) {
		return false
	}
	ordered := z.f.Orders.RollKSK
	if key.Role == CSK {
		ordered = max(ordered, z.f.Orders.RollZSK)
	}
	leaves := key.Role == CSK && key.DataOff != 0 // its successor takes over both offices
	return leaves || ordered > key.EntryOn || key.Role != z.p.entryRole() || key.Compromised || z.clashes(key) || z.outlived(k, key.EntryOn, z.p.LifetimeKSK)
}

// outlived reports whether the lifetime of key k has ended, and its rollover begins. It waits
// until the rollover before has ended. Else keys would pile up while a peer or the parent is out
// of sight, and signers with short lifetimes would change the DS set that is wanted again and
// again, so that their CDS never agree (PROTOCOL lifetime-waits-its-turn).
func (z *step) outlived(k int, since moment, lifetime time.Duration) bool {
	if !z.expired(since, lifetime) || z.comes() && !z.succeeded(k) {
		return false // an algorithm that waits for its turn would wait for ever
	}
	before := z.unfinished(k)
	if before < 0 {
		return true
	}
	if !z.waits(waitLifetime, k) { // it is one rollover of both offices of a CSK
		var h hold
		h.needs(rolloverEnds, before)
		z.wait(waitLifetime, k, &h)
	}
	return false
}

// unfinished returns a key of ours that has left an office of key k, and is on its way out of
// the DNSKEY RRset, or -1. A CSK that stays for its other office is, when it is to be replaced
// there, too.
func (z *step) unfinished(k int) int {
	role, entry := z.f.Keys[k].Role, z.incumbent((*key).entry)
	for _, n := range z.ours {
		old := &z.f.Keys[n]
		left := role.Data() && old.DataOff != 0 || role.Entry() && old.Out != 0
		if goes := !old.signing() && !old.entry() || n == entry; n != k && left && goes && old.published() {
			return n
		}
	}
	return -1
}

// succeeded reports whether a successor of key k is published, so that its rollover has begun.
func (z *step) succeeded(k int) bool {
	for _, n := range z.ours {
		key := &z.f.Keys[n]
		if n != k && key.published() && z.ofZone(key) && key.Role == z.f.Keys[k].Role && key.DataOff == 0 && key.Out == 0 {
			return true
		}
	}
	return false
}

func (z *step) expired(since moment, lifetime time.Duration) bool {
	if lifetime <= 0 {
		return false
	}
	z.wakeAt(since + moment(lifetime))
	return z.t >= since+moment(lifetime)
}

// mayStandBy reports whether key, which was never used, may be needed one day (RFC 7583
// 4; PROTOCOL successor-stands-by).
func (z *step) mayStandBy(key *key) bool {
	return z.p.Standby && !key.Compromised && (key.Role == z.p.dataRole() || key.Role == z.p.entryRole())
}
