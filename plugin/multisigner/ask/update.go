package ask

import (
	"context"
	"fmt"
	"time"

	"github.com/miekg/dns"
)

// Update sends an UPDATE (RFC 2136) and waits for its answer, which must be signed
// as the request is. Its prerequisites must make it harmless to come twice: it is
// sent again when no answer comes. An answer other than NOERROR is a *Refused; the
// other errors are those of Exchange.
func (c *Client) Update(ctx context.Context, s Server, m *dns.Msg) error {
	r, err := c.exchange(ctx, s, m, func(int) time.Duration { return c.timeout() }, c.tries())
	if err == nil && r.Rcode != dns.RcodeSuccess {
		err = &Refused{Rcode: r.Rcode}
	}
	if err != nil {
		return fmt.Errorf("update zone %s at %s: %w", plain(m.Question[0].Name), s, err)
	}
	return nil
}
