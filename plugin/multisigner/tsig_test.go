package multisigner

import (
	"encoding/hex"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/require"
)

// octetsFrom sends octets from an address, which ought not to be the server's own,
// and gives the response to them.
func (r *running) octetsFrom(from, network string, wire []byte) []byte {
	r.t.Helper()
	to := r.udp()
	var local net.Addr = &net.UDPAddr{IP: net.ParseIP(from)}
	if network == "tcp" {
		to, local = r.tcp(), &net.TCPAddr{IP: net.ParseIP(from)}
	}
	dialer := net.Dialer{LocalAddr: local, Timeout: 5 * time.Second}
	c, err := dialer.Dial(network, to)
	require.NoError(r.t, err)
	conn := &dns.Conn{Conn: c, UDPSize: 4096}
	defer conn.Close()
	require.NoError(r.t, conn.SetDeadline(time.Now().Add(5*time.Second)))
	_, err = conn.Write(wire)
	require.NoError(r.t, err)
	octets, err := conn.ReadMsgHeader(nil)
	require.NoError(r.t, err)
	return octets
}

func (r *running) exchangeFrom(from, network string, wire []byte) *dns.Msg {
	r.t.Helper()
	m := new(dns.Msg)
	require.NoError(r.t, m.Unpack(r.octetsFrom(from, network, wire)))
	return m
}

func (r *running) askFrom(from, network string, m *dns.Msg) *dns.Msg {
	r.t.Helper()
	wire, err := m.Pack()
	require.NoError(r.t, err)
	return r.exchangeFrom(from, network, wire)
}

// signedWire is m as key signs it, but changed by spoil before it is sent.
func signedWire(t *testing.T, m *dns.Msg, key, algorithm string, spoil func(*dns.Msg, *dns.TSIG)) []byte {
	t.Helper()
	m.SetTsig(key, algorithm, 300, time.Now().Unix())
	wire, mac, err := dns.TsigGenerate(m, keySecret, "", false)
	if algorithm == "hmac-unheard-of." || algorithm == dns.HmacMD5 {
		mac, err = strings.Repeat("ab", 16), nil
	}
	require.NoError(t, err)
	if spoil == nil {
		return wire
	}
	signature := &dns.TSIG{
		Hdr:       dns.RR_Header{Name: key, Rrtype: dns.TypeTSIG, Class: dns.ClassANY},
		Algorithm: algorithm, TimeSigned: uint64(time.Now().Unix()), Fudge: 300, OrigId: m.Id, MAC: mac, MACSize: uint16(len(mac) / 2),
	}
	m.Extra = append(m.Extra, signature)
	spoil(m, signature)
	wire, err = m.Pack()
	require.NoError(t, err)
	return wire
}

// cut leaves n octets of the MAC.
func cut(n int) func(*dns.Msg, *dns.TSIG) {
	return func(_ *dns.Msg, s *dns.TSIG) {
		octets, _ := hex.DecodeString(s.MAC + strings.Repeat("00", 200))
		s.MAC, s.MACSize = hex.EncodeToString(octets[:n]), uint16(n)
	}
}

