package validate_test

import (
	"testing"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/denial"
	"github.com/multisigner/multisigner/plugin/multisigner/sign"
	"github.com/multisigner/multisigner/plugin/multisigner/validate"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// everyDenial is the SOA and all NSEC or NSEC3 records of a zone, signed: no
// attacker who replays what the zone says has more.
func everyDenial(v *zone.Version) (rrs []dns.RR) {
	add := func(s zone.RRset) { rrs = append(append(rrs, s.RRs()...), s.SigRRs()...) }
	add(v.SOA())
	for n := range v.All() {
		if s, ok := n.Get(zone.TypeNSEC); ok {
			add(s)
		}
	}
	for n := range v.Hashed() {
		if s, ok := n.Get(zone.TypeNSEC3); ok {
			add(s)
		}
	}
	return rrs
}

// With every denial of the zone at hand nothing that is false can be claimed.
func TestFalseClaims(t *testing.T) {
	for _, m := range modes {
		v := must(t, input(t, nastyAndMore(t), m)).Version
		for _, tc := range []struct {
			name   string
			t      uint16
			rcode  int
			claims bool // true: it is so
		}{
			{"x.ns1", dns.TypeA, dns.RcodeNameError, true},
			{"ns1", dns.TypeTXT, dns.RcodeSuccess, true},
			{"ns1", dns.TypeA, dns.RcodeSuccess, false},
			{"ns1", dns.TypeA, dns.RcodeNameError, false},
			{"ns1", dns.TypeTXT, dns.RcodeNameError, false},
			{"x.ns1", dns.TypeA, dns.RcodeSuccess, false},
			{"alias", dns.TypeTXT, dns.RcodeSuccess, false}, // a CNAME answers
			{"x.alias", dns.TypeTXT, dns.RcodeSuccess, false},
			{"x.wild", dns.TypeA, dns.RcodeNameError, false}, // a wildcard answers
			{"x.wild", dns.TypeA, dns.RcodeSuccess, false},
			{"x.wild", dns.TypeTXT, dns.RcodeSuccess, true},
			{"ent", dns.TypeA, dns.RcodeNameError, false},
			{"x.entwild", dns.TypeA, dns.RcodeNameError, false},
			{"plain", dns.TypeA, dns.RcodeSuccess, false}, // the child's to say
			{"x.plain", dns.TypeA, dns.RcodeNameError, false},
			{"x.secure", dns.TypeA, dns.RcodeNameError, false},
			{"x.secure", dns.TypeDS, dns.RcodeSuccess, false},
			{"secure", dns.TypeDS, dns.RcodeSuccess, false},
			{"x.moved", dns.TypeA, dns.RcodeNameError, false}, // a DNAME leads on
			{"moved", dns.TypeDNAME, dns.RcodeSuccess, false},
		} {
			if m == denial.NSEC3OptOut && tc.name == "plain" {
				continue // what opt-out leaves out, a validator cannot know to be a delegation
			}
			q := dns.Question{Name: tc.name + ".nasty.example.", Qtype: tc.t, Qclass: dns.ClassINET}
			msg := &dns.Msg{MsgHdr: dns.MsgHdr{Rcode: tc.rcode}, Ns: everyDenial(v)}
			err := validate.Response(msg, q, v.Apex(), dnskeys(v), now)
			require.Equal(t, tc.claims, err == nil, "%v %v: %v", m, tc, err)
		}
		// Opt-out leaves open only what has no DS; nothing that delegates nowhere is a referral.
		for _, name := range []string{"secure", "signed.lead", "ns1", "ent"} {
			ns, err := dns.NewRR(name + ".nasty.example. 60 NS ns.evil.")
			require.NoError(t, err)
			q := dns.Question{Name: "x." + name + ".nasty.example.", Qtype: dns.TypeA, Qclass: dns.ClassINET}
			msg := &dns.Msg{Ns: append(everyDenial(v)[2:], ns)}
			require.Error(t, validate.Response(msg, q, v.Apex(), dnskeys(v), now), "%v %s", m, name)
		}
	}
}

// rename gives copies of records with another owner.
func rename(rrs []dns.RR, owner string) (renamed []dns.RR) {
	for _, rr := range rrs {
		rr = dns.Copy(rr)
		rr.Header().Name = owner
		renamed = append(renamed, rr)
	}
	return renamed
}

// True records in the wrong place are refused.
func TestMisplaced(t *testing.T) {
	for _, m := range modes {
		v := must(t, input(t, nastyAndMore(t), m)).Version
		refused := func(what string, msg *dns.Msg, q dns.Question) {
			t.Helper()
			require.Error(t, validate.Response(msg, q, v.Apex(), dnskeys(v), now), "%v: %s", m, what)
		}
		far, _ := ask(v, "q.nasty.example. TXT")
		near, q := ask(v, "q.wild.nasty.example. TXT")
		near.Answer = rename(far.Answer, q.Name)
		refused("a wildcard from beyond the closest encloser", near, q)

		good, q := ask(v, "ns1.nasty.example. A")
		other, _ := ask(v, "mail.nasty.example. A")
		also := good.Copy()
		also.Answer = append(also.Answer, other.Answer...)
		refused("another answer besides", also, q)
		longer := good.Copy()
		for _, rr := range longer.Answer {
			rr.Header().Ttl++
		}
		refused("a TTL above the signed one", longer, q)
		glued := good.Copy()
		glued.Extra = append(glued.Extra, rename(other.Answer, "ns1.nasty.example.")...)
		refused("a bad signature in the additional section", glued, q)
		cut := good.Copy()
		cut.Truncated = true
		refused("a truncated answer", cut, q)

		dname, q := ask(v, "x.moved.nasty.example. A")
		for _, rr := range dname.Answer {
			if cname, ok := rr.(*dns.CNAME); ok {
				cname.Target = "evil."
			}
		}
		refused("a CNAME that the DNAME does not make", dname, q)

		if m == denial.NSEC {
			star, _ := v.RRset(zone.MustName("*.nasty.example."), zone.TypeNSEC)
			made := rename(append(star.RRs(), star.SigRRs()...), "ns1.nasty.example.")
			msg := &dns.Msg{Ns: append(everyDenial(v)[:2], made...)}
			refused("an NSEC made by a wildcard", msg, dns.Question{Name: "ns1.nasty.example.", Qtype: dns.TypeA, Qclass: dns.ClassINET})
		}
	}
}

// A key that is revoked signs nothing but its own end (RFC 5011 2.1).
func TestRevoked(t *testing.T) {
	in := input(t, nasty(t), denial.NSEC)
	k := key(t, 257|zone.FlagRevoke, 1)
	in.Apex = []zone.RRset{rrset(in.Content.Apex(), zone.TypeDNSKEY, string(k.Record))}
	in.Keys = sign.Keys{DNSKEY: []sign.Key{k}, Data: []sign.Key{k}}
	v := must(t, in).Version
	_, err := validate.Signatures(v.SOA(), dnskeys(v), v.Apex(), now)
	require.ErrorContains(t, err, "no key with tag")
	_, err = validate.Under(dnskeys(v), []zone.DNSKEY{k.Record}, now)
	require.Error(t, err)
}

// A name that a new cut has taken over must leave the chain, although nothing of
// its own has changed.
func TestGuardLooksBelow(t *testing.T) {
	in := input(t, nasty(t), denial.NSEC)
	first := must(t, in)
	b := in.Content.Edit()
	b.Put(rrset(zone.MustName("wild.nasty.example."), zone.TypeNS, "\x00"))
	in.Old, in.Content, in.Serial = first.Version, b.Version(), 101
	out := must(t, in)
	require.Empty(t, faults(in.Old, out.Diff, out.Version, validate.Held{}, now))
	left, ok := in.Old.RRset(zone.MustName("host.wild.nasty.example."), zone.TypeNSEC)
	require.True(t, ok)
	spoiled := out.Version.Edit()
	spoiled.Put(left)
	bad := spoiled.Version()
	require.Contains(t, faults(in.Old, zone.Compare(in.Old, bad), bad, validate.Held{}, now), "it should: false")
}
