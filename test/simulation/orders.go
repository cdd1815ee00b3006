package simulation

import (
	"time"

	"github.com/multisigner/multisigner/plugin/multisigner/roll"
)

// happens lets a fault or an order happen, unless it is left out. Each has a number
// and chance of its own, so that leaving it out changes no other.
func (w *world) happens(do func()) {
	n := w.trouble
	w.trouble++
	if !w.Off[n] {
		w.by(w.stream(uint64(1000+n)), do)
	}
}

// order gives a command now and then: a rollover out of turn, another TTL, the other
// kind of keys.
func (w *world) order() {
	if w.moot(w.t >= w.calm) {
		return
	}
	w.happens(func() {
		s := w.signers[w.random.IntN(len(w.signers))]
		if w.moot(s.foreign != nil || s.down || !s.begun) {
			return
		}
		if w.Moves && w.t > w.grand && w.t < w.calm-150*day && w.complete() && w.chance(40) {
			w.move()
			return
		}
		switch w.random.IntN(11) {
		case 6:
			if v := s.version; v != nil && len(v.data) > 0 && len(v.entry) > 0 {
				s.tell(roll.Command{Kind: roll.Compromised, Key: oneOf(w, v.data[0], v.entry[0])})
			}
		case 7:
			s.freeze()
		case 8, 9:
			s.reconfigure()
		case 10:
			s.orphan()
		case 0, 1:
			s.roll(roll.KSK)
		case 2, 3:
			s.roll(roll.ZSK)
		case 4:
			w.did("other TTL")
			s.policy.DNSKEYTTL = time.Duration(oneOf(w, hour, 6*hour, day))
			s.turn()
		case 5:
			if w.chance(30) {
				s.policy.Split = !s.policy.Split
				w.note("%s: keys split is now %v", s.name, s.policy.Split)
				w.did("other keys")
				s.turn()
			}
		}
	})
	w.after(w.between(day, 40*day), w.order)
}

// edit changes the largest TTL of the data. All signers get the same zone, one a little
// later than the other.
func (w *world) edit() {
	if w.moot(w.t >= w.calm) {
		return
	}
	w.happens(func() {
		w.did("data TTL")
		w.edited = w.t
		ttl := oneOf(w, hour, 4*hour, day, 2*day)
		if w.avoids(longTTLBesideFaults, w.Faults) {
			ttl = min(ttl, day)
		}
		w.note("the largest TTL of the data is now %d h", ttl/hour)
		for _, s := range w.signers {
			w.after(w.between(0, 5*minute), func() {
				s.dataTTL = ttl
				if s.foreign != nil && s.begun {
					s.foreign.serve()
				} else {
					s.turn()
				}
			})
		}
	})
	w.after(w.between(day, 60*day), w.edit)
}

// reconfigure edits what an operator may edit at any time.
func (s *signer) reconfigure() {
	w, fresh := s.w, s.w.policy(s)
	w.did("other policy")
	switch w.random.IntN(4) {
	case 0:
		s.policy.Margin = fresh.Margin
		w.oracle.hasten(w.leastMargin())
	case 1:
		s.policy.LifetimeKSK, s.policy.LifetimeZSK = fresh.LifetimeKSK, fresh.LifetimeZSK
	case 2:
		s.policy.Standby = !s.policy.Standby
	case 3:
		s.policy.Variant = roll.SwapDS + roll.DoubleDS - s.policy.Variant
	}
	s.turn()
}

// orphan writes that there is no parent, and days later that there is.
func (s *signer) orphan() {
	if s.w.moot(s.policy.Parent == roll.ParentNone || len(s.w.parent.ds) == 0) || s.w.avoids(parentNoneUnsettled, s.outside || s.refuses || s.version == nil || s.w.parent.until > s.w.t) {
		return
	}
	was := s.policy.Parent
	s.w.note("%s is told that there is no parent", s.name)
	s.w.did("parent none")
	s.policy.Parent = roll.ParentNone
	s.turn()
	s.w.after(s.w.between(hour, 9*day), func() {
		s.policy.Parent, s.reach[len(s.w.signers)] = was, s.w.t // nobody has looked meanwhile
		s.turn()
	})
}