// Whatever is wrong with a TSIG, there is an answer that says what (RFC 8945 5.2),
// and it is signed only for those who have shown that they have the key.
func TestFaultyTSIG(t *testing.T) {
	h := newHome(t)
	h.zone("example.org", 7, "www A 192.0.2.1")
	r := h.start(block("example.org", "tsig {\nsecret xfr-key. "+keySecret+"\n}"))
	same := func(*dns.Msg, *dns.TSIG) {}
	const none = -1
	for _, tc := range []struct {
		what, key, algorithm string
		spoil                func(*dns.Msg, *dns.TSIG)
		rcode, fault         int
		signed               bool
	}{
		{"good", "xfr-key.", dns.HmacSHA256, nil, dns.RcodeSuccess, 0, true},
		{"good, by another algorithm", "xfr-key.", dns.HmacSHA512, nil, dns.RcodeSuccess, 0, true},
		{"unknown key", "no-key.", dns.HmacSHA256, same, dns.RcodeNotAuth, dns.RcodeBadKey, false},
		{"unknown key, MAC of one octet", "no-key.", dns.HmacSHA256, cut(1), dns.RcodeNotAuth, dns.RcodeBadKey, false},
		{"unknown algorithm", "xfr-key.", "hmac-unheard-of.", same, dns.RcodeNotAuth, dns.RcodeBadKey, false},
		{"MD5", "xfr-key.", dns.HmacMD5, same, dns.RcodeNotAuth, dns.RcodeBadKey, false},
		{"no MAC", "xfr-key.", dns.HmacSHA256, cut(0), dns.RcodeFormatError, none, false},
		{"MAC of one octet", "xfr-key.", dns.HmacSHA256, cut(1), dns.RcodeFormatError, none, false},
		{"MAC of two octets", "xfr-key.", dns.HmacSHA256, cut(2), dns.RcodeFormatError, none, false},
		{"MAC of 9 octets", "xfr-key.", dns.HmacSHA1, cut(9), dns.RcodeFormatError, none, false},
		{"MAC below half", "xfr-key.", dns.HmacSHA512, cut(31), dns.RcodeFormatError, none, false},
		{"MAC cut short", "xfr-key.", dns.HmacSHA256, cut(16), dns.RcodeNotAuth, dns.RcodeBadTrunc, false},
		{"MAC but for one octet", "xfr-key.", dns.HmacSHA256, cut(31), dns.RcodeNotAuth, dns.RcodeBadTrunc, false},
		{"MAC too long", "xfr-key.", dns.HmacSHA256, cut(33), dns.RcodeFormatError, none, false},
		{"MAC far too long", "xfr-key.", dns.HmacSHA256, cut(100), dns.RcodeFormatError, none, false},
		{"wrong MAC", "xfr-key.", dns.HmacSHA256, func(_ *dns.Msg, s *dns.TSIG) { s.MAC = strings.Repeat("00", 32) },
			dns.RcodeNotAuth, dns.RcodeBadSig, false},
		{"another question than was signed", "xfr-key.", dns.HmacSHA256, func(m *dns.Msg, _ *dns.TSIG) { m.Question[0].Qtype = dns.TypeTXT },
			dns.RcodeNotAuth, dns.RcodeBadSig, false},
		{"not the last record", "xfr-key.", dns.HmacSHA256, func(m *dns.Msg, _ *dns.TSIG) { m.SetEdns0(1232, false) }, dns.RcodeFormatError, none, false},
		{"two", "xfr-key.", dns.HmacSHA256, func(m *dns.Msg, s *dns.TSIG) { m.Extra = append(m.Extra, dns.Copy(s)) }, dns.RcodeFormatError, none, false},
		{"in the authority section", "xfr-key.", dns.HmacSHA256, func(m *dns.Msg, s *dns.TSIG) { m.Ns, m.Extra = m.Extra, nil },
			dns.RcodeFormatError, none, false},
		{"in the answer section", "xfr-key.", dns.HmacSHA256, func(m *dns.Msg, s *dns.TSIG) { m.Answer, m.Extra = m.Extra, nil },
			dns.RcodeFormatError, none, false},
		{"class IN", "xfr-key.", dns.HmacSHA256, func(_ *dns.Msg, s *dns.TSIG) { s.Hdr.Class = dns.ClassINET }, dns.RcodeFormatError, none, false},
	} {
		for _, network := range []string{"udp", "tcp"} {
			m := query4("www.example.org.", dns.TypeA)
			got := r.exchangeFrom("127.0.0.8", network, signedWire(t, m, tc.key, tc.algorithm, tc.spoil))
			require.Equal(t, tc.rcode, got.Rcode, "%s over %s", tc.what, network)
			signature := got.IsTsig()
			if tc.fault == none {
				require.Nil(t, signature, tc.what)
				continue
			}
			require.NotNil(t, signature, tc.what)
			require.EqualValues(t, tc.fault, signature.Error, tc.what)
			require.Equal(t, tc.signed, signature.MACSize > 0, tc.what)
			require.WithinDuration(t, time.Now(), time.Unix(int64(signature.TimeSigned), 0), time.Minute, "%s: clients take another time for a wrong clock", tc.what)
			require.Equal(t, tc.signed, len(got.Answer) == 1, tc.what)
		}
	}
}

// A time that is off is answered with ours, signed: the key has been shown.
func TestTSIGTime(t *testing.T) {
	h := newHome(t)
	h.zone("example.org", 7, "www A 192.0.2.1")
	r := h.start(block("example.org", "tsig {\nsecret xfr-key. "+keySecret+"\n}"))
	m := query4("www.example.org.", dns.TypeA).SetTsig("xfr-key.", dns.HmacSHA256, 300, time.Now().Add(-time.Hour).Unix())
	wire, _, err := dns.TsigGenerate(m, keySecret, "", false)
	require.NoError(t, err)
	got := r.exchangeFrom("127.0.0.8", "udp", wire)
	require.Equal(t, dns.RcodeNotAuth, got.Rcode)
	require.EqualValues(t, dns.RcodeBadTime, got.IsTsig().Error)
	require.NotZero(t, got.IsTsig().MACSize)
	require.EqualValues(t, 6, got.IsTsig().OtherLen)
}

// Without the tsig plugin there is no key that we know; to answer as if the
// question had not been signed would tell the client nothing.
func TestTSIGWithoutKeys(t *testing.T) {
	h := newHome(t)
	h.zone("example.org", 7, "www A 192.0.2.1")
	r := h.start(block("example.org", ""))
	got := r.exchangeFrom("127.0.0.8", "udp", signedWire(t, query4("www.example.org.", dns.TypeA), "xfr-key.", dns.HmacSHA256, nil))
	require.Equal(t, dns.RcodeNotAuth, got.Rcode)
	require.EqualValues(t, dns.RcodeBadKey, got.IsTsig().Error)
}
