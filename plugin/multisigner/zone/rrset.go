package zone

import (
	"iter"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/miekg/dns"
)

// Type is an RR type's number. The names are those of the IANA registry.
type Type uint16

// The types that a zone's content and its signing treat apart from others.
const (
	TypeA          Type = 1
	TypeNS         Type = 2
	TypeCNAME      Type = 5
	TypeSOA        Type = 6
	TypeMX         Type = 15
	TypeTXT        Type = 16
	TypeAAAA       Type = 28
	TypeSRV        Type = 33
	TypeDNAME      Type = 39
	TypeDS         Type = 43
	TypeRRSIG      Type = 46
	TypeNSEC       Type = 47
	TypeDNSKEY     Type = 48
	TypeNSEC3      Type = 50
	TypeNSEC3PARAM Type = 51
	TypeCDS        Type = 59
	TypeCDNSKEY    Type = 60
	TypeCSYNC      Type = 62
	TypeZONEMD     Type = 63
	TypeSVCB       Type = 64
	TypeHTTPS      Type = 65
	TypeANY        Type = 255
)

// String gives the mnemonic, or TYPE1234 (RFC 3597 5).
func (t Type) String() string {
	if s, ok := dns.TypeToString[uint16(t)]; ok {
		return s
	}
	return "TYPE" + strconv.Itoa(int(t))
}

// RRset is the records of one name and type, with the signatures over them. It
// is a value, and what it refers to is never changed.
//
// Rdata and Sigs are packed: each record is its length in two octets, big
// endian, and then its rdata in canonical form (RFC 4034 6.2: uncompressed, and
// lower case where that section and RFC 6840 5.1 say so), sorted (6.3) and
// without duplicates. Sigs holds RRSIG rdata the same way; their TTL is the RRset's.
//
// Spelling is Name and then Rdata once more, with letters in the case in which
// they were written; it is empty where that is the canonical form. See Written.
type RRset struct {
	Name     Name
	Type     Type
	TTL      uint32
	Rdata    Packed
	Sigs     Packed
	Spelling string
}

// Exists reports whether s has at least one record.
func (s RRset) Exists() bool { return s.Rdata != "" }

// WithSigs is s with other signatures.
func (s RRset) WithSigs(sigs Packed) RRset {
	s.Sigs = sigs
	return s
}

// SameData reports whether all but the signatures is equal, the case of letters too.
func (s RRset) SameData(o RRset) bool {
	return s.Name == o.Name && s.Type == o.Type && s.TTL == o.TTL && s.Rdata == o.Rdata && s.Spelling == o.Spelling
}

// Earliest is the end of the signature that ends first; ok is false without any.
func (s RRset) Earliest() (end time.Time, ok bool) {
	first := earliest(s.Sigs)
	return Time(first), first != never
}

// never stands for the end of a signature that is not there. One that ends in
// that very second, in 2106, counts as none.
const never = 1<<32 - 1

func earliest(sigs Packed) uint32 {
	first := uint32(never)
	for sig := range sigs.All() {
		first = min(first, RRSIG(sig).Expiration())
	}
	return first
}

// Packed is a list of rdata, each preceded by its length in two octets.
type Packed string

// Pack sorts rdata canonically (RFC 4034 6.3) and drops duplicates. It reorders its argument.
func Pack(rdata ...string) Packed {
	slices.Sort(rdata)
	rdata = slices.Compact(rdata)
	size := 0
	for _, r := range rdata {
		size += 2 + len(r)
	}
	var b strings.Builder
	b.Grow(size)
	for _, r := range rdata {
		b.WriteByte(byte(len(r) >> 8))
		b.WriteByte(byte(len(r)))
		b.WriteString(r)
	}
	return Packed(b.String())
}

// All yields each rdata in canonical order.
func (p Packed) All() iter.Seq[string] {
	return func(yield func(string) bool) {
		for len(p) > 0 {
			end := 2 + int(p[0])<<8 + int(p[1])
			if !yield(string(p[2:end])) {
				return
			}
			p = p[end:]
		}
	}
}

// Len counts the records.
func (p Packed) Len() int {
	count := 0
	for range p.All() {
		count++
	}
	return count
}

// Has reports whether rdata is among the records.
func (p Packed) Has(rdata string) bool {
	for r := range p.All() {
		if r == rdata {
			return true
		}
	}
	return false
}
