package zone

import "errors"

// ErrRdata is the error of rdata that its type cannot have.
var ErrRdata = errors.New("rdata is not in the form of its type")

// canonicalize lowers the letters of the names in rdata where RFC 4034 6.2, as
// amended by RFC 6840 5.1, says so. The rdata must be uncompressed. That of a type
// which the rooms inside read must have its type's form, so that they need not
// look again; what other types hold is not looked at.
func canonicalize(t Type, rdata []byte) error {
	form, known := rdataForms[t]
	if !known {
		return nil
	}
	rest := rdata
	for _, f := range form {
		size := f.size(rest)
		if size < 0 || size > len(rest) {
			return ErrRdata
		}
		if f == lowered {
			for i := range size {
				rest[i] = lower(rest[i])
			}
		}
		rest = rest[size:]
		if f == a6 && size == a6Whole {
			break
		}
	}
	if len(rest) > 0 {
		return ErrRdata
	}
	return nil
}

// size is how many octets f takes of what b begins with; -1 if it cannot be there.
func (f field) size(b []byte) int {
	switch {
	case f >= 0:
		return int(f)
	case f == opaque, f == some && len(b) > 0:
		return len(b)
	case f == str && len(b) > 0:
		return 1 + int(b[0])
	case f == lowered, f == kept:
		return nameSize(b)
	case f == a6 && len(b) > 0 && b[0] <= 128:
		return 1 + (128-int(b[0])+7)/8
	}
	return -1
}

// field is what stands next in rdata: a number of octets to pass over, or one of
// those below.
type field int8

const (
	lowered field = -1 - iota // a name that is lowered
	kept                      // a name that is not
	str                       // a character-string
	a6                        // length of an A6 prefix, and the octets that are not in it (RFC 2874 3.1)
	opaque                    // the rest, which may be empty
	some                      // the rest, which may not
)

// a6Whole is the size of the a6 field without a prefix: then no name follows.
const a6Whole = 1 + 16

// rdataForms says how rdata is laid out where names in it are lowered, and of
// types that the rooms inside read or that are frequent: that of others goes
// through the library twice. Not lowered are NSEC's next name (RFC 6840 5.1) and
// names in types that came after RFC 3597.
var rdataForms = map[Type][]field{
	TypeA:          {4},
	TypeNS:         {lowered},
	3:              {lowered}, // MD
	4:              {lowered}, // MF
	TypeCNAME:      {lowered},
	TypeSOA:        {lowered, lowered, 20},
	7:              {lowered},          // MB
	8:              {lowered},          // MG
	9:              {lowered},          // MR
	12:             {lowered},          // PTR
	14:             {lowered, lowered}, // MINFO
	TypeMX:         {2, lowered},
	17:             {lowered, lowered},    // RP
	18:             {2, lowered},          // AFSDB
	21:             {2, lowered},          // RT
	24:             {18, lowered, some},   // SIG
	26:             {2, lowered, lowered}, // PX
	TypeAAAA:       {16},
	30:             {lowered, opaque}, // NXT
	TypeTXT:        {some},
	TypeSRV:        {6, lowered},
	35:             {4, str, str, str, lowered}, // NAPTR
	36:             {2, lowered},                // KX
	38:             {a6, lowered},               // A6
	TypeDNAME:      {lowered},
	TypeDS:         {4, some},
	TypeRRSIG:      {rrsigFixed, lowered, some},
	TypeNSEC:       {kept, opaque},
	TypeDNSKEY:     {4, some},
	TypeNSEC3:      {4, str, str, opaque},
	TypeNSEC3PARAM: {4, str},
	TypeCDS:        {4, some},
	TypeCDNSKEY:    {4, some},
}
