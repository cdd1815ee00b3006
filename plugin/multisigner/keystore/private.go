package keystore

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"encoding/base64"
	"errors"
	"fmt"
	"math/big"
	"strconv"
	"strings"
	"time"

	"github.com/miekg/dns"
)

// private is what a .private file of BIND's format v1.3 says: lines of a word, a
// colon and a value.
type private struct {
	algorithm uint8
	fields    map[string]string // words in lower case
}

// parsePrivate reads a .private file; v1.2 differs only by having no times.
func parsePrivate(content []byte) (private, error) {
	p := private{fields: map[string]string{}}
	for i, line := range strings.Split(string(content), "\n") {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == ';' {
			continue
		}
		word, value, ok := strings.Cut(line, ":")
		if !ok {
			return p, fmt.Errorf("line %d is not of the form word: value", i+1) // never shown: it may be secret
		}
		p.fields[strings.ToLower(word)] = strings.TrimSpace(value)
	}
	if version := p.fields["private-key-format"]; !strings.HasPrefix(version, "v1.") {
		return p, fmt.Errorf("it has the format %q, not v1.2 or v1.3: it is no private key file of BIND's format", version)
	}
	number, _, _ := strings.Cut(p.fields["algorithm"], " ")
	n, err := strconv.ParseUint(number, 10, 8)
	if err != nil {
		return p, errors.New("it does not say its algorithm")
	}
	if _, ok := p.fields["label"]; ok {
		return p, errors.New("the key is in a hardware module, of which this program cannot make use")
	}
	p.algorithm = uint8(n)
	return p, nil
}

// signer makes the private key out of the fields.
func (p private) signer() (crypto.Signer, error) {
	if _, err := lookup(p.algorithm); err != nil {
		return nil, err
	}
	switch c := curve(p.algorithm); {
	case c != nil:
		secret, err := p.octets("PrivateKey")
		if err != nil {
			return nil, err
		}
		size := (c.Params().BitSize + 7) / 8
		if len(secret) > size {
			return nil, fmt.Errorf("PrivateKey has %d octets instead of %d", len(secret), size)
		}
		return ecdsa.ParseRawPrivateKey(c, append(make([]byte, size-len(secret)), secret...))
	case p.algorithm == dns.ED25519:
		seed, err := p.octets("PrivateKey")
		if err != nil {
			return nil, err
		}
		if len(seed) != ed25519.SeedSize {
			return nil, fmt.Errorf("PrivateKey has %d octets instead of %d", len(seed), ed25519.SeedSize)
		}
		return ed25519.NewKeyFromSeed(seed), nil
	}
	return p.rsa()
}

func (p private) rsa() (*rsa.PrivateKey, error) {
	var numbers [5]*big.Int
	for i, word := range []string{"Modulus", "PublicExponent", "PrivateExponent", "Prime1", "Prime2"} {
		octets, err := p.octets(word)
		if err != nil {
			return nil, err
		}
		numbers[i] = new(big.Int).SetBytes(octets)
	}
	modulus, exponent := numbers[0], numbers[1]
	if !exponent.IsInt64() || exponent.Int64() > 1<<31-1 {
		return nil, errors.New("the public exponent is above 2^31-1, which validators do not follow")
	}
	key := &rsa.PrivateKey{
		PublicKey: rsa.PublicKey{N: modulus, E: int(exponent.Int64())},
		D:         numbers[2],
		Primes:    numbers[3:],
	}
	return key, checkRSA(key)
}

func checkRSA(key *rsa.PrivateKey) error {
	if bits := key.N.BitLen(); bits < rsaMinBits || bits > rsaMaxBits {
		return fmt.Errorf("the RSA key has %d bits: %d to %d are followed by validators", bits, rsaMinBits, rsaMaxBits)
	}
	key.Precompute()
	return key.Validate()
}

func (p private) octets(word string) ([]byte, error) {
	value, ok := p.fields[strings.ToLower(word)]
	if !ok {
		return nil, fmt.Errorf("it has no %s", word)
	}
	octets, err := base64.StdEncoding.DecodeString(value)
	if err != nil || len(octets) == 0 {
		return nil, fmt.Errorf("its %s is not base64", word) // without the value: it is secret
	}
	return octets, nil
}

// timeForm is how BIND writes moments, in UTC.
const timeForm = "20060102150405"

// moment reads a time of the key's life, zero when it is not said or is not one.
func (p private) moment(word string) time.Time {
	t, err := time.Parse(timeForm, p.fields[strings.ToLower(word)])
	if err != nil {
		return time.Time{}
	}
	return t
}

// formatPrivate writes a .private file.
func formatPrivate(number uint8, signer crypto.Signer, created time.Time) ([]byte, error) {
	var b strings.Builder
	fmt.Fprintf(&b, "Private-key-format: v1.3\nAlgorithm: %d (%s)\n", number, algorithms[number].name)
	line := func(word string, octets []byte) {
		fmt.Fprintf(&b, "%s: %s\n", word, base64.StdEncoding.EncodeToString(octets))
	}
	switch key := Awake(signer).(type) {
	case *rsa.PrivateKey:
		key.Precompute()
		line("Modulus", key.N.Bytes())
		line("PublicExponent", big.NewInt(int64(key.E)).Bytes())
		line("PrivateExponent", key.D.Bytes())
		line("Prime1", key.Primes[0].Bytes())
		line("Prime2", key.Primes[1].Bytes())
		line("Exponent1", key.Precomputed.Dp.Bytes())
		line("Exponent2", key.Precomputed.Dq.Bytes())
		line("Coefficient", key.Precomputed.Qinv.Bytes())
	case *ecdsa.PrivateKey:
		secret, err := key.Bytes()
		if err != nil {
			return nil, err
		}
		line("PrivateKey", secret)
	case ed25519.PrivateKey:
		line("PrivateKey", key.Seed())
	default:
		return nil, fmt.Errorf("a key of kind %T cannot be written", signer)
	}
	if !created.IsZero() {
		fmt.Fprintf(&b, "Created: %s\n", created.UTC().Format(timeForm))
	}
	return []byte(b.String()), nil
}
