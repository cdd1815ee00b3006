package keystore

import (
	"crypto"
	"crypto/ecdsa"
	"fmt"
	"io"
)

// resting is an ECDSA key that is not in use: a fifth of what Go holds of one that is. It
// signs all the same, and makes the other form of itself each time.
type resting struct {
	number uint8 // of the algorithm
	secret string
}

// AtRest gives the signer in the form in which many can be held that sign seldom.
func AtRest(signer crypto.Signer) crypto.Signer {
	if key, ok := signer.(*ecdsa.PrivateKey); ok {
		for number := range algorithms {
			if curve(number) == key.Curve {
				if secret, err := key.Bytes(); err == nil {
					return resting{number, string(secret)}
				}
			}
		}
	}
	return signer
}

// Awake gives a signer that was put AtRest in the form in which it signs fast. Any other is
// given back.
func Awake(signer crypto.Signer) crypto.Signer {
	if r, ok := signer.(resting); ok {
		return r.key()
	}
	return signer
}

func (r resting) key() *ecdsa.PrivateKey {
	key, err := ecdsa.ParseRawPrivateKey(curve(r.number), []byte(r.secret))
	if err != nil {
		panic("a key that was at rest is none: " + err.Error()) // it was one
	}
	return key
}

// Public implements crypto.Signer.
func (r resting) Public() crypto.PublicKey { return r.key().Public() }

// Sign implements crypto.Signer.
func (r resting) Sign(rand io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	return r.key().Sign(rand, digest, opts)
}

// Format implements fmt.Formatter: whatever prints a key does not print its secret.
func (resting) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, "a key at rest") }
