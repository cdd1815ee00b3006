package zone

import (
	"crypto"
	_ "crypto/sha1"
	_ "crypto/sha256"
	_ "crypto/sha512"
	"errors"
	"fmt"
)

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

// Valid reports whether k may sign a zone, and whether its public key can be one
// of its algorithm, when that is known: a caller must know before it uses the
// other methods on what came from outside.
func (k DNSKEY) Valid() error {
	switch {
	case len(k) < 5:
		return errors.New("DNSKEY is too short")
	case k.Protocol() != 3:
		return fmt.Errorf("DNSKEY %d has protocol %d, not 3", k.Tag(), k.Protocol())
	case !k.IsZone():
		return fmt.Errorf("DNSKEY %d is not a zone key: its ZONE flag is not set", k.Tag())
	case !k.sized():
		return fmt.Errorf("DNSKEY %d: %d octets are no public key of algorithm %d", k.Tag(), len(k.PublicKey()), k.Algorithm())
	}
	return nil
}

// sized reports whether the public key has a length that its algorithm allows.
func (k DNSKEY) sized() bool {
	size := len(k.PublicKey())
	switch k.Algorithm() {
	case 5, 7, 8, 10: // RSA: an exponent, preceded by its length, and a modulus (RFC 3110 2)
		exponent, at := int(k.PublicKey()[0]), 1
		if exponent == 0 {
			if size < 3 {
				return false
			}
			exponent, at = int(u16(k.PublicKey()[1:])), 3
		}
		modulus := size - at - exponent
		return exponent > 0 && modulus >= 512/8 && modulus <= 4096/8
	case 13: // RFC 6605 4
		return size == 64
	case 14:
		return size == 96
	case 15: // RFC 8080 3
		return size == 32
	case 16:
		return size == 57
	}
	return true
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

// Tag is the key tag (RFC 4034 B). Keys of one zone may share it.
func (k DNSKEY) Tag() uint16 {
	if k.Algorithm() == 1 && len(k) >= 4+3 { // RSA/MD5 (B.1)
		return u16(string(k[len(k)-3:]))
	}
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

// Valid reports whether d is long enough to be read, and its digest as long as
// its type's, when that is known.
func (d DS) Valid() error {
	if len(d) < 5 {
		return errors.New("DS is too short")
	}
	if hash := digests(d.DigestType()); hash != 0 && len(d.Digest()) != hash.Size() {
		return fmt.Errorf("DS %d: %d octets are no digest of type %d", d.Tag(), len(d.Digest()), d.DigestType())
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
	hash := digests(digestType)
	if hash == 0 {
		return "", fmt.Errorf("digest type %d is not known", digestType)
	}
	h := hash.New()
	h.Write([]byte(owner))
	h.Write([]byte(k))
	tag := k.Tag()
	return DS(h.Sum([]byte{byte(tag >> 8), byte(tag), k.Algorithm(), digestType})), nil
}

// digests gives the hash of a digest type; 0 when it is not known.
func digests(digestType uint8) crypto.Hash {
	switch digestType {
	case 1:
		return crypto.SHA1
	case 2:
		return crypto.SHA256
	case 4:
		return crypto.SHA384
	}
	return 0
}
