package multisigner

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/require"
)

// The fast path hands an UPDATE over: it comes whole, also where CoreDNS's own socket
// would read 512 octets of it, its TSIG is verified and its answer signed. Without an
// update line it is not implemented, there as elsewhere.
func TestUpdateOverTheFastPath(t *testing.T) {
	port, other := twoPorts(t)
	h := newHome(t)
	h.zone("example", 7, "www A 192.0.2.1")
	h.zone("other.example", 7)
	r := h.start(fmt.Sprintf(".:%d {\nCOMMON\ntsig {\nsecret xfr-key. %s\n}\nmultisigner example {\nfile db.{zone}\nstate a\nparent none\nupdate key xfr-key. hmac-sha512\n}\n}\n", port, keySecret) +
		fmt.Sprintf(".:%d {\nCOMMON\nmultisigner other.example {\nfile db.{zone}\nstate b\nparent none\n}\n}\n", other))
	front := r.front(port)
	upAt(t, port)
	_, handed, _ := front.Stats()
	m := new(dns.Msg).SetUpdate("example.")
	for i := range 5 {
		rr, err := dns.NewRR(fmt.Sprintf("n%d.example. 60 TXT %s", i, strings.Repeat("x", 200)))
		require.NoError(t, err)
		m.Insert([]dns.RR{rr})
	}
	m.SetEdns0(1232, false).SetTsig("xfr-key.", dns.HmacSHA512, 300, time.Now().Unix())
	require.Greater(t, m.Len(), 1000)
	c := dns.Client{Net: "udp", TsigSecret: map[string]string{"xfr-key.": keySecret}, Timeout: 20 * time.Second}
	got, _, err := c.Exchange(m, fmt.Sprintf("127.0.0.1:%d", port))
	require.NoError(t, err, "and its signature is good")
	require.Equal(t, dns.RcodeSuccess, got.Rcode)
	require.NotNil(t, got.IsTsig())
	_, now, _ := front.Stats()
	require.Equal(t, handed+1, now)
	answer, _, err := c.Exchange(query4("n4.example.", dns.TypeTXT), fmt.Sprintf("127.0.0.1:%d", port))
	require.NoError(t, err)
	require.Len(t, answer.Answer, 1, "the next question is answered with it")
	_, last, _ := front.Stats()
	require.Equal(t, now, last, "by the fast path")

	refused, _, err := (&dns.Client{Timeout: 20 * time.Second}).Exchange(new(dns.Msg).SetUpdate("other.example."), fmt.Sprintf("127.0.0.1:%d", other))
	require.NoError(t, err)
	require.Equal(t, dns.RcodeNotImplemented, refused.Rcode)
}
