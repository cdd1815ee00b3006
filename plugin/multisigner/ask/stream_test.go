package ask

import (
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/require"
)

// What is signed here is what the library signs of the same messages, and what we verify
// ourselves: for each algorithm, the first message and those after it.
func TestStream(t *testing.T) {
	for _, algorithm := range []string{dns.HmacSHA1, dns.HmacSHA224, dns.HmacSHA256, dns.HmacSHA384, dns.HmacSHA512, "HMAC-SHA256"} {
		k := &TSIG{Name: "xfr-key.", Algorithm: algorithm, Secret: "NoTCJU+DMqFWywaPyxSijrDEA/eC3nK0xi3AMEZuPVk="}
		request := new(dns.Msg).SetAxfr("example.")
		request.SetTsig("Xfr-Key.", dns.CanonicalName(algorithm), 300, time.Now().Unix())
		_, mac, err := dns.TsigGenerate(request, k.Secret, "", false)
		require.NoError(t, err)
		asked := &dns.TSIG{MAC: mac, OrigId: request.Id}
		s, err := k.Stream(asked)
		require.NoError(t, err)
		last := mac
		for i := range 3 {
			m := new(dns.Msg).SetReply(request)
			m.Answer = []dns.RR{&dns.TXT{Hdr: dns.RR_Header{Name: "example.", Rrtype: dns.TypeTXT, Class: 1}, Txt: []string{strings.Repeat("x", i)}}}
			m.SetEdns0(1232, true)
			wire, err := m.Pack()
			require.NoError(t, err)
			signed := s.Sign(wire, time.Now())
			require.Len(t, signed, len(wire)+s.Size())
			require.NoError(t, dns.TsigVerify(append([]byte(nil), signed...), k.Secret, last, i > 0), "%s %d", algorithm, i)
			var got dns.Msg
			require.NoError(t, got.Unpack(signed))
			last = got.IsTsig().MAC
			require.NotNil(t, got.IsEdns0())
		}
	}
	k := &TSIG{Name: "k.", Algorithm: dns.HmacMD5, Secret: "AAAA"}
	_, err := k.Stream(&dns.TSIG{})
	require.ErrorIs(t, err, ErrTSIG)
	k = &TSIG{Name: "k.", Algorithm: dns.HmacSHA256, Secret: "no base64"}
	_, err = k.Stream(&dns.TSIG{})
	require.ErrorIs(t, err, ErrTSIG)
}
