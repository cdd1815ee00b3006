package engine

import (
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/peer"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// A machine without IPv6 cannot look at IPv6 addresses, and resolvers ask them all the
// same: they count as unreachable, and an alarm says so. An operator who knows better says
// `ignore`.
func TestUnrouted(t *testing.T) {
	addrs := []netip.Addr{netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1")}
	named := func(ignore ...netip.Addr) []string {
		cfg := &Config{Apex: zone.MustName("example.test."), Signer: "a", Ignore: ignore, Parent: Parent{Mode: ParentServers}}
		w := work{known: newKnown(cfg.Apex), memories: map[string]peer.Memory{}}
		for _, addr := range addrs {
			w.record.Named = append(w.record.Named, named{Source: "parent", Host: "both.", Addr: addr, TTL: 3600})
		}
		var list []string
		for _, s := range w.gaze(cfg).others.Servers {
			list = append(list, s.Addr.Addr().String())
		}
		w.sight = &sight{covered: map[string]bool{"both.": true, "192.0.2.1": true}}
		if len(ignore) > 0 {
			require.Empty(t, w.notCovered(cfg))
		} else {
			require.Equal(t, []string{"both."}, w.notCovered(cfg))
		}
		return list
	}
	require.Equal(t, []string{"192.0.2.1", "2001:db8::1"}, named())
	require.Equal(t, []string{"192.0.2.1"}, named(addrs[1]))

	w := work{sight: &sight{unrouted: []string{"2001:db8::1 (both.)"}}}
	require.Contains(t, w.alarmsOfOthers()[0].What, "no route to 2001:db8::1 (both.)")
}

// A nameserver that nothing names any more is looked at for as long as resolvers may ask it;
// and one that the delegation named is not forgotten when the parent does not answer.
func TestRemembersNameservers(t *testing.T) {
	now := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	only := func(source, host string) named {
		return named{Source: source, Host: host, Addr: netip.MustParseAddr("192.0.2.7"), TTL: 3600}
	}
	w := work{}
	w.nameAll("zone", []named{only("zone", "ns.")}, true, now)
	w.nameAll("parent", []named{only("parent", "ns."), only("parent", "old.")}, true, now)
	// The parent does not answer, or not every address of it: nothing was taken back.
	w.nameAll("parent", nil, false, now.Add(time.Hour))
	w.record.Named = forgetNames(w.record.Named, now.Add(100*time.Hour))
	require.Contains(t, w.nameservers(), "old.")
	// It answers, and delegates to another one.
	w.nameAll("parent", []named{only("parent", "ns.")}, true, now.Add(101*time.Hour))
	w.record.Named = forgetNames(w.record.Named, now.Add(102*time.Hour-time.Second))
	require.Contains(t, w.nameservers(), "old.")
	require.Equal(t, time.Hour, w.namedFor(netip.MustParseAddr("192.0.2.9"), "old.", "a"))
	// A clock that is set back makes nothing last longer.
	w.record.Named = forgetNames(w.record.Named, now)
	w.record.Named = forgetNames(w.record.Named, now.Add(time.Hour))
	require.NotContains(t, w.nameservers(), "old.")
	require.Contains(t, w.nameservers(), "ns.")
	// An address that changes stays for its TTL, and a name that comes back is named again.
	w.nameAll("zone", nil, true, now)
	w.nameAll("zone", []named{only("zone", "ns.")}, true, now.Add(time.Minute))
	w.record.Named = forgetNames(w.record.Named, now.Add(1000*time.Hour))
	require.Contains(t, w.nameservers(), "ns.")
}
