package validate_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/answer"
	"github.com/multisigner/multisigner/plugin/multisigner/denial"
	"github.com/multisigner/multisigner/plugin/multisigner/validate"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// questions has one of each kind of answer over the zone nasty.example.
var questions = []string{
	"nasty.example. SOA", "nasty.example. DNSKEY", "nasty.example. MX", "ns1.nasty.example. A", "all.nasty.example. TYPE65534",
	"nasty.example. SRV", "ns1.nasty.example. TXT", // NODATA
	"x.ns1.nasty.example. A", "a.b.mail.nasty.example. A", "x.wild.wild.ent.nasty.example. A", "b.d.ent.nasty.example. MX", // no such name
	"nothing.nasty.example. TXT", "a.b.nothing.nasty.example. TXT", "x.wild.nasty.example. AAAA", "x.y.wild.nasty.example. A", // a wildcard
	"nothing.nasty.example. A", "a.b.nothing.nasty.example. A", "x.wild.nasty.example. TXT", "z.sub.wild.nasty.example. A", // its NODATA
	"*.nasty.example. TXT", "*.wild.nasty.example. TXT",
	"x.alias.nasty.example. A", "x.alias.nasty.example. TXT", // a wildcard that is an alias
	"x.entwild.nasty.example. A", "q.below.x.entwild.nasty.example. A", // a wildcard that is empty
	"ent.nasty.example. A", "b.c.ent.nasty.example. A", "wild.nasty.example. DS", "lead.nasty.example. A", "still.only.nasty.example. TXT", // empty
	"x.ent.nasty.example. A", "x.lead.nasty.example. A", "x.still.only.nasty.example. TXT",
	"secure.nasty.example. A", "x.y.secure.nasty.example. A", "ns.secure.nasty.example. A", "secure.nasty.example. DS", // cuts
	"insecure.nasty.example. A", "www.insecure.nasty.example. A", "insecure.nasty.example. DS", "plain.nasty.example. DS", "x.plain.nasty.example. A",
	"deeper.still.only.nasty.example. DS", "x.deeper.still.only.nasty.example. A", "mixed.lead.nasty.example. DS", "signed.lead.nasty.example. DS",
	"moved.nasty.example. DNAME", "moved.nasty.example. A", "x.moved.nasty.example. A", "a.b.moved.nasty.example. TXT", "x.moved.nasty.example. CNAME",
	strings.Repeat("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.", 3) + "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.moved.nasty.example. A",
	"alias.nasty.example. A", "alias.nasty.example. LOC", "alias.nasty.example. DNSKEY", "alias.nasty.example. CNAME", "out.nasty.example. A", // aliases
	"inner.nasty.example. A", "inner.nasty.example. TXT", "in.inner.nasty.example. A", "dangling.nasty.example. A", "tosecure.nasty.example. A", "toplain.nasty.example. A",
	"all.nasty.example. ANY", "ttl0.nasty.example. A", `\000\001\255.nasty.example. A`, `\000\001\254.nasty.example. A`,
}

const more = `
	tosecure.nasty.example. 60 CNAME x.secure.nasty.example.
	toplain.nasty.example. 60 CNAME x.plain.nasty.example.
	inner.nasty.example. 60 CNAME x.wild.nasty.example.
	dangling.nasty.example. 60 CNAME x.y.ns1.nasty.example.
	in.inner.nasty.example. 60 CNAME all.nasty.example.`

func nastyAndMore(t testing.TB) *zone.Version {
	b := nasty(t).Edit()
	extra := parse("nasty.example. 60 SOA . . 1 1 1 1 1" + more)
	for n := range extra.All() {
		for s := range n.All() {
			if s.Type != zone.TypeSOA {
				b.Put(s)
			}
		}
	}
	return b.Version()
}

func ask(v *zone.Version, question string) (*dns.Msg, dns.Question) {
	words := strings.Fields(question)
	qtype, ok := dns.StringToType[words[1]]
	if !ok {
		_, _ = fmt.Sscanf(words[1], "TYPE%d", &qtype)
	}
	q := dns.Question{Name: words[0], Qtype: qtype, Qclass: dns.ClassINET}
	request := new(dns.Msg).SetQuestion(q.Name, q.Qtype).SetEdns0(1232, true)
	var r answer.Response
	r.Plan(v, answer.Question{Name: zone.MustName(words[0]), Type: zone.Type(qtype), DO: true})
	return r.Msg(request, 65535, true).Copy(), q
}

// Every answer is accepted, and none without any one of its records: each is there
// for a reason, and the reason is seen.
func TestResponse(t *testing.T) {
	for _, m := range modes {
		v := must(t, input(t, nastyAndMore(t), m)).Version
		for _, question := range questions {
			t.Run(m.String()+"/"+question, func(t *testing.T) {
				msg, q := ask(v, question)
				require.NoError(t, validate.Response(msg, q, v.Apex(), dnskeys(v), now), "%s", msg)
				for i := range needed(msg) {
					less := msg.Copy()
					dropped := drop(less, i)
					if question == "all.nasty.example. ANY" || spare(msg, dropped, m) {
						continue
					}
					require.Error(t, validate.Response(less, q, v.Apex(), dnskeys(v), now), "without %s\n%s", dropped, msg)
				}
			})
		}
	}
}

