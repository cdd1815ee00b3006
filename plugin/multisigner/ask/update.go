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

// Forward passes an UPDATE on (RFC 2136 6) and gives the answer, whatever its rcode. It
// goes over a connection, and once: whoever has sent it decides whether to send it again.
// sent is false when it certainly has not reached s. The errors are those of Exchange;
// waiting ends with wait and with ctx. m is not changed; its id is ours to choose.
func (c *Client) Forward(ctx context.Context, s Server, m *dns.Msg, wait time.Duration) (r *dns.Msg, sent bool, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("update zone %s at %s: %w", plain(m.Question[0].Name), s, err)
		}
	}()
	p, err := prepare(m, s.TSIG, nil)
	if err != nil {
		return nil, false, err
	}
	conn, err := c.dial(ctx, "tcp", s, wait)
	if err != nil {
		return nil, false, err
	}
	defer conn.Close()
	if err := writeMessage(conn, p.wire); err != nil {
		return nil, true, err
	}
	wire, err := readMessage(conn, wait)
	if err != nil {
		return nil, true, err
	}
	r, err = p.judge(wire)
	return r, true, err
}
