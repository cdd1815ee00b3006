package answer

import (
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// Question is what a query of class IN asks.
type Question struct {
	Name zone.Name
	Type zone.Type
	DO   bool // DNSSEC records are wanted (RFC 4035 3.2.1)
	// Sign: signatures that are missing may be made now, because the version is not whole yet.
	// That takes as long as the key does.
	Sign bool
}

// Glue says how much a response needs an RRset of its additional section.
type Glue uint8

// What does not fit is left out from the last of these to the first.
const (
	// Required is the address of a nameserver inside the zone that it serves:
	// without it nobody gets there, so TC is set (RFC 9471 3.1).
	Required Glue = iota
	// Sibling is the address of a nameserver below another cut of the zone (RFC 9471 3.2).
	Sibling
	// Optional spares the asker a query.
	Optional
)

// Item is one RRset of a response.
type Item struct {
	Set   zone.RRset // its TTL is the one to send, lowered where an RFC says so
	Owner zone.Name  // differs from Set.Name when a wildcard made it (RFC 4592 3.3.1)
	Data  bool       // the records are sent
	Sigs  bool       // the signatures are sent
	Glue  Glue       // meant for the additional section only
}

// Response is a planned answer. The zero value is ready for Plan; a used one
// keeps its memory for the next, so callers pool them. It is one goroutine's at a
// time, and what it holds is good until the next Plan. It refers to the version
// that it was planned from; Reset lets go of it.
type Response struct {
	Rcode         int
	Authoritative bool
	Answer        []Item
	Authority     []Item
	Additional    []Item

	question Question
	version  *zone.Version
	signed   bool         // proofs and signatures are wanted, and there are some
	have     zone.Have    // how it stands with its signatures
	proofs   []zone.RRset // what package denial chose
	made     []byte       // names made for this response, see keep
	wildcard [zone.MaxName]byte
	hostRoom [zone.MaxName]byte
	names    compression
	wire     []byte // the last message of Msg
	asked    [zone.MaxName]byte
}

// Reset empties the response and lets go of the version that it came from, so
// that a response kept in a pool does not keep an old version in memory.
func (r *Response) Reset() {
	clear(r.Answer[:cap(r.Answer)])
	clear(r.Authority[:cap(r.Authority)])
	clear(r.Additional[:cap(r.Additional)])
	clear(r.proofs[:cap(r.proofs)])
	r.names.reset()
	r.begin(nil, Question{})
}

func (r *Response) begin(v *zone.Version, q Question) {
	r.Rcode, r.Authoritative = RcodeSuccess, true
	r.Answer, r.Authority, r.Additional = r.Answer[:0], r.Authority[:0], r.Additional[:0]
	r.question, r.version, r.signed, r.have = q, v, false, zone.Made
	r.proofs, r.made = r.proofs[:0], r.made[:0]
}

// answer adds an RRset to the answer section, at owner.
func (r *Response) answer(s zone.RRset, owner zone.Name) {
	r.Answer = append(r.Answer, Item{Set: s, Owner: owner, Data: true, Sigs: r.question.DO})
}

// authority adds an RRset to the authority section.
func (r *Response) authority(s zone.RRset, owner zone.Name) {
	r.Authority = append(r.Authority, Item{Set: s, Owner: owner, Data: true, Sigs: r.question.DO})
}
