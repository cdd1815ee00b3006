package caches

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

var (
	apex   = zone.MustName("example.org.")
	peer   = netip.MustParseAddrPort("192.0.2.1:53")
	parent = netip.MustParseAddrPort("192.0.2.9:53")
	start  = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
)

// keys is a DNSKEY RRset that is told apart by a letter.
func keys(letter byte, ttl uint32) zone.RRset {
	k := zone.NewDNSKEY(256, 15, []byte(fmt.Sprintf("%032d", letter)))
	return zone.RRset{Name: apex, Type: zone.TypeDNSKEY, TTL: ttl, Rdata: zone.Pack(string(k))}
}

// signed is an RRset with a signature by a key of a tag.
func signed(s zone.RRset, tag int) zone.RRset {
	sig := "\x00\x06\x0f\x02" + fmt.Sprintf("%012d", 0) + string([]byte{0, byte(tag)}) + string(apex) + fmt.Sprintf("%064d", 0)
	return s.WithSigs(zone.Pack(sig))
}

// ds is a DS RRset that is told apart by a letter.
func ds(letter byte) zone.RRset {
	return zone.RRset{Name: apex, Type: zone.TypeDS, TTL: 3600, Rdata: zone.Pack("\x00\x01\x0f\x02" + fmt.Sprintf("%032d", letter))}
}

// look is at a peer that shows keys, or does not answer.
func (m *Memory) look(at time.Time, keys zone.RRset) {
	var shown []Shown
	if keys.Exists() {
		shown = []Shown{{"b", peer, zone.TypeDNSKEY, keys}}
	}
	m.Look(shown, map[netip.AddrPort]bool{peer: true}, at)
}

// has says which of the RRsets that were seen resolvers may hold.
func (m *Memory) has(at time.Time) (text string) {
	m.prune(at)
	for _, letter := range []byte("abc") {
		for _, h := range m.held {
			if string(h.Rdata) == string(keys(letter, 0).Rdata) {
				text += string(letter)
			}
		}
	}
	return text
}

func minutes(n int) time.Time { return start.Add(time.Duration(n) * time.Minute) }

// What one address shows anew must be saved, though another shows what it did; and so must what is shown again.
func TestUnsaved(t *testing.T) {
	m, other := &Memory{}, netip.MustParseAddrPort("192.0.2.77:53")
	look := func(at, elsewhere zone.RRset) bool {
		m.Saved()
		m.Look([]Shown{{"b", peer, zone.TypeDNSKEY, at}, {"b", other, zone.TypeDNSKEY, elsewhere}}, map[netip.AddrPort]bool{peer: true, other: true}, start)
		return m.Unsaved()
	}
	for _, step := range []struct {
		at   zone.RRset
		want bool
	}{
		{keys('a', 60), true}, {keys('a', 60), false}, {keys('b', 60), true}, {keys('b', 60), false}, {zone.RRset{}, true}, {keys('b', 60), true}, {keys('b', 60), false},
	} {
		require.Equal(t, step.want, look(step.at, keys('c', 60)), step.at)
	}
}

// A set counts until the last copy of it may have left the caches, from the look that first saw another
// in its place. A TTL that was lowered counts as it was for the copies of before, and no longer. An
// address that does not answer has not replaced anything.
func TestUntilItsTTLHasPassed(t *testing.T) {
	m := &Memory{}
	m.look(minutes(0), keys('a', 3600))
	require.True(t, m.Unsaved(), "it must survive a restart")
	m.Saved()
	m.look(minutes(1), keys('a', 60)) // the TTL is lowered just before
	require.True(t, m.Unsaved())
	m.Saved()
	m.look(minutes(2), keys('a', 60))
	require.False(t, m.Unsaved())
	m.look(minutes(5), zone.RRset{})
	require.Equal(t, "a", m.has(minutes(500)))
	m.look(minutes(10), keys('b', 60))
	require.True(t, m.Unsaved())
	require.Equal(t, "ab", m.has(minutes(60)), "a copy with the TTL of before")
	require.Equal(t, "b", m.has(minutes(61)))
	m.look(minutes(590), keys('b', 60))
	m.look(minutes(595), keys('c', 60))
	require.Equal(t, "bc", m.has(minutes(595)))
	require.Equal(t, "c", m.has(minutes(596)))

	// An address that is nobody's any more shows nothing new, and passes.
	m.Look(nil, nil, minutes(600))
	require.Equal(t, "c", m.has(minutes(600)))
	require.Empty(t, m.has(minutes(601)))
}