// freeze stops the rollovers of s for some days.
func (s *signer) freeze() {
	if s.tell(roll.Command{Kind: roll.Freeze}) {
		s.w.after(s.w.between(hour, 9*day), s.thaw)
	}
}

func (s *signer) thaw() {
	if !s.tell(roll.Command{Kind: roll.Thaw}) {
		s.w.after(hour, s.thaw)
		return
	}
	s.thawed = s.w.t
}

func (s *signer) roll(role roll.Role) {
	if !s.policy.Split {
		role = roll.CSK
	}
	s.tell(roll.Command{Kind: roll.RollKey, Role: role})
}

var orderNames = map[roll.Kind]string{roll.RollKey: "roll", roll.RollAlgorithm: "algorithm", roll.Abort: "abort", roll.Recover: "recover",
	roll.Rejoin: "rejoin", roll.Insecure: "insecure", roll.Secure: "secure", roll.Compromised: "compromised", roll.Freeze: "freeze", roll.Thaw: "thaw"}

// tell gives a command, and reports whether it was taken.
func (s *signer) tell(c roll.Command) bool {
	if s.w.moot(s.down) {
		return false
	}
	next, err := roll.Do(s.state, c, s.policy, s.wall(s.w.t))
	if err != nil {
		s.w.note("%s refuses an order: %v", s.name, err)
		return false
	}
	s.w.did(orderNames[c.Kind])
	s.w.note("%s is given the order %s (%s %d)", s.name, orderNames[c.Kind], c.Role, c.Algorithm)
	s.state = next
	s.turn()
	return true
}

// move changes the algorithm of the whole group, or lets it go insecure and come back.
// Each signer is told at a time of its own. The one is sometimes given up on the way,
// and begun anew.
func (w *world) move() {
	w.grand = w.t + 120*day
	for _, s := range w.signers {
		s.backup = roll.State{} // one from before would have the old algorithm
		if s.foreign != nil && s.foreign.change.left != 0 {
			s.foreign.change.left = 0
			s.foreign.serve()
		}
	}
	if w.chance(30) && !w.avoids(foreignGoesInsecure, w.Foreign > 0) {
		w.tellAll(0, 5*day, roll.Command{Kind: roll.Insecure})
		w.tellAll(w.between(5*day, 40*day), 5*day, roll.Command{Kind: roll.Secure})
		return
	}
	w.algorithm = firstAlgorithm + secondAlgorithm - max(w.algorithm, firstAlgorithm)
	to := roll.Command{Kind: roll.RollAlgorithm, Algorithm: w.algorithm}
	w.tellAll(0, 5*day, to)
	if w.chance(30) {
		at := w.between(hour, 10*day)
		w.tellAll(at, 2*day, roll.Command{Kind: roll.Abort})
		w.givenUp = w.t + at + 12*day
		w.tellAll(at+20*day, 5*day, to)
	}
}

// tellAll gives an order to everyone, each within a time, and again until it is taken
// or has no meaning any more.
func (w *world) tellAll(from, within int64, c roll.Command) {
	for _, s := range w.signers {
		w.after(from+w.between(0, within), func() {
			if s.foreign != nil {
				s.foreign.obey(c)
				return
			}
			s.insist(c, 60)
		})
	}
}

func (s *signer) insist(c roll.Command, times int) {
	if s.down || s.refuses || !s.tell(c) {
		if times > 0 && (c.Kind != roll.Abort || s.down) {
			s.w.after(6*hour, func() { s.insist(c, times-1) })
		}
		return
	}
	if c.Kind == roll.RollAlgorithm {
		s.policy.Algorithm = c.Algorithm
	}
}

// complete reports whether every signer there is answers everyone.
func (w *world) complete() bool {
	for _, s := range w.signers {
		if s.version == nil || s.refuses || s.outside {
			return false
		}
	}
	return true
}
