package simulation

import (
	"time"

	"github.com/multisigner/multisigner/plugin/multisigner/roll"
)

// look is what s sees of everyone now. It stays good until the next look of s.
func (s *signer) look() *roll.Observation {
	w := s.w
	seen := &s.seen
	seen.Looked, seen.Steady = true, s.steadyNow()
	if seen.Published = (roll.Published{}); s.version != nil {
		seen.Published = s.version.published()
	}
	seen.Self.Addresses = seen.Self.Addresses[:0]
	if len(s.servers) > 1 {
		seen.Self.Addresses = s.see(seen.Self.Addresses, s, s.upSince)
	}
	if seen.Peers == nil {
		seen.Peers = make([]roll.View, len(w.signers))
	}
	seen.Peers = seen.Peers[:len(s.policy.Peers)]
	for n := range s.policy.Peers {
		other := w.signerNamed(s.policy.Peers[n].Name)
		v := &seen.Peers[n]
		v.Name, v.Trusted = other.name, other.version != nil
		if v.Why = ""; v.Trusted && w.how(s.n, other.n) == roll.Bogus {
			v.Trusted, v.Why = false, "its signatures do not verify"
		}
		v.Addresses = s.see(v.Addresses, other, max(s.reach[other.n], s.upSince))
		v.Addresses = s.take(v.Addresses, other)
		if v.Trusted = s.believe(other, v.Addresses); !v.Trusted && v.Why == "" {
			v.Why = "its keys are not trusted"
		}
	}
	seen.Parent.Addresses = w.parent.seenBy(s, seen.Parent.Addresses)
	if s.policy.Parent == roll.ParentNone {
		seen.Parent.Addresses = nil
	}
	return seen
}

func (s *signer) steadyNow() time.Time { return epoch.Add(time.Duration(s.steady + s.w.t - s.upSince)) }

// unseeing is what s knows before its first look.
func (s *signer) unseeing() *roll.Observation {
	seen := &roll.Observation{Steady: s.steadyNow()}
	if s.version != nil {
		seen.Published = s.version.published()
	}
	return seen
}

func (w *world) signerNamed(name string) *signer { return w.signers[name[0]-'a'] }

// mishap draws whether a look is lost, or how late it is.
func (s *signer) mishap() (lost bool, late int64) {
	w := s.w
	if w.moot(!w.Late || w.t >= w.calm) {
		return false, 0
	}
	switch n := w.random.IntN(200); {
	case n < 1:
		s.soon()
		w.did("look lost")
		return true, 0
	case n < 9:
		s.soon()
		w.did("look late")
		return false, w.between(int64(time.Second), 2*int64(s.policy.Interval))
	}
	return false, 0
}

// how tells in what way i does not see j: most often nothing comes back, but it may be
// something that is expired, forged, or no answer of the zone.
func (w *world) how(i, j int) roll.AddressState {
	until := w.cut[i][j]
	if until <= w.t {
		return roll.Good
	}
	return [...]roll.AddressState{roll.Unreachable, roll.Unreachable, roll.Unreachable, roll.Stale, roll.Bogus, roll.Lame}[until/int64(time.Second)%6]
}

// see looks at every address of a signer.
func (s *signer) see(list []roll.Address, other *signer, since int64) []roll.Address {
	w := s.w
	if n := len(other.servers); cap(list) < n {
		list = make([]roll.Address, n)
	} else {
		list = list[:n]
	}
	now := s.wall(w.t)
	for i, server := range other.servers {
		lost, late := s.mishap()
		if lost {
			s.answered[server.n] = w.t
		}
		at := w.t - late
		v := server.cur
		if other != s {
			v = server.answers(at)
		}
		from := max(since, server.since, s.answered[server.n])
		a := &list[i]
		*a = roll.Address{Addr: server.name, Seen: now, Since: s.wall(from), Named: w.named()}
		if late != 0 {
			a.Seen = s.wall(at)
		}
		switch {
		case lost || at < from || other.down && i == 0 && other != s:
			a.State = roll.Unreachable
		case w.cut[s.n][other.n] > w.t:
			a.State = w.how(s.n, other.n)
		case v == nil:
			a.State = roll.Lame
		case v.unsigned:
			a.State, a.Serial, a.DNSKEYTTL = roll.Unsigned, v.serial, time.Duration(v.ttl)
		default:
			a.State = roll.Good
			a.DNSKEY, a.SEP, a.Entry, a.CDS, a.CDNSKEY = v.dnskey, v.sep, v.entry, v.cds, v.cds
			a.DataSigners, a.Algorithms, a.CDSDelete = v.signers, v.algs, v.cdsDelete
			a.DNSKEYTTL, a.MaxTTL, a.Serial, a.Mark = time.Duration(v.ttl), time.Duration(v.ttl), v.serial, v.mark
			if server.inPart > w.t {
				a.State, a.CDS, a.CDNSKEY, a.CDSDelete, a.DataSigners, a.Algorithms = roll.Partial, nil, nil, false, nil, nil
			}
		}
	}
	return list
}

// answers is what comes back from a server that is asked at t: an answer takes its time.
func (s *server) answers(t int64) *version {
	if t < s.changed+int64(time.Second) && s.cur != nil {
		return s.before
	}
	return s.cur
}

// take transfers the zone from a foreign signer that lets us, when its serial is not the
// one that was transferred last.
func (s *signer) take(list []roll.Address, other *signer) []roll.Address {
	if other.foreign == nil || !other.foreign.change.shows {
		return list
	}
	for i := range list {
		if list[i].State != roll.Good {
			continue
		}
		if list[i].Serial == s.taken[other.n] {
			return list
		}
		v := other.servers[i].cur
		if before := other.servers[i].before; v.serial != list[i].Serial {
			v = before
		}
		whole := list[i]
		whole.Transfer = true
		if v.rest != nil {
			whole.Algorithms = algorithmsOf(v.rest)
		}
		s.taken[other.n] = v.serial
		if int32(v.serial-s.newest[other.n]) > 0 {
			s.newest[other.n] = v.serial
		}
		return append(list, whole)
	}
	return list
}

// seenBy is the parent as a signer sees it.
func (p *parent) seenBy(s *signer, list []roll.ParentAddress) []roll.ParentAddress {
	w := p.w
	if list == nil {
		list = make([]roll.ParentAddress, len(p.shown))
	}
	for i := range list {
		lost, late := s.mishap()
		n := w.servers + i
		if lost {
			s.answered[n] = w.t
		}
		from := max(s.reach[len(w.signers)], s.upSince, s.answered[n])
		at := w.t - late
		ds, ttl := p.shown[i], p.ttl[i]
		if at < p.changedAt[i] {
			ds, ttl = p.shownBefore[i], p.ttlBefore[i]
		}
		a := &list[i]
		*a = roll.ParentAddress{Addr: parentNames[i], State: roll.Good, Seen: s.wall(at), TTL: time.Duration(ttl), Since: s.wall(from), DS: ds, NS: w.delegated}
		if at >= p.strange[0] && at < p.strange[1] {
			a.UnknownDS = 1
		}
		if w.cut[s.n][len(w.signers)] > w.t {
			*a = roll.ParentAddress{Addr: a.Addr, State: w.how(s.n, len(w.signers)), Seen: s.wall(w.t)}
		} else if lost || at < from {
			*a = roll.ParentAddress{Addr: a.Addr, State: roll.Unreachable, Seen: s.wall(w.t)}
		}
	}
	return list
}
