package ask

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net"
	"strings"
	"time"

	"github.com/miekg/dns"
)

// Limit bounds a transfer. A field that is 0 has its default.
type Limit struct {
	Octets  int           // of all messages; 256 MiB
	Records int           // RRs; 10,000,000
	Time    time.Duration // from the first octet sent to the last received; 10 min
}

func (l Limit) withDefaults() Limit {
	if l.Octets <= 0 {
		l.Octets = 256 << 20
	}
	if l.Records <= 0 {
		l.Records = 10_000_000
	}
	if l.Time <= 0 {
		l.Time = 10 * time.Minute
	}
	return l
}

// idle is how many timeouts the next message of a transfer may take: a server may
// have to read a large zone first.
const idle = 5

// maxUnsigned is how many messages in a row may be without a TSIG (RFC 8945 5.3.1).
const maxUnsigned = 99

// Transfer asks s for a full transfer (AXFR) of zone, a name with its final dot,
// and yields its messages. With a key, every message yielded was verified: where
// only every n-th is signed (RFC 8945 5.3.1), those between are held back until
// the signature that covers them. The sequence ends without an error only after
// the closing SOA; an error is its last element. The errors are those of
// Exchange, ErrLimit and *Refused.
func (c *Client) Transfer(ctx context.Context, s Server, zone string, limit Limit) iter.Seq2[*dns.Msg, error] {
	limit = limit.withDefaults()
	return func(yield func(*dns.Msg, error) bool) {
		bounded, cancel := context.WithTimeout(ctx, limit.Time)
		defer cancel()
		err := c.transfer(bounded, s, zone, limit, yield)
		if err == nil {
			return
		}
		switch {
		case ctx.Err() != nil:
			err = ended(ctx.Err(), err)
		case bounded.Err() != nil:
			err = failed(ErrLimit, "not ended within %s", limit.Time)
		}
		yield(nil, fmt.Errorf("transfer %s from %s: %w", plain(zone), s, err))
	}
}

// transfer yields messages up to the closing SOA. It gives nil too when the
// caller wants no more.
func (c *Client) transfer(ctx context.Context, s Server, zone string, limit Limit, yield func(*dns.Msg, error) bool) error {
	m := new(dns.Msg).SetAxfr(zone)
	p, err := prepare(m, s.TSIG, nil)
	if err != nil {
		return err
	}
	if err := c.Budget.Wait(ctx); err != nil {
		return failed(ErrUnreachable, "%v", err)
	}
	conn, err := c.dial(ctx, "tcp", s, c.timeout())
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := writeMessage(conn, p.wire); err != nil {
		return err
	}
	stream := incoming{apex: zone, limit: limit}
	var held []*dns.Msg
	for {
		r, covered, err := c.next(ctx, conn, p, &stream)
		if err != nil {
			return err
		}
		held = append(held, r)
		switch {
		case covered:
			for _, r := range held {
				if !yield(r, nil) {
					return nil
				}
			}
			held = held[:0]
		case stream.ended:
			return failed(ErrTSIG, "the last message is not signed")
		case len(held) > maxUnsigned:
			return failed(ErrTSIG, "%d messages in a row are not signed", len(held))
		}
		if stream.ended {
			return nil
		}
	}
}

// next receives one message and judges it.
func (c *Client) next(ctx context.Context, conn net.Conn, p *prepared, stream *incoming) (r *dns.Msg, covered bool, err error) {
	wait := idle * c.timeout()
	conn.SetDeadline(time.Now().Add(wait))
	if ctx.Err() != nil { // it may have ended before the deadline was put off
		return nil, false, failed(ErrUnreachable, "%v", ctx.Err())
	}
	wire, err := readMessage(conn, wait)
	if err == nil {
		r, err = p.read(wire)
	}
	if err == nil {
		covered, err = p.chain.verify(r, wire)
	}
	if err == nil {
		p.chain.started = true
		err = stream.take(r, len(wire))
	}
	if _, refused := errors.AsType[*Refused](err); err != nil && !refused && stream.messages > 0 {
		err = fmt.Errorf("after %d messages, %d records: %w", stream.messages, stream.records, err)
	}
	return r, covered, err
}

// incoming follows a transfer from its first SOA to its last.
type incoming struct {
	apex                      string
	limit                     Limit
	messages, octets, records int
	ended                     bool
}

// take counts r, and finds the closing SOA in it.
func (i *incoming) take(r *dns.Msg, size int) error {
	if r.Rcode != dns.RcodeSuccess {
		return &Refused{Rcode: r.Rcode}
	}
	for n, rr := range r.Answer {
		soa := rr.Header().Rrtype == dns.TypeSOA && strings.EqualFold(rr.Header().Name, i.apex)
		switch first := i.records+n == 0; {
		case first && !soa:
			return failed(ErrGarbled, "it does not begin with the zone's SOA")
		case i.ended:
			return failed(ErrGarbled, "there are records after the closing SOA")
		case soa && !first:
			i.ended = true
		}
	}
	if len(r.Answer) == 0 {
		return failed(ErrGarbled, "a message without records")
	}
	i.messages++
	i.octets += size
	i.records += len(r.Answer)
	switch {
	case i.octets > i.limit.Octets:
		return failed(ErrLimit, "more than the %d octets allowed", i.limit.Octets)
	case i.records > i.limit.Records:
		return failed(ErrLimit, "more than the %d records allowed", i.limit.Records)
	}
	return nil
}
