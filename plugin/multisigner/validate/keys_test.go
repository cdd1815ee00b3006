package validate_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/denial"
	"github.com/multisigner/multisigner/plugin/multisigner/validate"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

func ds(t *testing.T, apex zone.Name, digestType uint8, which ...byte) zone.RRset {
	t.Helper()
	var rdata []string
	for _, w := range which {
		d, err := key(t, 257, w).Record.DS(apex, digestType)
		require.NoError(t, err)
		rdata = append(rdata, string(d))
	}
	return rrset(apex, zone.TypeDS, rdata...)
}

func merge(a, b zone.RRset) zone.RRset {
	var all []string
	for _, s := range []zone.RRset{a, b} {
		for rdata := range s.Rdata.All() {
			all = append(all, rdata)
		}
	}
	a.Rdata = zone.Pack(all...)
	return a
}

// A resolver gets in where a DS, the key that it is of, and that key's signature
// over the DNSKEY RRset meet, and nowhere else.
func TestEntry(t *testing.T) {
	v := must(t, input(t, nasty(t), denial.NSEC)).Version
	apex, keys := v.Apex(), dnskeys(v)
	ksk := key(t, 257, 1).Record
	for _, digestType := range []uint8{1, 2, 4} {
		got, err := validate.Entry(keys, ds(t, apex, digestType, 1), apex, now)
		require.NoError(t, err)
		require.Equal(t, []zone.DNSKEY{ksk}, got)
	}
	_, err := validate.Entry(keys, ds(t, apex, 2, 5), apex, now)
	require.ErrorContains(t, err, "no key matches a DS")
	got, err := validate.Entry(keys, ds(t, apex, 2, 1, 5), apex, now)
	require.NoError(t, err)
	require.Len(t, got, 1)

	// Of a key that is there and does not sign it.
	zsk, err := key(t, 256, 2).Record.DS(apex, 2)
	require.NoError(t, err)
	_, err = validate.Entry(keys, rrset(apex, zone.TypeDS, string(zsk)), apex, now)
	require.ErrorContains(t, err, "signs it, and there is no DS of that key")

	// A stronger digest of another key shuts out a weaker one of ours.
	_, err = validate.Entry(keys, merge(ds(t, apex, 1, 1), ds(t, apex, 2, 5)), apex, now)
	require.ErrorContains(t, err, "digest type 2")
	_, err = validate.Entry(keys, merge(ds(t, apex, 2, 1), ds(t, apex, 4, 5)), apex, now)
	require.ErrorContains(t, err, "digest type 4")

	// An algorithm that is not the key's.
	wrong := []byte(zsk)
	wrong[2] = 13
	_, err = validate.Entry(keys, rrset(apex, zone.TypeDS, string(wrong)), apex, now)
	require.Error(t, err)

	// Nothing that a validator knows.
	wrong[2] = 99
	_, err = validate.Entry(keys, rrset(apex, zone.TypeDS, string(wrong), "\x00"), apex, now)
	require.ErrorIs(t, err, validate.ErrInsecure)

	_, err = validate.Entry(keys, ds(t, apex, 2, 1), apex, now.Add(30*24*time.Hour))
	require.ErrorContains(t, err, "expired")
	_, err = validate.Entry(rrset("\x01x"+apex, zone.TypeDNSKEY, string(ksk)), ds(t, apex, 2, 1), apex, now)
	require.ErrorContains(t, err, "no signature")
}

// A set follows from pinned keys by their signature; that it has them is not enough.
func TestUnder(t *testing.T) {
	v := must(t, input(t, nasty(t), denial.NSEC)).Version
	got, err := validate.Under(dnskeys(v), []zone.DNSKEY{key(t, 257, 5).Record, key(t, 257, 1).Record}, now)
	require.NoError(t, err)
	require.Equal(t, []zone.DNSKEY{key(t, 257, 1).Record}, got)
	_, err = validate.Under(dnskeys(v), []zone.DNSKEY{key(t, 257, 5).Record}, now)
	require.ErrorContains(t, err, "none of the 1 keys")
	_, err = validate.Under(dnskeys(v), []zone.DNSKEY{key(t, 256, 2).Record}, now)
	require.ErrorContains(t, err, "no key with tag")
	bad := dnskeys(v)
	bad.Sigs = zone.Packed(string(bad.Sigs[:len(bad.Sigs)-1]) + string(bad.Sigs[len(bad.Sigs)-1]^1))
	_, err = validate.Under(bad, []zone.DNSKEY{key(t, 257, 1).Record}, now)
	require.ErrorContains(t, err, "is bad")
}

// A revoked key, one without the ZONE flag, and one of another protocol sign nothing.
func TestUnfitKeys(t *testing.T) {
	v := must(t, input(t, nasty(t), denial.NSEC)).Version
	soa := v.SOA()
	zsk := []byte(key(t, 256, 2).Record)
	good, err := validate.Signatures(soa, rrset(v.Apex(), zone.TypeDNSKEY, string(zsk)), v.Apex(), now)
	require.NoError(t, err)
	require.Equal(t, []zone.DNSKEY{zone.DNSKEY(zsk)}, good)
	for at, octet := range map[int]byte{0: 0, 1: 0x80, 2: 4} {
		unfit := []byte(string(zsk))
		unfit[at] = octet
		_, err := validate.Signatures(soa, rrset(v.Apex(), zone.TypeDNSKEY, string(unfit), "\x01\x00\x03"), v.Apex(), now)
		require.ErrorContains(t, err, "no key with tag")
	}
	_, err = validate.Signatures(soa, dnskeys(v), zone.MustName("example."), now)
	require.ErrorContains(t, err, "is by zone nasty.example.")
}
