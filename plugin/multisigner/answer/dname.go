package answer

import (
	"encoding/binary"
	"unsafe"

	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// substitute answers for a name below a DNAME with it and with the CNAME that it
// stands for, and returns the CNAME's target (RFC 6672 3.1, 3.2).
func (r *Response) substitute(name zone.Name, owner *zone.Node) (next zone.Name) {
	s, _ := owner.Get(zone.TypeDNAME)
	if !r.answered(s.Name, zone.TypeDNAME) {
		r.answer(s, s.Name)
	}
	if r.answered(name, zone.TypeCNAME) {
		return ""
	}
	rdata, _ := first(s.Rdata)
	_, written := s.Written()
	as, _ := first(written)
	target, ok := nameAt(rdata, 0)
	prefix := len(name) - len(s.Name)
	switch {
	case !ok:
		r.Rcode = RcodeServerFailure
		return ""
	case prefix+len(target) > zone.MaxName:
		r.Rcode = RcodeYXDomain
		return ""
	}
	alias := zone.RRset{Name: name, Type: zone.TypeCNAME, TTL: s.TTL, Rdata: r.keep(string(name[:prefix]), string(target))}
	if as != string(target) {
		alias.Spelling = r.spell(name, prefix, as)
	}
	// The CNAME is not signed: who validates makes it again from the DNAME (RFC 6672 5.3.1).
	r.Answer = append(r.Answer, Item{Set: alias, Owner: name, Data: true})
	if r.question.Type == zone.TypeCNAME || r.question.Type == zone.TypeANY {
		return "" // the CNAME is what was asked for
	}
	return r.inside(alias)
}

// keep packs the name made of two parts as rdata that lasts until the next plan.
// The memory is the response's, so that a DNAME costs a busy server no garbage;
// it is never moved, because its size is that of the longest chain.
func (r *Response) keep(prefix, suffix string) zone.Packed {
	if r.made == nil {
		r.made = make([]byte, 0, maxChain*(2*(2+zone.MaxName)+zone.MaxName))
	}
	start := len(r.made)
	r.made = binary.BigEndian.AppendUint16(r.made, uint16(len(prefix)+len(suffix)))
	r.made = append(append(r.made, prefix...), suffix...)
	return zone.Packed(unsafe.String(&r.made[start], len(r.made)-start))
}

// spell gives the spelling of the CNAME of name, in memory as that of keep.
func (r *Response) spell(name zone.Name, prefix int, target string) string {
	start := len(r.made)
	r.made = append(r.made, name...)
	r.keep(string(name[:prefix]), target)
	return unsafe.String(&r.made[start], len(r.made)-start)
}
