package ask_test

import (
	"net/netip"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/ask"
	"github.com/multisigner/multisigner/test/loopback"
)

// All addresses of a nameserver are found: each is asked, since the one left out
// may be the one that lags.
func TestAddresses(t *testing.T) {
	s := serve(t, func(q *dns.Msg, _ []byte) [][]byte {
		require.True(t, q.RecursionDesired)
		m := new(dns.Msg).SetReply(q)
		switch q.Question[0].Qtype {
		case dns.TypeA:
			m.Answer = []dns.RR{rr("ns.example.org. 3600 IN CNAME x.example.net."), rr("x.example.net. 60 IN A 192.0.2.1"), rr("x.example.net. 60 IN A 192.0.2.2")}
		case dns.TypeAAAA:
			if q.Question[0].Name == "half.example.org." {
				m.Rcode = dns.RcodeServerFailure
				break
			}
			m.Answer = []dns.RR{rr("x.example.net. 60 IN AAAA 2001:db8::1")}
		}
		return [][]byte{pack(m)}
	}, nil)
	both := []netip.Addr{netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2"), netip.MustParseAddr("2001:db8::1")}
	got, ttl, err := client().Addresses(t.Context(), ask.Server{Addr: s.addr}, "ns.example.org.")
	require.NoError(t, err)
	require.Equal(t, time.Hour, ttl, "resolvers follow the CNAME for so long")
	require.Equal(t, both, got)

	// A half that failed is told, and the other half is used all the same.
	got, _, err = client().Addresses(t.Context(), ask.Server{Addr: s.addr}, "half.example.org.")
	require.ErrorContains(t, err, "for half.example.org AAAA: answered SERVFAIL")
	require.Equal(t, both[:2], got)
}

// A machine without IPv6 must not wait for ever for the IPv6 addresses of servers
// that it reaches by IPv4; a server that it cannot reach at all it must not forget.
func TestReachable(t *testing.T) {
	four, six := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1")
	both := []netip.Addr{four, six}
	onlyFour := func(a netip.Addr) bool { return a.Is4() }
	require.Equal(t, both, ask.Reachable(both, func(netip.Addr) bool { return true }))
	require.Equal(t, both[:1], ask.Reachable(both, onlyFour))
	require.Equal(t, both[1:], ask.Reachable(both[1:], onlyFour))
	require.True(t, client().Routed(t.Context(), loopback.Address(t)), "that nobody listens there is not ours to know")
	// From an address that is not this machine's, nothing leads anywhere.
	elsewhere := ask.From(t.Context(), []netip.Addr{netip.MustParseAddr("198.51.100.77")})
	require.False(t, client().Routed(elsewhere, netip.AddrPortFrom(four, 53)))
}
