package ask

import (
	"context"
	"iter"
	"time"

	"github.com/miekg/dns"
)

// Limit bounds a transfer. A field that is 0 has its default.
type Limit struct {
	Octets   int           // of all messages; 256 MiB
	Records  int           // RRs; 10,000,000
	Messages int           // 10,000,000
	Time     time.Duration // from the first octet sent to the last received; 10 min, of a Session 2 h
	Idle     time.Duration // until the next octet; five times the client's Timeout, of a Session 60 s
	Floor    int           // octets that must come in Each, while we wait for them; 10 KiB
	Each     time.Duration // 5 min
}

func (l Limit) withDefaults() Limit {
	if l.Octets <= 0 {
		l.Octets = 256 << 20
	}
	if l.Records <= 0 {
		l.Records = 10_000_000
	}
	if l.Messages <= 0 {
		l.Messages = 10_000_000
	}
	if l.Floor <= 0 {
		l.Floor = 10 << 10
	}
	if l.Each <= 0 {
		l.Each = 5 * time.Minute
	}
	if l.Time <= 0 {
		l.Time = 10 * time.Minute
	}
	return l
}

// orLong is l with the defaults of a Session: content is fetched from primaries far
// away, and while it comes the last good is served. Time and Floor are BIND's.
func (l Limit) orLong() Limit {
	if l.Time <= 0 {
		l.Time = 2 * time.Hour
	}
	if l.Idle <= 0 {
		l.Idle = time.Minute
	}
	return l.withDefaults()
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
	return func(yield func(*dns.Msg, error) bool) {
		limit := limit.withDefaults()
		if limit.Idle <= 0 {
			limit.Idle = idle * c.timeout()
		}
		of := c.Session(s, zone, limit)
		of.plain = true
		defer of.Close()
		of.Transfer(ctx)(yield)
	}
}
