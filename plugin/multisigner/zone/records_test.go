package zone_test

import (
	"encoding/base64"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

func rdata(t *testing.T, line string) string {
	_, _, _, rdata, err := zone.FromRR(mustRR(t, line))
	require.NoError(t, err)
	return rdata
}

// Each field of an RRSIG is read from where it is.
func TestRRSIG(t *testing.T) {
	r := zone.RRSIG(rdata(t, "a.example. 1 RRSIG MX 13 2 3600 20280101000000 20270101000000 4711 Example. AAEC"))
	require.NoError(t, r.Valid())
	require.Equal(t, zone.TypeMX, r.Covered())
	require.Equal(t, uint8(13), r.Algorithm())
	require.Equal(t, 2, r.Labels())
	require.Equal(t, uint32(3600), r.OriginalTTL())
	require.Equal(t, time.Date(2028, 1, 1, 0, 0, 0, 0, time.UTC), zone.Time(r.Expiration()))
	require.Equal(t, time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC), zone.Time(r.Inception()))
	require.Equal(t, uint16(4711), r.KeyTag())
	require.Equal(t, zone.MustName("example."), r.Signer())
	require.Equal(t, "\x00\x01\x02", r.Signature())
	require.Equal(t, string(r), r.Header()+r.Signature())
	for _, bad := range []zone.RRSIG{"", r[:18], r[:20], zone.RRSIG(r.Header())} {
		require.Error(t, bad.Valid())
	}
}

// Tags and digests are what the library computes, over keys of any length; the
// tag of RSA/MD5 is another (RFC 4034 B.1).
func TestKeyTagsAndDigests(t *testing.T) {
	r := seeded(t)
	owner := zone.MustName("Example.")
	for range 300 {
		public := make([]byte, 3+r.IntN(300))
		for i := range public {
			public[i] = byte(r.Uint32())
		}
		algorithm := []uint8{5, 8, 13, 15}[r.IntN(4)]
		k := zone.NewDNSKEY(uint16(r.IntN(1<<16)), algorithm, public)
		theirs := zone.RRset{Name: owner, Type: zone.TypeDNSKEY, Rdata: zone.Pack(string(k))}.RRs()[0].(*dns.DNSKEY)
		require.Equal(t, theirs.KeyTag(), k.Tag(), theirs)
		require.Equal(t, theirs.PublicKey, base64.StdEncoding.EncodeToString([]byte(k.PublicKey())))
		for _, digestType := range []uint8{1, 2, 4} {
			ds, err := k.DS(owner, digestType)
			require.NoError(t, err)
			require.NoError(t, ds.Valid())
			want := rdata(t, theirs.ToDS(digestType).String())
			require.Equal(t, want, string(ds))
			require.Equal(t, []any{k.Tag(), algorithm, digestType}, []any{ds.Tag(), ds.Algorithm(), ds.DigestType()})
		}
	}
	// Erratum 2681 to the RFC: the third and second octet from the end. (The library
	// takes the last two.)
	require.Equal(t, uint16(0xabcd), zone.NewDNSKEY(257, 1, []byte("\x03\x01\x00\x01\xab\xcd\xef")).Tag())
	_, err := zone.NewDNSKEY(257, 13, make([]byte, 64)).DS(owner, 3)
	require.ErrorContains(t, err, "digest type 3 is not known")
}

// Flags say what a key is for; a key of a form that its algorithm cannot have, or
// that may not sign a zone, is refused before anyone reads it.
func TestDNSKEY(t *testing.T) {
	k := zone.NewDNSKEY(zone.FlagZone|zone.FlagSEP|zone.FlagRevoke, 13, make([]byte, 64))
	require.True(t, k.SEP() && k.IsZone() && k.Revoked())
	k = zone.NewDNSKEY(0, 13, make([]byte, 64))
	require.False(t, k.SEP() || k.IsZone() || k.Revoked())
	rsa := func(exponent string, modulus int) string { return exponent + strings.Repeat("m", modulus) }
	for _, tc := range []struct {
		algorithm uint8
		public    string
		ok        bool
	}{
		{13, strings.Repeat("k", 64), true},
		{13, strings.Repeat("k", 63), false},
		{14, strings.Repeat("k", 96), true},
		{14, strings.Repeat("k", 64), false},
		{15, strings.Repeat("k", 32), true},
		{15, strings.Repeat("k", 33), false},
		{16, strings.Repeat("k", 57), true},
		{16, strings.Repeat("k", 32), false},
		{8, rsa("\x03\x01\x00\x01", 256), true},
		{10, rsa("\x00\x00\x03\x01\x00\x01", 128), true},
		{8, rsa("\x03\x01\x00\x01", 63), false},
		{8, rsa("\x03\x01\x00\x01", 513), false},
		{8, rsa("\x00\x00\x00", 128), false},
		{8, "\x00\x01", false},
		{8, "\xff", false},
		{253, "?", true},
		{253, "", false},
	} {
		err := zone.NewDNSKEY(256, tc.algorithm, []byte(tc.public)).Valid()
		require.Equal(t, tc.ok, err == nil, "algorithm %d with %d octets: %v", tc.algorithm, len(tc.public), err)
	}
	require.ErrorContains(t, zone.NewDNSKEY(1, 13, make([]byte, 64)).Valid(), "ZONE flag")
	require.ErrorContains(t, zone.DNSKEY("\x01\x00\x02\x0dk").Valid(), "protocol 2")
	require.ErrorContains(t, zone.DNSKEY("\x01\x00\x03").Valid(), "too short")
}

