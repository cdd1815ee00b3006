package caches

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// What follows are timelines of servers and caches in which something is easily forgotten, or held too long.

// by says by keys of which tags keys are signed that resolvers may hold.
func (m *Memory) by(letter byte, at time.Time) (tags []uint32) {
	for _, k := range m.Now(apex, false, at).Keys {
		if k.Set.Rdata == keys(letter, 0).Rdata {
			for _, by := range signatories(k.Set.Sigs) {
				tags = append(tags, by&0xffff)
			}
		}
	}
	return tags
}

// asking looks at some addresses of a signer, of which each shows the same.
func asking(who string, addresses []netip.AddrPort, sets ...zone.RRset) (shown []Shown, asked map[netip.AddrPort]bool) {
	asked = map[netip.AddrPort]bool{}
	for _, at := range addresses {
		asked[at] = true
		for _, s := range sets {
			shown = append(shown, Shown{who, at, s.Type, s})
		}
	}
	return shown, asked
}

// Caches keep keys for the TTL of their own RRset, however long they keep the data: a rollover waits for no
// more than that.
func TestKeysPassBeforeData(t *testing.T) {
	m := &Memory{}
	look := func(at time.Time, letter byte) {
		sets := func(yield func(zone.RRset) bool) {
			_ = yield(signedVersion(1, 1, 60).SOA()) && yield(keys(letter, 60)) && yield(zone.RRset{Name: apex, Type: zone.TypeNS, TTL: 7200, Rdata: zone.Pack("\x00")})
		}
		m.Look(AtSigner("b", peer, sets, 0), map[netip.AddrPort]bool{peer: true}, at)
	}
	look(minutes(0), 'a')
	look(minutes(1), 'b')
	require.Equal(t, "ab", m.has(minutes(1)))
	require.Equal(t, "b", m.has(minutes(2)))
	require.EqualValues(t, 7200, m.Now(apex, false, minutes(2)).Answers[0].Set.TTL)
}

// Keys of ours that were replaced pass when their TTL has, however often somebody looks at others meanwhile.
func TestLooksRenewNothing(t *testing.T) {
	m := &Memory{}
	m.keep(keys('a', 3600), 3600, start)
	for i := range 7 {
		m.look(minutes(10*i), keys('b', 3600))
	}
	require.Equal(t, "b", m.has(minutes(60)))
}

// A peer lowers the TTL of its data before it signs with another key. When it has waited for a day, no cache has
// two minutes later what the old key has signed; had it not waited, they would have it for the rest of the day.
func TestDataTTLLoweredAhead(t *testing.T) {
	for _, tc := range []struct{ rolled, gone int }{{2000, 2001}, {10, 1441}} {
		m := &Memory{}
		look := func(at time.Time, v *zone.Version, ttl uint32) {
			soa := v.SOA()
			soa.TTL = ttl
			m.Look([]Shown{{"b", peer, zone.TypeSOA, soa}}, map[netip.AddrPort]bool{peer: true}, at)
		}
		look(minutes(0), signedVersion(1, 1, 60), 86400)
		look(minutes(1), signedVersion(2, 1, 60), 60)
		look(minutes(tc.rolled), signedVersion(3, 2, 60), 60)
		require.Len(t, m.Now(apex, false, minutes(tc.gone-1)).Answers, 2, "%v", tc)
		require.Len(t, m.Now(apex, false, minutes(tc.gone)).Answers, 1, "%v", tc)
	}
}

// One of two servers is cut off. What the other one shows since is no word of what that one serves.
func TestOneOfTwoServersLags(t *testing.T) {
	m := &Memory{}
	shown, asked := asking("b", []netip.AddrPort{peer, parent}, keys('a', 60))
	m.Look(shown, asked, minutes(0))
	shown, _ = asking("b", []netip.AddrPort{peer}, keys('b', 60))
	m.Look(shown, asked, minutes(1))
	require.Equal(t, "ab", m.has(minutes(500)))
}

