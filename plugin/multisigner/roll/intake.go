package roll

import "strings"

// What a peer publishes it may publish in any number, and with any tags. A validator tries
// every key of a signature's tag, and gives up after a few (KeyTrap, CVE-2023-50387): BIND
// at the first that fails (max-validation-failures-per-fetch, and 9.18 since 9.18.24),
// PowerDNS Recursor looks at two keys of one algorithm and tag (dnssec.max_dnskeys), Unbound
// makes eight tries for an RRset (MAX_VALIDATE_RRSIGS). So not all keys of peers are taken
// over: a key that was seen to sign comes first, and what nobody needs stays out.
const (
	// keysPerPeer is how many keys of one peer stand in our DNSKEY RRset: our choice. KSKs
	// and ZSKs of two algorithms, each with its successor and one that stands by, are twelve.
	keysPerPeer = 12
	// keysInAll is how many keys stand there, as long as no more are in use: as many as
	// peers of our kind look at. BIND takes a hundred (max-records-per-rrset).
	keysInAll = 64
	// keysMet is how many keys of one peer are remembered: our choice.
	keysMet = 2 * keysPerPeer
)

// take publishes key k for the peer that owns it, if there is room. One that is needed more takes the
// place of one that is needed less. Nobody needs two keys of one tag from one peer; and while a key of
// that tag is there already, another one is taken only if it is in use: its owner's data would
// else be bogus to whoever has our keys.
func (z *step) take(k int) {
	key := &z.f.Keys[k]
	i := z.quotaOf(key)
	likes := func(n int) bool { return z.f.Keys[n].sameTag(key) }
	of := func(n int) bool { return z.f.Keys[n].Owner != 0 && z.quotaOf(&z.f.Keys[n]) == i }
	var going keySet // what makes room
	fits := z.room(&going, k, 1, true, func(n int) bool { return of(n) && likes(n) }) && z.room(&going, k, keysPerPeer, true, of) &&
		z.room(&going, k, 1, false, likes) && z.room(&going, k, keysInAll, false, func(int) bool { return true })
	if !fits {
		return // leftOut tells
	}
	for n := range z.f.Keys {
		if going.has(n) {
			z.leave(n)
		}
	}
	z.enter(k)
}

// stays reports whether key k of a peer, which is in our DNSKEY RRset, may stay there: not
// if nobody signs with it and we sign with a key of its tag.
func (z *step) stays(k int) bool {
	key := &z.f.Keys[k]
	if z.inUse(key) {
		return true
	}
	for _, n := range z.ours {
		if ours := &z.f.Keys[n]; ours.sameTag(key) && ours.published() && (ours.signing() || ours.entry()) {
			return false
		}
	}
	return true
}

// quotaOf is for whose limit key counts: of all that nobody is seen to own, and that no signer of other
// software may own, there may be as many as of one peer.
func (z *step) quotaOf(key *key) int {
	if key.Owner < 0 {
		return z.foreignOwner(key)
	}
	return int(key.Owner)
}

// need is how much key is needed: it is in use, or may be soon, by a signer that is seen to own it or
// may do so, or it is somebody's copy.
func (z *step) need(key *key) int {
	switch {
	case z.inUse(key):
		return 3
	case key.Owner >= 0:
		return 2
	case z.mayBeForeign(key):
		return 1
	}
	return 0
}

// room reports whether fewer than most published keys are so, key k and those that are
// going left out; else one goes that is needed less than k. strict: there is no room even for
// a key in use when all are.
func (z *step) room(going *keySet, k, most int, strict bool, is func(n int) bool) bool {
	there, spare, need := 0, -1, z.need(&z.f.Keys[k])
	for n := range z.f.Keys {
		other := &z.f.Keys[n]
		soon := other.Owner == 0 && other.Pub == 0 && !other.Compromised // ours, just made
		if n == k || going.has(n) || !other.published() && !soon || !is(n) {
			continue
		}
		there++
		if least := z.need(other); other.Owner != 0 && least < need {
			spare, need = n, least
		}
	}
	switch {
	case there < most:
		return true
	case spare >= 0:
		going.add(spare)
		return true
	}
	return z.inUse(&z.f.Keys[k]) && !strict
}

func (k *key) sameTag(o *key) bool {
	return k.ID.Tag == o.ID.Tag && k.ID.Algorithm == o.ID.Algorithm
}

// namedAtMost is how many keys an alarm names: our choice.
const namedAtMost = 4

// leftOut tells which keys of which peer were not taken over.
func (z *step) leftOut() {
	for i := 1; i < len(z.f.Signers); i++ {
		var names []string
		for k := range z.f.Keys {
			if z.isToBeTaken(k) && z.ownerOf(&z.f.Keys[k]) == i {
				names = append(names, label(&z.f.Keys[k]))
			}
		}
		if len(names) == 0 {
			continue
		}
		more := ""
		if n := len(names) - namedAtMost; n > 0 {
			names, more = names[:namedAtMost], " and "+itoa(n)+" more"
		}
		z.alarm(AlarmPeerIntake, z.name(i), "peer "+z.name(i)+" publishes keys that we do not take over, "+strings.Join(names, ", ")+more+": validators give up at many keys, or at several of one tag",
			"have the operator there remove keys that sign nothing, and replace keys that share a tag")
	}
}

// isToSignBeside reports whether key k, the successor of one whose tag clashes with a peer's, is
// to sign beside it. Data signed by both is good wherever it was before; the old one stops when
// that peer has the new key, too (PROTOCOL one-key-when-everywhere). So nobody can keep us from
// what cures his own fault.
func (z *step) isToSignBeside(k int) bool {
	if !z.goal.data.takesOver(k) {
		return false
	}
	old, key := &z.f.Keys[z.goal.data.holder], &z.f.Keys[k]
	return old.signing() && z.clashes(old) && old.ID.Algorithm == key.ID.Algorithm && key.published()
}

// everywhereWithoutClash holds until no cache can hold a DNSKEY RRset without key k, but of those
// that have made the clash.
func (z *step) everywhereWithoutClash(h *hold, k int) {
	for i := range z.f.Signers {
		if z.member(i) && !z.clashesWith(i, &z.f.Keys[z.goal.data.holder]) {
			z.servedAt(h, i, k)
		}
	}
}

// clashesWith reports whether signer i, a peer, has made a key of k's tag.
func (z *step) clashesWith(i int, k *key) bool {
	for n := range z.f.Keys {
		if other := &z.f.Keys[n]; other.Owner != 0 && z.ownedBy(other, i) && other.sameTag(k) && (other.Gone == 0 || z.ownerShows(n)) {
			return true
		}
	}
	return false
}

// accompanied reports whether a younger key without a clash signs beside k already.
func (z *step) accompanied(k int) bool {
	for _, n := range z.ours {
		if other := &z.f.Keys[n]; n != k && other.signing() && z.ofZone(other) && !other.Compromised && other.Created > z.f.Keys[k].Created && !z.clashes(other) {
			return !z.f.Keys[k].Compromised
		}
	}
	return false
}
