package ask

import (
	"context"
	"iter"
	"time"

	"github.com/miekg/dns"
)

// Limit bounds a transfer. A field that is 0 has its default.
type Limit struct {
	Octets  int           // of all messages; 256 MiB
	Records int           // RRs; 10,000,000
	Time    time.Duration // from the first octet sent to the last received; 10 min
}

// Transfer asks s for a full transfer (AXFR) of zone, a name with its final dot,
// and yields its messages. With a key, every message yielded was verified: where
// only every n-th is signed (RFC 8945 5.3.1), those between are held back until
// the signature that covers them. The sequence ends without an error only after
// the closing SOA; an error is its last element. The errors are those of
// Exchange, ErrLimit and *Refused.
func (c *Client) Transfer(ctx context.Context, s Server, zone string, limit Limit) iter.Seq2[*dns.Msg, error] {
	return func(yield func(*dns.Msg, error) bool) {}
}
