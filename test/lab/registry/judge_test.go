package registry

import (
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/require"
)

func (g group) judge(t *testing.T, present []*dns.DS) Verdict {
	d := Delegation{Child: childName, DS: present}
	return Judge(d, Look(t.Context(), childName, g.nameservers()), now)
}

// What every server of the group asks for, signed by keys that its own chain
// reaches, is done: for a child without DS and for one that has it.
func TestAccepted(t *testing.T) {
	g := newGroup(t, 2)
	for name, present := range map[string][]*dns.DS{
		"first DS":            nil,
		"an old key is there": append(g.ds(), newKey(t, 257, dns.ECDSAP256SHA256).ToDS(dns.SHA256)),
	} {
		t.Run(name, func(t *testing.T) {
			v := g.judge(t, present)
			require.True(t, v.Change, v.Why)
			require.True(t, sameDS(g.ds(), v.DS))
			require.Len(t, v.Inceptions, 2)
		})
	}
}

// A signer that joins gets its DS while only the others are delegated to and asked.
func TestJoin(t *testing.T) {
	g := newGroup(t, 2)
	v := Judge(Delegation{Child: childName, DS: g[:1].ds()}, Look(t.Context(), childName, g[:1].nameservers()), now)
	require.True(t, v.Change, v.Why)
	require.True(t, sameDS(g.ds(), v.DS))
}

