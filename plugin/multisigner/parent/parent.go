// Package parent looks at what the parent publishes for a zone, at every address
// of every nameserver of the parent: the DS RRset, the delegation and its glue.
package parent

import (
	"context"
	"net/netip"
	"time"

	"github.com/multisigner/multisigner/plugin/multisigner/ask"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// Where says who is asked, and by what their answers are believed.
type Where struct {
	// Servers are the parent's, as configured.
	Servers []netip.AddrPort
	// Resolver, if valid, finds the parent's servers (besides those configured) and
	// its DNSKEY RRset, under which every DS RRset is then validated.
	Resolver netip.AddrPort
	// Anchor is a file of DS or DNSKEY records, by which what the resolver says is
	// validated here. Without it the resolver's word is taken: its AD bit. That is
	// acceptable for a validating resolver on this machine or a trusted network only.
	Anchor string
}

// Status is how it stands with one address of the parent.
type Status uint8

const (
	Good             Status = iota
	Unreachable             // no answer: what it publishes is not known
	NotAuthoritative        // it answers, but not for the parent zone
	Garbled                 // its answers cannot be read
	Bogus                   // what it says does not validate under the parent's keys, or these were not found
)

// Address is what one address of the parent publishes.
type Address struct {
	Addr      netip.AddrPort
	Host      string // the nameserver's name; "": a configured address
	At        time.Time
	Status    Status
	Err       string
	DS        zone.RRset // with its TTL; exists only if Status is Good
	DSAbsent  bool       // it said, with authority, that there is no DS
	Validated bool       // DS, or its absence, was validated under the parent's keys
	// NS is the delegation as the parent has it, unsigned by nature; it may not
	// exist while DS does, if only that answer came.
	NS   zone.RRset
	Glue map[zone.Name][]netip.Addr
}

// Report is what a look found.
type Report struct {
	Zone      zone.Name // the parent's; "" when it was not found
	Addresses []Address
	Err       string // of finding the servers or their keys; the addresses that are known were asked all the same
}

// Look asks every address of the parent of zone at once.
func Look(ctx context.Context, c *ask.Client, w Where, child zone.Name, now time.Time) Report {
	return Report{}
}
