package answer_test

import (
	"bufio"
	"encoding/hex"
	"os"
	"strings"
	"testing"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/answer"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// What a zone may hold goes out with the octets that it has, through the library too,
// in answers and in transfers: it reads some types otherwise, and some not at all.
func TestEveryTypeIsCarried(t *testing.T) {
	file, err := os.Open("../source/testdata/types.txt")
	require.NoError(t, err)
	defer file.Close()
	lines := bufio.NewScanner(file)
	var typ string
	seen := 0
	for lines.Scan() {
		want, ok := strings.CutPrefix(lines.Text(), "  = ")
		if !strings.HasPrefix(lines.Text(), "  ") {
			typ, _, _ = strings.Cut(lines.Text(), " ")
		}
		number, known := dns.StringToType[typ]
		if !ok || !known || want == "left out" {
			continue
		}
		seen++
		rdata, err := hex.DecodeString(want)
		require.NoError(t, err)
		r, err := zone.NewRecord([]byte(zone.MustName("x.example.")), zone.Type(number), 60, rdata)
		require.NoError(t, err, "%s %s", typ, want)
		var g zone.Gathering
		g.Add(r)
		s := g.RRset(r.Name, r.Type, r.TTL)
		b := zone.MustVersion("example. 60 SOA . . 1 1 1 1 1\nexample. 60 NS ns.example.").Edit()
		b.Put(s)
		var response answer.Response
		response.Plan(b.Version(), answer.Question{Name: r.Name, Type: r.Type})
		m := response.Msg(new(dns.Msg).SetQuestion("x.example.", number), 0, true)
		require.Equal(t, dns.RcodeSuccess, m.Rcode, "%s %s", typ, want)
		all := append(m.Answer, m.Ns...) // an NS is a referral
		require.NotEmpty(t, all, typ)
		for _, rr := range []dns.RR{all[0], s.RRs()[0]} {
			wire := make([]byte, 70000)
			end, err := dns.PackRR(rr, wire, 0, nil, false)
			require.NoError(t, err, "%s %s", typ, want)
			require.Equal(t, want, hex.EncodeToString(wire[len(r.Name)+10:end]), typ)
		}
	}
	require.Greater(t, seen, 150)
}
