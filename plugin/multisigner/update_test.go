package multisigner

import (
	"crypto/tls"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/require"
)

// updatable is a server of a zone that the key xfr-key. may update, and acme. in part.
func updatable(h home) *running {
	h.t.Helper()
	h.zone("example.org", 7, "www A 192.0.2.1")
	return h.start(".:0 {\nCOMMON\ntsig {\nsecret xfr-key. " + keySecret + "\nsecret acme. " + keySecret + "\n}\n" +
		"multisigner example.org {\nfile db.{zone}\nparent none\nupdate key xfr-key.\nupdate key acme. name *.acme type TXT\n}\n}")
}

// updateFor adds and, with - before a line, removes records.
func updateFor(t testing.TB, lines ...string) *dns.Msg {
	t.Helper()
	m := new(dns.Msg).SetUpdate("example.org.")
	for _, line := range lines {
		text, removed := strings.CutPrefix(line, "-")
		rr, err := dns.NewRR(text)
		require.NoError(t, err)
		if removed {
			m.Remove([]dns.RR{rr})
		} else {
			m.Insert([]dns.RR{rr})
		}
	}
	return m.SetEdns0(1232, false)
}

// sendUpdate signs m and gives the answer, whose signature must be good.
func (r *running) sendUpdate(network, key, algorithm string, m *dns.Msg) *dns.Msg {
	r.t.Helper()
	m.SetTsig(key, algorithm, 300, time.Now().Unix())
	c := dns.Client{Net: network, TsigSecret: map[string]string{key: keySecret}, Timeout: 20 * time.Second}
	addr := r.udp()
	if network != "udp" {
		addr = r.tcp()
	}
	got, _, err := c.Exchange(m, addr)
	if got == nil || got.Rcode != dns.RcodeNotAuth { // the library verifies none of those
		require.NoError(r.t, err, "and its signature is good")
	}
	require.Equal(r.t, dns.OpcodeUpdate, got.Opcode)
	require.NotNil(r.t, got.IsTsig())
	return got
}

// An UPDATE by a key that may is answered, signed, when the next question finds it.
func TestUpdate(t *testing.T) {
	r := updatable(newHome(t))
	for i, network := range []string{"udp", "tcp"} {
		name := fmt.Sprintf("n%d.example.org.", i)
		got := r.sendUpdate(network, "xfr-key.", dns.HmacSHA256, updateFor(t, name+" 60 A 192.0.2.81"))
		require.Equal(t, dns.RcodeSuccess, got.Rcode)
		require.Len(t, r.ask(network, query4(name, dns.TypeA).SetEdns0(1232, true)).Answer, 2)
		require.Equal(t, dns.RcodeSuccess, r.sendUpdate(network, "acme.", dns.HmacSHA256, updateFor(t, "x.acme.example.org. 60 TXT x")).Rcode)
	}
	got := r.sendUpdate("tcp", "xfr-key.", dns.HmacSHA256, updateFor(t, "n0.example.org. 60 CNAME n1.example.org."))
	require.Equal(t, dns.RcodeSuccess, got.Rcode)
	require.Equal(t, "passed over: n0.example.org. has other records: no CNAME stands beside them", whyNot(got))
}

func whyNot(m *dns.Msg) string {
	_, text := reason(m)
	return text
}

