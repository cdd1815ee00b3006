package ask

import (
	"context"
	"fmt"
	"time"

	"github.com/miekg/dns"
)

// notifyTries is how often a NOTIFY is sent; RFC 1996 3.6 says five times a
// minute apart, we double the wait each time and leave the rest to the next look.
const notifyTries = 4

// Notify tells s that the RRset of type t (SOA; CDS, CSYNC: RFC 9859) at zone has
// changed, and waits for its answer. soa, if not nil, is put in as a hint. An
// answer other than NOERROR is a *Refused; the other errors are those of Exchange.
func (c *Client) Notify(ctx context.Context, s Server, zone string, t uint16, soa dns.RR) error {
	m := new(dns.Msg).SetNotify(zone)
	m.Question[0].Qtype = t
	if soa != nil {
		m.Answer = []dns.RR{soa}
	}
	wait := c.timeout()
	r, err := c.exchange(ctx, s, m, func(try int) time.Duration { return wait << try }, notifyTries)
	if err == nil && r.Rcode != dns.RcodeSuccess {
		err = &Refused{Rcode: r.Rcode}
	}
	if err != nil {
		return fmt.Errorf("notify %s of %s %s: %w", s, plain(zone), dns.Type(t), err)
	}
	return nil
}
