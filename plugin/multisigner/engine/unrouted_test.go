package engine

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/ask"
	"github.com/multisigner/multisigner/plugin/multisigner/peer"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// A machine without IPv6 cannot look at IPv6 addresses, and resolvers ask them all the
// same: they count as unreachable, and an alarm says so. An operator who knows better says
// `ignore`.
func TestUnrouted(t *testing.T) {
	t.Parallel()
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
	t.Parallel()
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
	require.Zero(t, w.namedFor(netip.MustParseAddr("192.0.2.9"), "old.", "a"), "it has gone, and is remembered here")
	require.Equal(t, time.Hour, w.namedFor(netip.MustParseAddr("192.0.2.7"), "", "a"))
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

// The TTL of a nameserver falls, and what was cached with the larger one counts until it has
// passed: the same whether the nameserver stays or goes. Two addresses of the parent that
// differ are one source.
func TestTTLOfANameserverFalls(t *testing.T) {
	t.Parallel()
	now := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	addr := netip.MustParseAddr("192.0.2.7")
	is := func(ttls ...uint32) (all []named) {
		for _, ttl := range ttls {
			all = append(all, named{Source: "parent", Host: "ns.", Addr: addr, TTL: ttl})
		}
		return all
	}
	until := func(w *work) time.Duration {
		w.nameAll("parent", nil, true, now.Add(10*time.Hour))
		return w.record.Named[0].Until.Sub(now)
	}
	w := work{}
	w.nameAll("parent", is(24*3600), true, now)
	w.nameAll("parent", is(3600, 7200), true, now.Add(time.Hour))
	require.Equal(t, 2*time.Hour, w.namedFor(addr, "", "a"))
	before := slices.Clone(w.record.Named)
	w.nameAll("parent", is(3600, 7200), true, now.Add(2*time.Hour))
	require.Equal(t, before, w.record.Named, "nothing new is to be saved")
	require.Equal(t, 25*time.Hour, until(&w))

	w = work{}
	w.nameAll("parent", is(4*3600), true, now)
	w.nameAll("parent", is(3600), true, now.Add(time.Hour))
	w.nameAll("parent", is(3600), true, now.Add(6*time.Hour))
	require.Equal(t, 11*time.Hour, until(&w))
}

// A nameserver that the resolver finds elsewhere is looked at where it was until its address
// record has left the caches, and a margin longer, and its TTL is told to the rules once. One
// that goes round among its addresses is looked at at all of them.
func TestNameserverIsFoundElsewhere(t *testing.T) {
	t.Parallel()
	at := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	one, two := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
	w := work{found: foundHosts{}}
	look := func(after, ttl time.Duration, whole bool, addrs ...netip.Addr) []netip.Addr {
		w.found["ns."] = relocated(w.found["ns."], addrs, ttl, whole, at.Add(after), time.Hour)
		return addressesIn(w.found["ns."])
	}
	require.Equal(t, []netip.Addr{one}, look(0, 10*time.Minute, true, one))
	require.Equal(t, []netip.Addr{one}, look(time.Minute, 9*time.Minute, true, one))
	require.Equal(t, 10*time.Minute, w.namedFor(one, "ns.", "a"))
	require.Equal(t, []netip.Addr{two, one}, look(2*time.Minute, time.Minute, true, two))
	require.Zero(t, w.namedFor(one, "ns.", "a"))
	require.Equal(t, time.Minute, w.namedFor(two, "ns.", "a"))
	require.Equal(t, []netip.Addr{one, two}, look(10*time.Minute, time.Minute, true, one))
	require.Equal(t, []netip.Addr{one}, look(20*time.Hour, 0, false), "the resolver does not answer")
	require.Equal(t, []netip.Addr{two, one}, look(20*time.Hour, time.Minute, true, two))
	require.Equal(t, []netip.Addr{two}, look(22*time.Hour, time.Minute, true, two))
}

// A nameserver that our version does not name any more is named for as long as a server gives
// out an older one, or was not seen; it has no say in that itself.
func TestNamedByServersThatLag(t *testing.T) {
	t.Parallel()
	apex := zone.MustName("example.test.")
	names := func(list ...string) map[zone.Type]zone.RRset {
		text := "example.test. 3600 SOA ns.example.test. root.example.test. 7 3600 600 86400 300\n"
		for _, name := range list {
			text += "example.test. 7200 NS " + name + "\n"
		}
		ns, _ := zone.MustVersion(text).RRset(apex, zone.TypeNS)
		return map[zone.Type]zone.RRset{zone.TypeNS: ns}
	}
	goes, stays := named{Source: "zone", Host: "old.", Addr: netip.MustParseAddr("192.0.2.7"), TTL: 60, Until: time.Unix(1, 0)}, named{Source: "zone", Host: "ns.", TTL: 60}
	w := work{sight: &sight{peers: map[string]peer.Report{}}, record: record{ofSigner: ofSigner{Named: []named{goes, stays}}}}
	see := func(all ...peer.Address) (hosts []string, whole bool) {
		w.sight.self.Addresses = all
		is, whole := w.servedNames()
		for _, n := range largest(is) {
			hosts = append(hosts, n.Host+" "+n.Addr.String())
		}
		return hosts, whole
	}
	newer, older := peer.Address{Believed: true, Sets: names("ns.")}, peer.Address{Believed: true, Sets: names("ns.", "old.")}
	hosts, whole := see(newer, older)
	require.Equal(t, []string{"ns. invalid IP", "old. 192.0.2.7"}, hosts)
	require.True(t, whole)
	_, whole = see(newer, peer.Address{})
	require.False(t, whole, "a secondary was not seen")
	_, whole = see(newer, peer.Address{Host: "ns."})
	require.False(t, whole, "a nameserver that is named was not seen")
	hosts, whole = see(newer, peer.Address{Host: "old."})
	require.Equal(t, []string{"ns. invalid IP"}, hosts)
	require.True(t, whole)
}

// A joiner that nobody names yet names itself, and no resolver comes to read that: its
// nameservers count from when something leads to it.
func TestNamedByJoiners(t *testing.T) {
	t.Parallel()
	at := func(addr, ns string) peer.Address {
		set, _ := zone.MustVersion("example.test. 3600 SOA ns. root. 7 3600 600 86400 300\nexample.test. 7200 NS "+ns).RRset(zone.MustName("example.test."), zone.TypeNS)
		return peer.Address{Server: ask.Server{Addr: netip.MustParseAddrPort(addr + ":53")}, Believed: true, Sets: map[zone.Type]zone.RRset{zone.TypeNS: set}}
	}
	joiner, next := at("192.0.2.2", "ns-b."), at("192.0.2.3", "ns-c.")
	w := work{sight: &sight{peers: map[string]peer.Report{"b": {Addresses: []peer.Address{joiner}}, "c": {Addresses: []peer.Address{next}}}}}
	w.sight.self.Addresses = []peer.Address{at("192.0.2.1", "ns-a.")}
	counts := func(of ...named) (hosts []string) {
		w.record.Named = append([]named{{Source: "zone", Host: "ns-a.", Addr: netip.MustParseAddr("192.0.2.1")}}, of...)
		is, whole := w.servedNames()
		require.True(t, whole)
		for _, n := range is {
			hosts = append(hosts, n.Host)
		}
		return hosts
	}
	require.Equal(t, []string{"ns-a."}, counts())
	require.Equal(t, []string{"ns-a."}, counts(named{Source: "servers", Host: "ns-b.", Addr: netip.MustParseAddr("192.0.2.2")}), "what it says of itself leads nobody to it")
	require.Equal(t, []string{"ns-a.", "ns-b."}, counts(named{Source: "parent", Host: "ns-b.", Addr: netip.MustParseAddr("192.0.2.2"), Until: time.Unix(1, 0)}))
	w.sight.self.Addresses = append(w.sight.self.Addresses, at("192.0.2.4", "ns-b."))
	require.ElementsMatch(t, []string{"ns-a.", "ns-b.", "ns-b.", "ns-c."}, counts(named{Source: "zone", Host: "ns-b.", Addr: netip.MustParseAddr("192.0.2.2")}, named{Source: "zone", Host: "ns-d."}), "where ns-d is nobody knows")
}