// A restart forgets nothing, and what was served may have been served until then.
func TestAcrossRestart(t *testing.T) {
	m := &Memory{}
	m.look(minutes(0), keys('a', 3600))
	m.look(minutes(1), keys('b', 3600))
	saved, err := json.Marshal(m.Save())
	require.NoError(t, err)
	var back []Held
	require.NoError(t, json.Unmarshal(saved, &back))
	again := Recall(back, minutes(50))
	require.Equal(t, "ab", again.has(minutes(50)))
	again.look(minutes(62), keys('c', 3600))
	require.Equal(t, "bc", again.has(minutes(62)))
	require.Equal(t, "c", again.has(minutes(122)))
}

// What a version of ours no longer has counts by its own TTL: keys by that of their RRset,
// data that other keys have signed by the largest of all.
func TestReplace(t *testing.T) {
	version := func(serial int, letter byte, tag int) *zone.Version {
		b := zone.MustVersion(fmt.Sprintf("example.org. 60 SOA . . %d 1 1 1 1\nwww.example.org. 7200 A 192.0.2.1", serial)).Edit()
		b.Put(keys(letter, 3600))
		b.Put(signed(b.Version().SOA(), tag))
		return b.Version()
	}
	m := &Memory{}
	m.Replace(version(1, 'a', 1), version(2, 'a', 1), start)
	require.Empty(t, m.Save(), "nothing is another")
	m.Replace(version(2, 'a', 1), version(3, 'b', 2), start)
	h := m.Now(apex, false, minutes(59))
	require.Len(t, h.Keys, 1)
	require.Equal(t, Us, h.Keys[0].Name)
	require.Len(t, h.Answers, 1)
	h = m.Now(apex, false, minutes(60))
	require.Empty(t, h.Keys)
	require.Len(t, h.Answers, 1, "an answer of the largest TTL may still be there")
	require.Empty(t, m.Now(apex, false, minutes(120)).Answers)
}

// The DS RRset that was replaced may be cached; haste counts only what is served.
func TestNow(t *testing.T) {
	m := &Memory{}
	look := func(set zone.RRset, at time.Time) {
		m.Look([]Shown{{"the parent", parent, zone.TypeDS, set}}, map[netip.AddrPort]bool{parent: true}, at)
	}
	look(ds('a'), minutes(0))
	look(ds('b'), minutes(1))
	require.Len(t, m.Now(apex, false, minutes(2)).DS, 2)
	require.Len(t, m.Now(apex, true, minutes(2)).DS, 1)
	look(zone.RRset{}, minutes(3))
	require.Len(t, m.Now(apex, false, minutes(4)).DS, 2, "they may be cached")
	require.Empty(t, m.Now(apex, false, minutes(63)).DS)
}

// A peer that shows other keys at each look is not remembered for ever.
func TestBounded(t *testing.T) {
	m := &Memory{}
	m.keep(keys('a', 7200), 7200, start)
	for i := range 3 * maxHeldAt {
		k := zone.NewDNSKEY(256, 15, []byte(fmt.Sprintf("%032d", i)))
		m.look(start.Add(time.Duration(i)*time.Second), zone.RRset{Name: apex, Type: zone.TypeDNSKEY, TTL: 86400, Rdata: zone.Pack(string(k))})
	}
	require.Len(t, m.held, maxHeldAt+1)
	require.True(t, m.held[0].Served, "what is served is kept before what was")
	require.Equal(t, "a", m.has(minutes(60)), "what others have shown is kept")
}

// A record with a large TTL that comes and goes, as updates make it, pushes out none of our keys, nor
// what other keys have signed: the last time stands for those before it.
func TestTTLThatComesAndGoes(t *testing.T) {
	version := func(serial, ttl int, letter byte, tag int) *zone.Version {
		b := signedVersion(serial, tag, ttl).Edit()
		b.Put(keys(letter, 3600))
		return b.Version()
	}
	m := &Memory{}
	m.Replace(version(1, 7200, 'a', 1), version(2, 3600, 'b', 2), start)
	for i := range 3 * maxHeldAt {
		m.Replace(version(2*i+3, 86400+i%2, 'b', 2), version(2*i+4, 3600, 'b', 2), start)
	}
	require.LessOrEqual(t, len(m.Save()), maxHeldAt/2)
	h := m.Now(apex, false, minutes(59))
	require.Len(t, h.Keys, 1)
	by := map[string]bool{}
	for _, a := range h.Answers {
		by[fmt.Sprint(signatories(a.Set.Sigs), a.Set.TTL)] = true
	}
	require.True(t, by[fmt.Sprint([]uint32{15<<16 | 1}, 7200)], "%v", by)
	require.True(t, by[fmt.Sprint([]uint32{15<<16 | 2}, 86401)], "%v", by)
	require.EqualValues(t, 86401, m.LargestTTL(version(3, 60, 'b', 2).SOA(), nil), "a server that is far behind may have it")
}

