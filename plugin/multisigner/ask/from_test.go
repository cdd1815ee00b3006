package ask

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
)

// A server is asked from the first address of its family and kind, and from the
// system's where there is none.
func TestLocal(t *testing.T) {
	addr := netip.MustParseAddr
	ctx := From(t.Context(), []netip.Addr{addr("127.0.0.2"), addr("192.0.2.1"), addr("192.0.2.2"), addr("2001:db8::1")}, addr("198.51.100.9"))
	for to, want := range map[string]string{
		"127.0.0.3:53":          "127.0.0.2:0",
		"198.51.100.1:53":       "192.0.2.1:0",
		"[2001:db8:1::1]:5353":  "[2001:db8::1]:0",
		"[::1]:53":              "",
		"[fe80::1%lo]:53":       "",
		"[::ffff:192.0.2.9]:53": "192.0.2.1:0",
	} {
		for _, network := range []string{"udp", "tcp"} {
			got := ""
			if a := local(ctx, network, Server{Addr: netip.MustParseAddrPort(to)}); a != nil {
				got = a.String()
			}
			require.Equal(t, want, got, "%s over %s", to, network)
		}
	}
	require.Nil(t, local(t.Context(), "udp", Server{Addr: netip.MustParseAddrPort("192.0.2.1:53")}))
}
