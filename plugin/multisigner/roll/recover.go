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
