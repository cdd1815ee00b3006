package roll

// What follows are the transitions of our own keys: when the goal wants each, its gates that are
// about nothing else, and what it does. The table of rules has them together.

// isToEnter reports whether key k is to enter our DNSKEY RRset: it takes over, or stands by.
func (z *step) isToEnter(k int) bool { return z.chosen[k] != notChosen && z.f.Keys[k].Pub == 0 }

// mayEnter holds new keys while rollovers stand still, but for the first, and in an emergency.
func (z *step) mayEnter(h *hold, _ int) {
	if !z.goal.first && !z.urgent() {
		z.standStill(h)
	}
}

func (z *step) enter(k int) { z.f.Keys[k].enter(z.t) }

// isFirstEntry reports whether key k is to have a DS, and none had one before it. It is asked
// for when all signers are ready: that is for CDS to see to (RFC 7583 3.3.5).
func (z *step) isFirstEntry(k int) bool {
	return z.goal.entry.takesFirst(k) && z.f.Keys[k].published()
}

func (z *step) ask(k int) { z.f.Keys[k].ask(z.t) }

// isToHaveDSBeside reports whether the DS of key k is to stand beside that of the key before: by
// DoubleDS it is asked for at once (Double-RRset, RFC 7583 3.3.3).
func (z *step) isToHaveDSBeside(k int) bool {
	return z.p.Variant == DoubleDS && z.goal.entry.takesOver(k) && z.f.Keys[k].EntryOn == 0
}

func (z *step) askBeside(k int) {
	z.ask(k)
	z.f.Keys[k].Double = true
}

// isToHaveDS reports whether key k is to have a DS in the place of the key before. By SwapDS
// both change at once when every cache that has our DNSKEY RRset has it with the signature of k
// (Double-KSK, RFC 7583 3.3.1). By DoubleDS the old key goes when the new DS is everywhere.
func (z *step) isToHaveDS(k int) bool { return z.goal.entry.takesOver(k) }

// goingEntry and goingData say whether it is an emergency that a key gives up its office.
func (z *step) goingEntry(int) hold { return z.leaving(z.goal.entry.holder) }
func (z *step) goingData(int) hold  { return z.leaving(z.goal.data.holder) }

// ownServe holds until no cache can hold a DNSKEY RRset of ours without key k.
func (z *step) ownServe(h *hold, k int) { z.servedAt(h, 0, k) }

// cskEverywhere holds until a CSK is good for data, too: then the DS may name it alone
// (RFC 8901 7; PROTOCOL csk-everywhere).
func (z *step) cskEverywhere(h *hold, k int) {
	if z.f.Keys[k].Role == CSK {
		z.everywhere(h, k)
	}
}

// doubleDSEverywhere holds until no cache can hold a DS RRset without that of a key that came in
// by DoubleDS. Before there is any DS, no key waits for one.
func (z *step) doubleDSEverywhere(h *hold, k int) {
	if z.f.Keys[k].Double && !z.neverDS() {
		z.dsEverywhere(h, k)
	}
}

func (z *step) haveDS(k int) {
	z.retireEntry(k)
	if key := &z.f.Keys[k]; key.EntryOn == 0 {
		key.ask(z.t)
	}
}

// isFirstData reports whether key k is to sign our data, and none does: there is nothing yet
// that it could contradict (RFC 7583 3.3.5).
func (z *step) isFirstData(k int) bool {
	return z.goal.data.takesFirst(k) && z.f.Keys[k].published()
}

// isToSign reports whether key k is to sign our data in the place of the key before (RFC 7583
// 3.2.1, RFC 8901 6.2).
func (z *step) isToSign(k int) bool { return z.goal.data.takesOver(k) }

// signOnly has key k sign our data, and no other of the zone's algorithm.
func (z *step) signOnly(k int) {
	z.stopOthers(k)
	z.sign(k)
	z.f.Algorithm = z.f.Keys[k].ID.Algorithm
}

func (z *step) sign(k int) { z.f.Keys[k].sign(z.t) }

// stopOthers has no key of the zone's algorithm but k sign our data.
func (z *step) stopOthers(k int) {
	for _, n := range z.ours {
		if old := &z.f.Keys[n]; n != k && old.signing() && z.ofZone(old) {
			old.stop(z.t)
		}
	}
}

// isToLeave reports whether key k holds no office, and is not to hold one.
func (z *step) isToLeave(k int) bool {
	key := &z.f.Keys[k]
	if !key.published() || z.chosen[k] != notChosen || key.signing() || key.entry() || z.moves(key) {
		return false
	}
	return key.DataOn != 0 || key.EntryOn != 0 || !z.mayStandBy(key)
}

// entryUnneeded holds key k while it may have a DS, or may get one from a CDS of before. One that
// never had an office may: where our state is old, others asked for it meanwhile, and a server
// that no look sees may still do so.
func (z *step) entryUnneeded(h *hold, k int) {
	if z.f.Keys[k].Role.Entry() {
		z.entryGone(h, k)
	}
}

func (z *step) leave(k int) { z.f.Keys[k].leave(z.t) }

func (z *step) standStill(h *hold) {
	if h.urgent {
		return
	}
	if z.f.Orders.Frozen {
		h.needs(thawed, noKey, all(0))
	}
	if z.red {
		h.needs(healed, noKey)
	}
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
		h.needs(successorThere, k, all(0))
		return
	}
	z.servedAt(h, 0, next)
	if z.p.Parent != ParentNone {
		z.cdsHas(h, next)
		z.olderCDS(h, next, z.f.Keys[next].Asked) // observeCDS has noted since when that holds no more
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
		h.needs(ownCDSNames, k, all(0))
	}
	for i := range z.f.Signers {
		if !z.member(i) {
			continue
		}
		if !z.fresh[i] && (i > 0 || z.f.Joining == 0) { // secondaries of a joiner get nothing yet
			z.askFor(h, i, k)
		}
		for n := range z.addresses(i) {
			a := &z.views[i].Addresses[n]
			if a.State == Good && !a.Transfer && !contains(a.CDS, id) && z.namesOurs(a.CDS) {
				h.needs(signersCDSName, k, at(i, n))
			}
		}
	}
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
				z.alarm(AlarmWentBack, label(key), "the parent "+a.Addr+" has the DS of "+label(key)+", which we do not publish, and of no key that we publish: it is published again",
					"see why the parent or our own state went back")
				switch {
				case !z.ofZone(key):
					z.signAgainWith(key.ID.Algorithm) // a DS of it needs signatures of it
				case found: // it is what enters now
					key.ask(z.t)
					z.retireEntry(k)
				}
				key.enter(z.t)
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
			old.retire(z.t)
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
