package peer_test

import (
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/ask"
	"github.com/multisigner/multisigner/plugin/multisigner/peer"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

func stringReader(s string) io.Reader { return strings.NewReader(s) }

func lookAt(t *testing.T, target peer.Target) peer.Report {
	target.Zone = zone.MustName(apex)
	client := &ask.Client{Timeout: 200 * time.Millisecond, Tries: 2}
	return peer.Look(t.Context(), client, target, now)
}

// trusting is a target whose keys are known already.
func trusting(pins []key, servers ...ask.Server) peer.Target {
	target := peer.Target{Servers: servers}
	for _, k := range pins {
		target.Memory.Pins = append(target.Memory.Pins, k.rdata())
	}
	return target
}

// A peer that shares a TSIG key with us is trusted at first sight, and its other
// addresses, which share none, by the keys that were pinned then.
func TestFirstSight(t *testing.T) {
	ksk, zsk := newKSK(), newZSK()
	primary, secondary := serve(t, usual(ksk, zsk)), serve(t, usual(ksk, zsk))
	r := lookAt(t, peer.Target{
		Servers: []ask.Server{secondary.Server, primary.keyed()},
		Hosts:   map[netip.AddrPort]string{secondary.Addr: "ns.example.org."},
	})
	require.True(t, r.Trusted, r.Why)
	require.Equal(t, []zone.DNSKEY{ksk.rdata()}, r.Memory.Pins)
	require.Len(t, r.Addresses, 2)
	for i, a := range r.Addresses {
		require.Equal(t, peer.Good, a.Status, a.Err)
		require.True(t, a.Believed)
		require.Equal(t, now, a.At)
		require.Equal(t, []zone.DNSKEY{ksk.rdata()}, a.Entry)
		require.ElementsMatch(t, []zone.DNSKEY{ksk.rdata(), zsk.rdata()}, a.DataSigners, "both sign CDS")
		require.Equal(t, 2, a.Sets[zone.TypeDNSKEY].Rdata.Len())
		require.Equal(t, uint32(3600), a.Sets[zone.TypeDNSKEY].TTL, "its signature's is 0, but some caches go by the keys'")
		for _, kind := range []zone.Type{zone.TypeSOA, zone.TypeNS, zone.TypeCDS, zone.TypeCDNSKEY} {
			require.True(t, a.Sets[kind].Exists(), "address %d: %s", i, kind)
		}
		require.Equal(t, map[zone.Type]bool{zone.TypeCSYNC: true}, a.Absent)
	}
	require.Equal(t, "ns.example.org.", r.Addresses[0].Host)
	require.Empty(t, r.Addresses[1].Host)
}

// Each way in which an address can be at fault has a status of its own, nothing of
// what it says is believed, and the pins stay as they are. A peer that is down is
// not a peer that has withdrawn its keys.
func TestFaults(t *testing.T) {
	ksk, zsk, strange := newKSK(), newZSK(), newKSK()
	good := usual(ksk, zsk)
	change := func(do func(c *content)) content { c := good; do(&c); return c }
	answered := func(do func(q, m *dns.Msg)) func(q, m *dns.Msg) *dns.Msg {
		return func(q, m *dns.Msg) *dns.Msg {
			if q.Question[0].Qtype == dns.TypeDNSKEY {
				do(q, m)
			}
			return m
		}
	}
	for _, tc := range []struct {
		name   string
		serves content
		says   func(q, m *dns.Msg) *dns.Msg
		status peer.Status
		err    string
	}{
		{"silent", good, func(q, m *dns.Msg) *dns.Msg { return nil }, peer.Unreachable, "DNSKEY: ask 127.0.0.1"},
		{"refuses", good, answered(func(_, m *dns.Msg) { m.Rcode, m.Answer = dns.RcodeRefused, nil }), peer.NotAuthoritative, "DNSKEY: answered REFUSED"},
		{"fails", good, answered(func(_, m *dns.Msg) { m.Rcode, m.Answer = dns.RcodeServerFailure, nil }), peer.NotAuthoritative, "DNSKEY: answered SERVFAIL"},
		{"lame", good, answered(func(_, m *dns.Msg) { m.Authoritative = false }), peer.NotAuthoritative, "DNSKEY: the answer is not authoritative"},
		{"another id", good, answered(func(_, m *dns.Msg) { m.Id++ }), peer.Garbled, "another id"},
		{"another question", good, answered(func(_, m *dns.Msg) { m.Question[0].Name = "example.net." }), peer.Garbled, "another question"},
		{"something else", good, answered(func(_, m *dns.Msg) { m.Answer = append(m.Answer, rr("%s 1 TXT x", apex)) }), peer.Garbled, "there is a TXT in the answer"},
		{"another name", good, answered(func(_, m *dns.Msg) { m.Answer = append(m.Answer, rr("x.%s 1 DNSKEY 257 3 13 AAAA", apex)) }), peer.Garbled, "another name"},
		{"no key at all", change(func(c *content) { c.keys = nil }), nil, peer.Unsigned, "DNSKEY: it has none"},
		{"no signature", good, answered(func(_, m *dns.Msg) { m.Answer = m.Answer[:2] }), peer.Unsigned, "DNSKEY: it is not signed"},
		{"signatures alone", good, answered(func(_, m *dns.Msg) { m.Answer = m.Answer[2:] }), peer.Garbled, "not what they sign"},
		{"expired", change(func(c *content) { c.at = now.Add(-8 * 24 * time.Hour) }), nil, peer.Expired, "DNSKEY: "},
		{"not yet valid", change(func(c *content) { c.at = now.Add(2 * time.Hour) }), nil, peer.Expired, "DNSKEY: "},
		{"unknown key", change(func(c *content) { c.keys, c.byKeys = []key{strange, zsk}, []key{strange} }), nil, peer.UnknownKey, "which is not trusted (pinned: "},
		{"signed by the ZSK alone", change(func(c *content) { c.byKeys = []key{zsk} }), nil, peer.UnknownKey, "which is not trusted"},
		{"changed on the way", good, answered(func(_, m *dns.Msg) { m.Answer = append([]dns.RR{strange.DNSKEY}, m.Answer...) }), peer.Bogus, "DNSKEY: "},
		{"another algorithm", change(func(c *content) { c.keys = append(c.keys[:2:2], newKey(256, dns.ED25519)) }), nil, peer.WrongAlgorithm, "is of algorithm ED25519, which the group does not have"},
		{"10,000 keys", good, func() func(q, m *dns.Msg) *dns.Msg {
			var many []dns.RR
			for i := range 10_000 {
				// 5 octets of key, so that they fit a message of 64 KiB
				many = append(many, &dns.RFC3597{Hdr: dns.RR_Header{Name: ".", Rrtype: dns.TypeDNSKEY, Class: dns.ClassINET}, Rdata: "0100030d" + hex16(i)})
			}
			return answered(func(_, m *dns.Msg) { m.Answer = many[:3800] })
		}(), peer.TooMany, "more than the 64 and 32 that are looked at"},
		{"a thousand signatures", good, answered(func(_, m *dns.Msg) {
			for len(m.Answer) < 500 {
				m.Answer = append(m.Answer, m.Answer[2])
			}
		}), peer.TooMany, "more than the 64 and 32"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := serve(t, tc.serves).says(tc.says)
			target := trusting([]key{ksk}, f.keyed())
			target.Algorithms = []uint8{dns.ECDSAP256SHA256}
			r := lookAt(t, target)
			a := r.Addresses[0]
			require.Equal(t, tc.status.String(), a.Status.String(), a.Err)
			require.Contains(t, a.Err, tc.err)
			require.False(t, r.Trusted)
			require.Contains(t, r.Why, f.Addr.String())
			require.False(t, a.Believed)
			require.Empty(t, a.Sets)
			require.Empty(t, a.Absent)
			require.Empty(t, a.Entry)
			require.Equal(t, target.Memory.Pins, r.Memory.Pins)
		})
	}
}

