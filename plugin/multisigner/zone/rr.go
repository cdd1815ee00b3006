package zone

import (
	"encoding/hex"
	"fmt"

	"github.com/miekg/dns"
)

// This file is the edge to dns.RR: zone files, transfers and tests speak it, the
// rooms inside hold packed wire.

// FromRR gives the parts of rr, with its rdata in canonical form. A TTL above
// 2^31-1 is 0 (RFC 2181 8). Rdata that the type cannot have is an error; where it
// is written as of an unknown type (RFC 3597 5) but the type is known, it is read
// as that type's. The class is not looked at, but a record of an UPDATE that has
// no rdata (RFC 2136 2.5.2) is an error, too, where the type demands some. As in every packing by that library
// the Rdlength of rr is written: rr must not be in other hands meanwhile.
func FromRR(rr dns.RR) (name Name, t Type, ttl uint32, rdata string, err error) {
	r, err := ReadRR(rr)
	return r.Name, r.Type, r.TTL, r.Rdata, err
}

// ReadRR is FromRR with what was written beside the canonical form.
func ReadRR(rr dns.RR) (Record, error) {
	var s scratch
	return s.read(rr)
}

// scratch is room that several packings in a row use.
type scratch struct{ wire []byte }

func (s *scratch) read(rr dns.RR) (r Record, err error) {
	h := rr.Header()
	t := Type(h.Rrtype)
	body, err := s.pack(rr)
	if err != nil {
		return Record{}, fmt.Errorf("%s %s: %w", h.Name, t, err)
	}
	owner := s.wire[:nameSize(s.wire)]
	if _, generic := rr.(*dns.RFC3597); dns.TypeToRR[h.Rrtype] != nil && (generic || rdataForms[t] == nil) {
		owner = []byte(string(owner))
		body, err = s.repack(h, body)
	}
	ttl := h.Ttl
	if ttl > 1<<31-1 {
		ttl = 0
	}
	if err == nil {
		r, err = NewRecord(owner, t, ttl, body)
	}
	if err != nil {
		return Record{}, fmt.Errorf("%s %s: %w", h.Name, t, err)
	}
	return r, nil
}

// pack gives the rdata of rr in wire form, uncompressed; it holds until the next.
func (s *scratch) pack(rr dns.RR) ([]byte, error) {
	// The library's Len is sometimes an octet or two short.
	if need := dns.Len(rr) + 64; len(s.wire) < need {
		s.wire = make([]byte, max(need, 512))
	}
	end, err := dns.PackRR(rr, s.wire, 0, nil, false)
	if err != nil {
		return nil, err
	}
	at := nameSize(s.wire[:end]) + 10 // past type, class, TTL and length
	if at < 11 || at > end {
		return nil, ErrBadWire // the library packs an owner of "" as nothing
	}
	return s.wire[at:end], nil
}

// repack has the library read rdata as its type's, and gives what it makes of it:
// rdata that does not come out as it went in is none of that type.
func (s *scratch) repack(h *dns.RR_Header, rdata []byte) ([]byte, error) {
	raw := string(rdata)
	rr, _, err := dns.UnpackRRWithHeader(dns.RR_Header{Name: ".", Rrtype: h.Rrtype, Class: dns.ClassINET, Rdlength: uint16(len(raw))}, []byte(raw), 0)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRdata, err)
	}
	body, err := s.pack(rr)
	if err == nil && string(body) != raw {
		err = ErrRdata
	}
	return body, err
}

// FromRRs groups records into RRsets, in the order in which they were met. An
// RRSIG goes to the RRset that it covers; one that covers none is an RRset of
// type RRSIG. Where the TTLs of an RRset differ the lowest counts (RFC 2181 5.2).
// One bad record is an error for all. How they were written is not kept: what others
// answer may have the case of our question.
func FromRRs(rrs []dns.RR) ([]RRset, error) {
	sets, err := writtenSets(rrs)
	for i := range sets {
		sets[i].Spelling = ""
	}
	return sets, err
}

