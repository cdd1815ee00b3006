package roll

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// Kind is what an operator orders.
type Kind uint8

// The orders. RollKey makes a successor for the keys of Role; RollAlgorithm one of
// Algorithm. Abort gives up what RollKey began, as far as it can be undone. Freeze
// stops all rollovers until Thaw; signatures are renewed all the same. Disown says
// that the DS at the parent that no known key explains may be replaced. Recover
// takes the keys found in the key store for ours although no state tells of them.
// Rejoin makes new keys although a DS exists. Insecure removes the DS and then the
// signatures; Secure takes that back. Compromised is a rollover of Key without its lifetime.
const (
	RollKey Kind = iota
	RollAlgorithm
	Abort
	Freeze
	Thaw
	Disown
	Recover
	Rejoin
	Insecure
	Secure
	Compromised
	Leave
	Forget
)

// Command is an operator's order.
type Command struct {
	Kind      Kind
	Role      Role  // RollKey
	Algorithm uint8 // RollAlgorithm
	Key       KeyID // Compromised
	Peer      string
	Dead      bool // Leave: the peer will not take part
}

// Do returns the state in which the order is given. The next Step begins to carry it
// out. The error says why it cannot be done now.
func Do(s State, c Command, p Policy, now time.Time) (State, error) {
	f := s.f
	f.Keys = slices.Clone(f.Keys)
	o := &f.Orders
	if s.Empty() {
		if c.Kind != Recover && c.Kind != Rejoin {
			return s, errors.New("the zone has not had its first turn yet: try again in a moment")
		}
		f.advance(now, time.Time{})
	}
	switch c.Kind {
	case RollKey:
		if o.Frozen {
			return s, errors.New("rollovers are frozen: give `thaw` first")
		}
		switch {
		case c.Role == CSK && p.Split, c.Role != CSK && !p.Split, c.Role == Unknown:
			return s, fmt.Errorf("this zone has no %s: it has `keys %s`", c.Role, map[bool]string{true: "split", false: "csk"}[p.Split])
		case c.Role == ZSK:
			o.RollZSK = f.Clock + 1 // later than all that was
		default:
			o.RollKSK = f.Clock + 1
		}
	case Compromised:
		return compromised(s, f, c)
	case Abort:
		o.RollKSK, o.RollZSK = 0, 0
	case Freeze:
		o.Frozen = true
	case Thaw:
		o.Frozen = false
	case Disown:
		o.Disowned = true
	case Recover:
		o.Recover = true
	case Rejoin:
		o.Rejoin = true
	default:
		return s, errors.New("this cannot be done yet")
	}
	return State{f}, nil
}

// compromised marks a key so that it is rolled at once, whatever its lifetime. Every
// wait is kept: to skip one breaks what it protects.
func compromised(s State, f facts, c Command) (State, error) {
	for k := range f.Keys {
		if key := &f.Keys[k]; key.ID == c.Key && key.Owner == 0 {
			key.Compromised = true
			return State{f}, nil
		}
	}
	return s, fmt.Errorf("key %s is not one of ours", c.Key)
}