// Of an address that is not signed it is told for how long caches keep that. A TTL
// that nobody signs may be anybody's, and must not hold the group up for years.
func TestAbsentTTL(t *testing.T) {
	ksk, zsk := newKSK(), newZSK()
	negative := func(soaTTL, minimum string) func(q, m *dns.Msg) *dns.Msg {
		return func(_, m *dns.Msg) *dns.Msg {
			m.Answer, m.Ns = nil, []dns.RR{rr("%s "+soaTTL+" SOA ns hostmaster 1 2 3 4 "+minimum, apex)}
			return m
		}
	}
	for _, tc := range []struct {
		name string
		says func(q, m *dns.Msg) *dns.Msg
		want uint32
	}{
		{"the minimum", negative("7200", "3600"), 3600},
		{"the SOA's own", negative("600", "3600"), 600},
		{"68 years", negative("2147483647", "2147483647"), 7 * 86400},
		{"a minimum beyond what a TTL can be", negative("3600", "4294967295"), 3600},
		{"beyond what a TTL can be", negative("4294967295", "4294967295"), 0},
		{"no SOA", func(_, m *dns.Msg) *dns.Msg { m.Answer, m.Ns = nil, nil; return m }, 0},
		{"unsigned keys", func(_, m *dns.Msg) *dns.Msg {
			m.Answer = m.Answer[:1]
			m.Answer[0].Header().Ttl = 5400
			return m
		}, 5400},
		{"another fault", func(_, m *dns.Msg) *dns.Msg {
			m = negative("600", "3600")(nil, m)
			m.Rcode = dns.RcodeRefused
			return m
		}, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := lookAt(t, trusting([]key{ksk}, serve(t, usual(ksk, zsk)).says(tc.says).Server))
			require.Equal(t, tc.want, r.Addresses[0].AbsentTTL, r.Addresses[0].Err)
		})
	}
}

