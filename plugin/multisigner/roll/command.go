package roll

import (
	"fmt"
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
	return s, fmt.Errorf("not possible")
}
