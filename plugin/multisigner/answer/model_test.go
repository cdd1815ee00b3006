package answer_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/answer"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// model answers from a plain list of records by looking at all of them each time:
// RFC 1034 4.3.2, RFC 4592 and RFC 6672 word by word, slow and short.
type model struct {
	apex    string
	records []dns.RR
}

func (m *model) at(name string, t uint16) (found []dns.RR) {
	for _, rr := range m.records {
		if rr.Header().Name == name && (t == dns.TypeANY || rr.Header().Rrtype == t) {
			found = append(found, rr)
		}
	}
	return found
}

func (m *model) exists(name string) bool {
	return slices.ContainsFunc(m.records, func(rr dns.RR) bool { return dns.IsSubDomain(name, rr.Header().Name) })
}

// ask gives the code, the answer section as lines, and the owner of a referral.
func (m *model) ask(name string, t uint16) (rcode int, lines []string, cut string) {
	for range 9 {
		path := ancestors(name, m.apex) // from the apex down to the name
		dname := ""
		for _, above := range path {
			if cut == "" && dname == "" && above != m.apex && len(m.at(above, dns.TypeNS)) > 0 && (above != name || t != dns.TypeDS) {
				cut = above
			}
			if cut == "" && dname == "" && above != name && len(m.at(above, dns.TypeDNAME)) > 0 {
				dname = above
			}
		}
		if cut != "" {
			return rcode, lines, cut
		}
		var next string
		if dname != "" {
			rr := m.at(dname, dns.TypeDNAME)[0].(*dns.DNAME)
			next = strings.TrimSuffix(name, dname) + rr.Target
			lines = append(lines, dname+" DNAME", name+" CNAME "+next)
			if t == dns.TypeCNAME {
				return 0, lines, ""
			}
		} else {
			source := name
			if !m.exists(name) {
				i := len(path) - 1
				for !m.exists(path[i]) {
					i--
				}
				if source = "*." + path[i]; !m.exists(source) {
					return dns.RcodeNameError, lines, ""
				}
			}
			if found := m.at(source, t); len(found) > 0 {
				return 0, append(lines, line(name, found)), ""
			}
			alias := m.at(source, dns.TypeCNAME)
			if len(alias) == 0 {
				return 0, lines, ""
			}
			next = alias[0].(*dns.CNAME).Target
			if slices.Contains(lines, name+" CNAME "+next) {
				return 0, lines, ""
			}
			lines = append(lines, name+" CNAME "+next)
		}
		if !dns.IsSubDomain(m.apex, next) {
			return 0, lines, ""
		}
		name = next
	}
	return 0, lines, ""
}

// line is how an RRset of the answer section is told.
func line(owner string, rrs []dns.RR) string {
	switch rr := rrs[0].(type) {
	case *dns.CNAME:
		return owner + " CNAME " + rr.Target
	case *dns.DNAME:
		return owner + " DNAME"
	}
	return fmt.Sprintf("%s %s %d", owner, dns.Type(rrs[0].Header().Rrtype), len(rrs))
}

func ancestors(name, apex string) (path []string) {
	for ; name != apex; name = name[strings.Index(name, ".")+1:] {
		path = append(path, name)
	}
	path = append(path, apex)
	slices.Reverse(path)
	return path
}

// said is what a plan says, in the model's words.
func said(r *answer.Response) (rcode int, lines []string, cut string) {
	for _, item := range r.Answer {
		lines = append(lines, line(item.Owner.String(), item.Set.RRs()))
	}
	if len(r.Authority) > 0 && r.Authority[0].Set.Type == zone.TypeNS {
		cut = r.Authority[0].Owner.String()
	}
	return r.Rcode, lines, cut
}