func needed(m *dns.Msg) int { return len(m.Answer) + len(m.Ns) }

func drop(m *dns.Msg, i int) (dropped dns.RR) {
	section := &m.Answer
	if i >= len(m.Answer) {
		section, i = &m.Ns, i-len(m.Answer)
	}
	dropped = (*section)[i]
	*section = append((*section)[:i:i], (*section)[i+1:]...)
	return dropped
}

// spare says what may be missing without harm: one NS of several of a delegation,
// one record of an unsigned RRset.
func spare(m *dns.Msg, rr dns.RR, mode denial.Mode) bool {
	if rr.Header().Rrtype != dns.TypeNS {
		return false
	}
	count := 0
	for _, other := range m.Ns {
		if other.Header().Rrtype == dns.TypeNS {
			count++
		}
	}
	return count > 1
}

// A signature with one bit turned is no signature, wherever it stands.
func TestResponseTampered(t *testing.T) {
	for _, m := range modes {
		v := must(t, input(t, nastyAndMore(t), m)).Version
		for _, question := range questions {
			msg, q := ask(v, question)
			for _, section := range [][]dns.RR{msg.Answer, msg.Ns} {
				for _, rr := range section {
					if sig, ok := rr.(*dns.RRSIG); ok {
						was := sig.Signature
						flipped := []byte(was)
						flipped[5] ^= 1 << 1
						sig.Signature = string(flipped)
						require.Error(t, validate.Response(msg, q, v.Apex(), dnskeys(v), now), "%s", sig)
						sig.Signature = was
					}
				}
			}
		}
	}
}

// What was signed for another time, by another key, or for another question is refused.
func TestResponseRefuses(t *testing.T) {
	v := must(t, input(t, nastyAndMore(t), denial.NSEC)).Version
	msg, q := ask(v, "ns1.nasty.example. A")
	at := func(d time.Duration) error { return validate.Response(msg, q, v.Apex(), dnskeys(v), now.Add(d)) }
	require.NoError(t, at(0))
	require.ErrorContains(t, at(30*24*time.Hour), "expired")
	require.ErrorContains(t, at(-2*time.Hour), "not good before")
	other := rrset(v.Apex(), zone.TypeDNSKEY, string(key(t, 257, 1).Record), string(key(t, 256, 12).Record))
	require.ErrorContains(t, validate.Response(msg, q, v.Apex(), other, now), "no key with tag")
	q.Name = "ns2.nasty.example."
	require.ErrorContains(t, validate.Response(msg, q, v.Apex(), dnskeys(v), now), "the response is to")

	for _, tc := range []struct{ question, as, rcode string }{
		{"ns1.nasty.example. A", "mail.nasty.example. A", ""},                    // another name's answer
		{"x.ns1.nasty.example. A", "x.mail.nasty.example. A", ""},                // another name's denial
		{"x.ns1.nasty.example. A", "ns1.nasty.example. A", ""},                   // a name error for what exists
		{"ns1.nasty.example. TXT", "ns1.nasty.example. A", ""},                   // NODATA for what exists
		{"ns1.nasty.example. TXT", "ns1.nasty.example. TXT", "NXDOMAIN"},         // NODATA as a name error
		{"x.ns1.nasty.example. A", "x.ns1.nasty.example. A", "NOERROR"},          // a name error as NODATA
		{"nothing.nasty.example. TXT", "ns1.nasty.example. TXT", ""},             // the wildcard for a name that exists
		{"plain.nasty.example. DS", "plain.nasty.example. TXT", ""},              // the parent's NSEC for the child's data
		{"x.plain.nasty.example. A", "x.secure.nasty.example. A", ""},            // a secure delegation as an insecure one
		{"ent.nasty.example. A", "ent.nasty.example. A", "NXDOMAIN"},             // an empty non-terminal as no name
		{"x.entwild.nasty.example. A", "x.entwild.nasty.example. A", "NXDOMAIN"}, // an empty wildcard as none
		{"nasty.example. SRV", "nasty.example. DS", ""},                          // the child's word for the parent's
	} {
		for _, m := range modes {
			v := must(t, input(t, nastyAndMore(t), m)).Version
			msg, _ := ask(v, tc.question)
			_, q := ask(v, tc.as)
			msg.Question[0] = q
			if tc.rcode != "" {
				msg.Rcode = dns.StringToRcode[tc.rcode]
			}
			require.Error(t, validate.Response(msg, q, v.Apex(), dnskeys(v), now), "%v %v", m, tc)
		}
	}
}

// Without DO there is nothing to validate.
func TestResponseUnsigned(t *testing.T) {
	v := nasty(t)
	for _, question := range []string{"ns1.nasty.example. A", "x.ns1.nasty.example. A", "x.plain.nasty.example. A"} {
		msg, q := ask(v, question)
		require.Error(t, validate.Response(msg, q, v.Apex(), dnskeys(must(t, input(t, v, denial.NSEC)).Version), now))
	}
}