func hex16(i int) string {
	const digits = "0123456789abcdef"
	return string([]byte{digits[i>>12&15], digits[i>>8&15], digits[i>>4&15], digits[i&15]})
}

// Nothing listens there.
func TestDown(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	l.Close()
	down := ask.Server{Addr: l.Addr().(*net.TCPAddr).AddrPort()}
	r := lookAt(t, trusting([]key{newKSK()}, down))
	require.Equal(t, peer.Unreachable, r.Addresses[0].Status)
	require.Contains(t, r.Addresses[0].Err, "connection refused")
}

// A wrong TSIG secret is named as such: it is the commonest mistake when two
// operators set up a group.
func TestOtherSecret(t *testing.T) {
	f := serve(t, usual(newKSK(), newZSK()))
	other := *tsig
	other.Secret = "bm90IHRoZSBzYW1lIHNlY3JldCBhcyBiZWZvcmUgISE="
	r := lookAt(t, peer.Target{Servers: []ask.Server{{Addr: f.Addr, TSIG: &other}}})
	require.Equal(t, peer.Garbled, r.Addresses[0].Status)
	require.Contains(t, r.Why, "key group-key.")
}

// Pins follow by signature over a KSK rollover, and never come back: a set of
// before that is replayed, still validly signed, is stale where it lags behind,
// and unknown once its key has gone.
func TestPinsFollow(t *testing.T) {
	old, next, zsk := newKSK(), newKSK(), newZSK()
	both := usual(old, zsk)
	both.keys, both.byKeys, both.at = []key{old, next, zsk}, []key{old, next}, now.Add(-2*time.Hour)
	f := serve(t, both)
	target := trusting([]key{old}, f.keyed())

	r := lookAt(t, target)
	require.Equal(t, peer.Good, r.Addresses[0].Status, r.Addresses[0].Err)
	require.ElementsMatch(t, []zone.DNSKEY{old.rdata(), next.rdata()}, r.Memory.Pins)

	f.set(usual(next, zsk))
	target.Memory = r.Memory
	r = lookAt(t, target)
	require.Equal(t, peer.Good, r.Addresses[0].Status, r.Addresses[0].Err)
	require.Equal(t, []zone.DNSKEY{next.rdata()}, r.Memory.Pins)

	f.set(both)
	target.Memory = r.Memory
	r = lookAt(t, target)
	a := r.Addresses[0]
	require.Equal(t, peer.Stale, a.Status)
	require.Contains(t, a.Err, "it lags, or this is a replay")
	require.False(t, a.Believed)
	require.Equal(t, 3, a.Sets[zone.TypeDNSKEY].Rdata.Len(), "it is shown, not used")
	require.Equal(t, target.Memory, r.Memory)

	f.set(usual(old, zsk))
	target.Memory = r.Memory
	r = lookAt(t, target)
	require.Equal(t, peer.UnknownKey, r.Addresses[0].Status)
	require.Equal(t, target.Memory, r.Memory)
}