// Whoever may not is told why, and changes nothing; nothing falls through to another plugin.
func TestUpdateRefused(t *testing.T) {
	r := updatable(newHome(t))
	add := "n.example.org. 60 A 192.0.2.81"
	unmet := updateFor(t, add)
	unmet.NameUsed([]dns.RR{&dns.A{Hdr: dns.RR_Header{Name: "absent.example.org."}}})
	acmeUnmet := unmet.Copy()
	other := updateFor(t, add)
	other.Question[0].Name = "example.com."
	below := updateFor(t, add)
	below.Question[0].Name = "www.example.org."
	outside := updateFor(t, "n.example.com. 60 A 192.0.2.81")
	for _, tc := range []struct {
		what, key, algorithm string
		m                    *dns.Msg
		rcode                int
		why                  string
	}{
		{"no grant", "acme.", dns.HmacSHA256, updateFor(t, add), dns.RcodeRefused, "key acme. has no grant for n.example.org. A"},
		{"permission before prerequisites", "acme.", dns.HmacSHA256, acmeUnmet, dns.RcodeRefused, "key acme. has no grant for absent.example.org., and may not ask about it in a prerequisite either"},
		{"another algorithm", "xfr-key.", dns.HmacSHA512, updateFor(t, add), dns.RcodeRefused, "key xfr-key. is of hmac-sha256, and the message was signed with hmac-sha512"},
		{"a prerequisite", "xfr-key.", dns.HmacSHA256, unmet, dns.RcodeNameError, "absent.example.org. is not in use"},
		{"a name outside", "xfr-key.", dns.HmacSHA256, outside, dns.RcodeNotZone, "n.example.com. is not in example.org."},
		{"not an apex", "xfr-key.", dns.HmacSHA256, below, dns.RcodeNotAuth, "the zone section does not name a zone of this server"},
		{"what the signer makes", "xfr-key.", dns.HmacSHA256, updateFor(t, "example.org. 60 DNSKEY 256 3 13 AAAA"), dns.RcodeRefused, "example.org. DNSKEY: the signer makes these records; leave them out"},
	} {
		t.Run(tc.what, func(t *testing.T) {
			got := r.sendUpdate("tcp", tc.key, tc.algorithm, tc.m)
			require.Equal(t, dns.RcodeToString[tc.rcode], dns.RcodeToString[got.Rcode])
			require.Equal(t, tc.why, whyNot(got))
		})
	}
	got := r.ask("tcp", updateFor(t, add))
	require.Equal(t, dns.RcodeRefused, got.Rcode)
	require.Equal(t, "updates are taken with a TSIG key only", whyNot(got))
	require.Equal(t, dns.RcodeNameError, r.ask("tcp", query4("n.example.org.", dns.TypeA)).Rcode)

	md5 := r.exchangeFrom("127.0.0.8", "tcp", signedWire(t, updateFor(t, add), "xfr-key.", dns.HmacMD5, func(*dns.Msg, *dns.TSIG) {}))
	require.Equal(t, dns.RcodeNotAuth, md5.Rcode)
	require.EqualValues(t, dns.RcodeBadKey, md5.IsTsig().Error)
	require.Contains(t, whyNot(md5), "HMAC-MD5 is not taken")
	wrong := r.exchangeFrom("127.0.0.8", "tcp", signedWire(t, updateFor(t, add), "xfr-key.", dns.HmacSHA256, func(_ *dns.Msg, s *dns.TSIG) { s.MAC = strings.Repeat("00", 32) }))
	require.Equal(t, dns.RcodeNotAuth, wrong.Rcode)
	require.EqualValues(t, dns.RcodeBadSig, wrong.IsTsig().Error)
}

// In a server block of the root, an UPDATE for a zone that is nobody's goes to no other
// plugin: it is answered here.
func TestUpdateGoesNowhereElse(t *testing.T) {
	h := newHome(t)
	h.zone("example.org", 7)
	r := h.start(".:0 {\nCOMMON\nwhoami\ntsig {\nsecret xfr-key. " + keySecret + "\n}\nmultisigner example.org {\nfile db.example.org\nstate s\nparent none\nupdate key xfr-key.\n}\n}")
	m := updateFor(t, "n.example.com. 60 A 192.0.2.81")
	m.Question[0].Name = "example.com."
	require.Equal(t, dns.RcodeNotAuth, r.sendUpdate("udp", "xfr-key.", dns.HmacSHA256, m).Rcode)
}

// Over TLS it is as over TCP.
func TestUpdateOverTLS(t *testing.T) {
	h := newHome(t)
	h.zone("example.org", 7, "www A 192.0.2.1")
	h.certificate()
	r := h.startTLS("tls://example.org:0 {\nCOMMON\ntls cert.pem key.pem\ntsig {\nsecret xfr-key. " + keySecret + "\n}\nmultisigner {\nfile db.{zone}\nparent none\nupdate key xfr-key.\n}\n}")
	c := dns.Client{Net: "tcp-tls", TLSConfig: &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"dot"}}, TsigSecret: map[string]string{"xfr-key.": keySecret}, Timeout: 20 * time.Second}
	m := updateFor(t, "n.example.org. 60 A 192.0.2.81").SetTsig("xfr-key.", dns.HmacSHA256, 300, time.Now().Unix())
	got, _, err := c.Exchange(m, r.tcp())
	require.NoError(t, err)
	require.Equal(t, dns.RcodeSuccess, got.Rcode)
	require.NotNil(t, got.IsTsig())
	got, _, err = c.Exchange(query4("n.example.org.", dns.TypeA), r.tcp())
	require.NoError(t, err)
	require.Len(t, got.Answer, 1)
}
