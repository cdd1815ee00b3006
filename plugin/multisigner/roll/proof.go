package roll

import "slices"

// A signer of other software may sign gradually with a new algorithm. Then what a look
// samples says nothing of the rest: only a transfer shows the whole zone, and it shows it
// at the serial that it has, where the other addresses may not be yet
// (PROTOCOL whole-zone-proves-algorithm).

// proofs says what transfers of a zone have shown of algorithms. Algorithm 0 is none.
type proofs [3]proof

// proof says that all of a zone was signed with an algorithm at a serial and has been in
// every later transfer; or, if it lacks, that it was not at that serial and at no later
// one that was transferred. A transfer of an older serial, from a server that lags,
// changes nothing.
type proof struct {
	Algorithm uint8  `json:"algorithm,omitempty"`
	Serial    uint32 `json:"serial,omitempty"`
	Lacks     bool   `json:"lacks,omitempty"`
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

// take takes in what a transfer shows, and what it lacks of the coming algorithm.
func (p *proofs) take(a *Address, coming uint8) {
	if len(a.Algorithms) == 0 {
		return // not the whole zone was seen
	}
	for i := range p {
		if p[i].Algorithm != 0 && !slices.Contains(a.Algorithms, p[i].Algorithm) && int32(a.Serial-p[i].Serial) >= 0 {
			p[i].Serial, p[i].Lacks = a.Serial, true
		}
	}
	for _, algorithm := range a.Algorithms {
		if known := p.of(algorithm); known == nil {
			p.note(proof{Algorithm: algorithm, Serial: a.Serial})
		} else if known.Lacks && int32(a.Serial-known.Serial) > 0 {
			known.Serial, known.Lacks = a.Serial, false
		}
	}
	if coming != 0 && p.of(coming) == nil {
		p.note(proof{coming, a.Serial, true})
	}
}

// note puts a proof in a free place, or in that of an algorithm that is not there.
func (p *proofs) note(found proof) {
	for i := range p {
		if p[i].Algorithm == 0 || p[i].Lacks {
			p[i] = found
			return
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
			z.f.Signers[i].Proofs.take(a, z.f.Moving)
		}
	}
}

// proven reports whether no address of signer i was seen to serve a zone from before all
// of it was signed with the algorithm on its way.
func (z *step) proven(i int, v *View) bool {
	p := z.f.Signers[i].Proofs.of(z.f.Moving)
	if p == nil || p.Lacks {
		return false
	}
	for n := range v.Addresses {
		if a := &v.Addresses[n]; !a.Transfer && a.State == Good && !a.reached(p.Serial) {
			return false
		}
	}
	return true
}

// askForProof says what lacks until all of the zone of signer i is known to be signed
// with the algorithm on its way.
func (z *step) askForProof(h *hold, i int) {
	if p := z.f.Signers[i].Proofs.of(z.f.Moving); p == nil || p.Lacks {
		h.needs(transferProves, noKey, all(i))
	} else {
		z.askEach(h, i, serversProved, noKey, func(a *Address) bool { return a.reached(p.Serial) })
	}
}
