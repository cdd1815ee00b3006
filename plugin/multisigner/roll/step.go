package roll

import (
	"slices"
	"time"
)

// step is one call of Step: the new facts, what it was given, and what it found.
type step struct {
	f    facts
	p    *Policy
	seen *Observation
	now  time.Time
	t    moment

	views      []*View // by signer; nil: it was not looked at
	first      []int   // by signer: the place in sights of its first address
	sights     []sight // by address: what it was seen to have
	places     places
	next       int      // where the next address should stand in facts.Addresses
	nextSigner int      // and the next signer in facts.Signers
	nextName   int      // and the next address in facts.Named
	peers      []*Peer  // by signer; nil: it is not configured (any more)
	fresh      []bool   // by signer: all its addresses were good at a look that is not old
	held       []bool   // by key: its private key is there
	ours       []int    // the places of our keys
	theirs     []int    // and those of the peers' keys
	copies     []copyOf // by key

	goal    goal
	chosen  []choice // by key
	rolling bool     // some rollover of ours has begun and not ended

	parentFresh bool
	orphaned    bool     // the configuration has no parent although it had a DS (PROTOCOL parent-none-forgets-no-ds)
	restarted   bool     // something may have come and gone unseen at a peer
	strange     []string // peers for which there is no room
	unknownDS   int      // DS records at an address of the parent that belong to no known key
	red         bool     // something that signs now is missing somewhere: no step but healing

	waited []waiting // before this step
	out    Plan

	refusal    refusal
	refusedFor reason // what it waits for
}

// choice is what a key of ours that holds no office yet is kept for.
type choice uint8

const (
	notChosen choice = iota
	standby          // to be there when a successor is needed
	successor        // an office is about to be its
)

// copyOf is what was found of a peer's key, which we may publish for it.
type copyOf uint8

const (
	noCopy      copyOf = iota // it is not for us to publish
	shownCopy                 // an owner shows it
	unshownCopy               // none does
	expiredCopy               // nobody owns it
)

// end forgets everything but memory that the next step can use.
func (z *step) end() {
	clear(z.views)
	clear(z.peers)
	*z = step{views: z.views[:0], peers: z.peers[:0], fresh: z.fresh[:0], held: z.held[:0], chosen: z.chosen[:0], first: z.first[:0], sights: z.sights[:0], ours: z.ours[:0], theirs: z.theirs[:0], copies: z.copies[:0]}
}

// begin copies what Step may change, so that the caller's State stays as it is.
func (z *step) begin(r *room, s *State, p *Policy, seen *Observation, now time.Time) {
	z.f, z.p, z.seen, z.now = s.f, p, seen, now
	z.f.Keys = append(r.keys[:0], s.f.Keys...)
	z.f.Spread = append(r.spread[:0], s.f.Spread...)
	z.f.Signers = append(r.signers[:0], s.f.Signers...)
	z.f.Addresses = append(r.addresses[:0], s.f.Addresses...)
	z.f.Served = append(r.served[:0], s.f.Served...)
	z.f.Named = append(r.named[:0], s.f.Named...)
	z.waited, z.f.Waiting = s.f.Waiting, r.waiting[:0]
	if z.orphaned = p.Parent == ParentNone && z.f.Secured; z.orphaned {
		policy := *p
		policy.Parent, z.p = ParentScan, &policy // nobody looks at it: what needs it holds
	}
	z.f.advance(now, seen.Steady)
	z.t = z.f.Clock
	z.meet(p.Signer)
	for i := range p.Peers {
		z.meet(p.Peers[i].Name)
	}
	for range z.f.Signers {
		z.peers, z.views, z.fresh = append(z.peers, nil), append(z.views, nil), append(z.fresh, false)
	}
	z.index()
	for i := range p.Peers {
		if n := z.signer(p.Peers[i].Name); n > 0 {
			z.peers[n] = &p.Peers[i]
		}
	}
	z.views[0] = &z.seen.Self
	for i := range seen.Peers {
		if n := z.signer(seen.Peers[i].Name); n > 0 && z.peers[n] != nil {
			z.views[n] = &seen.Peers[i]
		}
	}
	if z.seen.Looked {
		z.linger()
	}
	for i := range z.views {
		z.first = append(z.first, len(z.sights))
		for range z.addresses(i) {
			z.sights = append(z.sights, sight{})
		}
	}
}

// blind is a step before anybody was looked at. Time passes, and nothing is decided: what
// is not known yet must not be taken for absent.
func (z *step) blind() (State, Plan) {
	z.f.Waiting, z.f.Started = append(z.f.Waiting, z.waited...), z.t
	return State{z.f}, Plan{Blind: true, Busy: true, Frozen: z.f.Orders.Frozen, Refuse: WhyBlind}
}

