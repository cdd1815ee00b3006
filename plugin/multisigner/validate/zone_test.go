package validate_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"os"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/denial"
	"github.com/multisigner/multisigner/plugin/multisigner/sign"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

var now = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

var modes = []denial.Mode{denial.NSEC, denial.NSEC3, denial.NSEC3OptOut}

// key gives a key of its own for each number, always the same.
func key(t testing.TB, flags uint16, which byte) sign.Key {
	t.Helper()
	seed := make([]byte, ed25519.SeedSize)
	seed[0] = which
	k, err := sign.NewKey(flags, 15, ed25519.NewKeyFromSeed(seed))
	require.NoError(t, err)
	return k
}

// ecdsaKey gives a key of another algorithm than key does.
func ecdsaKey(t testing.TB, flags uint16) sign.Key {
	t.Helper()
	private, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), append(make([]byte, 31), byte(flags)+2))
	require.NoError(t, err)
	k, err := sign.NewKey(flags, 13, private)
	require.NoError(t, err)
	return k
}

func rrset(name zone.Name, t zone.Type, rdata ...string) zone.RRset {
	return zone.RRset{Name: name, Type: t, TTL: 3600, Rdata: zone.Pack(rdata...)}
}

// parse reads zone-file lines, which may be indented.
func parse(text string) *zone.Version {
	return zone.MustVersion(regexp.MustCompile(`(?m)^\s+`).ReplaceAllString(text, ""))
}

func nasty(t testing.TB) *zone.Version {
	t.Helper()
	text, err := os.ReadFile("../sign/testdata/nasty.zone")
	require.NoError(t, err)
	return zone.MustVersion(string(text))
}

// input signs with KSK 1 and ZSK 2, and publishes the peer's ZSK 12 beside them.
func input(t testing.TB, content *zone.Version, m denial.Mode) sign.Input {
	t.Helper()
	ksk, zsk := key(t, 257, 1), key(t, 256, 2)
	return sign.Input{
		Content: content,
		Serial:  100,
		Apex:    []zone.RRset{rrset(content.Apex(), zone.TypeDNSKEY, string(ksk.Record), string(zsk.Record), string(key(t, 256, 12).Record))},
		Keys:    sign.Keys{DNSKEY: []sign.Key{ksk}, CDS: []sign.Key{ksk}, Data: []sign.Key{zsk}},
		Denial:  m,
		Now:     now,
	}
}

func must(t testing.TB, in sign.Input) sign.Output {
	t.Helper()
	out, err := sign.Zone(in)
	require.NoError(t, err)
	return out
}

func dnskeys(v *zone.Version) zone.RRset {
	s, _ := v.RRset(v.Apex(), zone.TypeDNSKEY)
	return s
}
