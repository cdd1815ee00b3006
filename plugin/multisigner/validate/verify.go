package validate

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	_ "crypto/sha256" // the hashes of the algorithms
	_ "crypto/sha512"
	"errors"
	"fmt"
	"math/big"

	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// verifier reports whether a signature, in wire form, is a key's over a message.
type verifier func(message, signature []byte) bool

// newVerifier reads a key's public part. RSASHA256, RSASHA512, ECDSAP256SHA256,
// ECDSAP384SHA384 and ED25519 are known; RSA with SHA-1 is not (RFC 9905).
func newVerifier(k zone.DNSKEY) (verifier, error) {
	public := []byte(k.PublicKey())
	switch algorithm := k.Algorithm(); algorithm {
	case 8:
		return rsaVerifier(public, crypto.SHA256)
	case 10:
		return rsaVerifier(public, crypto.SHA512)
	case 13:
		return ecdsaVerifier(public, elliptic.P256(), crypto.SHA256)
	case 14:
		return ecdsaVerifier(public, elliptic.P384(), crypto.SHA384)
	case 15:
		if len(public) != ed25519.PublicKeySize {
			return nil, fmt.Errorf("ED25519 key has %d octets", len(public))
		}
		return func(message, signature []byte) bool { return ed25519.Verify(public, message, signature) }, nil
	default:
		return nil, fmt.Errorf("algorithm %d is not known", algorithm)
	}
}

func digest(h crypto.Hash, message []byte) []byte {
	sum := h.New()
	sum.Write(message)
	return sum.Sum(nil)
}

// maxModulus bounds the work that somebody's RSA key can make: 4096 bits, as
// other validators have it.
const maxModulus = 512

// rsaVerifier reads RFC 3110 2: the exponent's length in one octet or, after a 0,
// in two; the exponent; the modulus.
func rsaVerifier(public []byte, h crypto.Hash) (verifier, error) {
	if len(public) < 3 {
		return nil, errors.New("RSA key is too short")
	}
	size, rest := int(public[0]), public[1:]
	if size == 0 {
		size, rest = int(rest[0])<<8|int(rest[1]), rest[2:]
	}
	if size == 0 || size > 4 || len(rest) <= size || len(rest)-size > maxModulus {
		return nil, errors.New("RSA key has an exponent or a modulus out of bounds")
	}
	exponent := new(big.Int).SetBytes(rest[:size]).Int64()
	if exponent < 3 || exponent > 1<<31-1 {
		return nil, errors.New("RSA key has an exponent out of bounds")
	}
	key := &rsa.PublicKey{N: new(big.Int).SetBytes(rest[size:]), E: int(exponent)}
	return func(message, signature []byte) bool {
		return rsa.VerifyPKCS1v15(key, h, digest(h, message), signature) == nil
	}, nil
}

// ecdsaVerifier reads RFC 6605 4: the point's two coordinates.
func ecdsaVerifier(public []byte, curve elliptic.Curve, h crypto.Hash) (verifier, error) {
	key, err := ecdsa.ParseUncompressedPublicKey(curve, append([]byte{4}, public...))
	if err != nil {
		return nil, err
	}
	size := len(public) / 2
	return func(message, signature []byte) bool {
		if len(signature) != 2*size {
			return false
		}
		r, s := new(big.Int).SetBytes(signature[:size]), new(big.Int).SetBytes(signature[size:])
		return ecdsa.Verify(key, digest(h, message), r, s)
	}, nil
}