// Zones at random say what a plain reading of the RFCs says, and a validator
// accepts it, under each way to deny.
func TestAgainstModel(t *testing.T) {
	for seed := range uint64(15) {
		text := randomZone(seed)
		content := zone.MustVersion(text)
		m := model{apex: "example."}
		for n := range content.All() {
			for s := range n.All() {
				m.records = append(m.records, s.RRs()...)
			}
		}
		v := signed(content, modes[seed%3])
		var r answer.Response
		for _, name := range randomNames(content, seed) {
			for _, kind := range []uint16{dns.TypeA, dns.TypeTXT, dns.TypeCNAME, dns.TypeDNAME, dns.TypeNS, dns.TypeDS} {
				note := fmt.Sprintf("seed %d, %s %s in\n%s", seed, name, dns.Type(kind), text)
				q := answer.Question{Name: zone.MustName(name), Type: zone.Type(kind)}
				r.Plan(v, q)
				wantRcode, wantLines, wantCut := m.ask(name, kind)
				rcode, lines, cut := said(&r)
				require.Equal(t, wantRcode, rcode, note)
				require.Equal(t, once(wantLines), lines, note)
				require.Equal(t, wantCut, cut, note)

				q.DO = true
				r.Plan(v, q)
				request := new(dns.Msg).SetQuestion(name, kind)
				accepted(t, v, request, agree(t, &r, request, 65535), true)
			}
		}
	}
}

// once leaves out what a chain came by before.
func once(lines []string) (kept []string) {
	for _, line := range lines {
		if !slices.Contains(kept, line) {
			kept = append(kept, line)
		}
	}
	return kept
}

// randomZone has few labels, so that names meet as parents, aliases, wildcards
// and cuts of each other.
func randomZone(seed uint64) string {
	random := rand.New(rand.NewPCG(seed, 1))
	b := strings.Builder{}
	b.WriteString("$ORIGIN example.\n$TTL 3600\n@ SOA ns root 1 2 3 4 300\n@ NS ns\nns A 192.0.2.1\n")
	taken := map[string]bool{"ns": true}
	for range 4 + random.IntN(20) {
		name, kind := randomName(random), random.IntN(8)
		if kind > 3 && random.IntN(3) == 0 || kind < 2 && random.IntN(2) == 0 {
			name = "*." + name
		}
		if taken[name] {
			continue
		}
		taken[name] = true
		switch kind {
		case 0, 1:
			fmt.Fprintf(&b, "%s CNAME %s\n", name, randomName(random))
		case 2:
			fmt.Fprintf(&b, "%s DNAME %s\n", name, randomName(random))
		case 3:
			fmt.Fprintf(&b, "%[1]s NS ns.%[1]s\n%[1]s NS ns\nns.%[1]s A 192.0.2.2\n", name)
			if random.IntN(2) == 0 {
				fmt.Fprintf(&b, "%s DS 4711 13 2 %064x\n", name, seed)
			}
		default:
			fmt.Fprintf(&b, "%s A 192.0.2.3\n%[1]s A 192.0.2.4\n", name)
		}
	}
	return b.String()
}

func randomName(random *rand.Rand) string {
	labels := []string{"a", "b", "c", "ns"}
	parts := make([]string, 1+random.IntN(3))
	for i := range parts {
		parts[i] = labels[random.IntN(len(labels))]
	}
	return strings.Join(parts, ".")
}

func randomNames(v *zone.Version, seed uint64) (names []string) {
	random := rand.New(rand.NewPCG(seed, 2))
	for n := range v.All() {
		names = append(names, n.Name().String(), "x."+n.Name().String())
	}
	for range 30 {
		names = append(names, randomName(random)+".example.")
	}
	return names
}

// A DNAME that leads back to its own owner, asked for by type, stands once in the
// answer (RFC 2181 5).
func TestNothingTwice(t *testing.T) {
	v := zone.MustVersion(`$ORIGIN example.
@    3600 SOA   ns root 1 2 3 4 300
@    3600 NS    ns.outside.test.
a.a  3600 DNAME a
`)
	var r answer.Response
	r.Plan(v, answer.Question{Name: zone.MustName("a.a.a.example."), Type: zone.TypeDNAME})
	_, lines, _ := said(&r)
	require.Equal(t, []string{"a.a.example. DNAME", "a.a.a.example. CNAME a.a.example."}, lines)
}
