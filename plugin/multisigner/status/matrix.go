package status

import "time"

// Matrix is the outcome of asking every address of every signer: would a
// resolver that holds the DNSKEY RRset of one believe the answers of another?
type Matrix struct {
	At      time.Time `json:"at"`
	DS      []string  `json:"ds"`      // what stood at the parent; empty: the zone is insecure there, and each DNSKEY RRset is taken as given
	Servers []Server  `json:"servers"` // that were asked, in the order of rows and columns
	Cells   []Cell    `json:"cells"`   // each pair of servers once, by row and then by column
	Pairs   []Pair    `json:"pairs"`   // each pair of signers once: what their cells come to
}

// Server is one address that was asked.
type Server struct {
	Signer  string `json:"signer"`
	Address string `json:"address"`
	Fault   string `json:"fault,omitempty"` // why it has no usable answers; its row and column have no cells then
	// When the newest of its signatures begins and the first of them ends: beside
	// Matrix.At they show a clock that is wrong. Zero when none was seen.
	Inception  time.Time `json:"inception,omitzero"`
	Expiration time.Time `json:"expiration,omitzero"`
}

// PairState says what is known of a pair of signers.
type PairState string

// Unknown is not red: somebody did not answer, or is not part of the chain yet.
const (
	Green   PairState = "green"
	Red     PairState = "red"
	Unknown PairState = "unknown"
)

// Pair says whether the answers of one signer validate under the keys of the other,
// at every address of both.
type Pair struct {
	Answers string    `json:"answers"`
	Keys    string    `json:"keys"`
	State   PairState `json:"state"`
	Since   time.Time `json:"since,omitzero"` // when it began to be so
	Why     []string  `json:"why"`            // the first faults, or why nothing is known
}

// Cell says whether the answers of one server validate under the DNSKEY RRset
// that another one serves.
type Cell struct {
	Answers string   `json:"answers"` // address whose answers
	Keys    string   `json:"keys"`    // address whose DNSKEY RRset
	Asked   int      `json:"asked"`   // questions
	Faults  []string `json:"faults"`  // those whose answer does not validate, and why
}

// OK reports whether every server answered and every cell is free of faults. A
// matrix without cells proves nothing and is not.
func (m Matrix) OK() bool {
	for _, s := range m.Servers {
		if s.Fault != "" {
			return false
		}
	}
	for _, c := range m.Cells {
		if !c.OK() {
			return false
		}
	}
	return len(m.Cells) > 0
}

// OK reports whether all that was asked validates.
func (c Cell) OK() bool { return c.Asked > 0 && len(c.Faults) == 0 }

// Cell gives the cell of a pair; ok is false when there is none.
func (m Matrix) Cell(answers, keys string) (c Cell, ok bool) {
	for _, c := range m.Cells {
		if c.Answers == answers && c.Keys == keys {
			return c, true
		}
	}
	return Cell{}, false
}
