package zone_test

import (
	"crypto"
	"crypto/ed25519"
	"encoding/base64"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// rrsets of every kind that canonical form treats apart, one a paragraph.
const signedSets = `
A.Example. 3600 A 192.0.2.2
a.example. 3600 A 192.0.2.1
A.EXAMPLE. 3600 A 192.0.2.1

*.Example. 60 MX 10 Mail.Example.
*.Example. 60 MX 10 MAIL.example.
*.Example. 60 MX 9 mail2.Example.

example. 60 SOA Ns.Example. Root.EXAMPLE. 1 2 3 4 5

a.example. 60 NSEC B.Example. A RRSIG NSEC TYPE65280

s.example. 60 SRV 0 0 5060 SIP.Example.

s.example. 60 NAPTR 1 2 "S" "SIP+D2U" "" _sip._udp.Example.

h.example. 60 HTTPS 1 Svc.Example. alpn=h2,h3 ipv4hint=192.0.2.1

h.example. 60 SVCB \# 5 0001 0141 00

t.example. 60 TXT "Long" "text" "with\000octets"
t.example. 60 TXT "Long" "text"
t.example. 60 TXT ""

d.example. 60 DNAME Other.

p.example. 60 RP Admin.Example. Txt.Example.

x.example. 60 TYPE65280 \# 3 414243

x.example. 60 HINFO "CPU" "OS"

x\046y.example. 60 PTR A\.B.Example.

0p9mhaveqvm6t7vbl5lop2u3t2rp3tom.example. 60 NSEC3 1 1 0 - 2T7B4G4VSA5SMI47K61MV5BV1A22BOJR NS SOA

example. 60 DNSKEY 257 3 15 l02Woi0iS8Aa25FQkUd9RMzZHJpBoRQwAQEX1SxZJA4=
`

func signedParagraphs(t *testing.T) (sets [][]dns.RR) {
	for paragraph := range strings.SplitSeq(signedSets, "\n\n") {
		var rrs []dns.RR
		for line := range strings.SplitSeq(strings.TrimSpace(paragraph), "\n") {
			rrs = append(rrs, mustRR(t, line))
		}
		sets = append(sets, rrs)
	}
	return sets
}

func signer(t *testing.T) (*dns.DNSKEY, ed25519.PrivateKey) {
	private := ed25519.NewKeyFromSeed([]byte(strings.Repeat("seed", 8)))
	return &dns.DNSKEY{
		Hdr:   dns.RR_Header{Name: "example.", Rrtype: dns.TypeDNSKEY, Class: dns.ClassINET, Ttl: 60},
		Flags: 257, Protocol: 3, Algorithm: dns.ED25519,
		PublicKey: base64.StdEncoding.EncodeToString(private.Public().(ed25519.PublicKey)),
	}, private
}

func template(key *dns.DNSKEY) *dns.RRSIG {
	return &dns.RRSIG{Hdr: dns.RR_Header{Ttl: 60}, Algorithm: dns.ED25519, Expiration: 2, Inception: 1,
		KeyTag: key.KeyTag(), SignerName: "Example."}
}

// What others sign is what we say is signed: else good signatures would be taken
// for bad ones. The library made these, its wildcards and mixed case included.
func TestAppendSignedIsWhatOthersSign(t *testing.T) {
	key, private := signer(t)
	for _, rrs := range signedParagraphs(t) {
		sig := template(key)
		require.NoError(t, sig.Sign(private, rrs))
		sets, err := zone.FromRRs(append(slices.Clone(rrs), sig))
		require.NoError(t, err)
		require.Len(t, sets, 1)
		for packed := range sets[0].Sigs.All() {
			r := zone.RRSIG(packed)
			signed := zone.AppendSigned(nil, r.Header(), sets[0])
			require.True(t, ed25519.Verify(private.Public().(ed25519.PublicKey), signed, []byte(r.Signature())), rrs[0])
			sets[0].TTL /= 2 // a cache has counted down; the original TTL is what was signed
			require.Equal(t, signed, zone.AppendSigned(nil, r.Header(), sets[0]))
		}
	}
}

// And others accept what we sign.
func TestOthersAcceptWhatIsSigned(t *testing.T) {
	key, private := signer(t)
	for _, rrs := range signedParagraphs(t) {
		sets, err := zone.FromRRs(rrs)
		require.NoError(t, err)
		unsigned := template(key)
		unsigned.TypeCovered, unsigned.OrigTtl = rrs[0].Header().Rrtype, sets[0].TTL
		unsigned.Labels = uint8(dns.CountLabel(rrs[0].Header().Name))
		if sets[0].Name.IsWildcard() {
			unsigned.Labels--
		}
		unsigned.Hdr = dns.RR_Header{Name: rrs[0].Header().Name, Rrtype: dns.TypeRRSIG, Class: dns.ClassINET, Ttl: 60}
		unsigned.Signature = "AAAA"
		_, _, _, rdata, err := zone.FromRR(unsigned)
		require.NoError(t, err)
		signed := zone.AppendSigned(nil, zone.RRSIG(rdata).Header(), sets[0])
		signature, err := private.Sign(nil, signed, crypto.Hash(0))
		require.NoError(t, err)
		set := sets[0].WithSigs(zone.Pack(zone.RRSIG(rdata).Header() + string(signature)))
		require.NoError(t, set.SigRRs()[0].(*dns.RRSIG).Verify(key, set.RRs()), rrs[0])
	}
}

// An answer that a wildcard made carries the wildcard's signature: its labels say
// how much of the owner was the wildcard's (RFC 4035 5.3.2).
func TestAppendSignedOfAnExpandedWildcard(t *testing.T) {
	key, private := signer(t)
	wildcard := []dns.RR{mustRR(t, "*.w.Example. 60 A 192.0.2.1")}
	sig := template(key)
	require.NoError(t, sig.Sign(private, wildcard))
	_, _, _, rdata, err := zone.FromRR(sig)
	require.NoError(t, err)
	r := zone.RRSIG(rdata)
	require.Equal(t, 2, r.Labels())
	for _, owner := range []string{"*.w.example.", "a.w.example.", "a.b.w.example.", "*.b.w.example."} {
		sets, err := zone.FromRRs([]dns.RR{mustRR(t, owner+" 60 A 192.0.2.1")})
		require.NoError(t, err)
		signed := zone.AppendSigned(nil, r.Header(), sets[0])
		require.True(t, ed25519.Verify(private.Public().(ed25519.PublicKey), signed, []byte(r.Signature())), owner)
	}
	sets, err := zone.FromRRs([]dns.RR{mustRR(t, "a.example. 60 A 192.0.2.1")})
	require.NoError(t, err)
	signed := zone.AppendSigned(nil, r.Header(), sets[0])
	require.False(t, ed25519.Verify(private.Public().(ed25519.PublicKey), signed, []byte(r.Signature())))
}
