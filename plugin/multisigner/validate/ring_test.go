package validate_test

import (
	"encoding/binary"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/denial"
	"github.com/multisigner/multisigner/plugin/multisigner/validate"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// only is an RRset's one signature.
func only(t *testing.T, s zone.RRset) string {
	t.Helper()
	require.Equal(t, 1, s.Sigs.Len())
	for sig := range s.Sigs.All() {
		return sig
	}
	return ""
}

// What is no signature of an RRset is refused before anybody verifies it, and the reason is given (RFC 4035 5.3.1).
func TestSignatureOfSomethingElse(t *testing.T) {
	v := must(t, input(t, nasty(t), denial.NSEC)).Version
	set, _ := v.RRset(zone.MustName("ns1.nasty.example."), zone.TypeA)
	star, _ := v.RRset(zone.MustName("*.wild.nasty.example."), zone.TypeA)
	check := func(s zone.RRset, sig string) error {
		_, err := validate.Signatures(s.WithSigs(zone.Pack(sig)), dnskeys(v), v.Apex(), now)
		return err
	}
	good, wild := only(t, set), only(t, star)
	require.NoError(t, check(set, good))
	require.NoError(t, check(star, wild))
	elsewhere := set
	elsewhere.Name = zone.MustName("ns1.nasty.test.")
	long := star
	long.Name = zone.MustName("a.b.wild.nasty.example.")
	require.NoError(t, check(long, wild), "a wildcard has made it")
	for _, tc := range []struct {
		set      zone.RRset
		sig, why string
	}{
		{set, "", "no signature"},
		{set, "\x00", "too short"},
		{set, "\x00\x1c" + good[2:], "is over AAAA"},
		{elsewhere, good, "owner is not in zone"},
		{set, good[:3] + "\x04" + good[4:], "over a name of 4 labels"},
		{set, good[:3] + "\x02" + good[4:], "is bad"}, // as of a wildcard
		{set, good[:3] + "\x01" + good[4:], "over a name of 1 labels"},
		{star, wild[:3] + "\x04" + wild[4:], "over a name of 4 labels"}, // the * is none
		{set, good[:2] + "\x0d" + good[3:], "no key with tag"},
		{set, good[:16] + "\x00\x00" + good[18:], "no key with tag"},
	} {
		if tc.sig == "" {
			_, err := validate.Signatures(tc.set.WithSigs(""), dnskeys(v), v.Apex(), now)
			require.EqualError(t, err, "ns1.nasty.example. A: no signature")
			continue
		}
		require.ErrorContains(t, check(tc.set, tc.sig), tc.why)
	}

	// One that is good is enough, wherever it stands.
	for _, bad := range []string{"\x00", "\x00\x1c" + good[2:], good[:len(good)-1] + string([]byte{good[len(good)-1] ^ 1})} {
		got, err := validate.Signatures(set.WithSigs(zone.Pack(bad, good)), dnskeys(v), v.Apex(), now)
		require.NoError(t, err)
		require.Equal(t, []zone.DNSKEY{key(t, 256, 2).Record}, got)
	}

	// By one key twice it is signed by one key.
	in := input(t, nasty(t), denial.NSEC)
	in.Now = now.Add(time.Hour)
	later := must(t, in).Version
	again, _ := later.RRset(set.Name, set.Type)
	require.NotEqual(t, set.Sigs, again.Sigs)
	got, err := validate.Signatures(set.WithSigs(zone.Pack(good, only(t, again))), dnskeys(v), v.Apex(), now.Add(2*time.Hour))
	require.NoError(t, err)
	require.Equal(t, []zone.DNSKEY{key(t, 256, 2).Record}, got)
}

// A signature holds from the first second of its time to the last; both are serial numbers (RFC 4034 3.1.5).
func TestSignatureInItsTime(t *testing.T) {
	v := must(t, input(t, nasty(t), denial.NSEC)).Version
	soa := v.SOA()
	sig := only(t, soa)
	ends, begins := zone.Time(zone.RRSIG(sig).Expiration()), zone.Time(zone.RRSIG(sig).Inception())
	check := func(sig string, at time.Time) error {
		_, err := validate.Signatures(soa.WithSigs(zone.Pack(sig)), dnskeys(v), v.Apex(), at)
		return err
	}
	require.NoError(t, check(sig, begins))
	require.NoError(t, check(sig, ends))
	require.ErrorContains(t, check(sig, begins.Add(-time.Second)), "is not good before "+begins.Format(time.RFC3339))
	require.ErrorContains(t, check(sig, ends.Add(time.Second)), "expired "+ends.Format(time.RFC3339))
	backwards := []byte(sig)
	binary.BigEndian.PutUint32(backwards[12:], zone.RRSIG(sig).Expiration()+1)
	require.ErrorContains(t, check(string(backwards), begins), "ends before it begins")
}

// A key of an algorithm that nobody knows is named, and another one with its tag is used all the same.
func TestKeysOfUnknownAlgorithms(t *testing.T) {
	v := must(t, input(t, nasty(t), denial.NSEC)).Version
	unknown := zone.DNSKEY("\x01\x00\x03\x63key")
	sig := only(t, v.SOA())
	sig = sig[:2] + "\x63" + sig[3:16] + string(binary.BigEndian.AppendUint16(nil, unknown.Tag())) + sig[18:]
	keys := rrset(v.Apex(), zone.TypeDNSKEY, string(unknown))
	_, err := validate.Signatures(v.SOA().WithSigs(zone.Pack(sig)), keys, v.Apex(), now)
	require.ErrorContains(t, err, "algorithm 99 is not known")
	_, err = validate.Signatures(v.SOA(), merge(dnskeys(v), keys), v.Apex(), now)
	require.NoError(t, err)

	// What nobody can verify is not shown.
	in := input(t, nasty(t), denial.NSEC)
	in.Apex = []zone.RRset{merge(in.Apex[0], keys)}
	v = must(t, in).Version
	require.Empty(t, faults(nil, zone.Diff{}, v, validate.Held{}, now))
	v = with(v, v.SOA().WithSigs(zone.Pack(sig, only(t, v.SOA()))))
	require.Equal(t, fmt.Sprintf("nasty.example. SOA: signature by key %d is bad", unknown.Tag()), faults(nil, zone.Diff{}, v, validate.Held{}, now))
}

// Of a DS RRset the strongest digests count, whichever stands first; those of unknown types are as none.
func TestEntryByDigest(t *testing.T) {
	v := must(t, input(t, nasty(t), denial.NSEC)).Version
	apex, keys := v.Apex(), dnskeys(v)
	first := map[bool]int{}
	for other := range byte(20) {
		strong, weak := ds(t, apex, 2, 40+other), ds(t, apex, 1, 1)
		first[strong.Rdata[2:] < weak.Rdata[2:]]++
		_, err := validate.Entry(keys, merge(strong, weak), apex, now)
		require.ErrorContains(t, err, "no key matches a DS of digest type 2")
		_, err = validate.Entry(keys, merge(ds(t, apex, 2, 1), ds(t, apex, 1, 40+other)), apex, now)
		require.NoError(t, err)
	}
	require.Len(t, first, 2, "both orders")

	octets := []byte(only(t, zone.RRset{Sigs: ds(t, apex, 2, 1).Rdata}))
	octets[3] = 9
	_, err := validate.Entry(keys, rrset(apex, zone.TypeDS, string(octets)), apex, now)
	require.ErrorIs(t, err, validate.ErrInsecure)
	octets[3] = 2
	octets[len(octets)-1] ^= 1
	_, err = validate.Entry(keys, rrset(apex, zone.TypeDS, string(octets)), apex, now)
	require.ErrorContains(t, err, "no key matches a DS of digest type 2", "the tag and the algorithm make no DS")
}

// Why nobody gets in is told by what is there: a signature that is none, or by a key that is not there, leads nowhere.
func TestEntryWithoutSignature(t *testing.T) {
	v := must(t, input(t, nasty(t), denial.NSEC)).Version
	apex, keys := v.Apex(), dnskeys(v)
	zsk, err := key(t, 256, 2).Record.DS(apex, 2)
	require.NoError(t, err)
	good := only(t, keys)
	entry := func(sig string) error {
		_, err := validate.Entry(keys.WithSigs(zone.Pack(sig)), rrset(apex, zone.TypeDS, string(zsk)), apex, now)
		return err
	}
	require.EqualError(t, entry(good), fmt.Sprintf("nasty.example. DNSKEY: key %d signs it, and there is no DS of that key", key(t, 257, 1).Record.Tag()))
	require.EqualError(t, entry("\x00"), "nasty.example. DNSKEY: RRSIG is too short")
	require.EqualError(t, entry(good[:16]+"\x00\x01"+good[18:]), "nasty.example. DNSKEY: no key with tag 1 and algorithm 15")
}