// signedVersion is a version whose data has a TTL, and is signed by a key of a tag.
func signedVersion(serial, tag, ttl int) *zone.Version {
	b := zone.MustVersion(fmt.Sprintf("example.org. 60 SOA . . %d 1 1 1 1\nwww.example.org. %d A 192.0.2.1", serial, ttl)).Edit()
	b.Put(signed(b.Version().SOA(), tag))
	return b.Version()
}

// A server that is behind gives out data with the TTL of its own version: what later versions have got
// since neither lowers that nor raises it, if other keys sign them.
func TestLargestTTL(t *testing.T) {
	first, lower := signedVersion(1, 1, 7200), signedVersion(2, 1, 60)
	higher, other := signedVersion(3, 1, 86400), signedVersion(4, 2, 600)
	m := &Memory{}
	require.Zero(t, m.LargestTTL(first.SOA(), nil))
	var shown []Shown
	asked := map[netip.AddrPort]bool{peer: true, parent: true}
	for at := range asked { // however much others show
		shown = append(shown, Shown{"b", at, zone.TypeSOA, signedVersion(2, 1, 60).SOA()}, Shown{"b", at, zone.TypeDNSKEY, keys('a', 9)})
	}
	m.Look(shown, asked, start)
	m.Replace(first, lower, start)
	m.Replace(lower, higher, start)
	m.Replace(higher, other, start)
	for range 2 {
		require.EqualValues(t, 7200, m.LargestTTL(first.SOA(), other))
		require.EqualValues(t, 86400, m.LargestTTL(lower.SOA(), other), "it rose while the same keys signed")
		require.EqualValues(t, 86400, m.LargestTTL(higher.SOA(), other))
		require.EqualValues(t, 600, m.LargestTTL(other.SOA(), other))
		require.Zero(t, m.LargestTTL(other.SOA(), nil))
		require.Zero(t, m.LargestTTL(signedVersion(5, 2, 600).SOA(), other), "nobody knows of a later one")
		require.Zero(t, m.LargestTTL(signedVersion(2, 3, 600).SOA(), other), "nor of one by other keys")
		slices.Reverse(m.held) // the order in which they are remembered does not matter
	}
}

// Of several servers with the same version each RRset is given once; SOA RRsets of versions that
// follow each other are one by the keys that sign them, and those that other keys sign another.
func TestGivenOnce(t *testing.T) {
	m := &Memory{}
	shows := func(at time.Time, v *zone.Version) {
		var shown []Shown
		for _, addr := range []netip.AddrPort{peer, parent} {
			soa := v.SOA()
			shown = append(shown, AtSigner("b", addr, slices.Values([]zone.RRset{soa, keys('a', 3600)}), 0)...)
		}
		m.Look(shown, map[netip.AddrPort]bool{peer: true, parent: true}, at)
	}
	shows(minutes(0), signedVersion(1, 1, 60))
	h := m.Now(apex, false, minutes(0))
	require.Len(t, h.Keys, 1)
	require.Len(t, h.Answers, 1)
	require.EqualValues(t, 3600, h.Answers[0].Set.TTL, "the largest in sight")
	require.EqualValues(t, 3600, h.Keys[0].Set.TTL)
	shows(minutes(1), signedVersion(2, 1, 60))
	require.Len(t, m.Now(apex, false, minutes(1)).Answers, 1, "it is signed by the same key")
	shows(minutes(2), signedVersion(3, 2, 60))
	require.Len(t, m.Now(apex, false, minutes(2)).Answers, 2)
	require.Len(t, m.Now(apex, false, minutes(62)).Answers, 1)
	m.Look([]Shown{{"the parent", peer, zone.TypeDS, ds('a')}, {"the parent", parent, zone.TypeDS, ds('a')}}, nil, minutes(70))
	require.Len(t, m.Now(apex, false, minutes(70)).DS, 1)
}

// The addresses of somebody are those at which something is served now, and no other's.
func TestOf(t *testing.T) {
	m := &Memory{}
	gone := netip.MustParseAddrPort("192.0.2.10:53")
	m.Look([]Shown{{"the parent", parent, zone.TypeDS, ds('a')}, {"the parent", gone, zone.TypeDS, ds('a')}, {"b", peer, zone.TypeDNSKEY, keys('a', 3600)}},
		map[netip.AddrPort]bool{parent: true, gone: true, peer: true}, minutes(0))
	m.Look(nil, map[netip.AddrPort]bool{parent: true, peer: true}, minutes(10))
	require.Equal(t, []netip.AddrPort{parent}, m.Of("the parent"))
	require.Equal(t, []netip.AddrPort{peer}, m.Of("b"))
}
