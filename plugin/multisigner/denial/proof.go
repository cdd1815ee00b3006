package denial

import (
	"unsafe"

	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// The functions of this file append the RRsets of a proof to dst, with their
// signatures and their own owners, leave out those that dst has, and return it.
// In a version without a chain there is nothing to append. f is what v.Find says
// of q; q must be authoritative, which is to say that f has no Cut but Node itself,
// and no DNAME. Beyond dst they allocate nothing.

// NXDomain appends the proof that q does not exist, nor a wildcard that would
// answer for it (RFC 4035 3.1.3.2, RFC 5155 7.2.2). wildcard is what v.Find says of the "*"
// below f.Encloser.
func NXDomain(dst []zone.RRset, v *zone.Version, q zone.Name, f, wildcard zone.Found) []zone.RRset {
	if hashed(v) {
		dst, encloser := appendEncloser(dst, v, q, f.Encloser.Name())
		return appendWildcard(dst, v, encloser)
	}
	dst = appendOnce(dst, nearestNSEC(v, f.Prev))
	return appendOnce(dst, nearestNSEC(v, wildcard.Prev))
}

// NoData appends the proof that q, which exists, has no RRset of the type asked
// for: its own record (RFC 4035 3.1.3.1, RFC 5155 7.2.3), for an empty non-terminal
// under NSEC the record before it, and for the DS of a delegation that opt-out has
// left out of the chain the closest encloser proof (RFC 5155 7.2.4).
func NoData(dst []zone.RRset, v *zone.Version, q zone.Name, f zone.Found) []zone.RRset {
	return appendNode(dst, v, f.Node)
}

// NoDS appends the proof that a zone cut has no DS: to go with an insecure
// referral (RFC 4035 3.1.4.1, RFC 5155 7.2.7).
func NoDS(dst []zone.RRset, v *zone.Version, cut *zone.Node) []zone.RRset {
	return appendNode(dst, v, cut)
}

// WildcardNoData appends the proof that no name closer than wildcard would answer
// for q, and that wildcard, the "*" below the closest encloser, lacks the type
// (RFC 4035 3.1.3.4, RFC 5155 7.2.5).
func WildcardNoData(dst []zone.RRset, v *zone.Version, q zone.Name, f zone.Found, wildcard *zone.Node) []zone.RRset {
	if hashed(v) {
		dst, _ = appendEncloser(dst, v, q, f.Encloser.Name())
		s, _ := nearest(v, wildcard.Name())
		return appendOnce(dst, s)
	}
	dst = appendOnce(dst, nearestNSEC(v, f.Prev))
	return appendNode(dst, v, wildcard)
}

// WildcardAnswer appends the proof that no name closer than the wildcard that
// answered would have matched q (RFC 4035 3.1.3.3, RFC 5155 7.2.6).
func WildcardAnswer(dst []zone.RRset, v *zone.Version, q zone.Name, f zone.Found) []zone.RRset {
	if hashed(v) {
		s, _ := nearest(v, nextCloser(q, f.Encloser.Name()))
		return appendOnce(dst, s)
	}
	return appendOnce(dst, nearestNSEC(v, f.Prev))
}

// appendNode appends what shows the types of n.
func appendNode(dst []zone.RRset, v *zone.Version, n *zone.Node) []zone.RRset {
	if !hashed(v) {
		return appendOnce(dst, nearestNSEC(v, n))
	}
	if s, exact := matching(v, n.Name()); exact || n.IsApex() {
		return appendOnce(dst, s)
	}
	dst, _ = appendEncloser(dst, v, n.Name(), n.Name().Parent())
	return dst
}

// appendEncloser appends the closest encloser proof for q: what matches the
// closest encloser and what covers the next closer name (RFC 5155 7.2.1). Under
// opt-out the closest encloser may not be in the chain: then it is the closest
// that can be proved.
func appendEncloser(dst []zone.RRset, v *zone.Version, q, encloser zone.Name) ([]zone.RRset, zone.Name) {
	s, exact := matching(v, encloser)
	for !exact && encloser != v.Apex() {
		encloser = encloser.Parent()
		s, exact = matching(v, encloser)
	}
	dst = appendOnce(dst, s)
	s, _ = nearest(v, nextCloser(q, encloser))
	return appendOnce(dst, s), encloser
}

// nextCloser is the name one label longer than encloser on the way to q.
func nextCloser(q, encloser zone.Name) zone.Name { return q.Ancestor(encloser.Labels() + 1) }

// appendWildcard appends what covers "*" below encloser under NSEC3. It is never too long a
// name, since encloser has room for the label that q has before it.
func appendWildcard(dst []zone.RRset, v *zone.Version, encloser zone.Name) []zone.RRset {
	var room [zone.MaxName + 2]byte
	wire := append(append(room[:0], 1, '*'), encloser...)
	// The lookup only compares this name, so that it need not outlive the call.
	s, _ := nearest(v, zone.Name(unsafe.String(&wire[0], len(wire))))
	return appendOnce(dst, s)
}

// nearestNSEC gives the last NSEC RRset at or before n, which covers the names
// between n and the next.
func nearestNSEC(v *zone.Version, n *zone.Node) zone.RRset {
	if !v.Top().Has(zone.TypeNSEC) {
		return zone.RRset{}
	}
	s, _ := linkAt(v, n).Get(zone.TypeNSEC)
	return s
}

func hashed(v *zone.Version) bool { return v.Top().Has(zone.TypeNSEC3PARAM) }

func appendOnce(dst []zone.RRset, s zone.RRset) []zone.RRset {
	if !s.Exists() {
		return dst
	}
	for i := range dst {
		if dst[i].Type == s.Type && dst[i].Name == s.Name {
			return dst
		}
	}
	return append(dst, s)
}