// Our keys in a version that is withdrawn are in caches, though no other version takes its place; one that
// is not signed has none.
func TestKeep(t *testing.T) {
	m := &Memory{}
	v := signedVersion(1, 1, 60)
	m.Keep(v, start)
	require.Empty(t, m.Save())
	b := v.Edit()
	b.Put(keys('a', 3600))
	m.Keep(b.Version(), start)
	require.Equal(t, "a", m.has(minutes(59)))
	require.Empty(t, m.has(minutes(60)))
	m.Replace(v, b.Version(), minutes(70)) // it is signed for the first time
	require.Empty(t, m.has(minutes(70)))
}

// A server that ends and begins again and again shows the same keys each time, signed anew: that pushes out no
// keys that were shown before.
func TestManyStarts(t *testing.T) {
	m := &Memory{}
	m.keep(keys('a', 3600), 3600, start)
	for i := range 3 * maxHeldAt {
		s := signed(keys('b', 7200), 1)
		sigs := []byte(s.Sigs)
		sigs[len(sigs)-1] = byte(i)
		m.keep(s.WithSigs(zone.Packed(sigs)), 7200, start.Add(time.Duration(i)*time.Second))
	}
	require.Equal(t, "ab", m.has(minutes(50)))
	m.keep(signed(keys('b', 60), 1), 60, minutes(60))
	require.Equal(t, "b", m.has(minutes(119)), "copies with the TTL of before")
	require.Empty(t, m.has(minutes(121)))
}

// The same keys are signed by one KSK first and then by another. A cache that has the older copy may have the
// DS of the first alone: it counts until its TTL has passed, of ours and of a peer's.
func TestOtherSignatures(t *testing.T) {
	m := &Memory{}
	m.keep(signed(keys('a', 3600), 1), 3600, minutes(0))
	m.keep(signed(keys('a', 3600), 2), 3600, minutes(1))
	require.ElementsMatch(t, []uint32{1, 2}, m.by('a', minutes(2)))
	require.Equal(t, []uint32{2}, m.by('a', minutes(60)))

	m = &Memory{}
	m.look(minutes(0), signed(keys('a', 3600), 1))
	m.look(minutes(1), signed(keys('a', 3600), 2))
	require.ElementsMatch(t, []uint32{1, 2}, m.by('a', minutes(2)))
	require.Equal(t, []uint32{2}, m.by('a', minutes(61)))

	m = &Memory{}
	version := func(serial, by int) *zone.Version {
		b := signedVersion(serial, 9, 60).Edit()
		b.Put(signed(keys('a', 3600), by))
		return b.Version()
	}
	m.Replace(version(1, 1), version(2, 2), minutes(0)) // no look has seen the first
	require.Equal(t, []uint32{1}, m.by('a', minutes(59)))
	require.Empty(t, m.by('a', minutes(60)))
	m.Replace(version(2, 2), version(3, 2), minutes(61))
	require.Empty(t, m.by('a', minutes(61)), "signed anew, they are the same")
}

// A CSK signs keys and data. Keys that it has signed tell nothing of the data's TTL, and data that comes
// and goes pushes out none of them.
func TestCSK(t *testing.T) {
	with := func(serial, ttl int, letter byte) *zone.Version {
		b := signedVersion(serial, 1, ttl).Edit()
		b.Put(signed(keys(letter, 60), 1))
		return b.Version()
	}
	m := &Memory{}
	first, second := with(1, 7200, 'a'), with(2, 7200, 'b')
	m.Replace(first, second, start)
	require.EqualValues(t, 7200, m.LargestTTL(first.SOA(), second))
	for i := range 3 * maxAlike {
		m.Replace(with(2*i+3, 86400, 'b'), with(2*i+4, 3600, 'b'), start)
	}
	require.Equal(t, "a", m.has(start))
}

