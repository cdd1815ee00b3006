package answer_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/answer"
	"github.com/multisigner/multisigner/plugin/multisigner/denial"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// slow renders a plan the plain way, without packing: what the renderers must say
// when there is room for all.
func slow(r *answer.Response, request *dns.Msg) *dns.Msg {
	m := new(dns.Msg).SetRcode(request, r.Rcode)
	m.Authoritative, m.CheckingDisabled = r.Authoritative, false
	m.Answer, m.Ns = rrs(r.Answer), rrs(r.Authority)
	for g := answer.Required; g <= answer.Optional; g++ {
		for _, item := range r.Additional {
			if item.Glue == g {
				m.Extra = append(m.Extra, rrs([]answer.Item{item})...)
			}
		}
	}
	return m
}

func rrs(items []answer.Item) (all []dns.RR) {
	for _, item := range items {
		s := item.Set
		s.Name = item.Owner
		if item.Data {
			all = append(all, s.RRs()...)
		}
		if item.Sigs {
			all = append(all, s.SigRRs()...)
		}
	}
	return all
}

// agree holds what both renderers make of a plan against each other and against
// the plain one, for a request of some size.
func agree(t *testing.T, r *answer.Response, request *dns.Msg, size int) *dns.Msg {
	t.Helper()
	m := r.Msg(request, size, false)
	wire := r.AppendWire([]byte("before"), requestOf(t, request, size))
	require.Equal(t, "before", string(wire[:6]))
	wire = wire[6:]
	limit := size
	if size == 0 {
		limit = dns.MinMsgSize
	}
	require.LessOrEqual(t, len(wire), limit)

	var unpacked dns.Msg
	require.NoError(t, unpacked.Unpack(wire))
	unpacked.Compress = true
	records := len(unpacked.Answer) + len(unpacked.Ns) + len(unpacked.Extra)
	if unpacked.Len() <= limit || len(wire)+16*records <= limit {
		require.Equal(t, unpacked.String(), m.String())
	}
	require.LessOrEqual(t, m.Len(), limit, "by the estimate that CoreDNS truncates by: %d octets\n%s", len(wire), m)
	packed, err := m.Pack()
	require.NoError(t, err)
	require.LessOrEqual(t, len(packed), len(wire), "%s", m)

	want := slow(r, request)
	if want.Len() <= limit {
		require.False(t, m.Truncated, "%s", m)
	}
	if size >= dns.MaxMsgSize-100 {
		require.Equal(t, strings.ToLower(want.String()), strings.ToLower(m.String()))
	}
	require.Equal(t, request.Question, m.Question)
	return m
}

func requestOf(t *testing.T, request *dns.Msg, size int) *answer.Request {
	q := request.Question[0]
	var name [256]byte
	end, err := dns.PackDomainName(q.Name, name[:], 0, nil, false)
	require.NoError(t, err)
	req := &answer.Request{ID: request.Id, RD: request.RecursionDesired, Name: name[:end], Class: q.Qclass, Limit: size}
	if request.IsEdns0() != nil {
		req.Reserve = 11
	}
	return req
}

// Whoever asks over whatever way hears the same. One response serves for all
// questions, as it does in the server.
func TestRenderersAgree(t *testing.T) {
	var r answer.Response
	for _, mode := range modes {
		v := signed(example(t), mode)
		for n := range v.All() {
			for _, name := range []string{n.Name().String(), "x." + n.Name().String(), "X.y." + strings.ToUpper(n.Name().String())} {
				for _, kind := range []zone.Type{zone.TypeA, zone.TypeNS, zone.TypeMX, zone.TypeDS, zone.TypeSRV, zone.TypeHTTPS, zone.TypeRRSIG, zone.TypeANY} {
					wire, err := zone.ParseName(strings.ToLower(name))
					require.NoError(t, err)
					for _, size := range []int{0, 512, 700, 900, 1232, 65535} {
						request := new(dns.Msg).SetQuestion(name, uint16(kind))
						r.Plan(v, answer.Question{Name: wire, Type: kind, DO: size > 0})
						agree(t, &r, request, size)
					}
				}
			}
		}
	}
}

