package zone_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// Whatever is put and deleted, in whatever order, a version is what a plain map
// of the same records says, versions that were shown do not change, and the
// difference of any two leads from one to the other.
func TestVersionIsWhatAMapSays(t *testing.T) {
	r := seeded(t)
	e := edits{apex: zone.MustName("example."), pick: r.IntN}
	m, b := newModel(e.apex), zone.NewBuilder(e.apex)
	var versions []*zone.Version
	var texts []string
	for step := range 4000 {
		s := e.rrset()
		m.put(s)
		b.Put(s)
		if step%100 != 0 {
			continue
		}
		v := b.Version()
		require.Equal(t, m.text(), text(v))
		for range 20 {
			m.check(t, v, e.name())
		}
		m.checkExpiring(t, v, zone.Time(uint32(r.IntN(200))))
		versions, texts = append(versions, v), append(texts, text(v))
		if r.IntN(2) == 0 {
			b = v.Edit()
		}
	}
	for i, v := range versions {
		require.Equal(t, texts[i], text(v), "a version that was shown has changed")
		for _, other := range []*zone.Version{versions[max(i-1, 0)], versions[r.IntN(len(versions))]} {
			applied, err := other.Apply(zone.Compare(other, v))
			require.NoError(t, err)
			require.Equal(t, text(v), text(applied))
		}
	}
}

// The same in a zone of many pages, which grows and shrinks: pages split, are
// joined and vanish.
func TestPagesComeAndGo(t *testing.T) {
	r := seeded(t)
	apex := zone.MustName("example.")
	m, b := newModel(apex), zone.NewBuilder(apex)
	// Some begin with so much in common that a page's heads do not tell them apart,
	// and some are the ends of long chains of empty non-terminals.
	forms := []string{"n%04d.example.", "a-long-common-beginning-%04d.example.", "%03d.1.2.3.4.5.6.7.8.9.10.11.12.example."}
	name := func() zone.Name { return zone.MustName(fmt.Sprintf(forms[r.IntN(3)], r.IntN(2000))) }
	last := b.Version()
	for round := range 6 {
		for range 4000 {
			s := zone.RRset{Name: name(), Type: zone.TypeA, TTL: 1}
			if r.IntN(4) > 0 == (round%2 == 0) { // grow in even rounds, shrink in odd ones
				s.Rdata = zone.Pack("four")
			}
			m.put(s)
			b.Put(s)
		}
		v := b.Version()
		require.Equal(t, m.text(), text(v))
		m.check(t, v, name())
		d := zone.Compare(last, v)
		applied, err := last.Apply(d)
		require.NoError(t, err)
		require.Equal(t, text(v), text(applied))
		last = v
	}
	for n := range last.All() {
		b.Delete(n.Name(), zone.TypeA)
	}
	require.Equal(t, 1, b.Version().Names())
}

// Random bytes decide what is edited and when a version is made.
func FuzzVersion(f *testing.F) {
	f.Add([]byte("a version is what a map says"))
	f.Add([]byte{4, 0, 1, 2, 3, 2, 1, 0, 0, 0, 4, 0, 1, 2, 3, 3, 1, 0, 0, 0})
	f.Fuzz(func(t *testing.T, input []byte) {
		input = input[:min(len(input), 2000)] // the model is slow
		e := edits{apex: zone.MustName("example."), pick: func(n int) int {
			if len(input) == 0 {
				return 0
			}
			next := int(input[0])
			input = input[1:]
			return next % n
		}}
		m, b := newModel(e.apex), zone.NewBuilder(e.apex)
		before := b.Version()
		for len(input) > 0 {
			s := e.rrset()
			m.put(s)
			b.Put(s)
			if e.pick(4) > 0 {
				continue
			}
			v := b.Version()
			require.Equal(t, m.text(), text(v))
			m.check(t, v, e.name())
			m.checkExpiring(t, v, time.Unix(int64(e.pick(200)), 0))
			applied, err := before.Apply(zone.Compare(before, v))
			require.NoError(t, err)
			require.Equal(t, text(v), text(applied))
			before = v
		}
	})
}

// What is put as it was leaves the version as it was: nothing to copy, to
// compare, or to sign again.
func TestPutOfTheSameChangesNothing(t *testing.T) {
	v := built(generated(1000))
	b := v.Edit()
	for n := range v.All() {
		for s := range n.All() {
			b.Put(s)
		}
	}
	require.Empty(t, zone.Compare(v, b.Version()).Changes)
}

// A version that is shown is read by many while the next is built from it: the
// race detector sees whether a page is written that somebody reads.
func TestReadersNeedNoLock(t *testing.T) {
	v := built(generated(2000))
	want := text(v)
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			if text(v) != want {
				t.Error("a version that was shown has changed")
			}
		})
	}
	b := v.Edit()
	for n := range v.All() {
		b.Delete(n.Name(), zone.TypeA)
		b.Put(zone.RRset{Name: "\x01x" + n.Name(), Type: zone.TypeNS, TTL: 1, Rdata: zone.Pack("\x00")})
		if n.Name().Label() < "b" {
			b.Version()
		}
	}
	b.Version()
	readers.Wait()
}

// The last one counts when an RRset is put twice, and a deletion undoes a put.
func TestLastPutCounts(t *testing.T) {
	b := zone.NewBuilder(zone.MustName("example."))
	set := func(ttl uint32) zone.RRset {
		return zone.RRset{Name: zone.MustName("a.example."), Type: zone.TypeA, TTL: ttl, Rdata: zone.Pack("four")}
	}
	b.Put(set(1))
	b.Put(set(2))
	s, _ := b.Version().RRset(set(0).Name, zone.TypeA)
	require.Equal(t, set(2), s)
	b.Put(set(3))
	b.Delete(s.Name, s.Type)
	require.Equal(t, 1, b.Version().Names())
}

// A name outside the zone is a mistake of the caller's; to delete it is none.
func TestBuilderStaysInItsZone(t *testing.T) {
	b := zone.NewBuilder(zone.MustName("example."))
	s := zone.RRset{Name: zone.MustName("a.other."), Type: zone.TypeA, Rdata: zone.Pack("four")}
	require.Panics(t, func() { b.Put(s) })
	b.Delete(s.Name, s.Type)
	require.Equal(t, 1, b.Version().Names())
}
