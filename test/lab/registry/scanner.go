package registry

import (
	"context"
	"log/slog"
	"strings"
	"time"
)

// scanner looks at the child again and again and keeps the delegation.
type scanner struct {
	config     Config
	delegation Delegation
	log        *slog.Logger
	now        func() time.Time
	adopt      func(Delegation) error // saves and publishes; an error leaves the delegation as it was
	between    func()                 // called after each look

	agreed int    // looks in a row that asked for the same first DS
	asked  string // the DS RRset they asked for
	said   string // the last line logged
}

// run looks at every interval, and when told: at once, if the last look was not just
// now. It returns when ctx ends. While a first DS waits to be accepted it looks
// again by itself, because the child has no reason to tell it twice.
func (s *scanner) run(ctx context.Context, notified <-chan struct{}) {
	for {
		s.turn(Look(ctx, s.config.Child, s.config.Nameservers))
		s.between()
		calm := time.NewTimer(s.config.calm())
		interval := time.NewTimer(time.Duration(s.config.Interval))
		wake := func() <-chan time.Time {
			if s.agreed > 0 {
				return calm.C
			}
			return interval.C
		}()
		select {
		case <-ctx.Done():
		case <-wake:
		case <-notified:
			select { // what is told meanwhile is in this look, too
			case <-ctx.Done():
			case <-calm.C:
			}
		}
		calm.Stop()
		interval.Stop()
		if ctx.Err() != nil {
			return
		}
	}
}

// turn acts on one look. A delegation without DS gets its first only after
// Rounds looks in a row that all asked for the same (RFC 8078 3.3, "accept after
// delay"): there is no chain of trust yet to tell a hijacker from the child.
func (s *scanner) turn(answers []Answer) {
	verdict := Judge(s.delegation, answers, s.now())
	if !verdict.Change {
		s.agreed, s.asked = 0, ""
		s.say("unchanged: " + verdict.Why)
		return
	}
	if len(s.delegation.DS) == 0 {
		asked := strings.Join(dsText(verdict.DS), "\n")
		if asked != s.asked {
			s.agreed, s.asked = 0, asked
		}
		if s.agreed++; s.agreed < s.config.Rounds {
			s.say("first DS: waiting for it to stay as it is: " + verdict.Why)
			return
		}
	}
	next := Delegation{Child: s.delegation.Child, DS: verdict.DS, Inceptions: verdict.Inceptions}
	if err := s.adopt(next); err != nil {
		s.say("unchanged: " + err.Error())
		return
	}
	s.delegation = next
	s.agreed, s.asked = 0, ""
	s.say("changed: " + verdict.Why)
}

// say logs a decision that differs from the one before.
func (s *scanner) say(line string) {
	if line != s.said {
		s.said = line
		s.log.Info(line, "child", s.config.Child)
	}
}
