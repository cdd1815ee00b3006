package answer_test

import (
	"crypto/ed25519"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/denial"
	"github.com/multisigner/multisigner/plugin/multisigner/sign"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// now is when everything in these tests happens.
var now = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

var modes = []denial.Mode{denial.NSEC, denial.NSEC3, denial.NSEC3OptOut}

// key is always the same one, so that golden answers stay the same.
func key() sign.Key {
	private := ed25519.NewKeyFromSeed([]byte("a seed of thirty-two octets: 4711"[:32]))
	return sign.Key{
		Record: zone.NewDNSKEY(257, 15, private.Public().(ed25519.PublicKey)),
		Signer: private,
	}
}

func signed(content *zone.Version, mode denial.Mode) *zone.Version {
	k := key()
	keys := []sign.Key{k}
	out, err := sign.Zone(sign.Input{
		Content: content,
		Serial:  7,
		Apex: []zone.RRset{
			{Name: content.Apex(), Type: zone.TypeDNSKEY, TTL: 3600, Rdata: zone.Pack(string(k.Record))},
			{Name: content.Apex(), Type: zone.TypeCDNSKEY, TTL: 3600, Rdata: zone.Pack(string(k.Record))},
		},
		Keys:   sign.Keys{DNSKEY: keys, CDS: keys, Data: keys},
		Denial: mode,
		Policy: sign.Policy{Validity: 14 * 24 * time.Hour, Refresh: 5 * 24 * time.Hour, BackDate: time.Hour},
		Now:    now,
	})
	if err != nil {
		panic(err)
	}
	return out.Version
}

func example(tb testing.TB) *zone.Version {
	tb.Helper()
	text, err := os.ReadFile("testdata/example.zone")
	require.NoError(tb, err)
	return zone.MustVersion(string(text))
}
