package answer_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/answer"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

var update = flag.Bool("update", false, "write the golden answers anew")

// Every kind of answer, as text a person can hold against the RFC that its
// heading names. A line "? name type [do] [size N]" asks; what follows answers.
// testdata/example.zone is the zone; go test -update writes the answers anew.
func TestGolden(t *testing.T) {
	for _, mode := range modes {
		t.Run(mode.String(), func(t *testing.T) {
			path := "testdata/" + strings.ToLower(mode.String()) + ".golden"
			text, err := os.ReadFile(path)
			require.NoError(t, err)
			got := answers(t, signed(example(t), mode), string(text))
			if *update {
				require.NoError(t, os.WriteFile(path, []byte(got), 0o644))
			}
			require.Equal(t, string(text), got, "to take these answers: go test ./plugin/multisigner/answer -run Golden -update")
		})
	}
}

// answers is the text with its answers made anew: comments and questions stay.
func answers(t *testing.T, v *zone.Version, text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		switch {
		case strings.HasPrefix(line, "#"):
			b.WriteString("\n" + line)
		case strings.HasPrefix(line, "? "):
			b.WriteString("\n" + line)
			b.WriteString(ask(t, v, strings.Fields(line)[1:]).text())
		}
	}
	return strings.TrimPrefix(b.String(), "\n")
}

type reply dns.Msg

func ask(t *testing.T, v *zone.Version, words []string) *reply {
	question, size := question(words)
	request := new(dns.Msg).SetQuestion(words[0], uint16(question.Type))
	var r answer.Response
	r.Plan(v, question)
	return (*reply)(r.Msg(request, size, false))
}

func question(words []string) (q answer.Question, size int) {
	name, err := zone.ParseName(strings.ToLower(words[0]))
	if err != nil {
		panic(err)
	}
	t, ok := dns.StringToType[words[1]]
	if !ok {
		_, err = fmt.Sscanf(words[1], "TYPE%d", &t)
	}
	if err != nil {
		panic(err)
	}
	q, size = answer.Question{Name: name, Type: zone.Type(t)}, 65535
	for i, word := range words[2:] {
		switch word {
		case "do":
			q.DO = true
		case "size":
			_, err = fmt.Sscan(words[i+3], &size)
		}
	}
	if err != nil {
		panic(err)
	}
	return q, size
}

// text is the answer without what the keys and times make of it.
func (r *reply) text() string {
	var b strings.Builder
	b.WriteString(dns.RcodeToString[r.Rcode])
	for _, flag := range []struct {
		set  bool
		name string
	}{{r.Authoritative, " aa"}, {r.Truncated, " tc"}, {r.RecursionAvailable, " ra"}, {r.AuthenticatedData, " ad"}} {
		if flag.set {
			b.WriteString(flag.name)
		}
	}
	b.WriteByte('\n')
	for _, section := range []struct {
		name string
		rrs  []dns.RR
	}{{"answer", r.Answer}, {"authority", r.Ns}, {"additional", r.Extra}} {
		for _, rr := range section.rrs {
			fmt.Fprintf(&b, "  %-10s  %s\n", section.name, record(rr))
		}
	}
	return b.String()
}

func record(rr dns.RR) string {
	h := rr.Header()
	switch rr := rr.(type) {
	case *dns.RRSIG:
		return fmt.Sprintf("%s %d RRSIG %s labels %d ttl %d", h.Name, h.Ttl, dns.Type(rr.TypeCovered), rr.Labels, rr.OrigTtl)
	case *dns.DNSKEY, *dns.CDNSKEY:
		return fmt.Sprintf("%s %d %s", h.Name, h.Ttl, dns.TypeToString[h.Rrtype])
	}
	if unknown, ok := rr.(*dns.RFC3597); ok {
		return fmt.Sprintf("%s %d %s %q", h.Name, h.Ttl, dns.Type(h.Rrtype), unknown.Rdata)
	}
	rdata := strings.TrimPrefix(rr.String(), h.String())
	return fmt.Sprintf("%s %d %s %s", h.Name, h.Ttl, dns.Type(h.Rrtype), rdata)
}
