package update

import (
	"slices"

	"github.com/miekg/dns"

	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// Pass makes of the packet that m was read from the UPDATE that is passed on to the
// primary (RFC 2136 6), for a key that Permit lets. What removes all of a name reaches no
// type there that the grants do not let the key: the primary may have some that are not
// here yet. packet stays as it is, and shares its records with what is returned.
func (m *Message) Pass(packet *dns.Msg, grants []Grant, key string) *dns.Msg {
	out := new(dns.Msg).SetUpdate(m.Apex.String())
	for i, r := range m.Prerequisites {
		out.Answer = append(out.Answer, r.pass(packet.Answer[i]))
	}
	for i, r := range m.Updates {
		types, all := m.grantedAt(r.Name, grants, key)
		if r.Type != zone.TypeANY || all {
			out.Ns = append(out.Ns, r.pass(packet.Ns[i]))
			continue
		}
		for _, t := range types {
			if !m.stays(Key{r.Name, t}) {
				out.Ns = append(out.Ns, bare(packet.Ns[i].Header().Name, t, Any))
			}
		}
	}
	return out.SetEdns0(1232, false)
}

// pass is the record to be sent for rr, which r was read from.
func (r Record) pass(rr dns.RR) dns.RR {
	if r.Bare {
		return bare(rr.Header().Name, r.Type, r.Class)
	}
	return rr
}

// bare is a record without data, of whatever type: the library would make some up.
func bare(name string, t zone.Type, c Class) dns.RR {
	return &dns.ANY{Hdr: dns.RR_Header{Name: name, Rrtype: uint16(t), Class: uint16(c)}}
}

// grantedAt lists the types of which a key may change the records at n; all: every type
// that an update may remove with all of the name.
func (m *Message) grantedAt(n zone.Name, grants []Grant, key string) (types []zone.Type, all bool) {
	for _, g := range grants {
		if g.Key != key || !g.covers(n, m.Apex, 0) {
			continue
		}
		if len(g.Types) == 0 {
			return nil, true
		}
		types = append(types, g.Types...)
	}
	slices.Sort(types)
	return slices.Compact(types), false
}

// MadeHere refuses m if it is about records that the signer makes.
func (m *Message) MadeHere() *Refusal {
	for _, r := range m.Updates {
		if r.Type.SignerMade() || r.Type == zone.TypeCSYNC && r.Name == m.Apex {
			return refusal("made here", "%s %s: the signer makes these records; leave them out", r.Name, r.Type)
		}
	}
	return nil
}
