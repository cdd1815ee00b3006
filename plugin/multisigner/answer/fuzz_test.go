package answer_test

import (
	"strings"
	"testing"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/answer"
	"github.com/multisigner/multisigner/plugin/multisigner/validate"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// Whatever is asked, both renderers say the same in the room there is, and a
// validator accepts it.
func FuzzQuestion(f *testing.F) {
	var versions []*zone.Version
	for _, mode := range modes {
		versions = append(versions, signed(example(f), mode))
	}
	for n := range versions[0].All() {
		f.Add([]byte(n.Name()), uint16(zone.TypeA), true, uint16(1232), uint8(0))
	}
	for n := range versions[1].Hashed() {
		f.Add([]byte(n.Name()), uint16(zone.TypeNSEC3), true, uint16(512), uint8(1))
	}
	for kind := range uint16(70) {
		f.Add([]byte("\x01A\x07Example\x00"), kind, true, uint16(4096), uint8(2))
		f.Add([]byte("\x02dN\x07eXample\x00"), kind, false, uint16(0), uint8(2))
	}
	var r answer.Response
	f.Fuzz(func(t *testing.T, asked []byte, kind uint16, do bool, size uint16, which uint8) {
		name, end, err := zone.NameFromWire(asked)
		if err != nil || end != len(asked) {
			return
		}
		v := versions[int(which&0x7f)%len(versions)]
		if which&0x80 == 0 && !name.Under(v.Apex()) && len(name)+len(v.Apex()) <= zone.MaxName {
			name = name[:len(name)-1] + v.Apex() // so that most questions are for the zone
			asked = append(asked[:len(asked)-1:len(asked)-1], v.Apex()...)
		}
		text, _, err := dns.UnpackDomainName(asked, 0)
		require.NoError(t, err)
		request := new(dns.Msg).SetQuestion(text, kind)

		r.Plan(v, answer.Question{Name: name, Type: zone.Type(kind), DO: do})
		m := agree(t, &r, request, max(300, int(size))) // the question takes up to 271
		require.NotEqual(t, dns.RcodeServerFailure, m.Rcode)
		accepted(t, v, request, m, do)
	})
}

// accepted has a validator look at an answer that is to be secure. That of the DS
// of the apex is not: it counts only from the zone above (RFC 4035 5.2). Nor is a
// chain whole that has come to its bound.
func accepted(t *testing.T, v *zone.Version, request, m *dns.Msg, do bool) {
	t.Helper()
	if q := request.Question[0]; q.Qtype == dns.TypeDS && strings.EqualFold(q.Name, v.Apex().String()) {
		return
	}
	aliases := 0
	for _, rr := range m.Answer {
		if rr.Header().Rrtype == dns.TypeCNAME {
			aliases++
		}
	}
	if aliases == 9 {
		return
	}
	if !do || m.Truncated || m.Rcode != dns.RcodeSuccess && m.Rcode != dns.RcodeNameError && m.Rcode != dns.RcodeYXDomain {
		return
	}
	keys, ok := v.RRset(v.Apex(), zone.TypeDNSKEY)
	require.True(t, ok)
	require.NoError(t, validate.Response(m, request.Question[0], v.Apex(), keys, now), "%s", m)
}

// Every name of the zone, and names around it, for types of each kind: what is
// said must be secure.
func TestAccepted(t *testing.T) {
	var r answer.Response
	for _, mode := range modes {
		v := signed(example(t), mode)
		for n := range v.All() {
			for _, label := range []string{"", "\x01!", "\x01x\x01y"} {
				name := zone.Name(label) + n.Name()
				for _, kind := range []zone.Type{zone.TypeA, zone.TypeNS, zone.TypeCNAME, zone.TypeDS, zone.TypeNSEC, zone.TypeANY} {
					r.Plan(v, answer.Question{Name: name, Type: kind, DO: true})
					request := new(dns.Msg).SetQuestion(name.String(), uint16(kind))
					accepted(t, v, request, r.Msg(request, 65535, false), true)
				}
			}
		}
	}
}
