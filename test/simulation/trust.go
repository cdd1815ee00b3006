package simulation

import (
	"slices"

	"github.com/multisigner/multisigner/plugin/multisigner/roll"
)

// trust is by what a signer believes another one, as the room peer decides it: the keys
// with the SEP flag that signed the DNSKEY RRsets that were believed last, or one of its
// own that has a DS at every address of the parent. With none, the next is believed as it
// is, as over TSIG.
type trust struct {
	pins  []roll.KeyID
	asked bool // a person was told that it is not believed any more
}

// believe takes from a look at another signer what does not follow by signature from what
// was believed before, and reports whether anything is left.
func (s *signer) believe(other *signer, list []roll.Address) (trusted bool) {
	is := &s.trusts[other.n]
	var next []roll.KeyID
	strange := false
	for i := range list {
		a := &list[i]
		if a.State != roll.Good && a.State != roll.Partial {
			continue
		}
		if len(is.pins) > 0 && !slices.ContainsFunc(a.Entry, func(id roll.KeyID) bool { return slices.Contains(is.pins, id) || s.vouched(other, id) }) {
			*a = roll.Address{Addr: a.Addr, State: roll.Bogus, Seen: a.Seen, Named: a.Named}
			strange = true
			continue
		}
		trusted = true
		entry := withSEP(a.Entry)
		if len(entry) == 0 {
			entry = a.Entry
		}
		for _, id := range entry {
			if !slices.Contains(next, id) {
				next = append(next, id)
			}
		}
	}
	if trusted && !slices.Equal(next, is.pins) {
		is.pins = next
	}
	if strange && !trusted && !is.asked {
		is.asked = true
		s.w.note("%s does not believe %s any more", s.name, other.name)
		s.w.after(hour+s.w.t%(2*day), func() { s.trustAnew(other) })
	}
	return trusted
}

// trustsOf takes back what was believed at a time. Nobody has been told then of what is not
// believed now.
func (s *signer) trustsOf(then []trust) {
	copy(s.trusts, then)
	for i := range s.trusts {
		s.trusts[i].asked = false
	}
}

// believedThen reports whether by its backup s believes what another signer shows now: one that
// has just made new keys tells it nothing.
func (s *signer) believedThen(other *signer) bool {
	pins := s.backupTrusts[other.n].pins
	return len(pins) == 0 || other.version != nil && slices.ContainsFunc(other.version.entry, func(id roll.KeyID) bool { return slices.Contains(pins, id) || s.vouched(other, id) })
}

// vouched reports whether s can see the DS of another signer's key at the parent.
func (s *signer) vouched(other *signer, id roll.KeyID) bool {
	p := s.w.parent
	return s.w.cut[s.n][len(s.w.signers)] <= s.w.t && owner(id) == other.n && slices.Contains(p.shown[0], id) && slices.Contains(p.shown[1], id)
}

// trustAnew is the order `trust`: a person has held the keys that another signer shows
// against those that it has.
func (s *signer) trustAnew(other *signer) {
	w := s.w
	if s.down || w.cut[s.n][other.n] > w.t || other.down {
		w.after(hour, func() { s.trustAnew(other) })
		return
	}
	w.note("%s is given the order trust %s", s.name, other.name)
	w.did("trust")
	s.trusts[other.n] = trust{}
	s.turn()
}

// loseKeys takes the state of a signer and its private keys away. Its secondaries go on.
func (s *signer) loseKeys() {
	w := s.w
	w.note("%s loses its state and its keys", s.name)
	w.did("keys lost")
	s.state, s.disk, s.backup, s.own, s.version = roll.State{}, roll.State{}, roll.State{}, nil, nil
	s.plan, s.second = roll.Plan{}, second{}
	clear(s.trusts)
	s.servers[0].cur = nil
	s.silence()
	s.turn()
	if s.version != nil {
		w.fail("%s makes keys although its own are lost", s.name)
	}
	for _, other := range w.signers {
		other.soon()
	}
	w.after(w.between(minute, day), s.rejoinLost)
}

// rejoinLost is a person who takes a signer that has lost its keys out of the delegation,
// its secondaries with it, and has it make new keys: it joins the others anew, and
// they do not believe it before a person says so.
func (s *signer) rejoinLost() {
	w := s.w
	began := s.version != nil // by itself, when it saw no DS and took the zone for a new one
	if began && (!s.refuses || s.outside) {
		return
	}
	if !s.outside && w.avoids(lostKeysInDelegation, true) {
		s.outside = true
		w.delegated = slices.DeleteFunc(slices.Clone(w.delegated), func(ns string) bool { return ns == s.policy.Hosts[0] })
		for _, server := range s.everywhere() {
			server.cur = nil
			for _, k := range []kind{theDNSKEY, theData, theCDS} {
				w.oracle.withdraw(source{server.name, k})
			}
		}
		for _, other := range w.signers {
			other.soon()
		}
	}
	if began { // its peers find it as before
		s.install(s.servers[0], s.version)
		s.transfer()
		return
	}
	s.tell(roll.Command{Kind: roll.Rejoin})
	w.after(hour, s.rejoinLost)
}
