package engine

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/ask"
	"github.com/multisigner/multisigner/plugin/multisigner/peer"
)

// A machine without IPv6 cannot look at IPv6 addresses. It goes by the others of the
// same nameserver, and says so; a nameserver that has no others is unreachable, and
// does not just vanish from what is waited for.
func TestUnrouted(t *testing.T) {
	at := func(addr string) netip.AddrPort { return netip.AddrPortFrom(netip.MustParseAddr(addr), 53) }
	hosts := map[netip.AddrPort]string{
		at("192.0.2.1"): "both.", at("2001:db8::1"): "both.", at("2001:db8::2"): "only6.", at("2001:db8::3"): "named.",
	}
	target := peer.Target{Hosts: hosts}
	for addr := range hosts {
		target.Servers = append(target.Servers, ask.Server{Addr: addr})
	}
	g := gaze{reached: map[string]bool{"named.": true}} // at an address that stands in the configuration
	left := g.leaveUnrouted(&target, func(addr netip.AddrPort) bool { return addr.Addr().Is4() })
	require.Equal(t, []string{"2001:db8::1 (both.)", "2001:db8::3 (named.)"}, left)
	require.ElementsMatch(t, []ask.Server{{Addr: at("192.0.2.1")}, {Addr: at("2001:db8::2")}}, target.Servers)

	w := work{sight: &sight{unrouted: left}}
	require.Contains(t, w.alarmsOfOthers()[0].What, "no route to 2001:db8::1 (both.), 2001:db8::3 (named.)")
}
