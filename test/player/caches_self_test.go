package player

import (
	"crypto"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/require"
)

// pair is a key with which a test signs.
type pair struct {
	*dns.DNSKEY
	private crypto.Signer
}

func newPair(t *testing.T, flags uint16, algorithm uint8) pair {
	k := &dns.DNSKEY{Hdr: dns.RR_Header{Name: apex, Rrtype: dns.TypeDNSKEY, Class: dns.ClassINET, Ttl: 3600}, Flags: flags, Protocol: 3, Algorithm: algorithm}
	private, err := k.Generate(256)
	require.NoError(t, err)
	return pair{k, private.(crypto.Signer)}
}

// signedBy makes an RRset as a server gives it.
func signedBy(t *testing.T, lasts time.Duration, rrs []dns.RR, keys ...pair) *rrset {
	all := append([]dns.RR(nil), rrs...)
	for _, k := range keys {
		sig := &dns.RRSIG{Algorithm: k.Algorithm, SignerName: apex, KeyTag: k.KeyTag(),
			Inception: uint32(time.Now().Add(-time.Hour).Unix()), Expiration: uint32(time.Now().Add(lasts).Unix())}
		sig.Hdr = dns.RR_Header{Ttl: rrs[0].Header().Ttl}
		require.NoError(t, sig.Sign(k.private, rrs))
		all = append(all, sig)
	}
	return split(all)[0]
}

// The oracle finds each kind of mix that does not validate, and nothing in those that
// do: a key that is gone for less than a TTL, another algorithm in the DS RRset, a
// signature that ends in the cache, an answer without any.
func TestOracle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		<-time.After(time.Until(from))
		ksk, old, zsk, other := newPair(t, 257, 13), newPair(t, 256, 13), newPair(t, 256, 13), newPair(t, 257, 15)
		a, err := dns.NewRR("www." + apex + " 7200 IN A 192.0.2.80")
		require.NoError(t, err)
		ds := func(keys ...pair) *rrset {
			var all []*dns.DS
			for _, k := range keys {
				all = append(all, k.ToDS(dns.SHA256))
			}
			return dsSet(all, time.Hour)
		}
		keys := func(all ...pair) *rrset {
			var rrs []dns.RR
			for _, k := range all {
				rrs = append(rrs, k.DNSKEY)
			}
			return signedBy(t, 48*time.Hour, rrs, all[0])
		}
		www := func(by ...pair) *rrset { return signedBy(t, 24*time.Hour, []dns.RR{a}, by...) }

		c := newCaches()
		c.gives("parent", []*rrset{ds(ksk)})
		c.gives("a", []*rrset{keys(ksk, old, zsk), www(old)})
		<-time.After(time.Hour)
		c.gives("a", []*rrset{keys(ksk, old, zsk), www(zsk)})
		<-time.After(2 * time.Hour)
		c.gives("a", []*rrset{keys(ksk, zsk), www(zsk)})
		require.Empty(t, c.found(), "the data's TTL was waited out")

		for why, breaks := range map[string]func(c *caches){
			"www." + apex + " A is bogus: algorithm ECDSAP256SHA256": func(c *caches) {
				<-time.After(time.Hour)
				c.gives("a", []*rrset{keys(ksk, zsk), www(zsk)}) // before the TTL was over
			},
			"DNSKEY RRset does not follow from DS: algorithm ED25519":   func(c *caches) { c.gives("parent", []*rrset{ds(ksk, other)}) },
			"DNSKEY RRset does not follow from DS: algorithm ECDSAP256": func(c *caches) { c.gives("parent", []*rrset{ds(zsk)}) },
			"A is bogus: algorithm ECDSAP256SHA256\n":                   func(c *caches) { <-time.After(24*time.Hour + time.Second); c.again() },
			"A is bogus: algorithm ECDSAP256SHA256":                     func(c *caches) { c.gives("b", []*rrset{www()}) },
			"DNSKEY RRset does not follow from DS: algorithm ECDSA": func(c *caches) {
				none := &rrset{name: apex, t: dns.TypeDNSKEY, ttl: time.Hour}
				none.identify()
				c.gives("b", []*rrset{none})
			},
		} {
			c := newCaches()
			c.gives("parent", []*rrset{ds(ksk)})
			c.gives("a", []*rrset{keys(ksk, old, zsk), www(old)})
			require.Empty(t, c.found())
			breaks(c)
			require.NotEmpty(t, c.found(), why)
			require.Contains(t, c.found()[0], why)
		}
	})
}
