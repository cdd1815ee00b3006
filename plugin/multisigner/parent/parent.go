// Package parent looks at what the parent publishes for a zone, at every address
// of every nameserver of the parent: the DS RRset, the delegation and its glue. And
// it tells the parent of changes: by NOTIFY to where its DSYNC records say (RFC
// 9859), or by UPDATE of the DS RRset. When, and whether, is for others to decide.
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
	// Servers are the parent's, as configured. With no Resolver they are believed as
	// they are: the path to them must be one to be trusted.
	Servers []netip.AddrPort
	// Resolver, if valid, finds the parent's servers, besides those configured, and
	// its DNSKEY RRset, under which every answer about DS is then validated. An
	// unsigned parent can then not be believed.
	Resolver netip.AddrPort
	// Anchor is a file of DS or DNSKEY records, from which the way to the parent's
	// keys is validated here. Without it the resolver's word is taken: its AD bit.
	// That is acceptable for a validating resolver on this machine or over a trusted
	// network only.
	Anchor string
	// Names, if valid, is a resolver that finds the addresses of DSYNC targets when
	// there is no Resolver and the parent's servers do not have them. It is believed.
	Names netip.AddrPort
}

// Status is how it stands with one address of the parent.
type Status uint8

const (
	Good             Status = iota // DS, or that there is none, is known
	Unreachable                    // no answer: what it publishes is not known
	NotAuthoritative               // it answers, but not for the parent
	Garbled                        // its answers cannot be read
	Unsigned                       // its answer has no signatures although it must be validated, or the parent has no keys
	Stale                          // its signatures are for another time: over, or not yet begun
	Bogus                          // its answer does not validate under the parent's keys, or these do not under the anchor
)

var statuses = [...]string{"good", "unreachable", "not authoritative", "garbled", "unsigned", "expired", "bogus"}

// String names the status, as operators see it.
func (s Status) String() string { return statuses[s] }

// Address is what one address of the parent publishes.
type Address struct {
	Addr      netip.AddrPort
	Host      string     // the nameserver's name; "": a configured address that no name led to
	At        time.Time  // of the look's beginning
	Status    Status     // of what it says of the DS. Where no keys could be had to validate it, it is why not
	Err       string     // why it is not Good, or why the delegation is not known
	DS        zone.RRset // with its TTL; exists only if Status is Good
	DSAbsent  bool       // there is no DS: the address said so with authority
	NoName    bool       // that was because it does not know the name: there is no delegation at all
	Validated bool       // DS, or its absence, was validated under the parent's keys
	// NS is the delegation, unsigned by nature, and Glue the addresses beside it. A
	// server that is authoritative for the zone too shows the zone's own NS here, as
	// it does to resolvers. NS may not exist while DS does, if its answer did not come.
	NS       zone.RRset
	NSAbsent bool // there is no delegation
	Glue     map[zone.Name][]netip.Addr

	zone zone.Name // of which it answered, as far as the answer shows
}

// Report is what a look found.
type Report struct {
	Zone      zone.Name // the parent's; "" when it was not found
	Addresses []Address // those that were configured, then those that were found
	Unfound   []string  // nameservers of which no address is known, or all of them, in words; there may be more of each
	Err       string    // of finding servers or keys; the addresses that are known were asked all the same
	NoAnswer  string    // of the resolver: why it did not answer, or would not; "" when it did, whatever it said
}

// Look asks every address of child's parent at once. What one address says, and
// whether it says anything, is kept apart from the others.
func Look(ctx context.Context, c *ask.Client, w Where, child zone.Name, now time.Time) Report {
	l := &look{client: c, where: w, child: child, now: now}
	for _, addr := range w.Servers {
		l.targets = append(l.targets, target{addr: addr})
	}
	var r Report
	if w.Resolver.IsValid() {
		if err := l.find(ctx); err != nil {
			r.Err = err.Error()
		}
		r.NoAnswer = l.noAnswer
	}
	r.Addresses = ask.All(l.targets, func(t target) Address { return l.at(ctx, t) })
	r.Zone, r.Unfound = l.parent, l.unfound
	for _, a := range r.Addresses {
		if r.Zone == "" && a.zone != "" {
			r.Zone = a.zone
		}
	}
	return r
}
