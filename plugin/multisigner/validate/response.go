package validate

import (
	"fmt"
	"time"

	"github.com/miekg/dns"

	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// Response says whether a validator that trusts keys, a DNSKEY RRset of the zone
// apex, would accept m as the answer to q: an error says why not. The answer may be
// positive, from a wildcard, an alias with what follows it inside the zone, NODATA,
// a name error, or a referral; absence may be proved with NSEC or NSEC3, and a
// delegation may be left out by opt-out.
//
// It is stricter than validators are: a denial must bring its SOA, no TTL may be
// above the one that was signed, nothing unsigned or unasked may stand among the
// answers, and what is signed in the additional section must be so validly.
// What has expired or is not good yet at that moment counts as not signed.
func Response(m *dns.Msg, q dns.Question, apex zone.Name, keys zone.RRset, at time.Time) error {
	r, err := read(m, q, apex)
	if err != nil {
		return err
	}
	r.keys, r.clock = newRing(keys), resolverClock(at)
	if err := r.judge(); err != nil {
		return fmt.Errorf("%s %s: %w", r.name, r.qtype, err)
	}
	return nil
}

// response is a message on its way through the checks.
type response struct {
	name      zone.Name // what is asked for now: an alias leads on
	qtype     zone.Type
	apex      zone.Name
	rcode     int
	answer    []item
	authority []zone.RRset
	extra     []zone.RRset
	keys      ring
	clock     clock
	proof     proof
	expanded  []expansion
	moved     bool // an alias has led on from the name before
	tooLong   bool // a DNAME has made a name of more than 255 octets
}

// item is an RRset of the answer section.
type item struct {
	zone.RRset
	used bool
}

// expansion is a name that a wildcard made: encloser is its closest encloser.
type expansion struct{ name, encloser zone.Name }

func read(m *dns.Msg, q dns.Question, apex zone.Name) (*response, error) {
	r := &response{qtype: zone.Type(q.Qtype), apex: apex, rcode: m.Rcode}
	var err error
	if r.name, err = zone.ParseName(q.Name); err != nil {
		return nil, fmt.Errorf("question: %w", err)
	}
	if len(m.Question) == 1 {
		if asked, err := zone.ParseName(m.Question[0].Name); err != nil || asked != r.name || m.Question[0].Qtype != q.Qtype || m.Question[0].Qclass != q.Qclass {
			return nil, fmt.Errorf("%s %s: the response is to %s", r.name, r.qtype, m.Question[0].String())
		}
	}
	if m.Truncated {
		return nil, fmt.Errorf("%s %s: the response is truncated", r.name, r.qtype)
	}
	var answer []zone.RRset
	for _, section := range []struct {
		to *[]zone.RRset
		rr []dns.RR
	}{{&answer, m.Answer}, {&r.authority, m.Ns}, {&r.extra, m.Extra}} {
		var rrs []dns.RR
		for _, rr := range section.rr {
			if t := rr.Header().Rrtype; t != dns.TypeOPT && t != dns.TypeTSIG {
				rrs = append(rrs, rr)
			}
		}
		if *section.to, err = zone.FromRRs(rrs); err != nil {
			return nil, fmt.Errorf("%s %s: %w", r.name, r.qtype, err)
		}
	}
	for _, s := range answer {
		r.answer = append(r.answer, item{RRset: s})
	}
	return r, nil
}

func (r *response) judge() error {
	if !r.name.Under(r.apex) {
		return fmt.Errorf("the name is not in zone %s", r.apex)
	}
	if r.rcode != dns.RcodeSuccess && r.rcode != dns.RcodeNameError && r.rcode != dns.RcodeYXDomain {
		return fmt.Errorf("the response code is %s", dns.RcodeToString[r.rcode])
	}
	if err := r.readAuthority(); err != nil {
		return err
	}
	if err := r.checkExtra(); err != nil {
		return err
	}
	complete, err := r.follow()
	if err != nil {
		return err
	}
	for _, s := range r.answer {
		if !s.used {
			return fmt.Errorf("%s %s was not asked for", s.Name, s.Type)
		}
	}
	if err := r.checkExpansions(); err != nil {
		return err
	}
	switch {
	case r.tooLong != (r.rcode == dns.RcodeYXDomain):
		return fmt.Errorf("%s, and a DNAME has made too long a name: %v", dns.RcodeToString[r.rcode], r.tooLong)
	case r.tooLong:
		return nil
	case complete && r.rcode != dns.RcodeSuccess:
		return fmt.Errorf("%s with an answer", dns.RcodeToString[r.rcode])
	case complete:
		return nil
	}
	return r.absent()
}

// readAuthority checks what the authority section has that is signed, and keeps
// what proves absence. Only the NS of a delegation is not signed.
func (r *response) readAuthority() error {
	for _, s := range r.authority {
		if s.Type == zone.TypeNS && s.Name != r.apex && s.Sigs == "" {
			continue
		}
		encloser, err := r.signed(s)
		if err != nil {
			return err
		}
		if s.Type != zone.TypeNSEC && s.Type != zone.TypeNSEC3 {
			if encloser != "" {
				r.expanded = append(r.expanded, expansion{s.Name, encloser})
			}
			continue
		}
		if encloser != "" {
			return fmt.Errorf("%s %s was made by a wildcard", s.Name, s.Type)
		}
		if err := r.proof.add(s, r.apex); err != nil {
			return fmt.Errorf("%s %s: %w", s.Name, s.Type, err)
		}
	}
	return nil
}

// checkExtra refuses bad signatures: without any it is taken for glue.
func (r *response) checkExtra() error {
	for _, s := range r.extra {
		if s.Sigs != "" {
			if _, err := r.signed(s); err != nil {
				return err
			}
		}
	}
	return nil
}

// signed checks the signatures of s. encloser is not "" when a wildcard made it.
func (r *response) signed(s zone.RRset) (encloser zone.Name, err error) {
	if s.Type == zone.TypeRRSIG {
		return "", fmt.Errorf("%s has signatures without what they sign", s.Name)
	}
	if _, err := r.keys.check(s, r.apex, r.clock); err != nil {
		return "", fmt.Errorf("%s %s: %w", s.Name, s.Type, err)
	}
	labels := s.Name.Labels()
	if s.Name.IsWildcard() {
		labels--
	}
	for sig := range s.Sigs.All() {
		switch sig := zone.RRSIG(sig); {
		case sig.OriginalTTL() < s.TTL:
			return "", fmt.Errorf("%s %s: its TTL %d is above the signed one, %d", s.Name, s.Type, s.TTL, sig.OriginalTTL())
		case sig.Labels() < labels:
			encloser = s.Name.Ancestor(sig.Labels())
		}
	}
	return encloser, nil
}

// checkExpansions wants a proof for each name that a wildcard made: no closer name
// may have matched (RFC 4035 5.3.4, RFC 5155 8.8).
func (r *response) checkExpansions() error {
	for _, e := range r.expanded {
		if err := r.proof.noCloser(e.name, e.encloser); err != nil {
			return fmt.Errorf("%s was made by a wildcard: %w", e.name, err)
		}
	}
	return nil
}
