package zone

import (
	"crypto"
	_ "crypto/sha1"
	_ "crypto/sha256"
	_ "crypto/sha512"
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

// DNSKEY is a view of DNSKEY or CDNSKEY rdata (RFC 4034 2.1).
type DNSKEY string

// Flags of a DNSKEY (RFC 4034 2.1.1, RFC 5011 7).
const (
	FlagZone   = 0x0100
	FlagRevoke = 0x0080
	FlagSEP    = 0x0001
)

// NewDNSKEY makes rdata with protocol 3.
func NewDNSKEY(flags uint16, algorithm uint8, publicKey []byte) DNSKEY {
	rdata := make([]byte, 0, 4+len(publicKey))
	rdata = append(rdata, byte(flags>>8), byte(flags), 3, algorithm)
	return DNSKEY(append(rdata, publicKey...))
}

// Valid reports whether k is long enough to be read and may sign a zone: a caller
// must know before it uses the other methods on what came from outside.
func (k DNSKEY) Valid() error {
	switch {
	case len(k) < 5:
		return errors.New("DNSKEY is too short")
	case k.Protocol() != 3:
		return fmt.Errorf("DNSKEY has protocol %d, not 3", k.Protocol())
	case !k.IsZone():
		return errors.New("DNSKEY is not a zone key: its ZONE flag is not set")
	}
	return nil
}

// Flags are the 16 bits that begin the rdata.
func (k DNSKEY) Flags() uint16 { return u16(string(k)) }

// Protocol is 3 in every key that is used (RFC 4034 2.1.2).
func (k DNSKEY) Protocol() uint8 { return k[2] }

// Algorithm is a number of the IANA registry.
func (k DNSKEY) Algorithm() uint8 { return k[3] }

// PublicKey is in the algorithm's wire form.
func (k DNSKEY) PublicKey() string { return string(k[4:]) }

// SEP reports whether the key is meant as an entry point: a KSK or a CSK.
func (k DNSKEY) SEP() bool { return k.Flags()&FlagSEP != 0 }

// Revoked reports whether the REVOKE flag is set.
func (k DNSKEY) Revoked() bool { return k.Flags()&FlagRevoke != 0 }

// IsZone reports whether the ZONE flag is set: without it a key signs no zone.
func (k DNSKEY) IsZone() bool { return k.Flags()&FlagZone != 0 }

// Tag is the key tag (RFC 4034 B).
func (k DNSKEY) Tag() uint16 {
	var sum uint32
	for i := range len(k) {
		if i&1 == 0 {
			sum += uint32(k[i]) << 8
		} else {
			sum += uint32(k[i])
		}
	}
	sum += sum >> 16 & 0xffff
	return uint16(sum)
}

// DS is a view of DS or CDS rdata (RFC 4034 5.1).
type DS string

// Valid reports whether d is long enough to be read.
func (d DS) Valid() error {
	if len(d) < 5 {
		return errors.New("DS is too short")
	}
	return nil
}

// Tag is that of the key.
func (d DS) Tag() uint16 { return u16(string(d)) }

// Algorithm is that of the key.
func (d DS) Algorithm() uint8 { return d[2] }

// DigestType says how the digest was made.
func (d DS) DigestType() uint8 { return d[3] }

// Digest is what it is.
func (d DS) Digest() string { return string(d[4:]) }

// DS makes the record that stands for k at the parent (RFC 4034 5.1.4). Digest
// types 1 (SHA-1), 2 (SHA-256) and 4 (SHA-384) are known.
func (k DNSKEY) DS(owner Name, digestType uint8) (DS, error) {
	hash, ok := map[uint8]crypto.Hash{1: crypto.SHA1, 2: crypto.SHA256, 4: crypto.SHA384}[digestType]
	if !ok {
		return "", fmt.Errorf("digest type %d is not known", digestType)
	}
	h := hash.New()
	h.Write([]byte(owner))
	h.Write([]byte(k))
	tag := k.Tag()
	return DS(h.Sum([]byte{byte(tag >> 8), byte(tag), k.Algorithm(), digestType})), nil
}

// soaNumbers gives the five numbers that end SOA rdata.
func soaNumbers(rdata string) string { return rdata[len(rdata)-20:] }

// SOASerial reads the serial of SOA rdata.
func SOASerial(rdata string) uint32 { return u32(soaNumbers(rdata)) }

// SOARefresh is in seconds.
func SOARefresh(rdata string) uint32 { return u32(soaNumbers(rdata)[4:]) }

// SOARetry is in seconds.
func SOARetry(rdata string) uint32 { return u32(soaNumbers(rdata)[8:]) }

// SOAExpire is in seconds.
func SOAExpire(rdata string) uint32 { return u32(soaNumbers(rdata)[12:]) }

// SOAMinimum is in seconds: with the SOA's TTL it bounds how long absence is
// cached (RFC 2308 4).
func SOAMinimum(rdata string) uint32 { return u32(soaNumbers(rdata)[16:]) }

// SOAWithSerial is the same rdata with another serial.
func SOAWithSerial(rdata string, serial uint32) string {
	at := len(rdata) - 20
	return rdata[:at] + string(binary.BigEndian.AppendUint32(nil, serial)) + rdata[at+4:]
}

// SerialAfter reports whether a comes after b (RFC 1982 3.2). Two that are 2^31
// apart are not in order: neither is after the other.
func SerialAfter(a, b uint32) bool { return a != b && a-b < 1<<31 }

// AppendSigned appends what an RRSIG with this header signs: the header, and
// each record of s in canonical form and order (RFC 4034 3.1.8.1), under the
// wildcard's name when the header has fewer labels than s.Name.
func AppendSigned(dst []byte, header string, s RRset) []byte {
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

func u16(s string) uint16 { return uint16(s[0])<<8 | uint16(s[1]) }

func u32(s string) uint32 {
	return uint32(s[0])<<24 | uint32(s[1])<<16 | uint32(s[2])<<8 | uint32(s[3])
}
