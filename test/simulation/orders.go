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
	if w.t >= w.calm {
		return
	}
	w.happens(func() {
		s := w.signers[w.random.IntN(len(w.signers))]
		if s.foreign != nil || s.down || !s.begun {
			return
		}
		switch w.random.IntN(6) {
		case 0, 1:
			s.roll(roll.KSK)
		case 2, 3:
			s.roll(roll.ZSK)
		case 4:
			s.policy.DNSKEYTTL = time.Duration(oneOf(w, hour, 6*hour, day))
			s.turn()
		case 5:
			if w.chance(30) {
				s.policy.Split = !s.policy.Split
				w.note("%s: keys split is now %v", s.name, s.policy.Split)
				s.turn()
			}
		}
	})
	w.after(w.between(day, 40*day), w.order)
}

func (s *signer) roll(role roll.Role) {
	if !s.policy.Split {
		role = roll.CSK
	}
	s.tell(roll.Command{Kind: roll.RollKey, Role: role})
}

// tell gives a command, and reports whether it was taken.
func (s *signer) tell(c roll.Command) bool {
	if s.down {
		return false
	}
	next, err := roll.Do(s.disk, c, s.policy, s.wall(s.w.t))
	if err != nil {
		s.w.note("%s refuses an order: %v", s.name, err)
		return false
	}
	s.w.note("%s is given an order: %+v", s.name, c)
	s.disk = next
	s.turn()
	return true
}
