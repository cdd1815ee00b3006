package sign_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/denial"
	"github.com/multisigner/multisigner/plugin/multisigner/sign"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

var now = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

var modes = []denial.Mode{denial.NSEC, denial.NSEC3, denial.NSEC3OptOut}

var algorithms = []struct {
	number uint8
	name   string
}{{8, "RSASHA256"}, {10, "RSASHA512"}, {13, "ECDSAP256SHA256"}, {14, "ECDSAP384SHA384"}, {15, "ED25519"}}

// made keeps the keys of a run: RSA keys take long to find.
var made struct {
	sync.Mutex
	keys map[madeKey]sign.Key
}

type madeKey struct {
	flags     uint16
	algorithm uint8
	which     int
}

// key gives a key; the same for the same arguments.
func key(t testing.TB, flags uint16, algorithm uint8, which int) sign.Key {
	t.Helper()
	made.Lock()
	defer made.Unlock()
	at := madeKey{flags, algorithm, which}
	if k, ok := made.keys[at]; ok {
		return k
	}
	var private crypto.Signer
	var err error
	switch algorithm {
	case 8, 10:
		private, err = rsa.GenerateKey(rand.Reader, 2048)
	case 13:
		private, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case 14:
		private, err = ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	case 15:
		_, private, err = ed25519.GenerateKey(rand.Reader)
	}
	require.NoError(t, err)
	k, err := sign.NewKey(flags, algorithm, private)
	require.NoError(t, err)
	if made.keys == nil {
		made.keys = map[madeKey]sign.Key{}
	}
	made.keys[at] = k
	return k
}

func content(t testing.TB, file string) *zone.Version {
	t.Helper()
	text, err := os.ReadFile("testdata/" + file)
	require.NoError(t, err)
	return zone.MustVersion(string(text))
}

func rrset(name zone.Name, t zone.Type, ttl uint32, rdata ...string) zone.RRset {
	return zone.RRset{Name: name, Type: t, TTL: ttl, Rdata: zone.Pack(rdata...)}
}

// input signs content with a KSK and a ZSK of one algorithm, and publishes CDS and CDNSKEY.
func input(t testing.TB, content *zone.Version, algorithm uint8, m denial.Mode) sign.Input {
	t.Helper()
	ksk, zsk := key(t, 257, algorithm, 0), key(t, 256, algorithm, 0)
	apex := content.Apex()
	ds, err := ksk.Record.DS(apex, 2)
	require.NoError(t, err)
	return sign.Input{
		Content: content,
		Serial:  100,
		Apex: []zone.RRset{
			rrset(apex, zone.TypeDNSKEY, 3600, string(ksk.Record), string(zsk.Record)),
			rrset(apex, zone.TypeCDS, 3600, string(ds)),
			rrset(apex, zone.TypeCDNSKEY, 3600, string(ksk.Record)),
		},
		Keys:   sign.Keys{DNSKEY: []sign.Key{ksk}, CDS: []sign.Key{ksk, zsk}, Data: []sign.Key{zsk}},
		Denial: m,
		Now:    now,
	}
}

func must(t testing.TB, in sign.Input) sign.Output {
	t.Helper()
	out, err := sign.Zone(in)
	require.NoError(t, err)
	return out
}

func ed25519Key(seed []byte) crypto.Signer { return ed25519.NewKeyFromSeed(seed) }
