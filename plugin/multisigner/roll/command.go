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
// Rejoin begins with unused or new keys although a DS exists. Insecure removes the DS and then the
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
)

// Command is an operator's order.
type Command struct {
	Kind      Kind
	Role      Role  // RollKey
	Algorithm uint8 // RollAlgorithm
	Key       KeyID // Compromised: ours, or a peer's
	Hasty     bool  // Compromised: wait for no cache; see Cost
}

// Do returns the state in which the order is given. The next Step begins to carry it
// out. The error says why it cannot be done now.
func Do(s State, c Command, p Policy, now time.Time) (State, error) {
	f := s.f
	f.Moving = f.moving() // the last step, or order, may have ended or begun it
	next, err := f.do(s, c, p, now)
	next.f.Moving = s.f.Moving // the next step is to see that it is another one
	return next, err
}

func (f facts) do(s State, c Command, p Policy, now time.Time) (State, error) {
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
		switch {
		case o.Frozen:
			return s, errors.New("rollovers are frozen: give `thaw` first")
		case o.Insecure != 0:
			return s, errors.New("the zone goes insecure, or has: give `secure` first")
		case c.Role == CSK && p.Split, c.Role != CSK && !p.Split, c.Role == Unknown:
			return s, fmt.Errorf("this zone has no %s: it has `keys %s`", c.Role, map[bool]string{true: "split", false: "csk"}[p.Split])
		case c.Role == ZSK:
			o.RollZSK = f.Clock + 1 // later than all that was
		default:
			o.RollKSK = f.Clock + 1
		}
	case RollAlgorithm:
		if err := f.mayRollTo(c.Algorithm); err != nil {
			return s, err
		}
		o.Algorithm = c.Algorithm
		f.revive(c.Algorithm)
	case Compromised:
		return compromised(s, f, c)
	case Abort:
		nothing := o.RollKSK == 0 && o.RollZSK == 0
		o.RollKSK, o.RollZSK = 0, 0
		if o.Algorithm != 0 && o.Algorithm != f.Algorithm {
			if err := f.mayAbortAlgorithm(); err != nil {
				return s, err
			}
			o.Algorithm, nothing = 0, false
		}
		if f.undoDouble() {
			nothing = false
		}
		if nothing {
			return s, errors.New("nothing is under way that could be given up")
		}
	case Freeze:
		o.Frozen = true
	case Thaw:
		o.Frozen = false
	case Disown:
		switch {
		case !f.begun():
			return s, errors.New("this signer has no keys in use: its alarm says what settles that first")
		case f.UnknownDS != f.Clock:
			return s, errors.New("the parent is not seen to have a DS that belongs to no known key: there is nothing to disown")
		}
		o.Disowned = true
	case Recover, Rejoin:
		if f.begun() {
			return s, errors.New("the state of this signer's keys is there: nothing is lost, see `keys`")
		}
		o.Recover, o.Rejoin = c.Kind == Recover, c.Kind == Rejoin // the later order holds: an empty key store recovers nothing
	case Insecure:
		if err := f.mayGoInsecure(); err != nil {
			return s, err
		}
		o.Insecure, f.CDS, f.Told = f.Clock, nil, 0
	case Secure:
		if o.Insecure == 0 {
			return s, errors.New("the zone is not on its way to become insecure: there is nothing to take back")
		}
		o.Insecure, f.Unsigned, f.Told = 0, false, 0
	default:
		return s, fmt.Errorf("order %d is not known", c.Kind)
	}
	return State{f}, nil
}

// carriedOut forgets orders when what they ask for has come: keys in office that took
// it after them, or any keys of our own.
func (z *step) carriedOut() {
	o := &z.f.Orders
	if o.Rejoin && z.begun() {
		o.Rejoin = false
	}
	if o.RollZSK == 0 && o.RollKSK == 0 {
		return
	}
	data, entry := z.incumbent((*key).signing), z.incumbent((*key).entry)
	if data < 0 || entry < 0 || !contains(z.seen.Published.Signers, z.f.Keys[data].ID) {
		return // what is not shown yet may be taken back
	}
	signs, enters := &z.f.Keys[data], &z.f.Keys[entry]
	zsk, ksk := signs.DataOn, enters.EntryOn
	if signs.Role == CSK || enters.Role == CSK { // either order is for both of its offices
		zsk, ksk = min(zsk, ksk), min(zsk, ksk)
	}
	if zsk >= o.RollZSK {
		o.RollZSK = 0
	}
	if ksk >= o.RollKSK {
		o.RollKSK = 0
	}
}

