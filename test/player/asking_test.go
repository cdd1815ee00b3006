package player

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"
)

// outsider is a resolver: nobody that a signer knows.
var outsider = netip.MustParseAddrPort("203.0.113.53:5353")

// questions are what resolvers ask of every server.
var questions = []dns.Question{
	{Name: apex, Qtype: dns.TypeSOA},
	{Name: apex, Qtype: dns.TypeNS},
	{Name: apex, Qtype: dns.TypeDNSKEY},
	{Name: apex, Qtype: dns.TypeCDS},
	{Name: apex, Qtype: dns.TypeCDNSKEY},
	{Name: "www." + apex, Qtype: dns.TypeA},
	{Name: "www." + apex, Qtype: dns.TypeTXT},
	{Name: "nothing." + apex, Qtype: dns.TypeA},
	{Name: "any.wild." + apex, Qtype: dns.TypeA},
}

// everything asks a server what resolvers ask; nil is that it answers none of them.
func everything(s server, c *caches, name string) (sets []*rrset) {
	for _, q := range questions {
		m := new(dns.Msg).SetQuestion(q.Name, q.Qtype)
		m.RecursionDesired = false
		wire, err := m.SetEdns0(4096, true).Pack()
		if err != nil {
			panic(err)
		}
		answers := s.serve(outsider, true, wire)
		resp := new(dns.Msg)
		if len(answers) == 0 || resp.Unpack(answers[0]) != nil {
			return nil
		}
		if resp.Rcode != dns.RcodeSuccess && resp.Rcode != dns.RcodeNameError {
			return nil
		}
		found := split(slices.Concat(resp.Answer, resp.Ns))
		signed := slices.ContainsFunc(found, func(s *rrset) bool { return len(s.sigs) > 0 })
		if why := complete(resp, q); signed && why != "" {
			c.wrong("%s: answer to %s %s: %s\n%s", name, q.Name, dns.TypeToString[q.Qtype], why, resp)
		}
		if q.Qtype == dns.TypeDNSKEY && len(resp.Answer) == 0 {
			none := &rrset{name: apex, t: dns.TypeDNSKEY, ttl: negative(resp)}
			none.identify()
			found = append(found, none)
		}
		for _, s := range found {
			if !slices.ContainsFunc(sets, func(o *rrset) bool { return o.id == s.id }) {
				sets = append(sets, s)
			}
		}
	}
	return sets
}

func negative(m *dns.Msg) time.Duration {
	for _, rr := range m.Ns {
		if soa, ok := rr.(*dns.SOA); ok {
			return time.Duration(min(soa.Minttl, soa.Hdr.Ttl)) * time.Second
		}
	}
	return 0
}

// complete says what a signed response lacks of what a validator needs besides
// signatures: the proof of what is not there.
func complete(m *dns.Msg, q dns.Question) string {
	if q.Name == "any.wild."+apex {
		return denied(m, q.Name, 0)
	}
	positive := slices.ContainsFunc(m.Answer, func(rr dns.RR) bool { return rr.Header().Rrtype == q.Qtype })
	switch {
	case positive:
		return ""
	case m.Rcode == dns.RcodeNameError:
		if why := denied(m, q.Name, 0); why != "" {
			return why
		}
		return denied(m, "*."+apex, 0)
	}
	return denied(m, q.Name, q.Qtype)
}

// denied says whether an NSEC or NSEC3 record proves that there is no name, or at
// the name no type.
func denied(m *dns.Msg, name string, t uint16) string {
	for _, rr := range m.Ns {
		switch rr := rr.(type) {
		case *dns.NSEC:
			at := strings.EqualFold(rr.Hdr.Name, name)
			switch {
			case t != 0 && at && !slices.Contains(rr.TypeBitMap, t):
				return ""
			case t == 0 && before(rr.Hdr.Name, name) && (before(name, rr.NextDomain) || rr.NextDomain == apex):
				return ""
			}
		case *dns.NSEC3:
			switch {
			case t != 0 && rr.Match(name) && !slices.Contains(rr.TypeBitMap, t):
				return ""
			case t == 0 && rr.Cover(name):
				return ""
			}
		}
	}
	if t == 0 {
		return fmt.Sprintf("no proof that there is no %s", name)
	}
	return fmt.Sprintf("no proof that %s has no %s", name, dns.TypeToString[t])
}

// before reports whether a sorts before b (RFC 4034 6.1).
func before(a, b string) bool {
	x, y := dns.SplitDomainName(dns.CanonicalName(a)), dns.SplitDomainName(dns.CanonicalName(b))
	slices.Reverse(x)
	slices.Reverse(y)
	return slices.Compare(x, y) < 0
}