// signersAtMost is how many signers a state knows, those that were configured once included:
// key.Candidates has a bit for each.
const signersAtMost = 32

// PeersAtMost is how many peers a zone may have: our choice, which leaves room for names that
// were members and are configured no more.
const PeersAtMost = 20

// meet gives a signer its index. The first is us, whatever we are called now. Where there is no
// room the place of a name that never became a member is taken.
func (z *step) meet(name string) {
	switch {
	case len(z.f.Signers) > 0 && (name == z.p.Signer || z.signer(name) > 0):
		z.f.Signers[0].Name = z.p.Signer
		return
	case len(z.f.Signers) >= signersAtMost:
		for i := 1; i < len(z.f.Signers); i++ {
			if !z.member(i) && !z.p.names(z.f.Signers[i].Name) {
				z.rename(i, name)
				return
			}
		}
		z.strange = append(z.strange, name)
		return
	}
	old := len(z.f.Signers)
	z.f.Signers = append(z.f.Signers, signer{Name: name})
	spread := make([]moment, 0, len(z.f.Keys)*(old+1))
	for k := range z.f.Keys {
		spread = append(append(spread, z.f.Spread[k*old:(k+1)*old]...), 0)
	}
	z.f.Spread = spread
}

// rename gives the place of a signer to another one.
func (z *step) rename(i int, name string) {
	z.f.Signers[i] = signer{Name: name}
	for k := range z.f.Keys {
		z.setSpread(i, k, 0)
		if key := &z.f.Keys[k]; int(key.Owner) == i {
			key.Owner, key.Candidates = -1, 0
		} else {
			key.Candidates &^= 1 << i
		}
	}
	for n := range z.f.Named {
		if int(z.f.Named[n].Signer) == i {
			z.f.Named[n].Signer = 0 // it counts for us until it is seen whose it is
		}
	}
	z.f.Addresses = slices.DeleteFunc(z.f.Addresses, func(a address) bool { return int(a.Signer) == i })
}

// signer returns the index of a peer, or -1.
func (z *step) signer(name string) int {
	for n := range z.f.Signers { // they are looked up in the order in which they stand
		i := (z.nextSigner + n) % len(z.f.Signers)
		if i > 0 && z.f.Signers[i].Name == name {
			z.nextSigner = i + 1
			return i
		}
	}
	return -1
}

// member reports whether signer i counts: we do, and a peer whose keys were once ours to
// publish. One that was never reached or trusted holds up nothing but the first DS, and that keys
// go which nobody is seen to own.
func (z *step) member(i int) bool { return i == 0 || z.f.Signers[i].Since != 0 }

// awaited reports whether signer i is a member or, by configuration, is to become one: CDS is
// for all of them (PROTOCOL first-ds-waits-for-all).
func (z *step) awaited(i int) bool { return z.member(i) || z.peers[i] != nil }

// full reports whether no more keys can be remembered.
func (z *step) full() bool { return len(z.f.Keys) == keysAtMost }

// add makes a record of a key that nobody knew.
func (z *step) add(k key) int {
	k.Created = z.t
	z.places.add(k.ID, len(z.f.Keys))
	z.f.Keys = append(z.f.Keys, k)
	z.f.Spread = append(z.f.Spread, make([]moment, len(z.f.Signers))...)
	z.held = append(z.held, false)
	return len(z.f.Keys) - 1
}

// drop forgets key k.
func (z *step) drop(k int) {
	n := len(z.f.Signers)
	z.f.Keys = slices.Delete(z.f.Keys, k, k+1)
	z.f.Spread = slices.Delete(z.f.Spread, k*n, (k+1)*n)
	z.held = slices.Delete(z.held, k, k+1)
	z.chosen = slices.Delete(z.chosen, k, k+1)
	z.index()
	z.findOurs()
}

// spread is since when signer i serves key k at all its addresses.
func (z *step) spread(i, k int) moment { return z.f.Spread[k*len(z.f.Signers)+i] }

// setSpread notes since when signer i serves key k at all its addresses.
func (z *step) setSpread(i, k int, since moment) { z.f.Spread[k*len(z.f.Signers)+i] = since }

// margin is the policy's, as a moment's difference.
func (z *step) margin() moment { return moment(z.p.Margin) }

// propagation is how much later than seen a change reaches the last server of i.
func (z *step) propagation(i int) moment {
	switch {
	case i == 0:
		return moment(z.p.Propagation)
	case z.peers[i] != nil:
		return moment(z.peers[i].Propagation)
	}
	return 0
}
