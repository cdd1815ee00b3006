package peer

import (
	"context"
	"errors"

	"github.com/miekg/dns"

	"github.com/multisigner/multisigner/plugin/multisigner/ask"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// Limits of what is looked at more closely. Verifying costs keys times signatures.
const (
	defaultMaxKeys = 64
	maxSignatures  = 32
	week           = 7 * 24 * 60 * 60 // seconds
	maxTTL         = 1<<31 - 1        // a larger one counts as 0 (RFC 2181 8)
)

func (l *look) maxKeys() int {
	if l.MaxKeys > 0 {
		return l.MaxKeys
	}
	return defaultMaxKeys
}

// answer asks s for an RRset at the apex. The one it gives is as it was sent, not
// validated; it does not Exist when the answer has none.
func (l *look) answer(ctx context.Context, s ask.Server, t zone.Type) (zone.RRset, *dns.Msg, *fault) {
	m, err := l.client.Exchange(ctx, s, ask.Question(l.Zone.String(), uint16(t)))
	switch {
	case errors.Is(err, ask.ErrGarbled), errors.Is(err, ask.ErrTSIG):
		return zone.RRset{}, nil, faultf(Garbled, "%v", err)
	case err != nil:
		return zone.RRset{}, nil, faultf(Unreachable, "%v", err)
	case m.Rcode != dns.RcodeSuccess:
		return zone.RRset{}, nil, faultf(NotAuthoritative, "answered %s", ask.Rcode(m.Rcode))
	case !m.Authoritative:
		return zone.RRset{}, nil, faultf(NotAuthoritative, "the answer is not authoritative")
	}
	set, f := l.pick(m.Answer, t)
	return set, m, f
}

// negativeTTL is for how long a cache keeps that something is not there (RFC 2308 5).
func negativeTTL(m *dns.Msg) uint32 {
	longest := uint32(0)
	for _, rr := range m.Ns {
		if soa, ok := rr.(*dns.SOA); ok && soa.Hdr.Ttl <= maxTTL {
			longest = max(longest, min(soa.Hdr.Ttl, soa.Minttl))
		}
	}
	return longest
}

// pick takes the RRset of type t at the apex out of an answer section. Its TTL is
// the largest that any of it has: what is waited for is the cache that keeps it longest.
func (l *look) pick(answer []dns.RR, t zone.Type) (zone.RRset, *fault) {
	var picked []dns.RR
	records, signatures, longest := 0, 0, uint32(0)
	for _, rr := range answer {
		sig, isSig := rr.(*dns.RRSIG)
		switch {
		case rr.Header().Rrtype == uint16(t):
			records++
		case isSig && sig.TypeCovered == uint16(t):
			signatures++
		default:
			return zone.RRset{}, faultf(Garbled, "there is a %s in the answer", dns.Type(rr.Header().Rrtype))
		}
		picked = append(picked, rr)
		if ttl := rr.Header().Ttl; ttl <= maxTTL {
			longest = max(longest, ttl)
		}
	}
	if records > l.maxKeys() || signatures > maxSignatures {
		return zone.RRset{}, faultf(TooMany, "%d records and %d signatures, more than the %d and %d that are looked at", records, signatures, l.maxKeys(), maxSignatures)
	}
	sets, err := zone.FromRRs(picked)
	switch {
	case err != nil:
		return zone.RRset{}, faultf(Garbled, "%v", err)
	case len(sets) == 0:
		return zone.RRset{}, nil
	case len(sets) > 1 || sets[0].Name != l.Zone:
		return zone.RRset{}, faultf(Garbled, "there are records of another name in the answer")
	case sets[0].Type != t:
		return zone.RRset{}, faultf(Garbled, "there are signatures, but not what they sign")
	}
	sets[0].TTL = longest
	return sets[0], nil
}
