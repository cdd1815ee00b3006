package source_test

import (
	"context"
	"io"
	"net"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/ask"
	"github.com/multisigner/multisigner/plugin/multisigner/source"
	"github.com/multisigner/multisigner/plugin/multisigner/source/primary"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// severed ends after so many octets, on whatever connection.
type severed struct {
	net.Conn
	left *int
}

func (s severed) Read(b []byte) (int, error) {
	if *s.left == 0 {
		return 0, io.EOF
	}
	n, err := s.Conn.Read(b[:min(len(b), *s.left)])
	*s.left -= n
	return n, err
}

// Wherever a visit breaks off, octet by octet, we have what we had, or all of the new:
// nothing between. And a visit that is not cut has read no more than those.
func TestFetchCutAnywhere(t *testing.T) {
	for name, s := range map[string]script{
		"differences": {dns.TypeSOA: {"soa 9\n"}, dns.TypeIXFR: {"soa 9\nsoa 7\na 300 A 192.0.2.7\n", "", "soa 8\na 300 A 192.0.2.9\nsoa 8\nsoa 9\nc 300 A 192.0.2.3\n", "soa 9\n"}},
		"whole":       {dns.TypeSOA: {"soa 9\n"}, dns.TypeIXFR: {"rcode NOTAUTH"}, dns.TypeAXFR: {nine, "soa 9\n"}},
	} {
		t.Run(name, func(t *testing.T) {
			p := s.serve(t)
			have := source.Take(content(seven))
			taken := 0
			for n := 0; taken == 0; n++ {
				left := n
				client := &ask.Client{Timeout: 10 * time.Second, Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
					conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
					return severed{conn, &left}, err
				}}
				got := source.Fetch(t.Context(), client, source.Primary{Apex: origin, Server: ask.Server{Addr: p.addr}}, have, primary.Fetch{Have: true, Serial: 7})
				if got.Result.Outcome == primary.Took {
					taken = n
					require.Empty(t, zone.Compare(content(nine), got.Taken.Came).Changes)
					require.Zero(t, left)
					continue
				}
				require.Equal(t, primary.Failed, got.Result.Outcome, "%d octets: %s", n, got.String())
				require.Equal(t, have, got.Taken)
				require.Empty(t, got.Diffs)
				require.Error(t, got.Err)
			}
			require.Greater(t, taken, 200)
		})
	}
}