// mayRollTo says why an algorithm rollover cannot begin.
func (f *facts) mayRollTo(algorithm uint8) error {
	switch {
	case f.Orders.Insecure != 0:
		return errors.New("the zone goes insecure: give `secure` first")
	case f.Orders.Frozen:
		return errors.New("rollovers are frozen: give `thaw` first")
	case algorithm == 0:
		return errors.New("name the new algorithm")
	case f.Moving != 0 && f.Moving == f.Orders.Algorithm && f.Moving != algorithm:
		return fmt.Errorf("algorithm %d is on its way in: let it arrive, or give `abort`", f.Moving)
	case f.Moving != 0 && f.Moving != f.Orders.Algorithm && (f.Moving != algorithm || !f.neverAsked()):
		return fmt.Errorf("algorithm %d is still on its way out: wait until it has gone", f.Moving)
	case algorithm == f.Algorithm:
		return fmt.Errorf("the zone has algorithm %d already", algorithm)
	}
	return nil
}

// aborting reports whether the algorithm on its way out has never been the zone's,
// and its keys still stand in our DNSKEY RRset.
func (f *facts) aborting() bool {
	for k := range f.Keys {
		if key := &f.Keys[k]; key.Owner == 0 && key.ID.Algorithm == f.Moving && key.published() {
			return f.neverAsked()
		}
	}
	return false
}

// neverAsked reports whether no key of ours of the algorithm on its way was ever to
// have a DS: it is coming, or was given up.
func (f *facts) neverAsked() bool {
	if f.Orders.Algorithm != 0 && f.Orders.Algorithm == f.Algorithm {
		return false // it was the zone's before
	}
	for k := range f.Keys {
		if key := &f.Keys[k]; key.Owner == 0 && key.ID.Algorithm == f.Moving && key.EntryOn != 0 {
			return false
		}
	}
	return true
}

// mayAbortAlgorithm says why an algorithm must be let in: when every signer publishes
// keys of it, one of them may be asking for its DS.
func (f *facts) mayAbortAlgorithm() error {
	if !f.aborting() || len(f.Signers) == 1 {
		return nil
	}
	members := false
	for i := range f.Signers[1:] {
		if f.Signers[i+1].Since == 0 {
			continue
		}
		if members = true; !f.hasKeysOf(i+1, f.Moving) {
			return nil
		}
	}
	if !members {
		return nil
	}
	return fmt.Errorf("algorithm %d cannot be given up any more, because every signer publishes keys of it and may be asking for its DS: let it arrive, then roll back", f.Moving)
}

// hasKeysOf reports whether peer i was last seen with keys of its own, or that may be
// its own, of an algorithm.
func (f *facts) hasKeysOf(i int, algorithm uint8) bool {
	for k := range f.Keys {
		key := &f.Keys[k]
		if key.ID.Algorithm == algorithm && key.Absent == 0 && (int(key.Owner) == i || key.Owner < 0 && key.Candidates&(1<<i) != 0) {
			return true
		}
	}
	return false
}

// mayGoInsecure says why the zone cannot go insecure now.
func (f *facts) mayGoInsecure() error {
	switch {
	case f.Orders.Insecure != 0:
		return errors.New("the zone is on its way already, or has gone insecure")
	case f.Moving != 0:
		return fmt.Errorf("algorithm %d is on its way: let the rollover end, or give `abort`, first", f.Moving)
	}
	return nil
}

// revive takes keys of an algorithm that was given up back into use: their signatures
// may still be in caches.
func (f *facts) revive(algorithm uint8) {
	for k := range f.Keys {
		if key := &f.Keys[k]; key.Owner == 0 && key.ID.Algorithm == algorithm && key.Gone != 0 && key.EntryOn == 0 && key.signing() && !key.Compromised {
			key.unpublished()
		}
	}
}

// undoDouble takes back that a successor gets its DS beside the old key's (DoubleDS).
func (f *facts) undoDouble() bool {
	undone := false
	for k := range f.Keys {
		key := &f.Keys[k]
		if key.Owner != 0 || !key.Double || !key.entry() {
			continue
		}
		for n := range f.Keys {
			if old := &f.Keys[n]; old.Owner == 0 && old.entry() && old.EntryOn < key.EntryOn && !old.Compromised {
				key.retire(f.Clock)
				undone = true
				break
			}
		}
	}
	return undone
}
