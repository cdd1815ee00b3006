package multisigner

import (
	"fmt"
	"testing"

	clog "github.com/coredns/coredns/plugin/pkg/log"
	"github.com/miekg/dns"
	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/control/client"
)

const plain = `
.:0 {
	COMMON
	nsid ours
	multisigner example.org sub.example.org {
		file db.{zone}
		parent none
	}
	whoami
}`

// What is ours we answer, each name from the nearest zone; what is not goes to the
// next plugin; and what is no query for data is turned away in its own way.
func TestServe(t *testing.T) {
	h := newHome(t)
	h.zone("example.org", 1, "www A 192.0.2.1", "sub NS ns.sub", "sub DS 1 13 2 "+digest, "ns.sub A 192.0.2.54")
	h.zone("sub.example.org", 1, "www A 192.0.2.2")
	r := h.start(plain)

	got := r.ask("udp", query4("WWW.example.org.", dns.TypeA))
	require.Equal(t, []string{"WWW.example.org. 300 IN A 192.0.2.1"}, answers(got))
	require.True(t, got.Authoritative)
	got = r.ask("tcp", query4("www.sub.example.org.", dns.TypeA))
	require.Equal(t, []string{"www.sub.example.org. 300 IN A 192.0.2.2"}, answers(got))

	got = r.ask("udp", query4("sub.example.org.", dns.TypeDS))
	require.Len(t, got.Answer, 1, "the DS of a zone of ours is in its parent, which is ours too")
	require.True(t, got.Authoritative)
	got = r.ask("udp", query4("example.org.", dns.TypeDS))
	require.Empty(t, got.Answer, "its parent is not ours")
	require.Equal(t, dns.RcodeSuccess, got.Rcode)
	require.True(t, got.Authoritative)

	got = r.ask("udp", query4("example.net.", dns.TypeA))
	require.NotEmpty(t, got.Extra, "whoami answers")

	update := new(dns.Msg).SetUpdate("example.org.")
	require.Equal(t, dns.RcodeNotImplemented, r.ask("tcp", update).Rcode)
	notify := new(dns.Msg).SetNotify("example.org.")
	require.Equal(t, dns.RcodeNotAuth, r.ask("udp", notify).Rcode)
	chaos := query4("example.org.", dns.TypeTXT)
	chaos.Question[0].Qclass = dns.ClassCHAOS
	require.Equal(t, dns.RcodeRefused, r.ask("udp", chaos).Rcode)
}

const digest = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"

// EDNS is ours: we say 1232 whatever the client says, repeat DO and nothing else,
// and add nothing to a query without.
func TestEDNS(t *testing.T) {
	h := newHome(t)
	h.zone("example.org", 1, "www A 192.0.2.1")
	h.zone("sub.example.org", 1)
	r := h.start(plain)

	require.Nil(t, r.ask("udp", query4("www.example.org.", dns.TypeA)).IsEdns0())

	m := query4("www.example.org.", dns.TypeA).SetEdns0(4096, true)
	m.IsEdns0().Option = []dns.EDNS0{&dns.EDNS0_COOKIE{Code: dns.EDNS0COOKIE, Cookie: "0102030405060708"}}
	opt := r.ask("udp", m).IsEdns0()
	require.EqualValues(t, 1232, opt.UDPSize())
	require.True(t, opt.Do())
	require.Empty(t, opt.Option)

	m = query4("www.example.org.", dns.TypeA).SetEdns0(700, false)
	m.IsEdns0().Option = []dns.EDNS0{&dns.EDNS0_NSID{Code: dns.EDNS0NSID}}
	opt = r.ask("udp", m).IsEdns0()
	require.EqualValues(t, 700, opt.UDPSize())
	require.False(t, opt.Do())
	require.Len(t, opt.Option, 1, "the nsid plugin's")

	m = query4("www.example.org.", dns.TypeA).SetEdns0(1232, false)
	m.IsEdns0().SetVersion(1)
	require.Equal(t, dns.RcodeBadVers, r.ask("udp", m).Rcode)

	// One OPT, at the root, is all that a query may have (RFC 6891 6.1.1, 6.1.2).
	m = query4("www.example.org.", dns.TypeA).SetEdns0(1232, true)
	m.Extra = append(m.Extra, dns.Copy(m.Extra[0]))
	require.Equal(t, dns.RcodeFormatError, r.ask("udp", m).Rcode)
	m = query4("www.example.org.", dns.TypeA).SetEdns0(1232, true)
	m.Extra[0].Header().Name = "www.example.org."
	require.Equal(t, dns.RcodeFormatError, r.ask("udp", m).Rcode)
}

