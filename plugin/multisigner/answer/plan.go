package answer

import (
	"github.com/multisigner/multisigner/plugin/multisigner/denial"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// The response codes that a plan may have (RFC 1035 4.1.1, RFC 2136 2.2).
const (
	RcodeSuccess        = 0
	RcodeFormatError    = 1
	RcodeServerFailure  = 2
	RcodeNameError      = 3
	RcodeNotImplemented = 4
	RcodeRefused        = 5
	RcodeYXDomain       = 6
)

// maxChain bounds the names that one answer goes through, eight aliases and what
// they lead to: our choice, between Knot's and BIND's. A resolver asks on.
const maxChain = 9

// Plan chooses what to say to q. The name must be at or below v's apex, else the
// answer is REFUSED; so are AXFR and IXFR, which are not for here. A query for the
// DS of the apex belongs to the zone above: callers that serve that one too plan
// with it (RFC 4035 3.1.4.1); here it is NODATA.
//
// Of a version that is not whole yet nothing is said without the signatures that it is to have:
// where they are missing the answer is SERVFAIL, and Unsigned says why.
func (r *Response) Plan(v *zone.Version, q Question) {
	r.begin(v, q)
	if rcode := refused(v, q); rcode != RcodeSuccess {
		r.Rcode, r.Authoritative = rcode, false
		return
	}
	r.signed = q.DO && r.soaSet().Sigs != ""
	name := q.Name
	for hop := 0; name != "" && hop < maxChain; hop++ {
		name = r.follow(name, hop)
	}
	for _, s := range r.proofs {
		r.authority(s, s.Name)
	}
	if !v.Whole() {
		r.complete()
	}
}

// refused says with which code to turn away what is no question for a zone's
// content: 128 to 255 are for queries and for messages, not for data (RFC 6895 3.1).
func refused(v *zone.Version, q Question) (rcode int) {
	switch {
	case !q.Name.Under(v.Apex()):
		return RcodeRefused
	case q.Type == zone.TypeANY:
		return RcodeSuccess
	case q.Type == typeAXFR || q.Type == typeIXFR:
		return RcodeRefused
	case q.Type == typeMAILA || q.Type == typeMAILB:
		return RcodeNotImplemented
	case q.Type == typeOPT || q.Type >= 128 && q.Type < 255:
		return RcodeFormatError
	}
	return RcodeSuccess
}

// The query types beside ANY, and the one meta type below 128 (RFC 6895 3.1).
const (
	typeOPT   zone.Type = 41
	typeIXFR  zone.Type = 251
	typeAXFR  zone.Type = 252
	typeMAILB zone.Type = 253
	typeMAILA zone.Type = 254
)

// follow answers for one name of a chain of aliases and returns the next name, ""
// at the end. These are the cases of RFC 1034 4.3.2 step 3, with DNAME (RFC 6672 3.2).
func (r *Response) follow(name zone.Name, hop int) (next zone.Name) {
	f := r.version.Find(name)
	switch {
	case f.DNAME != nil && (f.Cut == nil || len(f.DNAME.Name()) < len(f.Cut.Name())):
		return r.substitute(name, f.DNAME)
	case f.Cut != nil && !(f.Cut == f.Node && r.question.Type == zone.TypeDS):
		r.referral(f.Cut, hop)
	case f.Node != nil:
		return r.exact(name, f)
	default:
		return r.absent(name, f, hop)
	}
	return ""
}

// exact answers from the node of the name itself, which may be an empty non-terminal.
func (r *Response) exact(name zone.Name, f zone.Found) (next zone.Name) {
	if next, ok := r.data(f.Node, name); ok {
		return next
	}
	r.noData(name, f)
	return ""
}

// absent answers for a name that does not exist: from the wildcard at its
// closest encloser, or with a name error (RFC 4592 3.3.1).
func (r *Response) absent(name zone.Name, f zone.Found, hop int) (next zone.Name) {
	would := r.wildcardOf(f.Encloser)
	wildcard := would.Node
	if wildcard == nil {
		r.Rcode = RcodeNameError
		r.soa()
		if r.signed {
			r.proofs = denial.NXDomain(r.proofs, r.version, name, f, would)
		}
		return ""
	}
	if wildcard.IsCut() && r.question.Type != zone.TypeDS {
		r.wildReferral(name, f, wildcard, hop)
		return ""
	}
	next, ok := r.data(wildcard, name)
	switch {
	case ok && r.signed:
		r.proofs = denial.WildcardAnswer(r.proofs, r.version, name, f)
	case !ok:
		r.soa()
		if r.signed {
			r.proofs = denial.WildcardNoData(r.proofs, r.version, name, f, wildcard)
		}
	}
	return next
}

// data answers with what the node holds for the question, under owner; an alias
// yields the next name. ok is false when the node has neither.
func (r *Response) data(n *zone.Node, owner zone.Name) (next zone.Name, ok bool) {
	switch r.question.Type {
	case zone.TypeANY:
		s, ok := choice(n)
		if ok {
			r.answer(s, owner)
		}
		return "", ok
	case zone.TypeRRSIG:
		s, ok := choice(n)
		if ok {
			s.Sigs = r.signatures(s)
		}
		if ok = ok && s.Sigs != ""; ok {
			r.Answer = append(r.Answer, Item{Set: s, Owner: owner, Sigs: true})
		}
		return "", ok
	}
	if s, ok := n.Get(r.question.Type); ok {
		if !r.answered(owner, s.Type) { // a DNAME that led back to its owner is there
			r.answer(s, owner)
		}
		r.additional(s, owner)
		return "", true
	}
	s, ok := n.Get(zone.TypeCNAME)
	if !ok {
		return "", false
	}
	if r.answered(owner, zone.TypeCNAME) { // a loop
		return "", true
	}
	r.answer(s, owner)
	return r.inside(s), true
}

// choice is the one RRset that stands for all of a name (RFC 8482 4.1): that of
// the lowest type, so that every server of the zone chooses alike.
func choice(n *zone.Node) (s zone.RRset, ok bool) {
	for s := range n.All() {
		return s, true
	}
	return zone.RRset{}, false
}

// answered reports whether the answer section has the RRset already.
func (r *Response) answered(owner zone.Name, t zone.Type) bool {
	for i := range r.Answer {
		if r.Answer[i].Set.Type == t && r.Answer[i].Owner == owner {
			return true
		}
	}
	return false
}

// inside is the target of an alias when it is this zone's to follow, else "":
// what is outside is for the resolver to ask there.
func (r *Response) inside(alias zone.RRset) zone.Name {
	rdata, _ := first(alias.Rdata)
	target, ok := nameAt(rdata, 0)
	if !ok || !target.Under(r.version.Apex()) {
		return ""
	}
	return target
}
