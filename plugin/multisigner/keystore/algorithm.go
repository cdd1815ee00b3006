package keystore

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	_ "crypto/sha256"
	_ "crypto/sha512"
	"errors"
	"fmt"
	"math/big"
	"strconv"
	"strings"

	"github.com/miekg/dns"
)

// Sizes of RSA keys in bits. 2048 is RFC 9904's advice for what is made today;
// above 4096 some validators do not follow, below 1024 none should.
const (
	rsaBits    = 2048
	rsaMinBits = 1024
	rsaMaxBits = 4096
)

// algorithm is what differs between the algorithms of DNSSEC.
type algorithm struct {
	name     string
	hash     crypto.Hash // 0: the message itself is signed
	generate func() (crypto.Signer, error)
}

var algorithms = map[uint8]algorithm{
	dns.RSASHA256:       {"RSASHA256", crypto.SHA256, generateRSA},
	dns.RSASHA512:       {"RSASHA512", crypto.SHA512, generateRSA},
	dns.ECDSAP256SHA256: {"ECDSAP256SHA256", crypto.SHA256, func() (crypto.Signer, error) { return ecdsa.GenerateKey(elliptic.P256(), rand.Reader) }},
	dns.ECDSAP384SHA384: {"ECDSAP384SHA384", crypto.SHA384, func() (crypto.Signer, error) { return ecdsa.GenerateKey(elliptic.P384(), rand.Reader) }},
	dns.ED25519:         {"ED25519", 0, generateED25519},
}

// made are the algorithms in which new keys are made: those that a signer is to use
// (RFC 8624 3.1), and RSASHA256, which many parents still expect.
var made = []uint8{dns.ECDSAP256SHA256, dns.ECDSAP384SHA384, dns.ED25519, dns.RSASHA256}

// ParseAlgorithm takes the mnemonic, in any case, or the number of an algorithm in
// which new keys are made.
func ParseAlgorithm(s string) (uint8, error) {
	for _, number := range made {
		if strings.EqualFold(s, algorithms[number].name) || s == strconv.Itoa(int(number)) {
			return number, nil
		}
	}
	return 0, fmt.Errorf("%q is no algorithm that keys are made in: ECDSAP256SHA256, ECDSAP384SHA384, ED25519 or RSASHA256", s)
}

func lookup(number uint8) (algorithm, error) {
	a, ok := algorithms[number]
	if !ok {
		name := dns.AlgorithmToString[number]
		if name == "" {
			name = "unknown"
		}
		return a, fmt.Errorf("algorithm %d (%s) is not supported: use 8, 10, 13, 14 or 15", number, name)
	}
	return a, nil
}

// generateRSA makes a key with the exponent 65537, as crypto/rsa does always.
func generateRSA() (crypto.Signer, error) { return rsa.GenerateKey(rand.Reader, rsaBits) }

func generateED25519() (crypto.Signer, error) {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	return private, err
}

// curve is that of an ECDSA algorithm, nil for others.
func curve(number uint8) elliptic.Curve {
	switch number {
	case dns.ECDSAP256SHA256:
		return elliptic.P256()
	case dns.ECDSAP384SHA384:
		return elliptic.P384()
	}
	return nil
}

// dnskey gives the rdata of a public key: the fixed fields (RFC 4034 2.1) and the
// key as RFC 3110, 6605 or 8080 write it.
func dnskey(flags uint16, number uint8, public crypto.PublicKey) (string, error) {
	rdata := []byte{byte(flags >> 8), byte(flags), 3, number}
	switch public := public.(type) {
	case *rsa.PublicKey:
		if number != dns.RSASHA256 && number != dns.RSASHA512 {
			break
		}
		exponent := big.NewInt(int64(public.E)).Bytes()
		rdata = append(rdata, byte(len(exponent)))
		return string(append(append(rdata, exponent...), public.N.Bytes()...)), nil
	case *ecdsa.PublicKey:
		if public.Curve != curve(number) {
			break
		}
		point, err := public.Bytes()
		if err != nil {
			return "", err
		}
		return string(append(rdata, point[1:]...)), nil // without the mark of an uncompressed point
	case ed25519.PublicKey:
		if number != dns.ED25519 {
			break
		}
		return string(append(rdata, public...)), nil
	}
	return "", fmt.Errorf("a key of this kind does not sign with algorithm %d", number)
}

// publicKey reads the key in DNSKEY rdata.
func publicKey(rdata string) (crypto.PublicKey, error) {
	key := []byte(rdata[4:])
	switch number := rdata[3]; {
	case curve(number) != nil:
		return ecdsa.ParseUncompressedPublicKey(curve(number), append([]byte{4}, key...))
	case number == dns.ED25519:
		if len(key) != ed25519.PublicKeySize {
			return nil, fmt.Errorf("an Ed25519 key has %d octets, not %d", ed25519.PublicKeySize, len(key))
		}
		return ed25519.PublicKey(key), nil
	case len(key) < 3:
		return nil, errors.New("the RSA key is cut off")
	}
	size, at := int(key[0]), 1
	if size == 0 {
		size, at = int(key[1])<<8|int(key[2]), 3
	}
	if size == 0 || size > 4 || at+size >= len(key) {
		return nil, fmt.Errorf("the RSA key has an exponent of %d octets", size)
	}
	exponent := new(big.Int).SetBytes(key[at : at+size])
	return &rsa.PublicKey{E: int(exponent.Int64()), N: new(big.Int).SetBytes(key[at+size:])}, nil
}

// matches reports whether signer holds the private half of the key in rdata.
func matches(rdata string, signer crypto.Signer) error {
	public, err := publicKey(rdata)
	if err != nil {
		return err
	}
	if own, ok := signer.Public().(interface{ Equal(crypto.PublicKey) bool }); !ok || !own.Equal(public) {
		return errors.New("the private key is not that of the public one")
	}
	return nil
}

// prove signs something with signer and verifies it with the key in rdata.
func prove(rdata string, signer crypto.Signer) error {
	a, err := lookup(rdata[3])
	if err != nil {
		return err
	}
	public, err := publicKey(rdata)
	if err != nil {
		return err
	}
	message := bytes.Repeat([]byte("does this key sign?"), 3)
	if a.hash != 0 {
		h := a.hash.New()
		h.Write(message)
		message = h.Sum(nil)
	}
	signature, err := signer.Sign(rand.Reader, message, a.hash)
	if err != nil {
		return fmt.Errorf("sign to prove the key: %w", err)
	}
	good := false
	switch public := public.(type) {
	case *rsa.PublicKey:
		good = rsa.VerifyPKCS1v15(public, a.hash, message, signature) == nil
	case *ecdsa.PublicKey:
		good = ecdsa.VerifyASN1(public, message, signature)
	case ed25519.PublicKey:
		good = ed25519.Verify(public, message, signature)
	}
	if !good {
		return errors.New("the key's signature does not verify")
	}
	return nil
}
