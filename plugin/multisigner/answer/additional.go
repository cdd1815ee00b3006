package answer

import (
	"unsafe"

	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// maxAdditional bounds the RRsets that a positive answer adds to spare queries:
// our choice; more would not fit a datagram, and finding them has its price.
const maxAdditional = 16

// additional adds what an asker of this RRset will want next: the addresses of
// the hosts that it names (RFC 1035 3.3.9, 3.3.11; RFC 2782; RFC 9460 4.1).
func (r *Response) additional(s zone.RRset, owner zone.Name) {
	skip := 0 // octets before the host's name
	switch s.Type {
	case zone.TypeNS:
	case zone.TypeMX, zone.TypeSVCB, zone.TypeHTTPS:
		skip = 2
	case zone.TypeSRV:
		skip = 6
	default:
		return
	}
	for rest := s.Rdata; rest != "" && len(r.Additional) < maxAdditional; {
		var rdata string
		rdata, rest = first(rest)
		host, ok := nameAt(rdata, skip)
		if !ok {
			continue
		}
		alias := false
		if s.Type == zone.TypeSVCB || s.Type == zone.TypeHTTPS {
			alias = rdata[0] == 0 && rdata[1] == 0
			if host == zone.Root && !alias {
				host = owner // RFC 9460 2.5.2
			}
			host = r.lowered(host)
		}
		r.host(host, s.Type, alias)
	}
}

// lowered is host in lower case: the form of SVCB rdata keeps capitals (RFC 9460
// 2.1, RFC 6840 5.1). It is good until the next call.
func (r *Response) lowered(host zone.Name) zone.Name {
	capitals := false
	for i := range len(host) {
		c := host[i] // a length octet is below 'A'
		if 'A' <= c && c <= 'Z' {
			c, capitals = c+'a'-'A', true
		}
		r.hostRoom[i] = c
	}
	if !capitals {
		return host
	}
	return zone.Name(unsafe.String(&r.hostRoom[0], len(host)))
}

// nameAt is the name that begins at an offset of rdata; ok is false when there
// is none: a zone may hold records of known types that are empty (RFC 3597 5).
func nameAt(rdata string, start int) (n zone.Name, ok bool) {
	for end := start; end < len(rdata) && end-start < zone.MaxName && rdata[end] <= zone.MaxLabel; end += 1 + int(rdata[end]) {
		if rdata[end] == 0 {
			return zone.Name(rdata[start : end+1]), true
		}
	}
	return "", false
}

// host adds the addresses that the zone itself has for a name, and for the
// target of an alias (RFC 9460 2.4.2) its records of that type.
func (r *Response) host(name zone.Name, t zone.Type, alias bool) {
	if !name.Under(r.version.Apex()) {
		return
	}
	f := r.version.Find(name)
	if f.Node == nil {
		return
	}
	name = f.Node.Name() // which lasts
	switch {
	case r.added(name):
		return
	case f.Cut != nil && t == zone.TypeNS:
		r.addresses(f.Node, Optional, false) // glue: the only way to that server from here
		return
	case f.Cut != nil || f.DNAME != nil:
		return
	}
	if alias && !r.answered(name, t) {
		if s, ok := f.Node.Get(t); ok {
			r.Additional = append(r.Additional, Item{Set: s, Owner: name, Data: true, Sigs: r.question.DO, Glue: Optional})
		}
	}
	r.addresses(f.Node, Optional, r.question.DO)
}

// added reports whether the additional section has something of the name.
func (r *Response) added(name zone.Name) bool {
	for i := range r.Additional {
		if r.Additional[i].Owner == name {
			return true
		}
	}
	return false
}