// A secondary of ours is cut off. Nobody knows what it has got since, so what it was seen to serve counts,
// however often our own versions have changed.
func TestSecondaryCutOff(t *testing.T) {
	m := &Memory{}
	shown, asked := asking(Us, []netip.AddrPort{peer}, signedVersion(1, 1, 60).SOA(), signed(keys('a', 60), 1))
	m.Look(shown, asked, start)
	for i := range 3 * maxAlike {
		m.Replace(signedVersion(2*i+2, 1, 86400), signedVersion(2*i+3, 1, 60), start)
	}
	m.keep(signed(keys('a', 60), 1), 60, start)
	m.Look(nil, asked, minutes(1))
	h := m.Now(apex, false, minutes(3000))
	require.Len(t, h.Keys, 1)
	require.Len(t, h.Answers, 1)
}

// An address that shows more than is remembered of one has what passes first forgotten first.
func TestBoundedByWhatPassesFirst(t *testing.T) {
	m := &Memory{}
	m.look(start, keys('a', 7*86400))
	for i := range 3 * maxHeldAt {
		m.look(start.Add(time.Duration(i+1)*time.Second), keys(byte(i), 3600))
	}
	require.Equal(t, "a", m.has(minutes(300)))
}

// A signer may have many servers, and all of them change in the middle of rollovers: of what they have shown
// nothing is forgotten, for each RRset is the same at all of them.
func TestManyServers(t *testing.T) {
	m := &Memory{}
	var servers []netip.AddrPort
	for i := range 60 {
		servers = append(servers, netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, 3, byte(i)}), 53))
	}
	for i, letter := range []byte("abcc") {
		soa := signedVersion(i, i, 60).SOA()
		soa.TTL = 86400
		shown, asked := asking("b", servers, soa, keys(letter, 3600))
		m.Look(shown, asked, minutes(i))
	}
	require.LessOrEqual(t, len(m.Save()), maxHeldOf)
	h := m.Now(apex, false, minutes(4))
	require.Len(t, h.Keys, 3)
	require.Len(t, h.Answers, 4)
}

// Of a hundred servers one is cut off. That the others show the same is no word of what it serves when
// they change.
func TestOneOfManyServersLags(t *testing.T) {
	m := &Memory{}
	var servers []netip.AddrPort
	for i := range 100 {
		servers = append(servers, netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, 3, byte(i)}), 53))
	}
	soa := signedVersion(1, 1, 60).SOA()
	shown, asked := asking("b", servers, soa, keys('a', 60))
	m.Look(shown, asked, minutes(0))
	for i := range servers {
		lags := *m
		lags.held = slices.Clone(m.held)
		shown, _ = asking("b", slices.Concat(servers[:i], servers[i+1:]), soa, keys('b', 60))
		lags.Look(shown, asked, minutes(1))
		require.Len(t, lags.Now(apex, false, minutes(500)).Keys, 2, "server %d", i)
	}
}

// A signer that shows other keys at each of very many addresses pushes out nothing of the parent's, nor of
// ours.
func TestCrowdOfServers(t *testing.T) {
	m := &Memory{}
	m.keep(keys('a', 7200), 7200, start)
	var shown []Shown
	asked := map[netip.AddrPort]bool{parent: true}
	for i := range 3 * maxHeldOf {
		at := netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, byte(3 + i/256), byte(i)}), 53)
		k := zone.NewDNSKEY(256, 15, []byte(fmt.Sprintf("%032d", 1000+i)))
		asked[at] = true
		shown = append(shown, Shown{"b", at, zone.TypeDNSKEY, zone.RRset{Name: apex, Type: zone.TypeDNSKEY, TTL: 86400, Rdata: zone.Pack(string(k))}})
	}
	m.Look(append(shown, Shown{"the parent", parent, zone.TypeDS, ds('d')}), asked, start)
	require.Equal(t, maxHeldOf+2, len(m.Save()))
	require.Len(t, m.Now(apex, false, start).DS, 1)
	require.Equal(t, "a", m.has(start))
}
