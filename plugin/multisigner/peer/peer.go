// Package peer looks at what a set of addresses publishes for a zone - a peer's,
// our own, our secondaries' - and believes it only so far as its signatures lead
// back to keys that are trusted already. What to do about it is for others to decide.
package peer

import (
	"context"
	"net/netip"
	"slices"
	"time"

	"github.com/multisigner/multisigner/plugin/multisigner/ask"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// Via is how a signer's keys are fetched.
type Via uint8

const (
	Query Via = iota // the records of the apex are asked for
	AXFR             // and besides, the zone is transferred when its serial changed
)

// TrustMode is how the keys of a signer are first believed. Every mode seeds the
// pins; after that, they follow by signature. A DS vouches for a key that they do not
// lead to, too: a signer that has lost its keys is believed again by its new ones.
type TrustMode uint8

const (
	TrustTSIG   TrustMode = iota // by the DNSKEY RRset first seen at an address that we share a TSIG key with
	TrustParent                  // by the DS RRset at the parent
	TrustDS                      // by configured DS records
)

// Trust is the seed. DS is the configured DS RRset, or else the parent's, validated, and
// without the records of other signers' keys.
type Trust struct {
	Mode TrustMode
	DS   zone.RRset
}

// Memory is what one look must know of those before. Its owner keeps it; losing it
// means that trust begins anew from its seed.
type Memory struct {
	// Pins are the entry keys by which the signer is believed; none: not yet.
	Pins []zone.DNSKEY
	// Spent are those of the configured DS records by which it was believed: each vouches
	// for its key once. A key that was rolled since has no say any more, whoever has it.
	Spent zone.Packed
	// Newest is for each address the newest DNSKEY RRset that was believed there. An
	// address that shows an older one again is stale: it may be a replay.
	Newest map[netip.AddrPort]Mark
	// Transferred is the serial of the last transfer of which the result was used; nil
	// has it transferred again. CutOff says why that did not come whole.
	Transferred *uint32
	CutOff      string
}

// Mark identifies a DNSKEY RRset and says when it was signed.
type Mark struct {
	Inception uint32 // the latest of its valid signatures
	Keys      zone.Packed
}

// Target is whom to look at, and how.
type Target struct {
	Zone    zone.Name
	Servers []ask.Server              // every address; those with a TSIG key are asked with it
	Hosts   map[netip.AddrPort]string // the nameserver's name, for those found through one
	Trust   Trust
	Memory  Memory
	Via     Via
	// Algorithms are those that the group's keys may have; empty: any. A set with a
	// key of another is not used (RFC 4035 2.2).
	Algorithms []uint8
	MaxKeys    int       // in a DNSKEY, CDS or CDNSKEY RRset; 0: 64
	Limit      ask.Limit // of a transfer; fields that are 0: 64 MiB, 1,000,000 records, 1 min
}

// Status is how it stands with one address.
type Status uint8

const (
	Good             Status = iota // all that was asked is known: each type is in Sets or in Absent
	Unreachable                    // no answer: what it publishes is not known
	NotAuthoritative               // it answers, but not for this zone: REFUSED, SERVFAIL, lame
	Garbled                        // its answers cannot be read, or its TSIG is wrong
	TooMany                        // more keys or signatures than any signer needs; none was verified
	Unsigned                       // no DNSKEY, or no signatures
	WrongAlgorithm                 // a key of an algorithm that the group does not have
	UnknownKey                     // signed, but by no key that is trusted
	Expired                        // signed by a trusted key for another time: over, or not yet begun
	Bogus                          // a signature that is wrong, or missing where it must be
	Stale                          // signed and trusted, but older than what was seen there before: lagging, or replayed
	Unfound                        // of a nameserver whose address nobody knows: Look gives none
)

var statuses = [...]string{"good", "unreachable", "not authoritative", "garbled", "too many keys", "unsigned",
	"wrong algorithm", "unknown key", "expired", "bogus", "stale", "address not known"}

// String names the status, as operators see it.
func (s Status) String() string { return statuses[s] }

// Address is what one address publishes.
type Address struct {
	Server ask.Server
	Host   string    // the nameserver's name; "": a configured address
	At     time.Time // of the look's beginning
	Status Status    // of the DNSKEY RRset, or else the first fault of SOA, NS, CDS and CDNSKEY
	Err    string    // why it is not Good; at a Good one, what is not known of CSYNC
	// Believed: the DNSKEY RRset is signed by a trusted key, now, and is not stale.
	// Its keys may be taken in even while something else is at fault there, so that
	// a peer's broken CDS does not keep its next ZSK from us. Gates need Good.
	Believed bool
	// Sets are the RRsets at the apex, with their signatures, that were validated:
	// DNSKEY under the pins, the others under this address's own DNSKEY RRset. CDS
	// and CDNSKEY are there only if an entry key signed them (RFC 7344 4.1). Empty
	// unless the DNSKEY RRset validates; of a stale one it holds that alone.
	Sets map[zone.Type]zone.RRset
	// AbsentTTL is for how many seconds caches keep what an Unsigned address answers
	// when it is asked for DNSKEY: that it has none (RFC 2308 5), or unsigned ones.
	// Nobody vouches for it: it is a week at most, our choice, for resolvers keep nothing
	// longer by default. 0: not known.
	AbsentTTL uint32
	// Absent are the types whose absence was validly denied. A type in neither is
	// unknown, which is not absent.
	Absent map[zone.Type]bool
	// Entry are the keys that validly sign its DNSKEY RRset: those with the SEP
	// flag, if any of them has it, else all; no revoked ones.
	Entry []zone.DNSKEY
	// Serial is that of its SOA, whoever has signed that, or nobody; nil: it is not known.
	Serial *uint32
	// Strangers are such keys of a DNSKEY RRset that no trusted key signs.
	Strangers []zone.DNSKEY
	// DataSigners are the keys that were seen validly signing anything else.
	DataSigners []zone.DNSKEY
	// Algorithms are those of the signatures over each of the other RRsets: whoever
	// needs one of them finds it everywhere. Keys for them need not be published (RFC
	// 6781 4.1.4). Of a transfer, they are those of every signed RRset; none, if it did
	// not come whole.
	Algorithms []uint8
	// Inception is the latest beginning of a valid signature over its DNSKEY RRset, as
	// RRSIGs have it: of two sets, the one with the later is the newer.
	Inception uint32
	// TransferFrom: this came by a transfer. It is for taking in keys, and says
	// nothing about what resolvers see.
	TransferFrom bool
}

// Report is what a look found.
type Report struct {
	Addresses []Address // as Target.Servers; one more, with TransferFrom, where the zone was transferred
	Memory    Memory    // for the next look; save its Pins before using the rest
	Trusted   bool      // at least one address is believed
	Why       string    // why none is
	// Transfer is the apex of the transferred zone; nil: none was transferred this time.
	Transfer *zone.Version
	// TransferErr says why the last transfer that was due did not come, or not whole.
	TransferErr string
	// Digest is of the content of the transferred zone; the zero value when it did not come whole.
	Digest Digest
}

// Look asks every address at once for DNSKEY, SOA, NS, CDS, CDNSKEY and CSYNC,
// and judges the answers as of now. An error of one address is in its Address:
// silence, refusal and nonsense are told apart, and none of them means that
// something was withdrawn.
//
// Pins follow by signature: when the DNSKEY RRset of an address validates under
// the present ones, the entry keys that sign it are pinned from then on, over all
// addresses that are believed; the others are dropped. A DS vouches for an address
// whatever the pins are: the parent's as long as it stands there, a configured one until
// it was used (Memory.Spent). To begin anew with a peer is to give it other pins.
func Look(ctx context.Context, c *ask.Client, t Target, now time.Time) Report {
	l := &look{Target: t, client: c, now: now}
	pins := t.Memory.Pins
	if len(pins) == 0 {
		seeded := ask.All(t.Servers, func(s ask.Server) Address { return l.keys(ctx, s, l.seed(s)) })
		if pins = entries(seeded); len(pins) == 0 {
			for i, a := range seeded {
				seeded[i] = l.withSerial(ctx, a)
			}
			return Report{Addresses: seeded, Memory: t.Memory, Why: why(seeded)}
		}
	}
	r := Report{Addresses: ask.All(t.Servers, func(s ask.Server) Address { return l.whole(ctx, s, vouched{pinned(pins), l.vouches(s)}) })}
	r.Memory = t.Memory.after(r.Addresses)
	if t.Trust.Mode == TrustDS {
		r.Memory.Spent = l.spent(r.Memory.Pins)
	}
	for _, a := range r.Addresses {
		r.Trusted = r.Trusted || a.Believed
	}
	if !r.Trusted {
		r.Why = why(r.Addresses)
		return r
	}
	if t.Via == AXFR {
		l.transfer(ctx, &r)
	}
	return r
}

// why names the first address that has something to say for itself.
func why(addresses []Address) string {
	for _, a := range addresses {
		if a.Err != "" {
			return a.Server.String() + ": " + a.Err
		}
	}
	return "it has no address"
}

// entries is the union of the entry keys of the addresses that are believed.
func entries(addresses []Address) []zone.DNSKEY {
	var keys []zone.DNSKEY
	for _, a := range addresses {
		if a.Believed {
			keys = union(keys, a.Entry)
		}
	}
	return keys
}

func union(keys, more []zone.DNSKEY) []zone.DNSKEY {
	for _, k := range more {
		if !slices.Contains(keys, k) {
			keys = append(keys, k)
		}
	}
	return keys
}

func markOf(a Address) Mark { return Mark{Inception: a.Inception, Keys: a.Sets[zone.TypeDNSKEY].Rdata} }

// after is what is to be remembered after a look. m is not changed.
func (m Memory) after(addresses []Address) Memory {
	if pins := entries(addresses); len(pins) > 0 {
		m.Pins = pins
	}
	newest := make(map[netip.AddrPort]Mark, len(addresses))
	for _, a := range addresses {
		addr := a.Server.Addr
		if mark, ok := m.Newest[addr]; ok {
			newest[addr] = mark
		}
		if mark := markOf(a); a.Believed && (mark.Keys != newest[addr].Keys || zone.SerialAfter(mark.Inception, newest[addr].Inception)) {
			newest[addr] = mark
		}
	}
	m.Newest = newest
	return m
}