// A DS whose digest has another length than its type's is no DS.
func TestDS(t *testing.T) {
	for digest, ok := range map[string]bool{
		"\x01" + strings.Repeat("d", 20): true,
		"\x01" + strings.Repeat("d", 21): false,
		"\x02" + strings.Repeat("d", 32): true,
		"\x02" + strings.Repeat("d", 20): false,
		"\x04" + strings.Repeat("d", 48): true,
		"\x04" + strings.Repeat("d", 32): false,
		"\x09" + strings.Repeat("d", 7):  true,
		"\x02":                           false,
	} {
		require.Equal(t, ok, zone.DS("\x12\x34\x0d"+digest).Valid() == nil, "%q", digest)
	}
}

// The numbers of an SOA, and the same SOA with another serial.
func TestSOA(t *testing.T) {
	soa := rdata(t, "example. 1 SOA ns.example. root.example. 7 3600 600 86400 300")
	require.Equal(t, []uint32{7, 3600, 600, 86400, 300}, []uint32{zone.SOASerial(soa), zone.SOARefresh(soa),
		zone.SOARetry(soa), zone.SOAExpire(soa), zone.SOAMinimum(soa)})
	require.Equal(t, zone.MustName("ns.example."), zone.SOAMName(soa))
	require.Equal(t, rdata(t, "example. 1 SOA ns.example. root.example. 4294967295 3600 600 86400 300"), zone.SOAWithSerial(soa, 1<<32-1))
}

// Serials wrap (RFC 1982 3.2).
func TestSerialAfter(t *testing.T) {
	for _, tc := range []struct {
		a, b  uint32
		after bool
	}{
		{1, 0, true}, {0, 1, false}, {1, 1, false},
		{0, 1<<32 - 1, true}, {1<<32 - 1, 0, false},
		{1<<31 - 1, 0, true}, {1 << 31, 0, false}, {0, 1 << 31, false}, {1<<31 + 1, 0, false},
	} {
		require.Equal(t, tc.after, zone.SerialAfter(tc.a, tc.b), "%d after %d", tc.a, tc.b)
	}
}

// A packed list is sorted as left-justified octets and has no duplicates (RFC
// 4034 6.3), so that equal sets are equal strings.
func TestPack(t *testing.T) {
	want := []string{"", "\x00", "\x00\x00", "\x00\x01", "a", "ab", "b", strings.Repeat("c", 300)}
	for range 20 {
		shuffled := append(slices.Clone(want), "a", "")
		rand.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		p := zone.Pack(shuffled...)
		require.Equal(t, want, slices.Collect(p.All()))
		require.Equal(t, len(want), p.Len())
		require.True(t, p.Has("") && p.Has("ab"))
		require.False(t, p.Has("c"))
	}
	require.Zero(t, zone.Pack().Len())
	require.False(t, zone.RRset{}.Exists())
	require.True(t, zone.RRset{Rdata: zone.Pack("")}.Exists(), "a record may be empty")
	p := zone.Pack(want...)
	require.Zero(t, testing.AllocsPerRun(100, func() {
		for r := range p.All() {
			if r == "none" {
				t.Fail()
			}
		}
	}))
}

// Types go by the names of the registry, unknown ones by their number.
func TestTypeString(t *testing.T) {
	require.Equal(t, "NSEC3PARAM", zone.TypeNSEC3PARAM.String())
	require.Equal(t, "TYPE65280", zone.Type(65280).String())
}
