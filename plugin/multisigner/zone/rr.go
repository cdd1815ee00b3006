package zone

import (
	"fmt"
	"strings"

	"github.com/miekg/dns"
)

// This file is the edge to dns.RR: zone files, transfers and tests speak it, the
// rooms inside hold packed wire.

// FromRR gives the parts of rr, with its rdata in canonical form. A TTL above
// 2^31-1 is 0 (RFC 2181 8).
func FromRR(rr dns.RR) (name Name, t Type, ttl uint32, rdata string, err error) {
	if name, err = ParseName(rr.Header().Name); err != nil {
		return "", 0, 0, "", err
	}
	wire := make([]byte, dns.Len(rr)+64)
	end, err := dns.PackRR(rr, wire, 0, nil, false)
	if err != nil {
		return "", 0, 0, "", fmt.Errorf("%s %s: %w", name, Type(rr.Header().Rrtype), err)
	}
	_, at, err := NameFromWire(wire)
	if err != nil {
		return "", 0, 0, "", fmt.Errorf("%s: %w", name, err)
	}
	t = Type(rr.Header().Rrtype)
	if ttl = rr.Header().Ttl; ttl > 1<<31-1 {
		ttl = 0
	}
	body := wire[at+10 : end]
	if err := canonicalize(t, body); err != nil {
		return "", 0, 0, "", fmt.Errorf("%s %s: %w", name, t, err)
	}
	return name, t, ttl, string(body), nil
}

// FromRRs groups records into RRsets, in the order in which they were met. An
// RRSIG goes to the RRset that it covers; one that covers none is an RRset of
// type RRSIG. Where the TTLs of an RRset differ the lowest counts (RFC 2181 5.2).
func FromRRs(rrs []dns.RR) ([]RRset, error) {
	type key struct {
		name Name
		t    Type
	}
	type group struct {
		ttl         uint32
		rdata, sigs []string
	}
	groups := map[key]*group{}
	var order []key
	at := func(k key, ttl uint32) *group {
		g := groups[k]
		if g == nil {
			g = &group{ttl: ttl}
			groups[k] = g
			order = append(order, k)
		}
		return g
	}
	for _, rr := range rrs {
		name, t, ttl, rdata, err := FromRR(rr)
		if err != nil {
			return nil, err
		}
		if t == TypeRRSIG {
			if err := RRSIG(rdata).Valid(); err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			g := at(key{name, RRSIG(rdata).Covered()}, ttl)
			g.ttl, g.sigs = min(g.ttl, ttl), append(g.sigs, rdata)
			continue
		}
		g := at(key{name, t}, ttl)
		g.ttl, g.rdata = min(g.ttl, ttl), append(g.rdata, rdata)
	}
	sets := make([]RRset, 0, len(order))
	for _, k := range order {
		g := groups[k]
		s := RRset{Name: k.name, Type: k.t, TTL: g.ttl, Rdata: Pack(g.rdata...), Sigs: Pack(g.sigs...)}
		if !s.Exists() {
			s = RRset{Name: k.name, Type: TypeRRSIG, TTL: g.ttl, Rdata: s.Sigs}
		}
		sets = append(sets, s)
	}
	return sets, nil
}

// RRs gives the records, without signatures.
func (s RRset) RRs() []dns.RR { return s.unpack(s.Type, s.Rdata) }

// SigRRs gives the signatures.
func (s RRset) SigRRs() []dns.RR { return s.unpack(TypeRRSIG, s.Sigs) }

func (s RRset) unpack(t Type, p Packed) []dns.RR {
	if p == "" {
		return nil
	}
	rrs := make([]dns.RR, 0, p.Len())
	owner := s.Name.String()
	for rdata := range p.All() {
		h := dns.RR_Header{Name: owner, Rrtype: uint16(t), Class: dns.ClassINET, Ttl: s.TTL, Rdlength: uint16(len(rdata))}
		rr, _, err := dns.UnpackRRWithHeader(h, []byte(rdata), 0)
		if err != nil {
			// What went in as this type came through the same library or was made
			// by us; what it cannot read it can still carry (RFC 3597).
			rr = &dns.RFC3597{Hdr: h, Rdata: fmt.Sprintf("%x", rdata)}
		}
		rrs = append(rrs, rr)
	}
	return rrs
}

// Text gives the RRset and its signatures as lines of a zone file.
func Text(s RRset) string {
	var b strings.Builder
	for _, rr := range append(s.RRs(), s.SigRRs()...) {
		b.WriteString(rr.String())
		b.WriteByte('\n')
	}
	return b.String()
}

// canonicalize lowers the letters of the names in rdata, where RFC 4034 6.2 as
// amended by RFC 6840 5.1 says so. The rdata must be uncompressed.
func canonicalize(t Type, rdata []byte) error {
	rest := rdata
	for _, field := range rdataNames[t] {
		switch {
		case field > 0:
			if len(rest) < field {
				return ErrBadWire
			}
			rest = rest[field:]
		case field == fieldString:
			if len(rest) == 0 || len(rest) <= int(rest[0]) {
				return ErrBadWire
			}
			rest = rest[1+int(rest[0]):]
		case field == fieldName:
			_, n, err := NameFromWire(rest)
			if err != nil {
				return err
			}
			for i := range n {
				rest[i] = lower(rest[i])
			}
			rest = rest[n:]
		}
	}
	return nil
}

// Fields of rdataNames that are not a number of octets to pass over.
const (
	fieldName   = 0
	fieldString = -1
)

// rdataNames says where the names stand that are lowered. NSEC's next name is
// not (RFC 6840 5.1), nor are names in types that came after RFC 3597.
var rdataNames = map[Type][]int{
	TypeNS: {fieldName}, 3: {fieldName}, 4: {fieldName}, TypeCNAME: {fieldName},
	TypeSOA: {fieldName, fieldName}, 7: {fieldName}, 8: {fieldName}, 9: {fieldName},
	12: {fieldName}, 14: {fieldName, fieldName}, TypeMX: {2, fieldName},
	17: {fieldName, fieldName}, 18: {2, fieldName}, 21: {2, fieldName},
	24: {18, fieldName}, 26: {2, fieldName, fieldName}, 30: {fieldName},
	TypeSRV: {6, fieldName}, 35: {4, fieldString, fieldString, fieldString, fieldName},
	36: {2, fieldName}, TypeDNAME: {fieldName}, TypeRRSIG: {rrsigFixed, fieldName},
}
