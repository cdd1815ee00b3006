package answer

import (
	"unsafe"

	"github.com/multisigner/multisigner/plugin/multisigner/denial"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// noData says that the name exists, without the type.
func (r *Response) noData(name zone.Name, f zone.Found) {
	r.soa()
	if r.signed {
		r.proofs = denial.NoData(r.proofs, r.version, name, f)
	}
}

// soa puts the SOA into the authority section. It lives as long as the absence
// may be remembered (RFC 2308 3, 5), and its signatures as long as it (RFC 4034 3);
// the original TTL in them stays that of the SOA.
func (r *Response) soa() {
	s := r.soaSet()
	if !s.Exists() {
		return
	}
	rdata, _ := first(s.Rdata)
	s.TTL = min(s.TTL, zone.SOAMinimum(rdata))
	r.authority(s, s.Name)
}

func (r *Response) soaSet() zone.RRset {
	s, _ := r.version.Top().Get(zone.TypeSOA)
	return s
}

// wildcardOf is where the node "*" below the closest encloser is, or would be. Nothing is
// found when there is no room for that name.
func (r *Response) wildcardOf(encloser *zone.Node) zone.Found {
	name := encloser.Name()
	if len(name)+2 > zone.MaxName {
		return zone.Found{}
	}
	w := append(append(r.wildcard[:0], 1, '*'), name...)
	// The lookup only compares this name: it need not be made a string that lasts.
	return r.version.Find(zone.Name(unsafe.String(&w[0], len(w))))
}
