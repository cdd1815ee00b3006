// Package ask is DNS as a client: it asks servers, transfers zones and sends
// NOTIFYs and UPDATEs, signed with TSIG where there is a key, within limits and a budget. What
// comes back belongs to what was asked; what it means is for others to judge.
package ask

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/miekg/dns"
)

// Server is where to ask, and the key that both sides sign with; nil: unsigned.
type Server struct {
	Addr netip.AddrPort
	TSIG *TSIG
	Mark *Mark // by which we know our own questions, if it is we who are asked; nil: none
	TLS  TLS   // nothing but TLS is spoken to it (Addr should have PortTLS); zero: clear text
}

// String is the address.
func (s Server) String() string { return s.Addr.String() }

// Client asks. The zero value works. Its methods may be called from any goroutine
// and start none that outlives a call.
type Client struct {
	Timeout time.Duration // how long one try waits, and a transfer for its next message; 0: 2 s
	Tries   int           // how often a question is sent; 0: 3. The last goes over TCP
	Budget  *Budget       // of the process; nil: none
	Dial    Dial          // connects; nil: over the system's network
}

// Dial connects as net.Dialer's DialContext does: network is udp or tcp, address an IP
// address with its port. It must heed the end of ctx, and the connection deadlines.
type Dial func(ctx context.Context, network, address string) (net.Conn, error)

const (
	defaultTimeout = 2 * time.Second // our choice: a round trip around the world takes a fifth
	defaultTries   = 3
)

func (c *Client) timeout() time.Duration {
	if c.Timeout > 0 {
		return c.Timeout
	}
	return defaultTimeout
}

func (c *Client) tries() int {
	if c.Tries > 0 {
		return c.Tries
	}
	return defaultTries
}

// PayloadSize is the size of UDP answers that we offer to take: what passes
// without fragments nearly everywhere (RFC 9715 3.1 recommends at most 1,400; our
// choice is the 1,232 that most servers keep to).
const PayloadSize = 1232

// Question makes a query for an authoritative server: no recursion, with EDNS and DO.
func Question(name string, t uint16) *dns.Msg {
	m := new(dns.Msg).SetQuestion(name, t)
	m.RecursionDesired = false
	return m.SetEdns0(PayloadSize, true)
}

// Exchange asks s and gives its answer, whatever its rcode. Answers with another
// id or question are passed over; a truncated one, or one that cannot be read or
// is not signed as it must be, is asked for again over TCP, where it counts. m is
// not changed; its id is ours to choose. The errors are ErrUnreachable,
// ErrGarbled and ErrTSIG, wrapped with what was asked where.
func (c *Client) Exchange(ctx context.Context, s Server, m *dns.Msg) (*dns.Msg, error) {
	r, err := c.exchange(ctx, s, m, func(int) time.Duration { return c.timeout() }, c.tries())
	if err != nil {
		return nil, fmt.Errorf("ask %s for %s: %w", s, subject(m), err)
	}
	return r, nil
}

// subject is what a message asks, for errors.
func subject(m *dns.Msg) string {
	if len(m.Question) == 0 {
		return "nothing"
	}
	q := m.Question[0]
	return plain(q.Name) + " " + dns.Type(q.Qtype).String()
}

// plain is a name as people write it: without the final dot.
func plain(name string) string {
	if name == "." {
		return name
	}
	return strings.TrimSuffix(name, ".")
}
