package answer_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/answer"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

const head = "$ORIGIN example.\n$TTL 3600\n@ SOA ns.outside.test. root 1 2 3 4 300\n@ NS ns.outside.test.\n"

// An unsigned zone has no proofs to give, whoever wants DNSSEC.
func TestUnsigned(t *testing.T) {
	v := zone.MustVersion(head + "a A 192.0.2.1\n*.w A 192.0.2.2\ncut NS ns.outside.test.\n")
	for question, want := range map[string]string{
		"a.example. A do":       "NOERROR aa\n  answer      a.example. 3600 A 192.0.2.1\n",
		"x.w.example. A do":     "NOERROR aa\n  answer      x.w.example. 3600 A 192.0.2.2\n",
		"x.cut.example. A do":   "NOERROR\n  authority   cut.example. 3600 NS ns.outside.test.\n",
		"nowhere.example. A do": "NXDOMAIN aa\n  authority   example. 300 SOA ns.outside.test. root.example. 1 2 3 4 300\n",
		"a.example. RRSIG do":   "NOERROR aa\n  authority   example. 300 SOA ns.outside.test. root.example. 1 2 3 4 300\n",
	} {
		require.Equal(t, want, ask(t, v, strings.Fields(question)).text(), question)
	}
}

// A wildcard with NS is what RFC 4592 4.2 leaves open. Its NS are not signed, so
// they must not stand as an answer, where a validator would find them bogus.
func TestWildcardCut(t *testing.T) {
	for _, mode := range modes {
		v := signed(zone.MustVersion(head+"*.w NS ns.outside.test.\n*.s NS ns.outside.test.\n*.s DS 1 13 2 "+strings.Repeat("ab", 32)+"\n"), mode)
		for _, name := range []string{"x.w.example.", "y.x.s.example."} {
			for _, kind := range []string{"A", "NS", "ANY"} {
				m := ask(t, v, []string{name, kind, "do"})
				require.False(t, m.Authoritative)
				require.Empty(t, m.Answer)
				require.Equal(t, name+"\t3600\tIN\tNS\tns.outside.test.", m.Ns[0].String())
				require.Greater(t, len(m.Ns), 2, "a DS or the proof that there is none")
			}
		}
		m := ask(t, v, []string{"x.s.example.", "DS", "do"})
		require.True(t, m.Authoritative)
		require.IsType(t, &dns.DS{}, m.Answer[0])
	}
}

// Zones come from elsewhere: rdata that does not hold what its type says must
// not bring the server down. What cannot be read is a failure of the server.
func TestBrokenRdata(t *testing.T) {
	for _, kind := range []zone.Type{
		zone.TypeNS, zone.TypeCNAME, zone.TypeDNAME, zone.TypeMX, zone.TypeSRV, zone.TypeSVCB, zone.TypeHTTPS, zone.TypeTXT, zone.TypeA,
	} {
		for _, rdata := range []string{"", "\x00", "\x00\x01", "\x3fabc", "\x00\x00\x00\x00\x00\x00\x05a", "\x3f" + strings.Repeat("a", 40)} {
			edit := zone.MustVersion(head).Edit()
			edit.Put(zone.RRset{Name: zone.MustName("a.example."), Type: kind, TTL: 60, Rdata: zone.Pack(rdata)})
			v := edit.Version()
			for _, name := range []string{"a.example.", "b.a.example."} {
				for _, asked := range []zone.Type{zone.TypeA, kind, zone.TypeANY} {
					var r answer.Response
					r.Plan(v, answer.Question{Name: zone.MustName(name), Type: asked})
					m := r.Msg(new(dns.Msg).SetQuestion(name, uint16(asked)), 1232, false)
					require.True(t, m.Response)
				}
			}
		}
	}
}

// Over TCP an answer has the room that TCP gives, whatever the query's EDNS says.
func TestTCP(t *testing.T) {
	var text strings.Builder
	text.WriteString(head)
	for i := range 200 {
		fmt.Fprintf(&text, "big TXT \"%0250d\"\n", i)
	}
	v := zone.MustVersion(text.String())
	var r answer.Response
	r.Plan(v, answer.Question{Name: zone.MustName("big.example."), Type: zone.TypeTXT})
	request := new(dns.Msg).SetQuestion("big.example.", dns.TypeTXT)
	request.SetEdns0(1232, true)
	m := r.Msg(request, 1232, true)
	require.False(t, m.Truncated)
	require.Len(t, m.Answer, 200)
	m = r.Msg(request, 1232, false)
	require.True(t, m.Truncated)
	require.Empty(t, m.Answer)
}

// A response in a pool must not hold on to a version that nobody serves any more.
func TestReset(t *testing.T) {
	v := zone.MustVersion(head + "a A 192.0.2.1\n")
	var r answer.Response
	r.Plan(v, answer.Question{Name: zone.MustName("a.example."), Type: zone.TypeA})
	r.AppendWire(nil, &answer.Request{})
	r.Reset()
	require.Empty(t, r.Answer)
	require.Zero(t, r.Answer[:1][0])
	r.Plan(v, answer.Question{Name: zone.MustName("a.example."), Type: zone.TypeA})
	require.Len(t, r.Answer, 1)
}
