package roll

import "slices"

// What caches may hold of our own data and keys is reckoned from one ledger of the
// versions that we have served: by which keys each was signed, how long a cache keeps it,
// and since when none of our servers gives it out any more. A version that was edited
// away counts for as long as any server of ours is not seen to be past it
// (PROTOCOL version-counts-until-passed).

// served are versions of ours that followed each other, alike in all that is noted here.
type served struct {
	Signers keyIDs `json:"signers,omitempty"` // of all data
	MaxTTL  moment `json:"max_ttl,omitempty"` // the largest of its data
	KeyTTL  moment `json:"key_ttl,omitempty"` // of its DNSKEY RRset
	First   uint32 `json:"first,omitempty"`   // the serial of the first of them; 0: not known
	Last    uint32 `json:"last,omitempty"`    // and of the last
	Passed  moment `json:"passed,omitempty"`  // every server of ours is seen with a later version since then
}

func (v *served) alike(o *served) bool {
	return v.MaxTTL == o.MaxTTL && v.KeyTTL == o.KeyTTL && sameKeys(v.Signers, o.Signers)
}

func (v *served) same(o *served) bool {
	return v.alike(o) && v.First == o.First && (v.Passed == 0) == (o.Passed == 0)
}

// stays is for how long a cache may keep anything of v.
func (v *served) stays() moment { return max(v.MaxTTL, v.KeyTTL) }

// servedAtMost bounds the ledger: our choice. Beyond it two neighbours count as one.
const servedAtMost = 24

// Shown returns the state in which a version is about to be shown. Save that, then show
// it: what was shown just before a crash is then never forgotten.
func Shown(s State, v Published) State {
	f := s.f
	f.Served = slices.Clone(f.Served)
	f.serve(&v)
	return State{f}
}

// serve notes that a version is served, or is about to be.
func (f *facts) serve(p *Published) {
	if p.none() {
		return
	}
	next := served{Signers: slices.Clone(p.Signers), MaxTTL: moment(max(p.MaxTTL, p.DNSKEYTTL)), KeyTTL: moment(p.DNSKEYTTL), First: p.Serial, Last: p.Serial}
	if n := len(f.Served); n > 0 {
		last := &f.Served[n-1]
		switch before := last.Last != 0 && int32(p.Serial-last.Last) < 0; {
		case before: // the last was noted, and a crash kept it from being shown, or kept
			return
		case last.alike(&next):
			last.Last = p.Serial
			return
		case last.First == p.Serial: // it was noted before all of it was known
			last.add(&next)
			return
		}
	}
	f.Served = append(f.Served, next)
	if len(f.Served) > servedAtMost {
		f.Served = mergeOldest(f.Served)
	}
}

// add makes v the worse of both.
func (v *served) add(o *served) {
	for _, id := range o.Signers {
		if !contains(v.Signers, id) {
			v.Signers = append(slices.Clip(v.Signers), id)
		}
	}
	v.MaxTTL, v.KeyTTL = max(v.MaxTTL, o.MaxTTL), max(v.KeyTTL, o.KeyTTL)
}

// mergeOldest makes two that follow each other one: the oldest that the same keys have
// signed, so that no key seems to have signed for longer than it did; else the oldest.
func mergeOldest(all []served) []served {
	n := 0
	for i := range len(all) - 1 {
		if sameKeys(all[i].Signers, all[i+1].Signers) {
			n = i
			break
		}
	}
	a, b := all[n], all[n+1]
	a.add(&b)
	if a.Passed = max(a.Passed, b.Passed); all[n].Passed == 0 || b.Passed == 0 {
		a.Passed = 0
	}
	return append(append(slices.Clone(all[:n]), a), all[n+2:]...)
}

// observeServed brings the ledger up to what our servers were seen with.
func (z *step) observeServed() {
	f, p := &z.f, z.seen.Published
	for i := range z.addresses(0) {
		if a := &z.views[0].Addresses[i]; a.State == Good { // it may add to what it serves
			p.MaxTTL, p.DNSKEYTTL = max(p.MaxTTL, a.MaxTTL), max(p.DNSKEYTTL, a.DNSKEYTTL)
		}
	}
	if f.serve(&p); len(f.Served) > 0 {
		z.olderStill()
	}
	for i := range f.Served {
		v := &f.Served[i]
		switch passed, behind := z.past(i); {
		case behind:
			v.Passed = 0
		case passed && v.Passed == 0:
			v.Passed = z.t
		}
	}
	f.Served = slices.DeleteFunc(f.Served, func(v served) bool { return z.left(&v) && z.t > v.Passed+v.stays()+horizon })
	us := &f.Signers[0]
	us.MaxTTL, us.DNSKEYTTL = z.ownTTLs()
}

