//go:build interop

package differential

import (
	"slices"
	"strings"

	"github.com/miekg/dns"

	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// rule explains a kind of difference: it takes out of both answers what may
// differ, so that what is left must be equal. It is tried only where answers differ.
type rule struct {
	name    string
	peers   string // whom it is about; "": all
	reason  string
	explain func(q question, ours, theirs *said)
}

// rules are tried in this order, each on what the ones before left over.
var rules = []rule{
	{
		name:   "ANY",
		reason: "one RRset is an answer (RFC 8482 4.1); which one is each server's choice, ours that of the lowest type",
		explain: func(q question, ours, theirs *said) {
			if q.kind == dns.TypeANY && len(ours.answer) > 0 && len(theirs.answer) > 0 {
				agree(&ours.answer, &theirs.answer)
				agree(&ours.additional, &theirs.additional)
			}
		},
	},
	{
		name:   "ANY below a DNAME",
		peers:  "nsd knot",
		reason: "the CNAME that we make is an answer to ANY, as a CNAME of the zone is; they follow it",
		explain: func(q question, ours, theirs *said) {
			if q.kind == dns.TypeANY && aliases(ours.answer) > 0 && len(theirs.answer) >= len(ours.answer) {
				*theirs = *ours
			}
		},
	},
	{
		name:   "RRSIG",
		reason: "we answer with the signatures of one RRset, as for ANY, which has the same power to amplify; so do Knot and BIND with minimal-any, of their own choice, while NSD sends all",
		explain: func(q question, ours, theirs *said) {
			if q.kind == dns.TypeRRSIG && len(ours.answer) > 0 && len(theirs.answer) > 0 {
				agree(&ours.answer, &theirs.answer)
			}
		},
	},
	{
		name:   "long chain",
		reason: "we go through 9 names, Knot 6, BIND 12 and then says SERVFAIL, NSD more; a resolver asks on",
		explain: func(_ question, ours, theirs *said) {
			a, b := aliases(ours.answer), aliases(theirs.answer)
			if min(a, b) >= 5 && a != b || a == 9 && b == 9 && subset(ours.answer, theirs.answer) {
				*theirs = *ours
			}
		},
	},
	{
		name:   "DNAME into itself",
		peers:  "nsd",
		reason: "each turn makes another name, so we go on to the end of the chain; NSD uses a DNAME once",
		explain: func(_ question, ours, theirs *said) {
			if aliases(ours.answer) == 9 && aliases(theirs.answer) == 1 && strings.Contains(ours.answer[0], "dn-loop") {
				*theirs = *ours
			}
		},
	},
	{
		name:   "NSEC or NSEC3 at an alias",
		reason: "the alias is followed, for the node has no such record (RFC 1034 3.6.2); the others say NODATA for the one, the other or both, where validators see a CNAME bit that forbids it",
		explain: func(q question, ours, theirs *said) {
			if (q.kind == dns.TypeNSEC || q.kind == dns.TypeNSEC3) && aliases(ours.answer) > aliases(theirs.answer) {
				*theirs = *ours
			}
		},
	},
	{
		name:   "loop",
		peers:  "bind",
		reason: "an alias that leads back is an answer like any other; BIND goes round until it gives up with SERVFAIL",
		explain: func(_ question, ours, theirs *said) {
			if aliases(ours.answer) > 0 && theirs.rcode == dns.RcodeServerFailure {
				*theirs = *ours
			}
		},
	},
	{
		name:   "additional data",
		reason: "addresses that spare a query are up to the server (RFC 2181 9, RFC 9460 4.1): we add those the zone has to MX, SRV, NS, SVCB, HTTPS and referrals",
		explain: func(q question, ours, theirs *said) {
			switch {
			case ours.tc || theirs.tc:
			case q.kind == dns.TypeNS && ours.aa && theirs.aa:
				ours.additional, theirs.additional = nil, nil
			default:
				ours.additional, theirs.additional = glue(q, ours.additional), glue(q, theirs.additional)
			}
		},
	},
	{
		name:   "truncated",
		reason: "what a truncated answer holds does not count (RFC 2181 9): we and BIND empty it, NSD and Knot keep what fits",
		explain: func(_ question, ours, theirs *said) {
			if ours.tc && theirs.tc {
				*theirs = *ours
			}
		},
	},
	{
		name:   "required glue",
		reason: "glue inside the child that does not fit sets TC (RFC 9471 3.1): the others leave it out and say nothing, here after an alias or when all of it is lost",
		explain: func(q question, ours, theirs *said) {
			if q.size == 512 && !theirs.tc && slices.Equal(ours.answer, theirs.answer) && slices.Equal(ours.authority, theirs.authority) {
				*theirs = *ours
			}
		},
	},
	{
		name:   "just fits",
		reason: "we compress names against the question whatever its case, and the CNAME that a DNAME makes against the DNAME's target: more fits",
		explain: func(q question, ours, theirs *said) {
			if q.size <= 1232 && !ours.tc && theirs.tc {
				*theirs = *ours
			}
		},
	},
	{
		name:   "just does not fit",
		reason: "names in data keep the letters of the zone, so they do not point into a question with others: there less fits; who writes them as in the question has room for more",
		explain: func(q question, ours, theirs *said) {
			if q.size <= 1232 && q.name != strings.ToLower(q.name) && ours.tc && !theirs.tc {
				*theirs = *ours
			}
		},
	},
	{
		name:   "no room for the SOA",
		peers:  "knot nsd",
		reason: "a negative answer without its SOA is not complete (RFC 2308 3) and sets TC with us; Knot and NSD leave the SOA out",
		explain: func(q question, ours, theirs *said) {
			if q.size <= 512 && len(theirs.authority) == 0 && (len(ours.authority) > 0 || ours.tc) {
				*theirs = *ours
			}
		},
	},
	{
		name:   "NSEC made by a wildcard",
		peers:  "knot",
		reason: "an answer from a wildcard needs the proof that nothing is closer (RFC 4035 3.1.3.3), also when it is NSEC; Knot leaves it out",
		explain: func(q question, ours, theirs *said) {
			if q.kind == dns.TypeNSEC && len(ours.answer) > 0 && subset(theirs.authority, ours.authority) {
				agree(&ours.authority, &theirs.authority)
			}
		},
	},
	{
		name:   "NSEC at a cut",
		peers:  "bind",
		reason: "below and at a cut only the DS is ours to answer for (RFC 4035 3.1.4.1): a referral, as from NSD and Knot; BIND answers with the parent's NSEC",
		explain: func(q question, ours, theirs *said) {
			if q.kind == dns.TypeNSEC && !ours.aa && theirs.aa {
				*theirs = *ours
			}
		},
	},
	{
		name:   "wildcard that is an empty non-terminal",
		peers:  "bind knot",
		reason: "that the wildcard lacks the type must be proved (RFC 4035 3.1.3.4), here by the NSEC before it; BIND and Knot leave it out",
		explain: func(q question, ours, theirs *said) {
			if strings.Contains(strings.ToLower(q.name), ".star.") && subset(theirs.authority, ours.authority) {
				agree(&ours.authority, &theirs.authority)
			}
		},
	},
	{
		name:   "NSEC3 too many",
		peers:  "nsd",
		reason: "where the question is for a wildcard by name NSD adds a closest encloser proof that nobody needs (RFC 5155 7.2.3)",
		explain: func(q question, ours, theirs *said) {
			if q.zone.mode.Hashed() && subset(ours.authority, theirs.authority) && slices.Equal(ours.answer, theirs.answer) {
				agree(&ours.authority, &theirs.authority)
			}
		},
	},
	{
		name:   "DNAME twice",
		peers:  "knot",
		reason: "a chain that uses a DNAME again has it once, for no record may stand twice (RFC 2181 5); Knot repeats it",
		explain: func(_ question, ours, theirs *said) {
			if has(ours.answer, "dname") && !ours.twice {
				theirs.twice = false
			}
		},
	},
	{
		name:   "absence behind a DNAME",
		peers:  "nsd",
		reason: "NSD proves with the NSEC at the closest encloser alone, which need not cover the name; ours does (RFC 4035 3.1.3), and BIND and Knot agree",
		explain: func(q question, ours, theirs *said) {
			if has(theirs.answer, "dname") && !q.zone.mode.Hashed() && (slices.Equal(ours.answer, theirs.answer) || ours.tc && q.size == 512) {
				*theirs = *ours
			}
		},
	},
	{
		name:   "glue behind an alias",
		peers:  "nsd",
		reason: "a referral at the end of a chain has all its glue with us; NSD adds part of it",
		explain: func(_ question, ours, theirs *said) {
			if aliases(ours.answer) > 0 && subset(theirs.additional, ours.additional) {
				agree(&ours.additional, &theirs.additional)
			}
		},
	},
}

// glue is the part of an additional section that lies below the zone's cuts.
func glue(q question, section []string) (kept []string) {
	for _, rr := range section {
		name := zone.MustName(strings.Fields(rr)[0])
		if q.zone.version.Find(name).Cut != nil {
			kept = append(kept, rr)
		}
	}
	return kept
}

// agree takes two sections for equal.
func agree(ours, theirs *[]string) { *theirs = slices.Clone(*ours) }

func subset(some, all []string) bool {
	return !slices.ContainsFunc(some, func(s string) bool { return !slices.Contains(all, s) })
}

func aliases(section []string) (n int) {
	for _, rr := range section {
		if kind(rr) == "cname" {
			n++
		}
	}
	return n
}

func has(section []string, t string) bool {
	return slices.ContainsFunc(section, func(rr string) bool { return kind(rr) == t })
}

func kind(rr string) string { return strings.Fields(rr)[3] }
