package keystore

import (
	"crypto/rsa"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Whatever lies in a key directory is read without harm; what is taken for a key
// pair signs, and is the same pair when it is written and read again.
func FuzzKeyFiles(f *testing.F) {
	for number, a := range algorithms {
		if number == 10 {
			continue // as 8
		}
		signer, err := a.generate()
		require.NoError(f, err)
		rdata, err := dnskey(257, number, signer.Public())
		require.NoError(f, err)
		private, err := formatPrivate(number, signer, now)
		require.NoError(f, err)
		f.Add(private, formatPublic("\x07example\x00", rdata, now))
	}
	f.Fuzz(func(t *testing.T, private, public []byte) {
		rdata, err := parsePublic(public, "K.key", "\x07example\x00")
		if err != nil {
			rdata = ""
		}
		p, err := parsePrivate(private)
		if err != nil {
			return
		}
		signer, err := p.signer()
		if err != nil {
			return
		}
		own, err := dnskey(257, p.algorithm, signer.Public())
		require.NoError(t, err)
		again, err := formatPrivate(p.algorithm, signer, time.Time{})
		require.NoError(t, err)
		pair, err := readPair("K.private", own, again)
		require.NoError(t, err)
		if _, slow := signer.(*rsa.PrivateKey); slow {
			return
		}
		require.NoError(t, prove(own, pair.Signer))
		if rdata != "" && matches(rdata, signer) == nil {
			require.Equal(t, own[3:], rdata[3:])
		}
	})
}
