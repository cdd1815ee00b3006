package roll

import "slices"

// A signer of other software may sign gradually with a new algorithm. Then what a look
// samples says nothing of the rest: only a transfer shows the whole zone, and it shows it
// at the serial that it has, where the other addresses may not be yet (protocol b.15 H4).

// proofs says of algorithms from which serial on every transfer of a zone showed all of
// it signed with them. Algorithm 0 is none.
type proofs [3]proof

type proof struct {
	Algorithm uint8  `json:"algorithm,omitempty"`
	Serial    uint32 `json:"serial,omitempty"`
}

// of returns what is known of an algorithm, or nil.
func (p *proofs) of(algorithm uint8) *proof {
	for i := range p {
		if algorithm != 0 && p[i].Algorithm == algorithm {
			return &p[i]
		}
	}
	return nil
}

// take takes in what a transfer shows. One that is older than what is known takes
// nothing back: it may come from a server that lags.
func (p *proofs) take(a *Address) {
	if len(a.Algorithms) == 0 {
		return // not the whole zone was seen
	}
	for i := range p {
		if !slices.Contains(a.Algorithms, p[i].Algorithm) && int32(a.Serial-p[i].Serial) >= 0 {
			p[i] = proof{}
		}
	}
	for _, algorithm := range a.Algorithms {
		known := p.of(algorithm)
		if known == nil {
			if free := slices.IndexFunc(p[:], func(k proof) bool { return k.Algorithm == 0 }); free >= 0 {
				p[free] = proof{algorithm, a.Serial}
			}
		} else if int32(a.Serial-known.Serial) < 0 {
			known.Serial = a.Serial
		}
	}
}

// observeProofs takes in the transfers of a signer of other software, whatever algorithm
// is on its way: the next one may be ordered when they show no more of it.
func (z *step) observeProofs(i int, v *View) {
	if z.peers[i] == nil || !z.peers[i].Foreign {
		return
	}
	for n := range v.Addresses {
		if a := &v.Addresses[n]; a.Transfer && a.State == Good {
			z.f.Signers[i].Proofs.take(a)
		}
	}
}

// proven reports whether no address of signer i was seen to serve a zone from before all
// of it was signed with the algorithm on its way.
func (z *step) proven(i int, v *View) bool {
	p := z.f.Signers[i].Proofs.of(z.f.Moving)
	if p == nil {
		return false
	}
	for n := range v.Addresses {
		if a := &v.Addresses[n]; !a.Transfer && a.State == Good && !a.reached(p.Serial) {
			return false
		}
	}
	return true
}

// signedByForeign holds until the data of every signer of other software is signed with
// the coming algorithm, still or again: it may lose signatures and keep its keys.
func (z *step) signedByForeign(h *hold) {
	for i := range z.f.Signers {
		if p := z.peers[i]; p != nil && p.Foreign && z.member(i) {
			z.signedWith(h, i)
		}
	}
}

// askForProof says what lacks until all of the zone of signer i is known to be signed
// with the algorithm on its way.
func (z *step) askForProof(h *hold, i int) {
	if p := z.f.Signers[i].Proofs.of(z.f.Moving); p == nil {
		h.on(missing, "a transfer that shows that all of it is signed with both algorithms", z.name(i))
	} else {
		z.askEach(h, i, "every signer to serve a zone that is wholly signed with both algorithms", func(a *Address) bool { return a.reached(p.Serial) })
	}
}