// writtenSets is FromRRs with how the records were written.
func writtenSets(rrs []dns.RR) ([]RRset, error) {
	var s scratch
	var g groups
	var sigs []Record
	for _, rr := range rrs {
		r, err := s.read(rr)
		if err != nil {
			return nil, err
		}
		if r.Type == TypeRRSIG {
			sigs = append(sigs, r)
			continue
		}
		g.at(r.Name, r.Type, r.TTL).data.Add(r)
	}
	for _, sig := range sigs {
		if t := RRSIG(sig.Rdata).Covered(); g.has(sig.Name, t) {
			set := g.at(sig.Name, t, sig.TTL)
			set.sigs = append(set.sigs, sig.Rdata)
		} else {
			g.at(sig.Name, TypeRRSIG, sig.TTL).data.Add(sig)
		}
	}
	sets := make([]RRset, 0, len(g.all))
	for i := range g.all {
		set := &g.all[i]
		sets = append(sets, set.data.RRset(set.name, set.t, set.ttl).WithSigs(Pack(set.sigs...)))
	}
	return sets, nil
}

// groups are RRsets that are being put together, in the order in which they were met.
type groups struct {
	all []group
	of  map[groupKey]int
}

type groupKey struct {
	name Name
	t    Type
}

type group struct {
	groupKey
	ttl  uint32
	data Gathering
	sigs []string
}

func (g *groups) has(name Name, t Type) bool {
	_, ok := g.of[groupKey{name, t}]
	return ok
}

// at gives the RRset of name and t, for records with this TTL to be added.
func (g *groups) at(name Name, t Type, ttl uint32) *group {
	k := groupKey{name, t}
	i, ok := g.of[k]
	if !ok {
		if g.of == nil {
			g.of = map[groupKey]int{}
		}
		i = len(g.all)
		g.of[k] = i
		g.all = append(g.all, group{groupKey: k, ttl: ttl})
	}
	g.all[i].ttl = min(g.all[i].ttl, ttl)
	return &g.all[i]
}

// RRs gives the records as they were written, without signatures.
func (s RRset) RRs() []dns.RR {
	owner, rdata := s.Written()
	return s.unpack(owner, s.Type, rdata)
}

// SigRRs gives the signatures.
func (s RRset) SigRRs() []dns.RR {
	owner, _ := s.Written()
	return s.unpack(owner, TypeRRSIG, s.Sigs)
}

func (s RRset) unpack(written string, t Type, p Packed) []dns.RR {
	if p == "" {
		return nil
	}
	rrs := make([]dns.RR, 0, p.Len())
	owner := Name(written).String()
	for rdata := range p.All() {
		rrs = append(rrs, RR(owner, t, s.TTL, []byte(rdata)))
	}
	return rrs
}

// RR gives a record for the library. Its data goes out again as the same octets: what
// the library cannot read, or writes otherwise, it still carries (RFC 3597).
func RR(owner string, t Type, ttl uint32, rdata []byte) dns.RR {
	h := dns.RR_Header{Name: owner, Rrtype: uint16(t), Class: dns.ClassINET, Ttl: ttl, Rdlength: uint16(len(rdata))}
	rr, _, err := dns.UnpackRRWithHeader(h, rdata, 0)
	if err == nil && !Faithful(t) {
		var s scratch
		again := dns.Copy(rr)
		again.Header().Name = "." // whatever the owner's length
		var packed []byte
		if packed, err = s.pack(again); err == nil && string(packed) != string(rdata) {
			err = ErrRdata
		}
	}
	if err != nil {
		rr = &dns.RFC3597{Hdr: h, Rdata: hex.EncodeToString(rdata)}
	}
	return rr
}

// Faithful reports whether the library writes data of type t as it has read it, where
// it can read it at all.
func Faithful(t Type) bool {
	switch t {
	case TypeA, TypeNS, TypeCNAME, TypeSOA, 12, TypeMX, TypeTXT, TypeAAAA, TypeSRV, TypeDNAME, TypeDS, TypeRRSIG, TypeNSEC,
		TypeDNSKEY, TypeNSEC3, TypeNSEC3PARAM, TypeCDS, TypeCDNSKEY, TypeSVCB, TypeHTTPS:
		return true
	}
	return false
}
