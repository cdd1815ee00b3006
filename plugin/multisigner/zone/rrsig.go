package zone

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"
)

// RRSIG is a view of RRSIG rdata (RFC 4034 3.1).
type RRSIG string

const rrsigFixed = 18 // octets before the signer's name

// Covered is the type that is signed.
func (r RRSIG) Covered() Type { return Type(u16(string(r))) }

// Algorithm is the key's.
func (r RRSIG) Algorithm() uint8 { return r[2] }

// Labels counts those of the owner as it was signed, without a leading "*".
func (r RRSIG) Labels() int { return int(r[3]) }

// OriginalTTL is the TTL as it was signed.
func (r RRSIG) OriginalTTL() uint32 { return u32(string(r[4:])) }

// Expiration is in seconds since 1970, modulo 2^32.
func (r RRSIG) Expiration() uint32 { return u32(string(r[8:])) }

// Inception is in seconds since 1970, modulo 2^32.
func (r RRSIG) Inception() uint32 { return u32(string(r[12:])) }

// KeyTag is the tag of the key that signed.
func (r RRSIG) KeyTag() uint16 { return u16(string(r[16:])) }

// Valid reports whether r is long enough to be read: a caller must know before
// it uses the other methods on what came from outside.
func (r RRSIG) Valid() error {
	if len(r) <= rrsigFixed {
		return errors.New("RRSIG is too short")
	}
	_, n, err := NameFromWire([]byte(r[rrsigFixed:min(len(r), rrsigFixed+MaxName)]))
	if err != nil {
		return fmt.Errorf("RRSIG's signer: %w", err)
	}
	if len(r) == rrsigFixed+n {
		return errors.New("RRSIG has no signature")
	}
	return nil
}

// Signer is the name of the zone whose key signed.
func (r RRSIG) Signer() Name { return Name(r[rrsigFixed:r.headerEnd()]) }

// Signature is the signature in the algorithm's wire form.
func (r RRSIG) Signature() string { return string(r[r.headerEnd():]) }

// Header is the rdata without the signature: what is signed together with the RRset.
func (r RRSIG) Header() string { return string(r[:r.headerEnd()]) }

func (r RRSIG) headerEnd() int {
	i := rrsigFixed
	for r[i] != 0 {
		i += int(r[i]) + 1
	}
	return i + 1
}

// Time reads a moment of an RRSIG. Moments are serial numbers (RFC 4034 3.1.5);
// here they are taken as seconds from 1970 to 2106.
func Time(seconds uint32) time.Time { return time.Unix(int64(seconds), 0).UTC() }

// AppendSigned appends what an RRSIG with this header signs: the header, and
// each record of s in canonical form and order (RFC 4034 3.1.8.1), under the
// wildcard's name when the header has fewer labels than s.Name.
func AppendSigned[H string | []byte](dst []byte, header H, s RRset) []byte {
	owner := s.Name
	labels := owner.Labels()
	if owner.IsWildcard() {
		labels--
	}
	if signed := int(header[3]); signed < labels {
		owner, _ = s.Name.Ancestor(signed).Wildcard()
	}
	dst = append(dst, header...)
	for rdata := range s.Rdata.All() {
		dst = append(dst, owner...)
		dst = binary.BigEndian.AppendUint16(dst, uint16(s.Type))
		dst = append(dst, 0, 1)           // class IN
		dst = append(dst, header[4:8]...) // original TTL
		dst = binary.BigEndian.AppendUint16(dst, uint16(len(rdata)))
		dst = append(dst, rdata...)
	}
	return dst
}