// The question comes back as it was written, for it is part of what protects
// against forged answers (0x20), and names that end like it share its letters.
func TestCaseOfTheQuestion(t *testing.T) {
	v := signed(example(t), denial.NSEC)
	m := (*dns.Msg)(ask(t, v, []string{"A.eXaMPLe.", "A"}))
	require.Equal(t, "A.eXaMPLe.", m.Question[0].Name)
	require.Equal(t, "A.eXaMPLe.", m.Answer[0].Header().Name)
	m = (*dns.Msg)(ask(t, v, []string{"eXaMPLe.", "MX"}))
	require.Equal(t, "mail.eXaMPLe.", m.Answer[0].(*dns.MX).Mx)
}

// What does not fit goes in order: optional addresses, those of siblings, and
// without TC; without required glue, or the answer itself, TC is set.
func TestTruncation(t *testing.T) {
	var text strings.Builder
	text.WriteString("$ORIGIN example.\n$TTL 60\n@ SOA ns1 root 1 2 3 4 5\n@ NS ns1\nns1 A 192.0.2.1\n")
	for i := range 4 {
		fmt.Fprintf(&text, "cut NS ns%d.cut\nns%d.cut AAAA 2001:db8::%d\n", i, i, i)
		fmt.Fprintf(&text, "cut NS ns%d.sib\nns%d.sib AAAA 2001:db8::1:%d\n", i, i, i)
		fmt.Fprintf(&text, "cut NS ns%d\nns%d AAAA 2001:db8::2:%d\n", i+2, i+2, i)
	}
	text.WriteString("sib NS ns0.sib\n")
	for i := range 40 {
		fmt.Fprintf(&text, "big A 192.0.2.%d\n", i)
	}
	v := zone.MustVersion(text.String())

	var r answer.Response
	render := func(name string, size int) (m *dns.Msg, glue string) {
		request := new(dns.Msg).SetQuestion(name, dns.TypeA)
		r.Plan(v, answer.Question{Name: zone.MustName(name), Type: zone.TypeA})
		m = agree(t, &r, request, size)
		for _, rr := range m.Extra {
			switch n := rr.Header().Name; {
			case strings.HasSuffix(n, ".cut.example."):
				glue += "r"
			case strings.HasSuffix(n, ".sib.example."):
				glue += "s"
			default:
				glue += "o"
			}
		}
		return m, glue
	}
	full, glue := render("x.cut.example.", 4096)
	require.Equal(t, "rrrrssssoooo", glue)
	require.Greater(t, full.Len(), 512)
	m, glue := render("x.cut.example.", 512)
	require.Less(t, len(glue), 12)
	require.True(t, strings.HasPrefix("rrrrssssoooo", glue), glue)
	require.False(t, m.Truncated)

	// A longer name of the question leaves less and less room.
	long := strings.Repeat("x23456789.", 20)
	m, glue = render(long+"cut.example.", 512)
	require.Equal(t, "rr", glue)
	require.True(t, m.Truncated)
	require.Len(t, m.Ns, 12)

	m, _ = render("big.example.", 512)
	require.True(t, m.Truncated)
	require.Empty(t, m.Answer)
}

// Room is left for the OPT that the caller adds.
func TestRoomForOPT(t *testing.T) {
	v := signed(example(t), denial.NSEC)
	q := answer.Question{Name: zone.MustName("a.example."), Type: zone.TypeA, DO: true}
	var r answer.Response
	r.Plan(v, q)
	exact := len(r.AppendWire(nil, &answer.Request{Limit: 4096}))
	for limit := exact; limit <= exact+11; limit++ {
		if limit < 512 {
			continue
		}
		require.LessOrEqual(t, len(r.AppendWire(nil, &answer.Request{Limit: limit, Reserve: 11})), limit-11)
	}
	request := new(dns.Msg).SetQuestion("example.", dns.TypeMX)
	request.SetEdns0(4096, true)
	r.Plan(v, answer.Question{Name: zone.MustName("example."), Type: zone.TypeMX, DO: true})
	for size := 512; size < 1500; size++ {
		m := r.Msg(request, size, false)
		m.SetEdns0(4096, true)
		require.LessOrEqual(t, m.Len(), size)
	}
}
