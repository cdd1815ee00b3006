package ask

import (
	"encoding/binary"
	"errors"

	"github.com/miekg/dns"
)

// maxPadding is how many messages in a row may have no records: they pad a stream over
// TLS (RFC 9103 8.3.4: a client must stand them), and must not make it endless.
const maxPadding = 100

// incoming follows the answer to a question for a SOA or a transfer to its end.
type incoming struct {
	apex        string
	limit       Limit
	single      bool   // one message with one SOA is all
	incremental bool   // it answers an IXFR
	ours        uint32 // the serial in that question

	messages, octets, records int
	padding                   int  // messages without records in a row
	ended                     bool // nothing more belongs to it

	form   form
	newest uint32 // the serial of the opening SOA
	at     uint32 // the serial of the last SOA within
}

// form is what the records after the opening SOA have shown a transfer to be.
type form uint8

const (
	undecided form = iota
	full           // a whole zone
	removing       // differences: what goes
	adding         // differences: what comes
)

// take counts r, and finds the end in it.
func (i *incoming) take(r *dns.Msg, wire []byte) error {
	switch {
	case r.Rcode != dns.RcodeSuccess:
		return &Refused{Rcode: r.Rcode}
	case r.Truncated:
		return failed(ErrGarbled, "a message is truncated, although over TCP")
	case int(binary.BigEndian.Uint16(wire[6:])) != len(r.Answer):
		// The library takes a message that ends early for a shorter one.
		return failed(ErrGarbled, "a message that has fewer records than it says")
	case i.single && !r.Authoritative:
		return failed(ErrGarbled, "the answer is not authoritative: the server does not have the zone itself, or has lost it")
	case len(r.Answer) == 0 && i.records == 0 && i.single:
		return failed(ErrGarbled, "the answer has no SOA: the server does not have the zone")
	case len(r.Answer) == 0 && i.records == 0:
		return failed(ErrGarbled, "the answer has no records")
	}
	for n, rr := range r.Answer {
		if rr.Header().Class != dns.ClassINET {
			return failed(ErrGarbled, "a record of class %s", dns.Class(rr.Header().Class))
		}
		if err := i.record(rr, i.records+n == 0); err != nil {
			return err
		}
	}
	first := i.records == 0
	i.messages++
	i.octets += len(wire)
	i.records += len(r.Answer)
	if i.padding++; len(r.Answer) > 0 {
		i.padding = 0
	}
	if i.single && !i.ended || i.single && i.records != 1 {
		return failed(ErrGarbled, "the answer has %d records, not one SOA", i.records)
	}
	// One SOA that is not newer: there is nothing to tell (RFC 1995 4).
	if i.incremental && first && i.records == 1 && !after(i.newest, i.ours) {
		i.ended = true
	}
	return i.within()
}

// within holds what has come against the limits.
func (i *incoming) within() error {
	switch {
	case i.octets > i.limit.Octets:
		return failed(ErrLimit, "more than the %d octets allowed", i.limit.Octets)
	case i.records > i.limit.Records:
		return failed(ErrLimit, "more than the %d records allowed", i.limit.Records)
	case i.messages > i.limit.Messages:
		return failed(ErrLimit, "more than the %d messages allowed", i.limit.Messages)
	case i.padding > maxPadding:
		return failed(ErrLimit, "%d messages in a row without records", i.padding)
	}
	return nil
}

// record follows the SOAs, which part a transfer (RFC 5936 2.2, RFC 1995 4).
func (i *incoming) record(rr dns.RR, first bool) error {
	soa, is := rr.(*dns.SOA)
	is = is && sameName(soa.Hdr.Name, i.apex)
	switch {
	case first && !is:
		return failed(ErrGarbled, "it does not begin with the zone's SOA")
	case i.ended:
		return failed(ErrGarbled, "there are records after the closing SOA")
	case first:
		i.newest = soa.Serial
		i.ended = i.single
	case i.form == undecided && !is:
		i.form = full
	case !is:
	case i.form == undecided && i.incremental && soa.Serial != i.newest:
		if soa.Serial != i.ours {
			return failed(ErrGarbled, "out of sequence: the differences begin at serial %d, and we have %d", soa.Serial, i.ours)
		}
		i.form, i.at = removing, soa.Serial
	case i.form == undecided || i.form == full:
		i.ended = true
	case i.form == removing:
		i.form, i.at = adding, soa.Serial
	case soa.Serial != i.at:
		return failed(ErrGarbled, "out of sequence: a difference ends at serial %d, and the next begins at %d", i.at, soa.Serial)
	case i.at == i.newest:
		i.ended = true
	default:
		i.form = removing
	}
	return nil
}

// onlySOA reports whether nothing but a newer SOA has come: some servers send record by
// record, and some mean that all of the zone is to be asked for.
func (i *incoming) onlySOA() bool { return i.incremental && i.records == 1 && !i.ended }

// alone is err, or what it means when nothing followed the SOA.
func (i *incoming) alone(err error) error {
	if i.onlySOA() && errors.Is(err, ErrUnreachable) {
		return failed(ErrGarbled, "one newer SOA, and nothing after it (%v)", err)
	}
	return err
}

// after reports whether serial a comes after b (RFC 1982 3.2).
func after(a, b uint32) bool { return a != b && a-b < 1<<31 }
