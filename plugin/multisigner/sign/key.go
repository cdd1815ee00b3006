package sign

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/binary"
	"fmt"
	"math/big"

	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// Key is a key that signs. RSASHA256, RSASHA512, ECDSAP256SHA256,
// ECDSAP384SHA384 and ED25519 are known. The Signer is called with no source of
// randomness: ECDSA keys of the standard library then sign deterministically (RFC
// 6979), and tokens use their own.
type Key struct {
	Record zone.DNSKEY
	Signer crypto.Signer
}

// Keys says who signs what. Keys need not be published to sign (RFC 6781 4.1.4),
// and the same key may stand in several lists.
type Keys struct {
	DNSKEY []Key // sign the DNSKEY RRset
	CDS    []Key // sign CDS and CDNSKEY at the apex
	Data   []Key // sign everything else
}

// The algorithms (RFC 5702, 6605, 8080).
const (
	rsaSHA256   = 8
	rsaSHA512   = 10
	ecdsaSHA256 = 13
	ecdsaSHA384 = 14
	ed25519Sign = 15
)

// algorithm is how a DNSSEC algorithm number signs.
type algorithm struct {
	name string
	hash crypto.Hash // 0: the message itself is signed
	size int         // of each of the two numbers of an ECDSA signature
}

var algorithms = map[uint8]algorithm{
	rsaSHA256:   {"RSASHA256", crypto.SHA256, 0},
	rsaSHA512:   {"RSASHA512", crypto.SHA512, 0},
	ecdsaSHA256: {"ECDSAP256SHA256", crypto.SHA256, 32},
	ecdsaSHA384: {"ECDSAP384SHA384", crypto.SHA384, 48},
	ed25519Sign: {"ED25519", 0, 0},
}

// NewKey makes the DNSKEY record of a private key. It fails when the algorithm is
// not known or not that of the key.
func NewKey(flags uint16, algorithm uint8, signer crypto.Signer) (Key, error) {
	public, err := publicKey(algorithm, signer.Public())
	if err != nil {
		return Key{}, err
	}
	return Key{Record: zone.NewDNSKEY(flags, algorithm, public), Signer: signer}, nil
}

// check fails when the record is not the signer's.
func (k Key) check() error {
	if err := k.Record.Valid(); err != nil {
		return err
	}
	if k.Signer == nil {
		return fmt.Errorf("%s has no private key", k)
	}
	public, err := publicKey(k.Record.Algorithm(), k.Signer.Public())
	if err != nil {
		return fmt.Errorf("%s: %w", k, err)
	}
	if string(public) != k.Record.PublicKey() {
		return fmt.Errorf("%s is not the record of its private key", k)
	}
	return nil
}

// String names the key for messages: key 12345 (ED25519).
func (k Key) String() string {
	if k.Record.Valid() != nil {
		return "key without a valid record"
	}
	name := algorithms[k.Record.Algorithm()].name
	if name == "" {
		name = fmt.Sprintf("algorithm %d", k.Record.Algorithm())
	}
	return fmt.Sprintf("key %d (%s)", k.Record.Tag(), name)
}

// publicKey is the wire form of a public key: RFC 3110 2, RFC 6605 4, RFC 8080 3.
func publicKey(algorithm uint8, public crypto.PublicKey) ([]byte, error) {
	switch key := public.(type) {
	case *rsa.PublicKey:
		if algorithm == rsaSHA256 || algorithm == rsaSHA512 {
			exponent := big.NewInt(int64(key.E)).Bytes()
			wire := append([]byte{byte(len(exponent))}, exponent...)
			return append(wire, key.N.Bytes()...), nil
		}
	case *ecdsa.PublicKey:
		if algorithm == ecdsaSHA256 && key.Curve == elliptic.P256() || algorithm == ecdsaSHA384 && key.Curve == elliptic.P384() {
			point, err := key.Bytes()
			if err != nil {
				return nil, err
			}
			return point[1:], nil // without the octet that says uncompressed
		}
	case ed25519.PublicKey:
		if algorithm == ed25519Sign {
			return key, nil
		}
	}
	return nil, fmt.Errorf("a %T is no key of algorithm %d, or that is not known", public, algorithm)
}

// appendHeader appends what begins the RRSIG that k makes over s.
func (k *signerKey) appendHeader(h []byte, s zone.RRset, signer zone.Name, inception, expiration uint32) []byte {
	labels := s.Name.Labels()
	if s.Name.IsWildcard() {
		labels-- // RFC 4034 3.1.3
	}
	h = binary.BigEndian.AppendUint16(h, uint16(s.Type))
	h = append(h, k.Record.Algorithm(), byte(labels))
	h = binary.BigEndian.AppendUint32(h, s.TTL)
	h = binary.BigEndian.AppendUint32(h, expiration)
	h = binary.BigEndian.AppendUint32(h, inception)
	h = binary.BigEndian.AppendUint16(h, k.tag)
	return append(h, signer...)
}

// digest is what the private key signs: the message, or its hash, for which room is used.
func (a algorithm) digest(room *[]byte, message []byte) []byte {
	switch a.hash {
	case crypto.SHA256:
		sum := sha256.Sum256(message)
		*room = append((*room)[:0], sum[:]...)
	case crypto.SHA384:
		sum := sha512.Sum384(message)
		*room = append((*room)[:0], sum[:]...)
	case crypto.SHA512:
		sum := sha512.Sum512(message)
		*room = append((*room)[:0], sum[:]...)
	default:
		return message
	}
	return *room
}

// appendSignature appends the signature over a digest in its wire form.
func (k *signerKey) appendSignature(dst, digest []byte) ([]byte, error) {
	signature, err := k.Signer.Sign(nil, digest, k.hash)
	switch {
	case err != nil:
		return dst, err
	case k.size == 0:
		return append(dst, signature...), nil
	}
	return appendECDSA(dst, signature, k.size)
}

// appendECDSA appends a DER sequence of two integers as two numbers of a fixed size
// (RFC 6605 4). Both are below 2^384, so that all lengths are one octet.
func appendECDSA(dst, der []byte, size int) ([]byte, error) {
	whole, begin := len(der), len(dst)
	bad := func() ([]byte, error) {
		return dst[:begin], fmt.Errorf("an ECDSA signature of %d octets is not DER", whole)
	}
	if len(der) < 2 || der[0] != 0x30 || int(der[1]) != len(der)-2 {
		return bad()
	}
	der = der[2:]
	for range 2 {
		if len(der) < 2 || der[0] != 0x02 || len(der)-2 < int(der[1]) {
			return bad()
		}
		number := der[2 : 2+int(der[1])]
		der = der[2+int(der[1]):]
		for len(number) > 0 && number[0] == 0 {
			number = number[1:]
		}
		if len(number) > size {
			return bad()
		}
		for range size - len(number) {
			dst = append(dst, 0)
		}
		dst = append(dst, number...)
	}
	if len(der) != 0 {
		return bad()
	}
	return dst, nil
}
