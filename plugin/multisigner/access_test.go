package multisigner

import (
	"net/netip"
	"testing"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/ask"
	"github.com/multisigner/multisigner/plugin/multisigner/engine"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// While a zone refuses, the group must still see what we publish, or nobody gets
// on; the world must not see it at all. And a secondary must not get then what it
// would show to the world.
func TestAccess(t *testing.T) {
	at := netip.MustParseAddrPort
	key := &ask.TSIG{Name: "peer-key."}
	cfg := &engine.Config{
		Addresses: []netip.AddrPort{at("192.0.2.53:53")},
		Peers: []engine.Peer{
			{Name: "keyed", Addresses: []netip.AddrPort{at("192.0.2.1:53")}, TSIG: key},
			{Name: "open", Addresses: []netip.AddrPort{at("192.0.2.2:53")}},
		},
		Secondaries: []engine.Secondary{
			{Server: ask.Server{Addr: at("192.0.2.3:53")}},
			{Server: ask.Server{Addr: at("192.0.2.4:53"), TSIG: &ask.TSIG{Name: "sec-key."}}},
		},
		AllowTransfer: []engine.Allow{{Prefix: netip.MustParsePrefix("198.51.100.0/24")}, {Key: "far-key."}},
		Parent:        engine.Parent{Servers: []netip.AddrPort{at("192.0.2.9:53")}},
		Primaries:     []ask.Server{{Addr: at("192.0.2.10:53")}, {Addr: at("192.0.2.11:853"), TSIG: &ask.TSIG{Name: "primary-key."}}},
	}
	version := zone.NewBuilder(zone.MustName("example.org.")).Version()
	serving, refusing := &engine.Serving{Version: version}, &engine.Serving{Version: version, Refuse: "joining"}
	for _, tc := range []struct {
		from, key                                 string
		asks, transfers, transfersThen, mayNotify bool // asks and transfersThen: while the zone refuses
	}{
		{"192.0.2.1:1024", "", true, false, false, true},
		{"192.0.2.1:1024", "peer-key.", true, true, true, true},
		{"203.0.113.1:1024", "peer-key.", true, true, true, true},
		{"192.0.2.2:1024", "", true, true, true, true},
		{"192.0.2.3:1024", "", false, true, false, true},
		{"192.0.2.4:1024", "", false, false, false, true},
		{"192.0.2.4:1024", "sec-key.", false, true, false, true},
		{"203.0.113.1:1024", "sec-key.", false, false, false, true},
		{"198.51.100.7:1024", "", false, true, false, false},
		{"203.0.113.1:1024", "far-key.", false, true, false, false},
		{"192.0.2.9:1024", "", false, false, false, true},
		{"192.0.2.53:1024", "", false, false, false, false}, // an address of ours tells nothing: anybody may send from it, and we may send from another
		{"203.0.113.1:1024", "", false, false, false, false},
		{"192.0.2.10:1024", "", false, false, false, false}, // a primary tells of content, and gets nothing for it
		{"203.0.113.1:1024", "primary-key.", false, false, false, false},
	} {
		from := asker{addr: at(tc.from), key: tc.key}
		require.Equal(t, tc.asks, silent(cfg, refusing, from) == "", "answered while refusing: %v", tc)
		require.Empty(t, silent(cfg, serving, from), "answered: %v", tc)
		require.Equal(t, tc.transfers, noTransfer(cfg, serving, from) == "", "transfer: %v", tc)
		require.Equal(t, tc.transfersThen, noTransfer(cfg, refusing, from) == "", "transfer while refusing: %v", tc)
		require.Equal(t, tc.mayNotify, mayNotify(cfg, from), "notify: %v", tc)
	}
	for from, is := range map[asker]bool{
		{addr: at("192.0.2.10:1024")}: true, {addr: at("192.0.2.11:1024")}: true,
		{addr: at("203.0.113.1:1024"), key: "primary-key."}: true,
		{addr: at("203.0.113.1:1024"), key: "peer-key."}:    false, {addr: at("192.0.2.1:53")}: false,
	} {
		require.Equal(t, is, isPrimary(cfg, from), "primary: %v", from)
	}
	both := *cfg
	both.Primaries = append(both.Primaries, ask.Server{Addr: at("192.0.2.2:53"), TSIG: &ask.TSIG{Name: "content-key."}})
	both.Contents = []engine.Content{{TSIG: &ask.TSIG{Name: "content-key."}}}
	for key, is := range map[string]bool{"content-key.": true, "": true, "peer-key.": false} {
		require.Equal(t, is, isPrimary(&both, asker{addr: at("192.0.2.2:1024"), key: key}), "a peer that is the primary, too, tells by the key of what: %v", key)
		_, unsigned := contentFor(&both, serving, asker{key: key})
		require.Equal(t, key == "content-key.", unsigned)
	}
	require.NotEmpty(t, noTransfer(&both, serving, asker{addr: at("203.0.113.1:1024"), key: "content-key."}), "the signed zone is not for that key")
	require.Empty(t, silent(cfg, refusing, asker{addr: at("203.0.113.1:1"), own: true}), "we look at ourselves, by way of whatever is between")
	require.Equal(t, "joining", silent(cfg, refusing, asker{addr: at("203.0.113.1:1")}))
	require.NotEmpty(t, silent(cfg, &engine.Serving{}, asker{key: "peer-key."}), "nobody gets an answer out of nothing")
	require.NotEmpty(t, silent(cfg, nil, asker{}))
}

// What is refused names the rule that the asker would have met otherwise: by that
// an operator finds the secondary whose key is wrong among strangers.
func TestWhichRule(t *testing.T) {
	at := netip.MustParseAddrPort
	cfg := &engine.Config{
		Peers: []engine.Peer{{Name: "b", Addresses: []netip.AddrPort{at("192.0.2.1:53")}, TSIG: &ask.TSIG{Name: "peer-key."}}},
		Secondaries: []engine.Secondary{
			{Server: ask.Server{Addr: at("192.0.2.4:53"), TSIG: &ask.TSIG{Name: "sec-key."}}},
			{Server: ask.Server{Addr: at("192.0.2.5:53")}},
		},
		AllowTransfer: []engine.Allow{
			{Prefix: netip.MustParsePrefix("198.51.100.0/24"), Key: "net-key."},
			{Key: "far-key."},
			{Prefix: netip.MustParsePrefix("192.0.2.6/32"), TLS: true},
		},
	}
	cfg.Secondaries = append(cfg.Secondaries, engine.Secondary{Server: ask.Server{Addr: at("192.0.2.7:53"), TSIG: &ask.TSIG{Name: "tls-key."}}, TLS: true})
	serving := &engine.Serving{Version: zone.NewBuilder(zone.MustName("example.org.")).Version()}
	for _, tc := range []struct{ addr, key, why string }{
		{"192.0.2.1:1024", "", "peer b must sign with key peer-key."},
		{"192.0.2.1:1024", "sec-key.", "peer b must sign with key peer-key."},
		{"192.0.2.4:1024", "", "secondary 192.0.2.4 must sign with key sec-key."},
		{"192.0.2.4:1024", "net-key.", "secondary 192.0.2.4 must sign with key sec-key."},
		{"203.0.113.1:1024", "sec-key.", "key sec-key. is for secondary 192.0.2.4"},
		{"198.51.100.1:1024", "", "allow-transfer 198.51.100.0/24 must sign with key net-key."},
		{"203.0.113.1:1024", "net-key.", "allow-transfer key net-key. is for 198.51.100.0/24"},
		{"203.0.113.1:1024", "", "no peer, secondary or allow-transfer has this address or key"},
		{"203.0.113.1:1024", "far-key.", ""},
		{"192.0.2.5:1024", "", ""},
		{"192.0.2.6:1024", "", "this allow-transfer is for transfers over TLS 1.3 with ALPN dot"},
		{"192.0.2.7:1024", "tls-key.", "secondary 192.0.2.7 must transfer over TLS 1.3 with ALPN dot"},
		{"192.0.2.7:1024", "", "secondary 192.0.2.7 must sign with key tls-key."},
	} {
		require.Equal(t, tc.why, noTransfer(cfg, serving, asker{addr: at(tc.addr), key: tc.key}))
	}
	for _, from := range []asker{{addr: at("192.0.2.6:1024"), xot: true}, {addr: at("192.0.2.7:1024"), key: "tls-key.", xot: true}} {
		require.Empty(t, noTransfer(cfg, serving, from))
	}
	require.NotEmpty(t, noTransfer(cfg, serving, asker{addr: at("192.0.2.7:1024"), xot: true}), "TLS stands for no key")
	feeding := &engine.Serving{Version: serving.Version, Refuse: "outrun", Feeds: true}
	require.True(t, refreshes(cfg, feeding, asker{addr: at("192.0.2.6:1024")}, new(dns.Msg).SetQuestion("example.org.", dns.TypeSOA)), "SOA queries go in the clear")
	serving.Refuse = "joining"
	require.Equal(t, "while the zone refuses only peers may transfer it", noTransfer(cfg, serving, asker{addr: at("192.0.2.5:1024")}))
	serving = &engine.Serving{Version: serving.Version, Refuse: serving.Refuse, Feeds: true}
	require.Empty(t, noTransfer(cfg, serving, asker{addr: at("192.0.2.5:1024")}))
	require.Empty(t, noTransfer(cfg, serving, asker{addr: at("203.0.113.1:1024"), key: "peer-key."}))
}

// A secondary that is fed while outsiders are refused asks for our serial before it
// transfers. A resolver that asks for the same gets nothing, and so does whoever asks more.
func TestWhoIsFedMayRefresh(t *testing.T) {
	cfg := &engine.Config{Secondaries: []engine.Secondary{{Server: ask.Server{Addr: netip.MustParseAddrPort("192.0.2.5:53")}}}}
	serving := &engine.Serving{Version: zone.NewBuilder(zone.MustName("example.org.")).Version(), Refuse: "left out", Feeds: true}
	may := func(from, name string, t uint16, do bool) bool {
		req := new(dns.Msg).SetQuestion(name, t).SetEdns0(1232, do)
		return refreshes(cfg, serving, asker{addr: netip.MustParseAddrPort(from)}, req)
	}
	require.True(t, may("192.0.2.5:1024", "Example.org.", dns.TypeSOA, false))
	require.False(t, may("192.0.2.5:1024", "example.org.", dns.TypeSOA, true))
	require.False(t, may("192.0.2.5:1024", "example.org.", dns.TypeNS, false))
	require.False(t, may("192.0.2.5:1024", "www.example.org.", dns.TypeSOA, false))
	require.False(t, may("203.0.113.1:1024", "example.org.", dns.TypeSOA, false))
	serving = &engine.Serving{Version: serving.Version, Refuse: serving.Refuse}
	require.False(t, may("192.0.2.5:1024", "example.org.", dns.TypeSOA, false))
}