// Each of these would break the delegation, obey a liar or act on half of what is
// known. The registry changes nothing and says which server is the reason.
func TestRefused(t *testing.T) {
	stranger := newKey(t, 257, dns.ECDSAP256SHA256)
	zeroCDS := &dns.CDS{DS: dns.DS{Hdr: header(dns.TypeCDS), Digest: "00"}}
	zeroCDNSKEY := &dns.CDNSKEY{DNSKEY: dns.DNSKEY{Hdr: header(dns.TypeCDNSKEY), Protocol: 3, PublicKey: "AA=="}}
	for _, tc := range []struct {
		name  string
		spoil func(t *testing.T, g group)
		why   string
	}{
		{"a server is silent", func(t *testing.T, g group) { g[1].be(func(s *server) { s.mute = true }) }, "b.example.test at .* timeout"},
		{"a server refuses", func(t *testing.T, g group) { g[1].be(func(s *server) { s.rcode = dns.RcodeRefused }) }, "b.example.test at .* answers REFUSED"},
		{"a server is lame", func(t *testing.T, g group) { g[1].be(func(s *server) { s.lame = true }) }, "b.example.test at .* without authority"},
		{"an answer is neither data nor its absence", func(t *testing.T, g group) {
			g[1].be(func(s *server) { s.empty = true })
			g[1].ask(t, nil, nil)
		}, "b.example.test at .* neither records nor their absence"},
		{"nobody asks", func(t *testing.T, g group) {
			g.everyone(func(s *server) { s.ask(t, nil, nil) })
		}, "no server asks for anything"},
		{"one server does not ask", func(t *testing.T, g group) { g[1].ask(t, nil, nil) }, "b.example.test at .* no CDS, others have one"},
		{"CDS alone", func(t *testing.T, g group) {
			g[1].ask(t, g.cds(dns.SHA256), nil, g[1].ksk)
		}, "b.example.test at .* CDS without CDNSKEY"},
		{"CDNSKEY alone", func(t *testing.T, g group) {
			g[1].ask(t, nil, g.cdnskey(), g[1].ksk)
		}, "b.example.test at .* CDNSKEY without CDS"},
		{"CDS differ", func(t *testing.T, g group) {
			g[1].ask(t, g[1:].cds(dns.SHA256), g.cdnskey(), g[1].ksk)
		}, "CDS of a.example.test at .* and b.example.test at .* differ"},
		{"CDNSKEY differ", func(t *testing.T, g group) {
			g[1].ask(t, g.cds(dns.SHA256), g[1:].cdnskey(), g[1].ksk)
		}, "CDNSKEY of a.example.test at .* and b.example.test at .* differ"},
		{"CDS and CDNSKEY mean different keys", func(t *testing.T, g group) {
			g.everyone(func(s *server) { s.ask(t, g.cds(dns.SHA256), g[:1].cdnskey(), s.ksk) })
		}, "CDS means .* CDNSKEY means"},
		{"a digest that is no longer used", func(t *testing.T, g group) {
			g.everyone(func(s *server) { s.ask(t, g.cds(dns.SHA1, dns.SHA256), g.cdnskey(), s.ksk) })
		}, "not SHA-256 or SHA-384"},
		{"the strongest digest leaves a signer out", func(t *testing.T, g group) {
			mixed := append(g.cds(dns.SHA256), g[0].ksk.cds(dns.SHA384))
			g.everyone(func(s *server) { s.ask(t, mixed, g.cdnskey(), s.ksk) })
		}, "CDS means .* CDNSKEY means"},
		{"a signer is left out by all", func(t *testing.T, g group) {
			g.everyone(func(s *server) {
				s.ask(t, append(g[:1].cds(dns.SHA256), stranger.cds(dns.SHA256)), append(g[:1].cdnskey(), stranger.cdnskey()), s.ksk)
			})
		}, "b.example.test at .* would break under DS .* none of its keys"},
		{"CDS is not signed", func(t *testing.T, g group) {
			g[1].ask(t, g.cds(dns.SHA256), g.cdnskey())
		}, "b.example.test at .* CDS: not signed by a key that counts"},
		{"CDS is signed by the ZSK alone", func(t *testing.T, g group) {
			g[1].put(t, dns.TypeCDS, g.cds(dns.SHA256), g[1].zsk)
		}, "b.example.test at .* CDS: not signed by a key that counts"},
		{"CDNSKEY is signed by the ZSK alone", func(t *testing.T, g group) {
			g[1].put(t, dns.TypeCDNSKEY, g.cdnskey(), g[1].zsk)
		}, "b.example.test at .* CDNSKEY: not signed by a key that counts"},
		{"CDS is signed by a key that is not published", func(t *testing.T, g group) {
			g[1].put(t, dns.TypeCDS, g.cds(dns.SHA256), stranger)
		}, "b.example.test at .* CDS: not signed by a key that counts"},
		{"the signature has ended", func(t *testing.T, g group) {
			g[1].putAt(t, now.Add(-48*time.Hour), dns.TypeCDS, g.cds(dns.SHA256), g[1].ksk)
		}, "b.example.test at .* valid from .* only"},
		{"the signature has not begun", func(t *testing.T, g group) {
			g[1].putAt(t, now.Add(48*time.Hour), dns.TypeCDS, g.cds(dns.SHA256), g[1].ksk)
		}, "b.example.test at .* valid from .* only"},
		{"the signature is of another set", func(t *testing.T, g group) {
			g[1].be(func(s *server) {
				s.sets[dns.TypeCDS] = append(g.cds(dns.SHA256), s.sets[dns.TypeDNSKEY][len(g.dnskeys(s))])
			})
		}, "b.example.test at .* CDS: not signed"},
		{"the signature is damaged", func(t *testing.T, g group) {
			g[1].be(func(s *server) { s.sets[dns.TypeCDS][len(g.cds(dns.SHA256))].(*dns.RRSIG).OrigTtl++ })
		}, "b.example.test at .* CDS: signature by key .*"},
		{"the DNSKEY set is signed by the ZSK alone", func(t *testing.T, g group) {
			g[1].publish(t, g.dnskeys(g[1]), g[1].zsk)
		}, "b.example.test at .* DNSKEY, algorithm 13: not signed"},
		{"no DNSKEY set", func(t *testing.T, g group) {
			g[1].publish(t, nil)
		}, "b.example.test at .* no DNSKEY"},
		{"the entry key is revoked", func(t *testing.T, g group) {
			revoked := *g[1].ksk.DNSKEY
			revoked.Flags |= dns.REVOKE
			g[1].publish(t, []dns.RR{&revoked, g[0].zsk.DNSKEY, g[1].zsk.DNSKEY}, key{&revoked, g[1].ksk.private})
		}, "b.example.test at .* none of its keys"},
		{"an algorithm of the DS does not sign at one signer", func(t *testing.T, g group) {
			other := newKey(t, 257, dns.ED25519)
			cds, cdnskey := append(g.cds(dns.SHA256), other.cds(dns.SHA256)), append(g.cdnskey(), other.cdnskey())
			g.everyone(func(s *server) { s.ask(t, cds, cdnskey, s.ksk) })
			g[0].publish(t, append(g.dnskeys(g[0]), other.DNSKEY), g[0].ksk, other)
			g[0].put(t, dns.TypeSOA, []dns.RR{soa()}, g[0].zsk, other)
		}, "b.example.test at .* would break under DS .* algorithm 15: not signed"},
		{"an algorithm of the DS does not sign the data of one signer", func(t *testing.T, g group) {
			g.withAlgorithm(t, dns.ED25519)
			g[1].put(t, dns.TypeSOA, []dns.RR{soa()}, g[1].zsk)
		}, "b.example.test at .* would break under DS .* SOA, algorithm 15: not signed"},
		{"the data of one signer is signed by nobody", func(t *testing.T, g group) {
			g[1].put(t, dns.TypeSOA, []dns.RR{soa()})
		}, "b.example.test at .* SOA, algorithm 13: not signed"},
		{"a delete request at one server", func(t *testing.T, g group) {
			g[1].ask(t, []dns.RR{zeroCDS}, []dns.RR{zeroCDNSKEY}, g[1].ksk)
		}, "CDS of a.example.test at .* differ"},
		{"a delete request beside keys", func(t *testing.T, g group) {
			g.everyone(func(s *server) { s.ask(t, append(g.cds(dns.SHA256), zeroCDS), append(g.cdnskey(), zeroCDNSKEY), s.ksk) })
		}, "a delete request beside something else"},
		{"a delete request in CDS alone", func(t *testing.T, g group) {
			g.everyone(func(s *server) { s.ask(t, []dns.RR{zeroCDS}, g.cdnskey(), s.ksk) })
		}, "a delete request beside something else"},
		{"a delete request that is not signed", func(t *testing.T, g group) {
			g.everyone(func(s *server) { s.ask(t, []dns.RR{zeroCDS}, []dns.RR{zeroCDNSKEY}) })
		}, "CDS: not signed"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			g := newGroup(t, 2)
			// A DS more than they ask for, so that without the fault there would be a change.
			present := append(g.ds(), stranger.ToDS(dns.SHA256))
			require.True(t, g.judge(t, present).Change, "without the fault")
			tc.spoil(t, g)
			v := g.judge(t, present)
			require.False(t, v.Change, v.Why)
			require.Regexp(t, tc.why, v.Why)
		})
	}
}