// A secondary that lags behind is not a replay: it shows what it showed before.
// And a signature that was renewed without a change of keys makes nobody stale.
func TestLagIsNoReplay(t *testing.T) {
	ksk, zsk, zsk2 := newKSK(), newZSK(), newZSK()
	before := usual(ksk, zsk)
	before.at = now.Add(-time.Hour)
	primary, secondary := serve(t, before), serve(t, before)
	target := trusting([]key{ksk}, primary.keyed(), secondary.Server)
	target.Memory = lookAt(t, target).Memory

	after := usual(ksk, zsk)
	after.keys = append(after.keys[:2:2], zsk2)
	primary.set(after)
	r := lookAt(t, target)
	require.Equal(t, 3, r.Addresses[0].Sets[zone.TypeDNSKEY].Rdata.Len())
	require.Equal(t, peer.Good, r.Addresses[1].Status)
	require.Equal(t, 2, r.Addresses[1].Sets[zone.TypeDNSKEY].Rdata.Len())

	target.Memory = r.Memory
	secondary.set(after)
	target.Memory = lookAt(t, target).Memory
	resigned := after
	resigned.at = now.Add(-30 * time.Minute) // one node of an anycast cloud renewed later than another
	secondary.set(resigned)
	r = lookAt(t, target)
	require.Equal(t, peer.Good, r.Addresses[1].Status, r.Addresses[1].Err)

	// But an older signature over the same keys does not open the door to what was
	// signed before them.
	target.Memory = r.Memory
	between := before
	between.at = now.Add(-20 * time.Minute)
	secondary.set(between)
	require.Equal(t, peer.Stale, lookAt(t, target).Addresses[1].Status)
}

// Trust by DS begins at the DS; where there is none that fits, the operator is
// told which mode would do.
func TestSeeds(t *testing.T) {
	ksk, zsk := newKSK(), newZSK()
	for _, tc := range []struct {
		name  string
		trust peer.Trust
		why   string
	}{
		{"configured DS", peer.Trust{Mode: peer.TrustDS, DS: ksk.ds()}, ""},
		{"another DS", peer.Trust{Mode: peer.TrustDS, DS: newKSK().ds()}, "which is not trusted (by configured DS: "},
		{"parent", peer.Trust{Mode: peer.TrustParent, DS: ksk.ds()}, ""},
		{"parent without DS", peer.Trust{Mode: peer.TrustParent}, "the parent has no DS that could vouch for it; use trust tsig or trust ds"},
		{"TSIG without a key", peer.Trust{Mode: peer.TrustTSIG}, "this address shares no TSIG key with us"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := serve(t, usual(ksk, zsk))
			r := lookAt(t, peer.Target{Servers: []ask.Server{f.Server}, Trust: tc.trust})
			require.Contains(t, r.Why, tc.why)
			require.Equal(t, tc.why == "", r.Trusted)
			if r.Trusted {
				require.Equal(t, []zone.DNSKEY{ksk.rdata()}, r.Memory.Pins)
				return
			}
			require.Equal(t, peer.UnknownKey, r.Addresses[0].Status)
			require.Empty(t, r.Memory.Pins)
			require.Empty(t, r.Addresses[0].Sets)
		})
	}
}

// A signer that has lost its keys is believed by its new ones when a DS vouches for them,
// whatever was pinned. Until then it is told who signs there. A configured DS
// vouches once: whoever comes by a key that was rolled long ago is not believed for the
// line that still stands in the configuration. The parent's does as long as it stands there.
func TestVouchedAnew(t *testing.T) {
	lost, next, third, zsk := newKSK(), newKSK(), newKSK(), newZSK()
	both := zone.RRset{Name: lost.ds().Name, Type: zone.TypeDS, Rdata: zone.Pack(slices.Collect(func(yield func(string) bool) {
		for _, k := range []key{lost, next} {
			for ds := range k.ds().Rdata.All() {
				yield(ds)
			}
		}
	})...)}
	for _, mode := range []peer.TrustMode{peer.TrustDS, peer.TrustParent} {
		f := serve(t, usual(next, zsk))
		target := trusting([]key{lost}, f.Server)
		target.Trust = peer.Trust{Mode: mode, DS: lost.ds()}
		r := lookAt(t, target)
		require.False(t, r.Trusted)
		require.Equal(t, peer.UnknownKey, r.Addresses[0].Status)
		require.Equal(t, []zone.DNSKEY{next.rdata()}, r.Addresses[0].Strangers)
		require.Empty(t, r.Addresses[0].Entry)
		require.Equal(t, target.Memory.Pins, r.Memory.Pins)

		target.Memory, target.Trust.DS = r.Memory, both
		r = lookAt(t, target)
		require.True(t, r.Trusted, r.Why)
		require.Equal(t, []zone.DNSKEY{next.rdata()}, r.Memory.Pins)
		require.Empty(t, r.Addresses[0].Strangers)

		// It rolls on. Somebody who has the last key is believed by what stands at the parent alone.
		rolled := usual(next, zsk)
		rolled.keys, rolled.byKeys = []key{next, third, zsk}, []key{next, third}
		f.set(rolled)
		target.Memory = r.Memory
		r = lookAt(t, target)
		f.set(usual(third, zsk))
		target.Memory = r.Memory
		r = lookAt(t, target)
		require.Equal(t, []zone.DNSKEY{third.rdata()}, r.Memory.Pins)
		f.set(usual(next, zsk))
		target.Memory = r.Memory
		require.Equal(t, mode == peer.TrustParent, lookAt(t, target).Trusted)
	}
}

