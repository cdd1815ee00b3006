package zone

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

// RRset is the records of one name and type, with the signatures over them. It
// is a value, and what it refers to is never changed.
//
// Rdata and Sigs are packed: each record is its length in two octets, big
// endian, and then its rdata in canonical form (RFC 4034 6.2: uncompressed, and
// lower case where that section and RFC 6840 5.1 say so), sorted (6.3) and without duplicates.
// Sigs holds RRSIG rdata the same way; their TTL is the RRset's.
type RRset struct {
	Name  Name
	Type  Type
	TTL   uint32
	Rdata Packed
	Sigs  Packed
}

// Packed is a list of rdata, each preceded by its length in two octets.
type Packed string
