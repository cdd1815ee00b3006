package answer

import (
	"github.com/multisigner/multisigner/plugin/multisigner/denial"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// referral sends the asker below a cut: its NS, then its DS or the proof that it
// has none, then the addresses of its nameservers (RFC 1034 4.3.2 3b, RFC 4035 3.1.4).
func (r *Response) referral(cut *zone.Node, hop int) {
	secure := r.delegation(cut, cut.Name(), hop)
	if r.signed && !secure {
		r.proofs = denial.NoDS(r.proofs, r.version, cut)
	}
}

// wildReferral sends the asker below a cut that a wildcard makes. RFC 4592 4.2
// leaves open what that means; the unsigned NS cannot be an answer, so it is this.
func (r *Response) wildReferral(name zone.Name, f zone.Found, wildcard *zone.Node, hop int) {
	secure := r.delegation(wildcard, name, hop)
	switch {
	case r.signed && secure:
		r.proofs = denial.WildcardAnswer(r.proofs, r.version, name, f)
	case r.signed:
		r.proofs = denial.WildcardNoData(r.proofs, r.version, name, f, wildcard)
	}
}

// delegation adds the NS, the DS if there is one, and the addresses. What came
// first in a chain decides about authority (RFC 1035 4.1.1).
func (r *Response) delegation(cut *zone.Node, owner zone.Name, hop int) (secure bool) {
	r.Authoritative = hop > 0
	ns, _ := cut.Get(zone.TypeNS)
	r.Authority = append(r.Authority, Item{Set: ns, Owner: owner, Data: true})
	if r.question.DO {
		var ds zone.RRset
		if ds, secure = cut.Get(zone.TypeDS); secure {
			r.authority(ds, owner)
		}
	}
	for rest := ns.Rdata; rest != ""; {
		var rdata string
		rdata, rest = first(rest)
		if host, ok := nameAt(rdata, 0); ok {
			r.nameserver(host, owner)
		}
	}
	return secure
}

// nameserver adds the addresses of a nameserver of the zone below the cut.
func (r *Response) nameserver(host, cut zone.Name) {
	switch {
	case host.Under(cut):
		if n := r.version.Get(host); n != nil {
			r.addresses(n, Required, false)
		}
	case host.Under(r.version.Apex()):
		f := r.version.Find(host)
		switch {
		case f.Node == nil:
		case f.Cut != nil:
			r.addresses(f.Node, Sibling, false)
		case f.DNAME == nil:
			r.addresses(f.Node, Optional, r.question.DO)
		}
	}
}

// addresses adds what the node has of A and AAAA to the additional section.
func (r *Response) addresses(n *zone.Node, g Glue, sigs bool) {
	for _, t := range [...]zone.Type{zone.TypeA, zone.TypeAAAA} {
		if s, ok := n.Get(t); ok {
			r.Additional = append(r.Additional, Item{Set: s, Owner: s.Name, Data: true, Sigs: sigs, Glue: g})
		}
	}
}

// first splits off the first record of a packed list.
func first(p zone.Packed) (rdata string, rest zone.Packed) {
	end := 2 + int(p[0])<<8 + int(p[1])
	return string(p[2:end]), p[end:]
}