// Where trust came over TSIG, the DS at the parent vouches for what comes over TSIG, and
// for nothing else.
func TestVouchedOverTSIG(t *testing.T) {
	lost, next, zsk := newKSK(), newKSK(), newZSK()
	f := serve(t, usual(next, zsk))
	for _, tc := range []struct {
		server ask.Server
		ds     zone.RRset
		want   bool
	}{{f.keyed(), next.ds(), true}, {f.Server, next.ds(), false}, {f.keyed(), lost.ds(), false}, {f.keyed(), zone.RRset{}, false}} {
		target := trusting([]key{lost}, tc.server)
		target.Trust = peer.Trust{Mode: peer.TrustTSIG, DS: tc.ds}
		require.Equal(t, tc.want, lookAt(t, target).Trusted)
	}
}

// A set that came over TSIG must still be signed by a key in it: TSIG says who
// sends, DNSSEC whose keys they are.
func TestTSIGAloneIsNotEnough(t *testing.T) {
	ksk, zsk := newKSK(), newZSK()
	stranger := usual(ksk, zsk)
	stranger.byKeys = []key{newKSK()}
	r := lookAt(t, peer.Target{Servers: []ask.Server{serve(t, stranger).keyed()}})
	require.False(t, r.Trusted)
	require.Equal(t, peer.Bogus, r.Addresses[0].Status)
	require.Empty(t, r.Memory.Pins)
}

// Trust is in the keys that are meant for it: a ZSK that signs the DNSKEY RRset
// besides the KSK is not pinned, and neither is a revoked key.
func TestWhoIsPinned(t *testing.T) {
	ksk, zsk, revoked := newKSK(), newZSK(), newKey(257|128, dns.ECDSAP256SHA256)
	c := usual(ksk, zsk)
	c.keys, c.byKeys = []key{ksk, zsk, revoked}, []key{ksk, zsk, revoked}
	r := lookAt(t, trusting([]key{ksk}, serve(t, c).Server))
	require.Equal(t, []zone.DNSKEY{ksk.rdata()}, r.Memory.Pins)

	noSEP := newZSK() // a CSK of a signer that sets no SEP flag
	c = usual(noSEP, zsk)
	c.cds = nil
	r = lookAt(t, trusting([]key{noSEP}, serve(t, c).Server))
	require.Equal(t, peer.Good, r.Addresses[0].Status, r.Addresses[0].Err)
	require.Equal(t, []zone.DNSKEY{noSEP.rdata()}, r.Memory.Pins)
}

