package source_test

import (
	"context"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/ask"
	"github.com/multisigner/multisigner/plugin/multisigner/source"
	"github.com/multisigner/multisigner/plugin/multisigner/source/primary"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// cut ends a visit after so many octets.
type cut struct {
	left int
	how  error
	back bool // the next connection is whole
	done bool
}

type severed struct {
	net.Conn
	by *cut
}

func (s severed) Read(b []byte) (int, error) {
	if s.by.left == 0 {
		s.by.done = true
		return 0, s.by.how
	}
	n, err := s.Conn.Read(b[:min(len(b), s.by.left)])
	s.by.left -= n
	return n, err
}

func (c *cut) dial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
	if err != nil || c.back && c.done {
		return conn, err
	}
	return severed{conn, c}, nil
}

// Wherever a visit breaks off, octet by octet, we have what we had, or all of the new:
// nothing between. And a visit that is not cut has read no more than those. It makes no
// difference how it breaks off, nor whether the primary is back at once.
func TestFetchCutAnywhere(t *testing.T) {
	for name, s := range map[string]script{
		"differences": {dns.TypeSOA: {"soa 9\n"}, dns.TypeIXFR: {"soa 9\nsoa 7\na 300 A 192.0.2.7\n", "", "soa 8\na 300 A 192.0.2.9\nsoa 8\nsoa 9\nc 300 A 192.0.2.3\n", "soa 9\n"}, dns.TypeAXFR: {all}},
		"whole":       {dns.TypeSOA: {"soa 9\n"}, dns.TypeIXFR: {"rcode NOTAUTH"}, dns.TypeAXFR: {nine, "soa 9\n"}},
	} {
		for how, is := range map[string]cut{"closed": {how: io.EOF}, "reset": {how: syscall.ECONNRESET}, "silent": {how: os.ErrDeadlineExceeded}, "closed for a moment": {how: io.EOF, back: true}} {
			t.Run(name+", "+how, func(t *testing.T) {
				p := s.serve(t)
				have := source.Take(content(seven))
				took, octets := 0, 0
				for ended := false; !ended; octets++ {
					by := is
					by.left = octets
					client := &ask.Client{Timeout: 10 * time.Second, Dial: by.dial}
					got := source.Fetch(t.Context(), client, source.Primary{Apex: origin, Server: ask.Server{Addr: p.addr}}, have, primary.Fetch{Have: true, Serial: 7})
					if got.Result.Outcome == primary.Took {
						took++
						require.Empty(t, zone.Compare(content(nine), got.Taken.Came).Changes)
						require.Zero(t, by.left)
						ended = !by.done
						continue
					}
					require.Equal(t, primary.Failed, got.Result.Outcome, "%d octets: %s", octets, got.String())
					require.Equal(t, have, got.Taken)
					require.Empty(t, got.Diffs)
					require.Error(t, got.Err)
				}
				require.Greater(t, octets, 200)
				require.Equal(t, is.back, took > 1)
			})
		}
	}
}
