package engine

import (
	"crypto/ed25519"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/ask"
	"github.com/multisigner/multisigner/plugin/multisigner/caches"
	"github.com/multisigner/multisigner/plugin/multisigner/denial"
	"github.com/multisigner/multisigner/plugin/multisigner/parent"
	"github.com/multisigner/multisigner/plugin/multisigner/peer"
	"github.com/multisigner/multisigner/plugin/multisigner/sign"
	"github.com/multisigner/multisigner/plugin/multisigner/validate"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

var (
	heldApex   = zone.MustName("example.org.")
	heldServer = netip.MustParseAddrPort("192.0.2.1:53")
	heldParent = netip.MustParseAddrPort("192.0.2.9:53")
	heldStart  = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
)

// heldKeys is a DNSKEY RRset that is told apart by a letter.
func heldKeys(letter byte, ttl uint32) zone.RRset {
	k := zone.NewDNSKEY(256, 15, []byte(fmt.Sprintf("%032d", letter)))
	return zone.RRset{Name: heldApex, Type: zone.TypeDNSKEY, TTL: ttl, Rdata: zone.Pack(string(k))}
}

// seen is a look at a peer that shows keys, or does not answer, and at a parent
// that has ds.
func seen(keys zone.RRset, ds zone.RRset) *sight {
	a := peer.Address{Server: ask.Server{Addr: heldServer}, Status: peer.Unreachable}
	if keys.Exists() {
		a.Status, a.Believed = peer.Good, true
		a.Sets = map[zone.Type]zone.RRset{zone.TypeDNSKEY: keys}
	}
	return &sight{
		peers:  map[string]peer.Report{"b": {Addresses: []peer.Address{a}}},
		parent: parent.Report{Addresses: []parent.Address{{Addr: heldParent, Status: parent.Good, DS: ds, DSAbsent: !ds.Exists()}}},
	}
}

func newHolder() *work { return &work{known: newKnown(heldApex)} }

// That there is no DS is known only when every address of the parent has said so,
// and no cache can hold one.
func TestHeldDS(t *testing.T) {
	t.Parallel()
	w, cfg := newHolder(), &Config{Apex: heldApex, Parent: Parent{Mode: ParentServers}}
	require.False(t, w.heldNow(cfg).NoDS, "not looked at yet")
	ds := zone.RRset{Name: heldApex, Type: zone.TypeDS, TTL: 3600, Rdata: zone.Pack("\x00\x01\x0f\x02" + fmt.Sprintf("%032d", 1))}
	look := func(s *sight, at time.Time) {
		w.sight = s
		w.record.Steady = at
		w.hold(s, at)
	}
	look(seen(zone.RRset{}, ds), heldStart)
	require.Len(t, w.heldNow(cfg).DS, 1)
	look(seen(zone.RRset{}, zone.RRset{}), heldStart.Add(time.Minute))
	require.Len(t, w.heldNow(cfg).DS, 1, "it may be cached")
	require.False(t, w.heldNow(cfg).NoDS)
	w.record.Steady = heldStart.Add(61 * time.Minute)
	require.True(t, w.heldNow(cfg).NoDS)
	w.sight.parent.Addresses[0] = parent.Address{Addr: heldParent, Status: parent.Unreachable}
	require.False(t, w.heldNow(cfg).NoDS)
	require.True(t, w.heldNow(&Config{Apex: heldApex}).NoDS, "an island has no parent")
}

// A parent that does not answer has not withdrawn its DS; one of which no address is known, neither.
func TestHeldOfASilentParent(t *testing.T) {
	t.Parallel()
	w, cfg := newHolder(), &Config{Apex: heldApex, Parent: Parent{Mode: ParentServers}}
	ds := zone.RRset{Name: heldApex, Type: zone.TypeDS, TTL: 3600, Rdata: zone.Pack("\x00\x01\x0f\x02" + fmt.Sprintf("%032d", 1))}
	w.hold(seen(zone.RRset{}, ds), heldStart)
	silent := seen(zone.RRset{}, zone.RRset{})
	silent.parent.Addresses[0] = parent.Address{Addr: heldParent, Status: parent.Unreachable}
	w.hold(silent, heldStart.Add(time.Minute))
	w.record.Steady = heldStart.Add(10 * 24 * time.Hour)
	require.Len(t, w.heldNow(cfg).DS, 1)

	// The resolver does not find the parent's servers for ten days; then it finds others.
	w.hold(&sight{parent: parent.Report{Unfound: []string{"the nameservers of the parent"}}}, w.record.Steady)
	w.record.Steady = heldStart.Add(20 * 24 * time.Hour)
	require.Len(t, w.heldNow(cfg).DS, 1)
	silent.parent.Addresses[0].Addr = heldServer
	w.hold(silent, w.record.Steady)
	require.Len(t, w.heldNow(cfg).DS, 1)
	w.record.Steady = w.record.Steady.Add(time.Hour)
	require.Empty(t, w.heldNow(cfg).DS)

	w = newHolder()
	w.sight = &sight{}
	w.hold(w.sight, heldStart)
	require.False(t, w.heldNow(cfg).NoDS, "nobody was asked")
}

// What a server gives to other signers by a transfer no resolver gets from it: keys that stand there alone
// are in no cache.
func TestHeldOfATransfer(t *testing.T) {
	t.Parallel()
	w, cfg := newHolder(), &Config{Apex: heldApex}
	s := seen(heldKeys('a', 3600), zone.RRset{})
	transferred := seen(heldKeys('b', 3600), zone.RRset{}).peers["b"].Addresses[0]
	transferred.TransferFrom = true
	s.peers["b"] = peer.Report{Addresses: append(s.peers["b"].Addresses, transferred)}
	w.hold(s, heldStart)
	w.record.Steady = heldStart
	h := w.heldNow(cfg)
	require.Len(t, h.Keys, 1)
	require.Equal(t, heldKeys('a', 0).Rdata, h.Keys[0].Set.Rdata)
}

// A peer's key may have the tag of ours. How long caches keep its data is none of our TTLs.
func TestHeldOfAPeerWithOurTag(t *testing.T) {
	t.Parallel()
	version := func(serial, ttl int, tag byte) *zone.Version {
		b := zone.MustVersion(fmt.Sprintf("example.org. 60 SOA . . %d 1 1 1 1\nwww.example.org. %d A 192.0.2.1", serial, ttl)).Edit()
		sig := "\x00\x06\x0f\x02" + fmt.Sprintf("%012d", 0) + string([]byte{0, tag}) + string(heldApex) + fmt.Sprintf("%064d", 0)
		b.Put(b.Version().SOA().WithSigs(zone.Pack(sig)))
		return b.Version()
	}
	w, cfg := newHolder(), &Config{Apex: heldApex}
	w.signed = version(9, 86400, 1)
	look := func(v *zone.Version, minutes int) {
		s := seen(heldKeys('a', 60), zone.RRset{})
		s.peers["b"].Addresses[0].Sets[zone.TypeSOA] = v.SOA()
		w.record.Steady = heldStart.Add(time.Duration(minutes) * time.Minute)
		w.hold(s, w.record.Steady)
	}
	look(version(1, 60, 1), 0)
	look(version(2, 60, 2), 10)
	require.Len(t, w.heldNow(cfg).Answers, 2)
	w.record.Steady = heldStart.Add(12 * time.Minute)
	require.Len(t, w.heldNow(cfg).Answers, 1)
}

// Whoever orders a key out without waiting for caches is not held up by them.
func TestHeldHasty(t *testing.T) {
	t.Parallel()
	w, cfg := newHolder(), &Config{Apex: heldApex}
	w.hold(seen(heldKeys('a', 3600), zone.RRset{}), heldStart)
	w.hold(seen(heldKeys('b', 3600), zone.RRset{}), heldStart)
	w.record.Steady = heldStart
	require.Len(t, w.heldNow(cfg).Keys, 2)
	w.record.Hasty = []byte("a key")
	require.Len(t, w.heldNow(cfg).Keys, 2, "nothing is signed by it")
	bad := heldKeys('x', 60)
	b := zone.MustVersion("example.org. 1 SOA . . 1 1 1 1 1").Edit()
	b.Put(bad)
	w.signed = b.Version()
	for k := range bad.Rdata.All() {
		w.record.Hasty = []byte(k)
	}
	require.Len(t, w.heldNow(cfg).Keys, 1, "only what is served")
	w.signed = zone.MustVersion("example.org. 1 SOA . . 2 1 1 1 1")
	require.Len(t, w.heldNow(cfg).Keys, 2, "the key is gone, and with it the haste")
}

// signedZone is a version with some keys, whose data some of them sign.
func signedZone(t *testing.T, after *zone.Version, ttl int, keys, by []sign.Key) sign.Output {
	t.Helper()
	var rdata []string
	for _, k := range keys {
		rdata = append(rdata, string(k.Record))
	}
	serial := uint32(1)
	if after != nil {
		serial = after.Serial() + 1
	}
	out, err := sign.Zone(sign.Input{
		Old: after, Serial: serial, Denial: denial.NSEC, Renumber: true, Now: heldStart,
		Content: zone.MustVersion(fmt.Sprintf("example.org. 60 SOA . . 1 1 1 1 60\nexample.org. 60 NS ns.example.org.\nns.example.org. %d A 192.0.2.1", ttl)),
		Policy:  sign.Policy{Validity: 14 * 24 * time.Hour, Refresh: time.Hour, BackDate: time.Hour},
		Apex:    []zone.RRset{{Name: heldApex, Type: zone.TypeDNSKEY, TTL: 60, Rdata: zone.Pack(rdata...)}},
		Keys:    sign.Keys{DNSKEY: keys[:1], Data: by},
	})
	require.NoError(t, err)
	return out
}

// heldZSKs are a KSK and two ZSKs.
func heldZSKs(t *testing.T) (ksk, a, b sign.Key) {
	t.Helper()
	var keys [3]sign.Key
	for i := range keys {
		flags := uint16(zone.FlagZone)
		if i == 0 {
			flags |= zone.FlagSEP
		}
		key, err := sign.NewKey(flags, 15, ed25519.NewKeyFromSeed(fmt.Appendf(nil, "%032d", i)))
		require.NoError(t, err)
		keys[i] = key
	}
	return keys[0], keys[1], keys[2]
}

// ours is a look at one server of our own, which has a version or does not answer.
func ours(v *zone.Version) *sight {
	a := peer.Address{Server: ask.Server{Addr: heldServer}, Status: peer.Unreachable}
	if v != nil {
		a.Status, a.Believed, a.Sets = peer.Good, true, map[zone.Type]zone.RRset{}
		for s := range v.Top().All() {
			a.Sets[s.Type] = s
		}
	}
	return &sight{self: peer.Report{Addresses: []peer.Address{a}}}
}

// A secondary of ours is behind: it gives out data that the old ZSK has signed, and caches keep that for
// the TTL that the data has there, whatever TTL our data has got since. Meanwhile no version comes through that has no
// such key any more, even if the rules wanted it.
func TestHeldOfOurSecondaries(t *testing.T) {
	t.Parallel()
	ksk, a, b := heldZSKs(t)
	both := []sign.Key{ksk, a, b}
	first := signedZone(t, nil, 7200, both, both[1:2])
	lower := signedZone(t, first.Version, 60, both, both[1:2])
	second := signedZone(t, lower.Version, 60, both, both[2:])
	third := signedZone(t, second.Version, 60, []sign.Key{ksk, b}, both[2:])
	higher := signedZone(t, second.Version, 86400, both, both[2:])
	w, cfg := newHolder(), &Config{Apex: heldApex}
	at := func(minutes int, s *sight) string {
		w.record.Steady = heldStart.Add(time.Duration(minutes) * time.Minute)
		if s != nil {
			w.sight = s
			w.hold(s, w.steady())
		}
		faults := validate.Guard{Held: w.heldNow(cfg), At: heldStart}.Faults(second.Version, third.Diff, third.Version)
		return describe(faults)
	}
	show := func(out sign.Output, minutes int) {
		if w.signed != nil {
			w.caches.Replace(w.signed, out.Version, heldStart.Add(time.Duration(minutes)*time.Minute))
		}
		w.signed = out.Version
	}
	show(first, 0)
	at(0, ours(first.Version))
	show(lower, 1)
	at(2, ours(first.Version))
	show(second, 3)
	require.Contains(t, at(900, ours(first.Version)), "it no longer accepts the SOA there")
	show(higher, 901)
	require.Contains(t, at(902, ours(first.Version)), "it no longer accepts the SOA there")
	require.Contains(t, at(1000, ours(nil)), "it no longer accepts", "who does not answer has not caught up")
	saved := w.caches.Save()
	w.caches = caches.Recall(saved, heldStart.Add(1010*time.Minute))
	require.Contains(t, at(1020, nil), "it no longer accepts", "a restart forgets nothing")
	require.Contains(t, at(1100, ours(second.Version)), "it no longer accepts", "caches have what was given out just before")
	require.Contains(t, at(1219, nil), "it no longer accepts", "the TTL was not lowered there")
	require.Empty(t, at(1221, nil), "nor raised")
}

// What a version takes the place of is in caches, too: no version comes in its place that
// changes the key that signs and withdraws the one before at once.
func TestHeldOfTheVersionBefore(t *testing.T) {
	t.Parallel()
	ksk, a, b := heldZSKs(t)
	first := signedZone(t, nil, 3600, []sign.Key{ksk, a, b}, []sign.Key{a})
	hasty := signedZone(t, first.Version, 3600, []sign.Key{ksk, b}, []sign.Key{b})
	w, cfg := newHolder(), &Config{Apex: heldApex}
	w.signed = first.Version
	faults := validate.Guard{Held: w.heldNow(cfg), At: heldStart}.Faults(first.Version, hasty.Diff, hasty.Version)
	require.Contains(t, describe(faults), "it no longer accepts")
}