// What is at fault besides the DNSKEY RRset is not used and keeps the address from
// being Good, but its keys are still believed: a broken CDS at a peer must not keep
// its next ZSK out of our DNSKEY RRset.
func TestFaultsBesideDNSKEY(t *testing.T) {
	ksk, zsk := newKSK(), newZSK()
	good := usual(ksk, zsk)
	change := func(do func(c *content)) content { c := good; do(&c); return c }
	only := func(kind uint16, do func(m *dns.Msg)) func(q, m *dns.Msg) *dns.Msg {
		return func(q, m *dns.Msg) *dns.Msg {
			if q.Question[0].Qtype == kind {
				do(m)
			}
			return m
		}
	}
	without := change(func(c *content) { c.cds = nil; c.data = []key{newZSK()} }).sets()
	for _, tc := range []struct {
		name    string
		serves  content
		says    func(q, m *dns.Msg) *dns.Msg
		status  peer.Status
		err     string
		unknown zone.Type
	}{
		{"CDS by the ZSK alone", change(func(c *content) { c.byCDS = []key{zsk} }), nil, peer.Bogus, "CDS: no entry key has signed it", zone.TypeCDS},
		{"CDS by an unpublished key", change(func(c *content) { c.byCDS = []key{newKSK()} }), nil, peer.Bogus, "CDS: ", zone.TypeCDS},
		{"SOA by an unpublished key", change(func(c *content) { c.data = []key{newZSK()} }), nil, peer.Bogus, "SOA: ", zone.TypeSOA},
		{"CDS unsigned", good, only(dns.TypeCDS, func(m *dns.Msg) { m.Answer = m.Answer[:1] }), peer.Unsigned, "CDS: it is not signed", zone.TypeCDS},
		{"CDS changed", good, only(dns.TypeCDS, func(m *dns.Msg) { m.Answer[0] = newKSK().ToDS(dns.SHA256).ToCDS() }), peer.Bogus, "CDS: ", zone.TypeCDS},
		{"CDS hidden", good, only(dns.TypeCDS, func(m *dns.Msg) { m.Answer = nil }), peer.Bogus, "CDS: that it has none is not proved", zone.TypeCDS},
		{"CDS denied by a false NSEC", good, only(dns.TypeCDS, func(m *dns.Msg) {
			m.Answer, m.Ns = nil, append(without[dns.TypeSOA], without[dns.TypeNSEC]...)
		}), peer.Bogus, "CDS: that it has none is not proved", zone.TypeCDS},
		{"CDNSKEY refused", good, only(dns.TypeCDNSKEY, func(m *dns.Msg) { m.Rcode, m.Answer = dns.RcodeNotImplemented, nil }), peer.NotAuthoritative, "CDNSKEY: answered NOTIMP", zone.TypeCDNSKEY},
		{"no SOA", good, only(dns.TypeSOA, func(m *dns.Msg) { m.Answer = nil }), peer.NotAuthoritative, "SOA: it has none", zone.TypeSOA},
		{"two CSYNC", good, only(dns.TypeCSYNC, func(m *dns.Msg) {
			m.Ns, m.Answer = nil, good.sign([]key{zsk}, rr("%s 60 CSYNC 0 1 NS", apex), rr("%s 60 CSYNC 0 3 NS A", apex))
		}), peer.Good, "CSYNC: there are 2 records", zone.TypeCSYNC},
		{"CSYNC by an unpublished key", good, only(dns.TypeCSYNC, func(m *dns.Msg) {
			m.Ns, m.Answer = nil, good.sign([]key{newZSK()}, rr("%s 60 CSYNC 0 1 NS", apex))
		}), peer.Good, "CSYNC: ", zone.TypeCSYNC},
		{"CSYNC refused", good, only(dns.TypeCSYNC, func(m *dns.Msg) { m.Rcode, m.Ns = dns.RcodeRefused, nil }), peer.Good, "CSYNC: answered REFUSED", zone.TypeCSYNC},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := lookAt(t, trusting([]key{ksk}, serve(t, tc.serves).says(tc.says).Server))
			a := r.Addresses[0]
			require.Equal(t, tc.status.String(), a.Status.String(), a.Err)
			require.Contains(t, a.Err, tc.err)
			require.True(t, a.Believed)
			require.Equal(t, []zone.DNSKEY{ksk.rdata()}, r.Memory.Pins)
			require.NotContains(t, a.Sets, tc.unknown)
			require.NotContains(t, a.Absent, tc.unknown)
			require.NotContains(t, a.DataSigners, newKSK().rdata())
		})
	}
}

// That there is no CDS is known only when it is proved.
func TestAbsent(t *testing.T) {
	c := usual(newKSK(), newZSK())
	ksk := c.cds
	c.cds = nil
	r := lookAt(t, trusting(ksk, serve(t, c).Server))
	a := r.Addresses[0]
	require.Equal(t, peer.Good, a.Status, a.Err)
	require.Equal(t, map[zone.Type]bool{zone.TypeCDS: true, zone.TypeCDNSKEY: true, zone.TypeCSYNC: true}, a.Absent)
	require.Equal(t, c.data[0].rdata(), a.DataSigners[0])
}

