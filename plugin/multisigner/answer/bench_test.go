package answer_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/answer"
	"github.com/multisigner/multisigner/plugin/multisigner/denial"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// large is a signed zone of 100,000 names: hosts, and every tenth a delegation,
// half of them secure.
var large = map[denial.Mode]func() *zone.Version{
	denial.NSEC:  sync.OnceValue(func() *zone.Version { return largeZone(denial.NSEC) }),
	denial.NSEC3: sync.OnceValue(func() *zone.Version { return largeZone(denial.NSEC3) }),
}

const largeNames = 100_000

func largeZone(mode denial.Mode) *zone.Version {
	var b strings.Builder
	b.WriteString("$ORIGIN example.\n$TTL 3600\n@ SOA ns1 root 1 7200 3600 86400 300\n@ NS ns1\nns1 A 192.0.2.1\n")
	for i := range largeNames {
		name := largeName(i)
		if i%10 != 0 {
			fmt.Fprintf(&b, "%s A 192.0.2.%d\n", name, i%256)
			continue
		}
		fmt.Fprintf(&b, "%[1]s NS ns.%[1]s\n%[1]s NS ns1\nns.%[1]s A 192.0.2.%[2]d\n", name, i%256)
		if i%20 == 0 {
			fmt.Fprintf(&b, "%s DS %d 13 2 %064x\n", name, i%65536, i)
		}
	}
	return signed(zone.MustVersion(b.String()), mode)
}

// largeName scatters names over the order of the zone.
func largeName(i int) string { return fmt.Sprintf("h%08x", uint32(i)*2654435761) }

var kinds = []struct {
	name string
	ask  func(i int) string
}{
	{"positive", func(i int) string { return largeName(i*10+1) + ".example." }},
	{"nodata", func(i int) string { return largeName(i*10+1) + ".example." }},
	{"nxdomain", func(i int) string { return largeName(i*10+1) + "x.example." }},
	{"referral", func(i int) string { return "www." + largeName(i*20) + ".example." }},
	{"insecure", func(i int) string { return "www." + largeName(i*20+10) + ".example." }},
}

// questions are asked in turn, all over the zone, so that the caches of the
// processor help no more than they would in service.
func questions(name string, ask func(i int) string) []answer.Question {
	var all []answer.Question
	for i := range 5000 {
		kind := zone.TypeA
		if name == "nodata" {
			kind = zone.TypeMX
		}
		all = append(all, answer.Question{Name: zone.MustName(ask(i)), Type: kind, DO: true})
	}
	return all
}

func BenchmarkWire(b *testing.B) {
	for _, mode := range []denial.Mode{denial.NSEC, denial.NSEC3} {
		for _, kind := range kinds {
			b.Run(mode.String()+"/"+kind.name, func(b *testing.B) {
				v, all := large[mode](), questions(kind.name, kind.ask)
				var r answer.Response
				wire := make([]byte, 0, 2048)
				request := answer.Request{Limit: 1232, Reserve: 11}
				b.ReportAllocs()
				octets := 0
				for i := 0; b.Loop(); i++ {
					r.Plan(v, all[i%len(all)])
					wire = r.AppendWire(wire[:0], &request)
					octets += len(wire)
				}
				b.ReportMetric(float64(octets)/float64(b.N), "octets")
			})
		}
	}
}

func BenchmarkMsg(b *testing.B) {
	for _, kind := range kinds {
		b.Run(kind.name, func(b *testing.B) {
			v, all := large[denial.NSEC](), questions(kind.name, kind.ask)
			requests := make([]*dns.Msg, len(all))
			for i, q := range all {
				requests[i] = new(dns.Msg).SetQuestion(q.Name.String(), uint16(q.Type))
			}
			var r answer.Response
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				r.Plan(v, all[i%len(all)])
				r.Msg(requests[i%len(all)], 1232, false)
			}
		})
	}
}

// Nothing that the server does for every datagram leaves garbage behind.
func TestNoAllocations(t *testing.T) {
	for _, mode := range modes {
		v := signed(example(t), mode)
		var r answer.Response
		wire := make([]byte, 0, 2048)
		request := answer.Request{Limit: 1232}
		for _, question := range []string{
			"a A", "a TXT", "nowhere A", "b.a A", "q.wild A", "q.wild AAAA", "q.wild-alias A", "alias A", "dangling A",
			"x.dn A", "x.dn-loop A", "sub A", "x.sec A", "no-glue A", "sub DS", "a ANY", "a RRSIG",
			"_sip._tcp SRV", "q.wildmx MX", "svc-alias HTTPS", "self A",
		} {
			words := strings.Fields(question)
			q := answer.Question{Name: zone.MustName(words[0] + ".example."), Type: zone.Type(dns.StringToType[words[1]]), DO: true}
			answerOnce := func() {
				r.Plan(v, q)
				wire = r.AppendWire(wire[:0], &request)
			}
			answerOnce()
			require.Zero(t, testing.AllocsPerRun(10, answerOnce), "%s %s", mode, question)
		}
	}
	v := signed(zone.MustVersion(lettered), denial.NSEC)
	var r answer.Response
	wire := make([]byte, 0, 2048)
	for _, question := range []string{"@ NS", "@ MX", "_http._tcp PTR", "alias A", "x.d A", "svc HTTPS", "svc2 HTTPS", "x.cut A", "a.w A"} {
		words := strings.Fields(question)
		q := answer.Question{Name: zone.MustName(strings.TrimPrefix(words[0]+".example.", "@.")), Type: zone.Type(dns.StringToType[words[1]]), DO: true}
		request := answer.Request{Limit: 1232, Name: []byte(strings.ToUpper(string(q.Name)))}
		answerOnce := func() {
			r.Plan(v, q)
			wire = r.AppendWire(wire[:0], &request)
		}
		answerOnce()
		require.Zero(t, testing.AllocsPerRun(10, answerOnce), question)
	}
}
