package answer_test

import (
	"encoding/binary"
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
		_, written := s.Written()
		s.Name = item.Owner
		s = s.Spell(string(s.Name), written)
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
// against forged answers (0x20), and owners that end like it share its letters.
// Names in data do not: they have the letters of the zone.
func TestCaseOfTheQuestion(t *testing.T) {
	v := signed(example(t), denial.NSEC)
	m := (*dns.Msg)(ask(t, v, []string{"A.eXaMPLe.", "A"}))
	require.Equal(t, "A.eXaMPLe.", m.Question[0].Name)
	require.Equal(t, "A.eXaMPLe.", m.Answer[0].Header().Name)
	m = (*dns.Msg)(ask(t, v, []string{"eXaMPLe.", "MX"}))
	require.Equal(t, "mail.example.", m.Answer[0].(*dns.MX).Mx)
}

// lettered has capitals wherever a name can stand, beside the same names without.
const lettered = `
$ORIGIN Example.
$TTL 60
@ SOA NS.Example. Root.example. 1 2 3 4 5
@ NS NS.Example.
@ NS ns2.example.
@ NS Ns3.Example.
@ MX 10 Mail.Sub.Example.
@ MX 20 mail.sub.Example.
@ MX 30 mail.sub.example.
NS A 192.0.2.1
ns2 A 192.0.2.2
ns3 A 192.0.2.3
Mail.Sub A 192.0.2.4
_http._TCP PTR My\032Printer._http._tcp
_http._TCP PTR my\032scanner._http._TCP
My\032Printer._http._tcp SRV 0 0 80 Mail.SUB
Alias CNAME Other
OTHER CNAME ns
d DNAME Target.Example.
Target CNAME Outside.ORG.
x.TARGET A 192.0.2.6
Svc HTTPS 0 SVC2
svc2 HTTPS 1 Ns2 mandatory=alpn alpn=h2
Cut NS Ns.Cut
ns.CUT A 192.0.2.5
*.W CNAME Web.Outside.ORG.`

// Data comes with the letters of the zone, whatever those of the question
// (RFC 4343 4.1, RFC 6763 4.1.1), and for other letters it is no shorter than it
// must be. It is found and signed as if it had none but small ones.
func TestCaseOfTheZone(t *testing.T) {
	v := signed(zone.MustVersion(lettered), denial.NSEC)
	for _, tc := range []struct{ name, kind, want string }{
		{"example.", "MX", "10 Mail.Sub.Example.|20 mail.sub.Example.|30 mail.sub.example."},
		{"EXAMPLE.", "MX", "10 Mail.Sub.Example.|20 mail.sub.Example.|30 mail.sub.example."},
		{"example.", "NS", "NS.Example.|ns2.example.|Ns3.Example."},
		{"Example.", "NS", "NS.Example.|ns2.example.|Ns3.Example."},
		{"eXample.", "SOA", "NS.Example. Root.example. 7 2 3 4 5"},
		{"_http._tcp.example.", "PTR", `My\ Printer._http._tcp.Example.|my\ scanner._http._TCP.Example.`},
		{`MY\ PRINTER._http._tcp.example.`, "SRV", "0 0 80 Mail.SUB.Example."},
		{"alias.example.", "A", "Other.Example.|ns.Example.|192.0.2.1"},
		{"x.D.example.", "A", "Target.Example.|x.Target.Example.|192.0.2.6"},
		{"target.example.", "A", "Outside.ORG."},
		{"svc.example.", "HTTPS", "0 SVC2.Example."},
		{"a.w.example.", "A", "Web.Outside.ORG."},
		{"x.cut.example.", "A", "Ns.Cut.Example."},
	} {
		for _, do := range []bool{false, true} {
			wire, err := zone.ParseName(tc.name)
			require.NoError(t, err)
			request := new(dns.Msg).SetQuestion(tc.name, dns.StringToType[tc.kind])
			var r answer.Response
			r.Plan(v, answer.Question{Name: wire, Type: zone.Type(request.Question[0].Qtype), DO: do})
			m := agree(t, &r, request, 65535)
			var got []string
			for _, rr := range append(m.Answer, m.Ns...) {
				if rr.Header().Rrtype != dns.TypeRRSIG && rr.Header().Rrtype != dns.TypeNSEC {
					got = append(got, strings.TrimPrefix(rr.String(), rr.Header().String()))
				}
			}
			require.Equal(t, tc.want, strings.Join(got, "|"), "%s %s", tc.name, tc.kind)
		}
	}
	// What stands in the same letters is pointed to.
	var r answer.Response
	r.Plan(v, answer.Question{Name: v.Apex(), Type: zone.TypeNS})
	wire := string(r.AppendWire(nil, &answer.Request{Limit: 4096}))
	require.Equal(t, 1, strings.Count(wire, "\x07Example"), "%q", wire)
	require.Equal(t, 1, strings.Count(wire, "\x07example"), "%q", wire)
	// An HTTPS record's target is looked up, whatever its letters.
	r.Plan(v, answer.Question{Name: zone.MustName("svc.example."), Type: zone.TypeHTTPS})
	require.Len(t, r.Additional, 1)
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

// An OPT is there, in the room that was left for it, whether or not the answer is.
func TestOPT(t *testing.T) {
	v := signed(example(t), denial.NSEC)
	var r answer.Response
	for _, do := range []bool{false, true} {
		r.Plan(v, answer.Question{Name: zone.MustName("example."), Type: zone.TypeMX, DO: do})
		plain := len(r.AppendWire(nil, &answer.Request{Limit: 4096}))
		for _, limit := range []int{100, plain + 10, plain + 11, plain + 12} {
			wire := r.AppendWire(nil, &answer.Request{Limit: limit, Payload: 1400})
			var m dns.Msg
			require.NoError(t, m.Unpack(wire))
			require.LessOrEqual(t, len(wire), limit)
			opt := m.Extra[len(m.Extra)-1].(*dns.OPT)
			require.Equal(t, "\x00\x00\x29\x05\x78\x00\x00", string(wire[len(wire)-11:len(wire)-4]))
			require.Equal(t, do, opt.Do())
			require.Empty(t, opt.Option)
			if limit >= plain+11 {
				require.Len(t, wire, plain+11)
			}
		}
	}
}

// Who asks for the version of the zone gets it with every answer, in the room that was left
// for it: the labels of the zone's name, and its serial (RFC 9660).
func TestVersionOption(t *testing.T) {
	v := signed(example(t), denial.NSEC)
	var r answer.Response
	for _, name := range []string{"example.", "none.example.", "www.sub.example.", "a.example."} {
		r.Plan(v, answer.Question{Name: zone.MustName(name), Type: zone.TypeMX, DO: true})
		plain := len(r.AppendWire(nil, &answer.Request{Limit: 4096}))
		for _, limit := range []int{100, plain + 20, plain + 21, plain + 22} {
			wire := r.AppendWire([]byte("before"), &answer.Request{Limit: limit, Payload: 1400, Version: true})[6:]
			var m dns.Msg
			require.NoError(t, m.Unpack(wire))
			require.LessOrEqual(t, len(wire), limit)
			require.Equal(t, limit < plain+21, len(wire) != plain+21)
			opt := m.Extra[len(m.Extra)-1].(*dns.OPT)
			serial := string(binary.BigEndian.AppendUint32(nil, v.Serial()))
			require.Equal(t, []dns.EDNS0{&dns.EDNS0_ZONEVERSION{LabelCount: 1, Version: serial}}, opt.Option)
		}
		require.Len(t, r.AppendWire(nil, &answer.Request{Limit: 4096, Version: true}), plain, "without EDNS there is no room for it")
	}
}

// The names in all types of RFC 1035 are compressed, and in no others (RFC 3597 4).
func TestCompressedTypes(t *testing.T) {
	const target = "\x04mail\x07example\x00"
	for kind, rdata := range map[uint16]string{
		dns.TypeNS: target, dns.TypeMD: target, dns.TypeMF: target, dns.TypeCNAME: target, dns.TypeMB: target, dns.TypeMG: target,
		dns.TypeMR: target, dns.TypePTR: target, dns.TypeMINFO: target + target, dns.TypeMX: "\x00\x0a" + target,
		dns.TypeRP: target + target, dns.TypeAFSDB: "\x00\x01" + target, dns.TypeSRV: "\x00\x01\x00\x01\x00\x01" + target, dns.TypeDNAME: target,
	} {
		edit := zone.MustVersion(head).Edit()
		edit.Put(zone.RRset{Name: zone.MustName("a.example."), Type: zone.Type(kind), TTL: 60, Rdata: zone.Pack(rdata)})
		var r answer.Response
		r.Plan(edit.Version(), answer.Question{Name: zone.MustName("a.example."), Type: zone.Type(kind)})
		wire := r.AppendWire(nil, &answer.Request{Limit: 4096})
		var m dns.Msg
		require.NoError(t, m.Unpack(wire))
		require.NotEmpty(t, append(m.Answer, m.Ns...))
		switch kind {
		case dns.TypeRP, dns.TypeAFSDB, dns.TypeSRV, dns.TypeDNAME:
			require.Contains(t, string(wire), rdata, dns.TypeToString[kind])
		default:
			require.NotContains(t, string(wire), "\x04mail\x07example", dns.TypeToString[kind])
		}
	}
}
