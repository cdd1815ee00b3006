package roll

import "time"

// A state may be put back from a backup, alone or with the key store. Since then keys of
// ours have been made that it does not know, and those that it knows were withdrawn: what
// they sign is bogus to whoever has the DS or the DNSKEY RRsets of now (PROTOCOL supplanted-signer-refuses).
// Or the parent has left us out of its DS RRset. A signer that knows from what others have
// signed that its answers are bogus, while those of another signer are good, answers no
// outsiders: resolvers turn to that one (PROTOCOL left-out-signer-refuses).

// outrun notices that our keys went on without us, or that the parent leaves us out.
func (z *step) outrun() {
	if z.f.Joining != 0 {
		return
	}
	without := z.withoutOurDS()
	if without && z.nobodysDS() || z.keysWentOn() {
		// Our secondaries have what was signed by the later keys, and get nothing. It ends as
		// it does after `recover`: when all others know the keys that we have.
		z.f.Joining, z.f.Known, z.f.Outrun, z.f.CDS = z.t, true, true, nil
	} else if without {
		z.refusal = isLeftOut
		z.out.Feeds = true // our secondaries have the keys that we have, and would wait in vain for others
	}
}

// restoredAlarm says what to do about an older state.
func (z *step) restoredAlarm() {
	if z.f.Outrun {
		z.alarm(AlarmRestored, "", "the parent or the other signers have other keys of this signer than those it has: an older state was restored, and answers signed by its keys are bogus",
			"restore a newer backup. Without one the zone is signed anew every few minutes, until peers accept it as newer than what they saw (`resign` does so at once); "+
				"resolvers are answered again when every peer publishes our present keys, and the parent has the DS of one")
	}
}

// withoutOurDS reports whether every address of the parent has a DS RRset with no key of
// ours that signs our DNSKEY RRset, and with one of a peer that can answer.
func (z *step) withoutOurDS() bool {
	if z.p.Parent == ParentNone || !z.parentFresh {
		return false
	}
	for n := range z.seen.Parent.Addresses {
		if a := &z.seen.Parent.Addresses[n]; len(a.DS)+a.UnknownDS == 0 || z.enters(a.DS, -1) {
			return false
		}
	}
	for i := 1; i < len(z.f.Signers); i++ {
		for n := range z.addresses(i) {
			if z.showsChain(i, &z.views[i].Addresses[n]) {
				return true
			}
		}
	}
	return false
}

// nobodysDS reports whether the parent has a DS of a key with which nobody is seen to sign.
func (z *step) nobodysDS() bool {
	for n := range z.seen.Parent.Addresses {
		a := &z.seen.Parent.Addresses[n]
		if a.UnknownDS > 0 {
			return true
		}
		for _, id := range a.DS {
			if k := z.key(id); k < 0 || z.f.Keys[k].Owner < 0 {
				return true
			}
		}
	}
	return false
}

// showsChain reports whether resolvers that have the DS RRset of now can validate what an
// address of peer i answers. Where the parent is not seen, it is enough that we believe it.
func (z *step) showsChain(i int, a *Address) bool {
	if !z.views[i].Trusted || !a.shows() || a.Transfer {
		return false
	}
	if z.p.Parent == ParentNone || !z.parentFresh {
		return true
	}
	for _, id := range a.Entry {
		everywhere := true
		for n := range z.seen.Parent.Addresses {
			everywhere = everywhere && contains(z.seen.Parent.Addresses[n].DS, id)
		}
		if everywhere {
			return true
		}
	}
	return false
}

// keysWentOn reports whether a peer of our kind that had our keys, or has one, has none of those that
// sign our data, and since we started was seen with one that may be ours: nobody is seen to
// sign with it, it has a tag of ours, and we never had it. A peer that has only lost our
// keys has no such key, and one that went back has an older one. Keys of signers of other
// software are copied before they sign; while such a signer is not seen, nothing is said.
func (z *step) keysWentOn() bool {
	signers := z.signedBefore(z.t + 1)
	if signers == (keySet{}) || z.p.Tags == nil || z.f.PastFrom != 0 && z.t < z.f.PastFrom+pastUnknown {
		return false
	}
	for i := 1; i < len(z.f.Signers); i++ {
		if z.peers[i] != nil && z.peers[i].Foreign && !z.fresh[i] {
			return false
		}
	}
	var ours keySet // whoever has one of them has had those that signed beside it
	for _, k := range z.ours {
		ours.add(k)
	}
	for i := 1; i < len(z.f.Signers); i++ {
		if z.peers[i] == nil || z.peers[i].Foreign {
			continue
		}
		for n := range z.addresses(i) {
			keys := &z.sight(i, n).keys
			if !z.f.Signers[i].Knew && !keys.meets(&ours) || !z.showsChain(i, &z.views[i].Addresses[n]) || keys.meets(&signers) {
				continue
			}
			for k := range z.f.Keys {
				if keys.has(k) && z.mayBeOurs(k) {
					return true
				}
			}
		}
	}
	return false
}

// mayBeOurs reports whether key k, which a peer publishes, may be one of ours that was made
// after our state.
func (z *step) mayBeOurs(k int) bool {
	key := &z.f.Keys[k]
	if key.Owner >= 0 || key.Created < z.f.Started || !z.p.Tags(key.ID.Tag) || contains(z.f.Past, key.ID) {
		return false
	}
	for i := 1; i < len(z.f.Signers); i++ {
		if key.Candidates&(1<<i) != 0 && (z.peers[i] == nil || z.peers[i].Foreign) {
			return false
		}
	}
	return true
}

// noteKnowers notes which peers have had a key that signs our data, before it is taken in
// what they have now.
func (z *step) noteKnowers() {
	for i := 1; i < len(z.f.Signers); i++ {
		for _, k := range z.ours {
			if z.f.Keys[k].signing() && z.spread(i, k) != 0 {
				z.f.Signers[i].Knew = true
			}
		}
	}
}

// pastUnknown is for how long a state that an older program wrote, which did not note what it
// forgot, takes no key for a later one of ours: a peer that is put back may have one of before.
// Our choice: backups of peers are younger than that.
const pastUnknown = moment(90 * 24 * time.Hour)

// Outrun returns s with the knowledge of next, a state that could not be saved, that our keys
// went on without us. That is no step, and the next look may not show it any more.
func Outrun(s, next State) State {
	if next.f.Outrun && !s.f.Outrun {
		s.f.Joining, s.f.Known, s.f.Outrun, s.f.CDS = next.f.Joining, next.f.Known, true, nil
	}
	return s
}

// pastAtMost bounds how many keys that were ours, or may have been, are remembered: our
// choice, those of years.
const pastAtMost = 64

// bury notes that a key is forgotten that was ours, or may be taken for ours one day. What
// another has signed with is, where the tags are not shared out, or were by other names.
func (z *step) bury(key *key) {
	if key.Owner != 0 && (z.p.Tags == nil || !z.p.Tags(key.ID.Tag)) {
		return
	}
	z.f.Past = append(z.f.Past[:len(z.f.Past):len(z.f.Past)], key.ID)
	if n := len(z.f.Past) - pastAtMost; n > 0 {
		z.f.Past = z.f.Past[n:]
	}
}