// servedUnseen notes that a server of ours was not seen for a while: it may have gone back to any version that is
// remembered, and have given it out until now (PROTOCOL version-counts-until-passed).
func (z *step) servedUnseen() {
	for i := range z.f.Served {
		if v := &z.f.Served[i]; v.Passed != 0 {
			v.Passed = z.t
		}
	}
	us := &z.f.Signers[0]
	us.MaxTTL, us.DNSKEYTTL = z.ownTTLs()
}

// left reports whether no cache can hold anything of v. It is remembered for longer: a
// server of ours may go back to it.
func (z *step) left(v *served) bool {
	return v.Passed != 0 && z.t > z.ends(v.Passed, plain(dataTTL, v.stays()), z.way(0))
}

// olderStill notes that a server of ours has gone back to what nobody remembers.
func (z *step) olderStill() {
	oldest := &z.f.Served[0]
	for n := range z.addresses(0) {
		a := &z.views[0].Addresses[n]
		if a.State != Good || oldest.First == 0 || int32(a.Serial-oldest.First) >= 0 {
			continue
		}
		z.f.assume(z.mayHaveSigned(), moment(unknownTTL), 0)
		return
	}
}

// ownTTLs are the largest TTLs of our data and keys in any cache, and what they are now.
func (z *step) ownTTLs() (data, keys peaks) {
	for i := range z.f.Served {
		if v := &z.f.Served[i]; !z.left(v) {
			data[0].TTL, data[1].TTL = max(data[0].TTL, v.MaxTTL), v.MaxTTL
			keys[0].TTL, keys[1].TTL = max(keys[0].TTL, v.KeyTTL), v.KeyTTL
		}
	}
	if wanted := moment(z.p.DNSKEYTTL); wanted > keys[1].TTL {
		keys[1].TTL, keys[0].TTL = wanted, max(keys[0].TTL, wanted)
	}
	return data, keys
}

// past reports whether all our servers were seen with a later version than those of
// entry i, and whether any was seen with one of them, or an older one, or with what we
// have not made.
func (z *step) past(i int) (passed, behind bool) {
	if i == len(z.f.Served)-1 {
		return false, true
	}
	next := z.f.Served[i+1].First
	if next == 0 {
		return false, false
	}
	if p, last := &z.seen.Published, &z.f.Served[len(z.f.Served)-1]; p.none() || int32(p.Serial-last.Last) < 0 && int32(p.Serial-next) < 0 {
		return false, true
	}
	passed = true
	for n := range z.addresses(0) {
		a := &z.views[0].Addresses[n]
		if z.reached(a, next) {
			continue
		}
		passed, behind = false, behind || a.State == Good
	}
	return passed, behind
}

// reached reports whether a, an address of ours, was seen to serve our version of a
// serial or a later one (RFC 1982).
func (z *step) reached(a *Address, serial uint32) bool {
	return a.State == Good && a.Serial == z.seen.Published.Serial || a.reached(serial) && int32(z.seen.Published.Serial-a.Serial) >= 0
}

// signaturesGone holds until no cache can hold data signed by key k, one of ours: Iret of
// RFC 7583 3.2.1, in which a version is signed at once (PROTOCOL rrsig-out-of-caches).
func (z *step) signaturesGone(h *hold, k int) {
	id, named := z.f.Keys[k].ID, false
	for i := range z.f.Served {
		v := &z.f.Served[i]
		if !contains(v.Signers, id) {
			continue
		}
		named = true
		if v.Passed == 0 {
			z.onThose(h, 0, ownDataWithout, k, func(a *Address) bool {
				return i+1 < len(z.f.Served) && !z.reached(a, z.f.Served[i+1].First)
			})
		}
		z.pass(h, rrsigOutOfCaches, k, v.Passed, plain(dataTTL, v.MaxTTL), z.way(0))
	}
	// That the ledger names a key no more is not that it never signed.
	if off := z.f.Keys[k].DataOff; !named && off != 0 {
		z.pass(h, rrsigOutOfCaches, k, off, z.dataTTL(0), z.way(0))
	}
}

// hasSigned reports whether any version of ours that a cache may hold is signed by id.
func (z *step) hasSigned(id KeyID) bool {
	return slices.ContainsFunc(z.f.Served, func(v served) bool { return contains(v.Signers, id) && !z.left(&v) })
}

// assume notes that keys of ours may have signed, until now, what caches keep for as long as
// a TTL: nobody knows any more what was served.
func (f *facts) assume(signers keyIDs, ttl moment, t moment) {
	if len(f.Served) > 0 && f.Served[0].First == 0 { // one of this kind is enough, if it is the worse of both
		v := f.Served[0]
		v.add(&served{Signers: signers, MaxTTL: ttl, KeyTTL: ttl})
		if v.Passed = max(v.Passed, t); t == 0 || f.Served[0].Passed == 0 {
			v.Passed = 0
		}
		f.Served = append([]served{v}, f.Served[1:]...)
		return
	}
	f.Served = append([]served{{Signers: signers, MaxTTL: ttl, KeyTTL: ttl, Passed: t}}, f.Served...)
}