// withAlgorithm gives every signer keys of a second algorithm, which sign all that the
// first ones sign, and has them ask for the DS of both.
func (g group) withAlgorithm(t *testing.T, algorithm uint8) (ksks []key) {
	var keys, cds, cdnskey []dns.RR
	zsks := make([]key, len(g))
	for i, s := range g {
		ksks, zsks[i] = append(ksks, newKey(t, 257, algorithm)), newKey(t, 256, algorithm)
		keys = append(keys, ksks[i].DNSKEY, zsks[i].DNSKEY)
		cds = append(cds, s.ksk.cds(dns.SHA256), ksks[i].cds(dns.SHA256))
		cdnskey = append(cdnskey, s.ksk.cdnskey(), ksks[i].cdnskey())
	}
	for i, s := range g {
		s.publish(t, append(g.dnskeys(s), keys...), s.ksk, ksks[i])
		s.put(t, dns.TypeSOA, []dns.RR{soa()}, s.zsk, zsks[i])
		s.ask(t, cds, cdnskey, s.ksk, ksks[i])
	}
	return ksks
}

// Another algorithm comes and the old one goes, each when every server's answers
// stand under the DS that is asked for (RFC 6781 4.1.4).
func TestAlgorithmRollover(t *testing.T) {
	g := newGroup(t, 2)
	old := g.ds()
	next := g.withAlgorithm(t, dns.ED25519)
	v := g.judge(t, old)
	require.True(t, v.Change, v.Why)
	require.Len(t, v.DS, 4)

	// The old DS go while the old keys still stand: caches hold the old DS RRset.
	var cds, cdnskey []dns.RR
	for _, k := range next {
		cds, cdnskey = append(cds, k.cds(dns.SHA256)), append(cdnskey, k.cdnskey())
	}
	for i, s := range g {
		s.ask(t, cds, cdnskey, s.ksk, next[i])
	}
	w := g.judge(t, v.DS)
	require.True(t, w.Change, w.Why)
	require.Len(t, w.DS, 2)

	// A signer that drops them first would be cut off for who holds the old DS RRset.
	g[1].publish(t, []dns.RR{next[1].DNSKEY}, next[1])
	refused := g.judge(t, v.DS)
	require.False(t, refused.Change)
	require.Regexp(t, "b.example.test at .* under the present DS: .*algorithm", refused.Why)
}