// A response fits what the client takes, and our own limit; over TCP it is whole.
func TestSize(t *testing.T) {
	h := newHome(t)
	var lines []string
	for range 4 {
		lines = append(lines, `big TXT "`+digest+digest+digest+`" `+string(rune('a'+len(lines))))
	}
	for range 8 {
		lines = append(lines, `huge TXT "`+digest+digest+digest+`" `+string(rune('a'+len(lines))))
	}
	h.zone("example.org", 1, lines...)
	h.zone("sub.example.org", 1)
	r := h.start(plain)
	for _, tc := range []struct {
		name      string
		size      uint16
		truncated bool
	}{
		{"big.example.org.", 0, true}, {"big.example.org.", 512, true}, {"big.example.org.", 1232, false},
		{"huge.example.org.", 1232, true}, {"huge.example.org.", 4096, true},
	} {
		m := query4(tc.name, dns.TypeTXT)
		if tc.size > 0 {
			m.SetEdns0(tc.size, false)
		}
		got := r.ask("udp", m)
		require.Equal(t, tc.truncated, got.Truncated, "%s in %d octets", tc.name, tc.size)
		require.Equal(t, tc.truncated, len(got.Answer) == 0, "all or nothing")
		got = r.ask("tcp", m)
		require.False(t, got.Truncated)
		require.NotEmpty(t, got.Answer)
	}
}

// What stands between us and the client may hand on a copy of the query: what goes
// out is as small all the same, and says so.
func TestSizeBehindOthers(t *testing.T) {
	h := newHome(t)
	var lines []string
	for i := range 30 {
		lines = append(lines, fmt.Sprintf("many MX %d mail-exchanger-%d.example.org.", i, i), fmt.Sprintf("big TXT %d%s", i, digest))
	}
	h.zone("example.org", 1, lines...)
	for _, more := range []string{"", "cache", "cache 30\nnsid x", "header\nrewrite\ncache", "cache\ntsig {\nsecret xfr-key. " + keySecret + "\n}"} {
		r := h.start(block("example.org", more))
		for _, name := range []string{"many.example.org.", "big.example.org.", "nothing.example.org.", "example.org."} {
			for _, qtype := range []uint16{dns.TypeMX, dns.TypeTXT, dns.TypeDNSKEY, dns.TypeANY} {
				for _, signed := range []bool{true, false} {
					wire, err := query4(name, qtype).SetEdns0(4096, signed).Pack()
					require.NoError(t, err)
					octets := r.octetsFrom("127.0.0.8", "udp", wire)
					require.LessOrEqual(t, len(octets), 1232, "%s: %s %s", more, name, dns.TypeToString[qtype])
					got := new(dns.Msg)
					require.NoError(t, got.Unpack(octets))
					require.EqualValues(t, 1232, got.IsEdns0().UDPSize(), more)
				}
			}
		}
		r.stop()
	}
}

// A name that is not ours is refused where nobody stands behind us, in few octets
// and without a word in the log.
func TestNotOurs(t *testing.T) {
	h := newHome(t)
	h.zone("example.org", 1)
	heard := &listener{}
	require.NoError(t, clog.RegisterListener(heard))
	defer clog.DeregisterListener(heard)
	for _, more := range []string{"", "tsig {\nsecret xfr-key. " + keySecret + "\n}"} {
		r := h.start(block("example.org", more))
		heard.clear()
		for _, m := range []*dns.Msg{
			query4("example.net.", dns.TypeA), query4(".", dns.TypeNS), query4("org.", dns.TypeDS),
			axfr("example.net.", ""), new(dns.Msg).SetNotify("example.net."),
		} {
			for _, network := range []string{"udp", "tcp"} {
				require.Equal(t, dns.RcodeRefused, r.askFrom("127.0.0.8", network, m).Rcode)
			}
		}
		code, why := reason(r.askFrom("127.0.0.8", "udp", query4("example.net.", dns.TypeA).SetEdns0(1232, false)))
		require.EqualValues(t, dns.ExtendedErrorCodeNotAuthoritative, code)
		require.Equal(t, "no zone of this server", why)
		require.Empty(t, heard.all())
		r.stop()
	}
}

// A zone whose content is bad is not served, and says so to whoever asks, without
// the paths of this machine; the others beside it are.
func TestRefusal(t *testing.T) {
	h := newHome(t)
	h.zone("example.org", 1, "www A 192.0.2.300")
	h.zone("sub.example.org", 1, "www A 192.0.2.2")
	r := h.start(plain)
	got := r.ask("udp", query4("www.example.org.", dns.TypeA).SetEdns0(1232, false))
	require.Equal(t, dns.RcodeServerFailure, got.Rcode)
	code, why := reason(got)
	require.EqualValues(t, dns.ExtendedErrorCodeNotReady, code)
	require.Equal(t, "the zone has no content that can be served", why)
	require.Nil(t, r.ask("udp", query4("www.example.org.", dns.TypeA)).IsEdns0())
	require.Equal(t, dns.RcodeSuccess, r.ask("udp", query4("www.sub.example.org.", dns.TypeA)).Rcode)
}

// The cache plugin lets our zones pass by: after a change it would mix records and
// signatures of two versions.
func TestCacheIsBypassed(t *testing.T) {
	h := newHome(t)
	h.zone("example.org", 1, "txt TXT one")
	r := h.start(block("example.org", "cache"))
	require.Equal(t, "one", r.served("example.org."))
	h.zone("example.org", 2, "txt TXT two")
	_, err := client.New(h.state()).Do(t.Context(), "example.org", "reload")
	require.NoError(t, err)
	require.Equal(t, "two", r.served("example.org."))
}
