package roll

// yield gives up a new key of ours whose tag clashes with a peer's
// (PROTOCOL unused-key-yields-its-tag). Two keys with one tag and algorithm cost
// validators work, and some give up at the first that fails. A key that signs is never
// withheld, ours or theirs: it is rolled (see clashes).
func (z *step) yield() {
	for _, k := range z.ours {
		key := &z.f.Keys[k]
		if key.DataOn != 0 || key.EntryOn != 0 || key.Compromised || key.Gone != 0 || z.hasSigned(key.ID) {
			continue
		}
		other := z.clash(key)
		if other == nil {
			continue
		}
		if other.Owner == 0 || z.inUse(other) || z.p.Signer > z.name(z.ownerOf(other)) {
			key.Compromised = true // never to be used; a new one is made
			key.leave(z.t)
		}
	}
}

// inUse reports whether a peer's key signs or has a DS, as far as is seen.
func (z *step) inUse(k *key) bool { return k.LastSig != 0 || k.DSSince != 0 }

// clash returns another key with the tag and algorithm of k that may be in a cache.
func (z *step) clash(k *key) *key {
	for n := range z.f.Keys {
		other := &z.f.Keys[n]
		if other.ID != k.ID && other.sameTag(k) && other.Gone == 0 &&
			!(other.Owner == 0 && other.Compromised) {
			return other
		}
	}
	return nil
}

// clashes reports whether k, a key of ours that signs, must be rolled because of its tag.
// One rollover of an office at a time: where tags are few, the next key may clash as well. A CSK that
// has left one of its offices for that leaves the other, too
// (PROTOCOL used-key-with-a-shared-tag-rolls).
func (z *step) clashes(k *key) bool {
	for n := range z.f.Keys {
		if old := &z.f.Keys[n]; old != k && old.Owner == 0 && old.published() && (k.Role.Data() && old.DataOff != 0 || k.Role.Entry() && old.Out != 0) {
			return false
		}
	}
	for n := range z.f.Keys {
		if other := &z.f.Keys[n]; other.Owner != 0 && other.sameTag(k) && (other.Gone == 0 && (z.inUse(other) || other.published()) || z.ownerShows(n)) {
			return true
		}
	}
	return false
}

func (z *step) ownerOf(k *key) int {
	if k.Owner >= 0 {
		return int(k.Owner)
	}
	for i := range z.f.Signers {
		if k.Candidates&(1<<i) != 0 {
			return i
		}
	}
	return 0
}