// All as they ask: nothing to do, and no word about it being wrong.
func TestInStep(t *testing.T) {
	g := newGroup(t, 3)
	v := g.judge(t, g.ds())
	require.False(t, v.Change)
	require.Regexp(t, "^in step: DS", v.Why)
}

// A child may leave DNSSEC when every server says so under the chain it leaves (RFC 8078 4).
func TestDelete(t *testing.T) {
	g := newGroup(t, 2)
	cds := &dns.CDS{DS: dns.DS{Hdr: header(dns.TypeCDS), Digest: "00"}}
	cdnskey := &dns.CDNSKEY{DNSKEY: dns.DNSKEY{Hdr: header(dns.TypeCDNSKEY), Protocol: 3, PublicKey: "AA=="}}
	g.everyone(func(s *server) { s.ask(t, []dns.RR{cds}, []dns.RR{cdnskey}, s.ksk) })
	v := g.judge(t, g.ds())
	require.True(t, v.Change, v.Why)
	require.Empty(t, v.DS)

	v = g.judge(t, nil)
	require.False(t, v.Change, "there is nothing to delete")
}

// An old CDS RRset whose signatures still run must not bring old keys back (RFC 7344 6.2).
func TestReplay(t *testing.T) {
	g := newGroup(t, 2)
	present := append(g.ds(), newKey(t, 257, dns.ECDSAP256SHA256).ToDS(dns.SHA256))
	look := func(last time.Time) Verdict {
		d := Delegation{Child: childName, DS: present, Inceptions: map[string]uint32{"b.example.test.": uint32(last.Unix())}}
		return Judge(d, Look(t.Context(), childName, g.nameservers()), now)
	}
	signed := now.Add(-time.Hour)
	require.True(t, look(signed).Change, "the same signature again is no replay")
	require.True(t, look(signed.Add(-time.Second)).Change)
	v := look(signed.Add(time.Second))
	require.False(t, v.Change)
	require.Regexp(t, "b.example.test at .* a replay", v.Why)
}

// One nameserver with two addresses is two servers: a stale node behind one name
// is found. And an answer that does not fit comes over TCP.
func TestEveryAddress(t *testing.T) {
	g := newGroup(t, 2)
	g[0].be(func(s *server) { s.shorten = true })
	stale := &server{at: now, ksk: g[1].ksk, zsk: g[1].zsk, sets: map[uint16][]dns.RR{}}
	listen(t, stale)
	stale.publish(t, g.dnskeys(g[1]), g[1].ksk)
	stale.put(t, dns.TypeSOA, []dns.RR{soa()}, g[1].zsk)
	stale.ask(t, g[1:].cds(dns.SHA256), g[1:].cdnskey(), g[1].ksk)
	hosts := g.nameservers()
	require.True(t, Judge(Delegation{Child: childName}, Look(t.Context(), childName, hosts), now).Change)

	hosts["b.example.test."] = append(hosts["b.example.test."], stale.addr)
	v := Judge(Delegation{Child: childName}, Look(t.Context(), childName, hosts), now)
	require.False(t, v.Change)
	require.Contains(t, v.Why, "differ")
}
