package engine

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/ask"
	"github.com/multisigner/multisigner/plugin/multisigner/parent"
	"github.com/multisigner/multisigner/plugin/multisigner/peer"
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

// has says which of the RRsets that were seen resolvers may hold.
func (w *work) has(at time.Time) (text string) {
	w.prune(at)
	for _, letter := range []byte("abc") {
		for _, h := range w.held {
			if string(h.Rdata) == string(heldKeys(letter, 0).Rdata) {
				text += string(letter)
			}
		}
	}
	return text
}

// A set counts until the last copy of it may have left the caches: by the largest
// TTL with which it was seen, from the look that first saw another in its place. An
// address that does not answer has not replaced anything.
func TestHeldUntilItsTTLHasPassed(t *testing.T) {
	w, at := newHolder(), func(minutes int) time.Time { return heldStart.Add(time.Duration(minutes) * time.Minute) }
	w.hold(seen(heldKeys('a', 3600), zone.RRset{}), at(0))
	require.True(t, w.dirty, "it must survive a restart")
	w.dirty = false
	w.hold(seen(heldKeys('a', 60), zone.RRset{}), at(1)) // the TTL is lowered just before
	require.False(t, w.dirty)
	w.hold(seen(zone.RRset{}, zone.RRset{}), at(500))
	require.Equal(t, "a", w.has(at(500)))
	w.hold(seen(heldKeys('b', 60), zone.RRset{}), at(510))
	require.True(t, w.dirty)
	require.Equal(t, "ab", w.has(at(569)))
	require.Equal(t, "b", w.has(at(570)))

	// An address that is nobody's any more shows nothing new, and passes.
	w.hold(&sight{}, at(600))
	require.Equal(t, "b", w.has(at(600)))
	require.Empty(t, w.has(at(601)))
}

// A restart forgets nothing, and what was served may have been served until then.
func TestHeldAcrossRestart(t *testing.T) {
	w := newHolder()
	w.hold(seen(heldKeys('a', 3600), zone.RRset{}), heldStart)
	w.hold(seen(heldKeys('b', 3600), zone.RRset{}), heldStart.Add(time.Minute))
	saved, err := json.Marshal(w.held)
	require.NoError(t, err)
	var back []held
	require.NoError(t, json.Unmarshal(saved, &back))
	w = newHolder()
	w.recall(back, heldStart.Add(50*time.Minute))
	require.Equal(t, "ab", w.has(heldStart.Add(50*time.Minute)))
	w.hold(seen(heldKeys('c', 3600), zone.RRset{}), heldStart.Add(62*time.Minute))
	require.Equal(t, "bc", w.has(heldStart.Add(62*time.Minute)))
	require.Equal(t, "c", w.has(heldStart.Add(122*time.Minute)))
}

// That there is no DS is known only when every address of the parent has said so,
// and no cache can hold one.
func TestHeldDS(t *testing.T) {
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
	w.sight.parent.Addresses[0].Status = parent.Unreachable
	require.False(t, w.heldNow(cfg).NoDS)
	require.True(t, w.heldNow(&Config{Apex: heldApex}).NoDS, "an island has no parent")
}

// Whoever orders a key out without waiting for caches is not held up by them.
func TestHeldHasty(t *testing.T) {
	w, cfg := newHolder(), &Config{Apex: heldApex}
	w.hold(seen(heldKeys('a', 3600), zone.RRset{}), heldStart)
	w.hold(seen(heldKeys('b', 3600), zone.RRset{}), heldStart)
	w.record.Steady = heldStart
	require.Len(t, w.heldNow(cfg).Keys, 2)
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

// A peer that shows other keys at each look is not remembered for ever.
func TestHeldIsBounded(t *testing.T) {
	w := newHolder()
	w.keep(heldKeys('a', 7200), 7200, heldStart)
	for i := range 3 * maxHeldAt {
		k := zone.NewDNSKEY(256, 15, []byte(fmt.Sprintf("%032d", i)))
		set := zone.RRset{Name: heldApex, Type: zone.TypeDNSKEY, TTL: 86400, Rdata: zone.Pack(string(k))}
		w.hold(seen(set, zone.RRset{}), heldStart.Add(time.Duration(i)*time.Second))
	}
	require.Len(t, w.held, maxHeldAt+1)
	require.True(t, w.held[0].Served, "what is served is kept before what was")
	require.Equal(t, "a", w.has(heldStart.Add(time.Hour)), "what others have shown is kept")
}