// What an address asks its parent to copy is read, and who has signed it counts as
// a signer of data.
func TestCSYNC(t *testing.T) {
	for text, want := range map[string]peer.CSYNC{
		"0 1 NS":          {Flags: 1, Types: []zone.Type{zone.TypeNS}},
		"66 3 A NS AAAA":  {Serial: 66, Flags: 3, Types: []zone.Type{zone.TypeA, zone.TypeNS, zone.TypeAAAA}},
		"7 0 NS TYPE1234": {Serial: 7, Types: []zone.Type{zone.TypeNS, 1234}},
		"7 1":             {Serial: 7, Flags: 1},
	} {
		ksk, zsk, more := newKSK(), newZSK(), newZSK()
		c := usual(ksk, zsk)
		c.keys = append(c.keys, more)
		signed := c.sign([]key{more}, rr("%s 60 CSYNC %s", apex, text))
		r := lookAt(t, trusting([]key{ksk}, serve(t, c).says(func(q, m *dns.Msg) *dns.Msg {
			if q.Question[0].Qtype == dns.TypeCSYNC {
				m.Answer, m.Ns = signed, nil
			}
			return m
		}).Server))
		a := r.Addresses[0]
		require.Equal(t, peer.Good, a.Status, a.Err)
		require.Empty(t, a.Err)
		got, ok := a.CSYNC()
		require.True(t, ok)
		require.Equal(t, want, got)
		require.Contains(t, a.DataSigners, more.rdata())
	}
	ksk := newKSK()
	_, ok := lookAt(t, trusting([]key{ksk}, serve(t, usual(ksk, newZSK())).Server)).Addresses[0].CSYNC()
	require.False(t, ok)
}

// One address that is at fault takes nothing from what the others show.
func TestOneOfThree(t *testing.T) {
	ksk, zsk := newKSK(), newZSK()
	good, unsigned := serve(t, usual(ksk, zsk)), serve(t, usual(ksk, zsk)).says(func(q, m *dns.Msg) *dns.Msg {
		m.Answer = m.Answer[:1]
		return m
	})
	silent := serve(t, usual(ksk, zsk)).says(func(q, m *dns.Msg) *dns.Msg { return nil })
	r := lookAt(t, trusting([]key{ksk}, silent.Server, unsigned.Server, good.Server))
	require.True(t, r.Trusted)
	require.Equal(t, peer.Unreachable, r.Addresses[0].Status)
	require.Equal(t, peer.Unsigned, r.Addresses[1].Status)
	require.Equal(t, peer.Good, r.Addresses[2].Status, r.Addresses[2].Err)
}

// Whatever its keys are, an address that serves the zone says which serial it has, and one that does not serve it says none.
func TestSerialOfAnybody(t *testing.T) {
	ksk, zsk, strange := newKSK(), newZSK(), newKSK()
	for _, pinned := range [][]key{{ksk}, nil} {
		for name, tc := range map[string]struct {
			serves content
			says   func(q, m *dns.Msg) *dns.Msg
			known  bool
		}{
			"good":        {usual(ksk, zsk), nil, true},
			"unknown key": {usual(strange, zsk), nil, true},
			"unsigned":    {usual(ksk, zsk), func(q, m *dns.Msg) *dns.Msg { m.Answer = m.Answer[:min(len(m.Answer), 1)]; return m }, true},
			"refuses":     {usual(ksk, zsk), func(q, m *dns.Msg) *dns.Msg { return new(dns.Msg).SetRcode(q, dns.RcodeRefused) }, false},
			"silent":      {usual(ksk, zsk), func(q, m *dns.Msg) *dns.Msg { return nil }, false},
		} {
			t.Run(name, func(t *testing.T) {
				f := serve(t, tc.serves)
				if tc.says != nil {
					f.says(tc.says)
				}
				target := trusting(pinned, f.Server)
				if pinned == nil {
					target.Trust = peer.Trust{Mode: peer.TrustDS, DS: ksk.ds()}
				}
				serial := lookAt(t, target).Addresses[0].Serial
				require.Equal(t, tc.known, serial != nil)
				if tc.known {
					require.EqualValues(t, 1, *serial)
				}
			})
		}
	}
}
