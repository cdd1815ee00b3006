package roll

// recover takes the keys in the key store for ours although no state tells what they
// did. All are published. Those with a DS enter; the one that most signers publish
// signs, because it is the likeliest to be in the caches. The others leave by the
// ordinary rules, as if they had signed until now. It says why it cannot, or nothing.
func (z *step) recover() string {
	if z.p.Parent != ParentNone && !z.parentFresh {
		return whyUnasked
	}
	data, entry := z.bestKnown(), -1
	if data < 0 {
		return "there is no private key in the key store that could sign the zone"
	}
	for k := range z.f.Keys {
		key := &z.f.Keys[k]
		if key.Owner != 0 || !z.held[k] {
			continue
		}
		key.Pub, key.Gone = z.t, 0
		if key.Role.Data() {
			key.DataOn = z.t
			if k != data {
				key.DataOff = z.t
			}
		}
		if key.Role.Entry() {
			key.EntryOn = z.t
			if entry < 0 || key.DSSince > z.f.Keys[entry].DSSince {
				entry = k
			}
		}
	}
	if entry < 0 {
		return "there is no private key in the key store that a DS could name"
	}
	for k := range z.f.Keys {
		if key := &z.f.Keys[k]; key.Owner == 0 && key.entry() && k != entry && key.DSSince == 0 {
			key.Out = z.t
		}
	}
	z.f.Algorithm = z.f.Keys[data].ID.Algorithm
	z.f.Orders.Recover = false
	return ""
}

// bestKnown returns the data key of ours that most addresses publish, or -1.
func (z *step) bestKnown() int {
	best, most := -1, -1
	for k := range z.f.Keys {
		key := &z.f.Keys[k]
		if key.Owner != 0 || !z.held[k] || !key.Role.Data() {
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

// restored notices that our state is older than the world: somebody publishes a key of
// ours of which the state knows nothing, or every peer has dropped the key that we
// think signs our data. What we really served last, our secondaries still serve:
// then we go on from there. Else one of the keys that all peers have is taken, and
// outsiders get no answer until every cache has it: a withdrawn key never signs
// (protocol b.15 C9). CDS is silent until all is known anew.
func (z *step) restored() {
	found := z.adoptShown()
	for n := range z.seen.Self.Addresses {
		if a := &z.seen.Self.Addresses[n]; a.State == Good {
			if len(z.seen.Published.DNSKEY) == 0 {
				z.resume()
			}
			return
		}
	}
	current := z.incumbent((*key).signing)
	if current < 0 || !found && !(z.dropped && z.sharedByAll(current) == 0) {
		return
	}
	best := -1
	if z.sharedByAll(current) == 0 {
		for k := range z.f.Keys {
			key := &z.f.Keys[k]
			if key.Owner == 0 && z.held[k] && key.Role.Data() && !key.Compromised && z.sharedByAll(k) == 1 &&
				(best < 0 || key.Created > z.f.Keys[best].Created) {
				best = k
			}
		}
		if best < 0 && !found {
			return // a peer forgot: that is no news of us
		}
	}
	if best >= 0 {
		z.takeUp(best)
	}
	z.f.CDS, z.f.Joining = nil, z.t
	z.alarm("our state is older than what the other signers know of us: outsiders get no answer until every cache has the keys that it names",
		"see why an old state was restored")
}

// resume goes on with what our secondaries were last given, if that differs.
func (z *step) resume() {
	for n := range z.seen.Self.Addresses {
		a := &z.seen.Self.Addresses[n]
		if a.State != Good {
			continue
		}
		signing := -1
		for _, id := range a.DataSigners {
			k := z.key(id)
			if k < 0 || z.f.Keys[k].Owner != 0 || !z.held[k] || !z.f.Keys[k].Role.Data() {
				continue
			}
			if z.f.Keys[k].signing() {
				return // as we thought
			}
			if signing < 0 || z.f.Keys[k].Role == ZSK {
				signing = k
			}
		}
		if signing >= 0 {
			z.takeUp(signing)
			z.f.CDS = nil
			z.alarm("our secondaries serve a later version than our state knows: "+label(&z.f.Keys[signing])+" signs, as it does there", "see why an old state was restored")
			return
		}
	}
}

// takeUp lets key k sign our data from now on.
func (z *step) takeUp(k int) {
	for n := range z.f.Keys {
		if old := &z.f.Keys[n]; old.Owner == 0 && old.signing() {
			old.DataOff = z.t
		}
	}
	key := &z.f.Keys[k]
	key.Pub, key.Gone, key.DataOn, key.DataOff, key.Stopped, key.StopSerial = z.t, 0, z.t, 0, 0, 0
}

// adoptShown publishes keys of ours that others show although we know nothing of
// having published them: they have what we once showed. They may have signed, so they
// leave by the ordinary rules, unless one of them is taken up again.
func (z *step) adoptShown() bool {
	found := false
	for k := range z.f.Keys {
		key := &z.f.Keys[k]
		if key.Owner != 0 || key.Pub != 0 || key.Gone != 0 || !z.held[k] || key.Shown != z.t {
			continue
		}
		found = true
		key.Pub = z.t
		if key.Role.Data() {
			key.DataOn, key.DataOff = z.t, z.t
		}
		if key.Role.Entry() {
			key.EntryOn, key.Out = z.t, z.t
			z.f.CDS = nil
		}
		z.alarm("others publish "+label(key)+", of which our state knows nothing: it is published again", "see why an old state was restored")
	}
	return found
}

// sharedByAll reports whether all peers publish key k (1), none does (0), or neither
// is so, or not all can be seen (-1).
func (z *step) sharedByAll(k int) int {
	all, none, any := true, true, false
	for i := 1; i < len(z.f.Signers); i++ {
		if !z.member(i) {
			continue
		}
		if !z.fresh[i] {
			return -1
		}
		for n := range z.addresses(i) {
			if a := &z.views[i].Addresses[n]; !a.Transfer {
				has := contains(a.DNSKEY, z.f.Keys[k].ID)
				all, none, any = all && has, none && !has, true
			}
		}
	}
	switch {
	case any && all:
		return 1
	case any && none:
		return 0
	}
	return -1
}
