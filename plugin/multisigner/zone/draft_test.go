package zone_test

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// drafted is a zone of many names and NSEC3 records, as a draft that is signed with marks.
func drafted(names int, signed func(s zone.RRset) error) (v *zone.Version, sign zone.Signatures) {
	b := zone.MustVersion("example. 60 SOA . . 9 1 1 1 30\nexample. 60 NS ns.example.").Edit()
	for i := range names {
		n := zone.MustName(fmt.Sprintf("h%06d.example.", i))
		b.Put(zone.RRset{Name: n, Type: zone.TypeA, TTL: 60, Rdata: zone.Pack("\x01\x02\x03\x04")})
		b.Put(zone.RRset{Name: n, Type: zone.TypeTXT, TTL: 60, Rdata: zone.Pack("\x01x")})
		b.Put(zone.RRset{Name: n, Type: zone.TypeNSEC3, TTL: 60, Rdata: zone.Pack("\x01\x00\x00\x00\x00\x01x")})
	}
	sign = func(n *zone.Node, s zone.RRset) (zone.Packed, error) {
		return marked(s), signed(s)
	}
	return b.Version().Draft(sign, time.Unix(1000, 0)), sign
}

// marked stands for the signatures of an RRset, with the dates of one.
func marked(s zone.RRset) zone.Packed {
	return zone.Pack(fmt.Sprintf("%018d%s %s", 0, s.Name, s.Type))
}

func host(i int, t zone.Type) zone.RRset {
	return zone.RRset{Name: zone.MustName(fmt.Sprintf("h%06d.example.", i)), Type: t}
}

// An RRset that a version was shown without is signed when it is asked for, once, however many
// ask; and what comes of the version has that very signature, and all others.
func TestDraft(t *testing.T) {
	var count atomic.Int64
	v, sign := drafted(3000, func(zone.RRset) error { count.Add(1); return nil })
	require.False(t, v.Whole())
	end, ok := v.Earliest()
	require.True(t, ok)
	require.EqualValues(t, 1000, end.Unix())

	_, have := v.Signatures(host(7, zone.TypeA), false)
	require.Equal(t, zone.Unmade, have)
	require.Zero(t, count.Load())
	var all sync.WaitGroup
	for range 32 {
		all.Go(func() {
			for i := range 500 {
				for _, typ := range []zone.Type{zone.TypeA, zone.TypeTXT, zone.TypeNSEC3} {
					s := host(i, typ)
					s.TTL = 1 // as an answer may have it
					sigs, have := v.Signatures(s, true)
					if have != zone.Made || sigs != marked(s) {
						panic(s.Name)
					}
				}
			}
		})
	}
	all.Wait()
	require.EqualValues(t, 1500, count.Load())
	s := host(7, zone.TypeNSEC3)
	require.Zero(t, testing.AllocsPerRun(100, func() { _, _ = v.Signatures(s, false) }))
	_, have = v.Signatures(zone.RRset{Name: zone.MustName("h.example."), Type: zone.TypeA}, true)
	require.Equal(t, zone.Beyond, have, "no such name")

	whole, err := v.WithSigs(func() (zone.Signatures, func()) { return sign, func() {} })
	require.NoError(t, err)
	require.True(t, whole.Whole())
	require.EqualValues(t, 9000+2, count.Load(), "those of the apex and of three thousand names, each once")
	for i := range 3000 {
		for _, typ := range []zone.Type{zone.TypeA, zone.TypeNSEC3} {
			is, ok := whole.RRset(host(i, typ).Name, typ)
			require.True(t, ok)
			late, have := v.Signatures(host(i, typ), false)
			require.Equal(t, zone.Made, have, "pages that are finished answer for the draft")
			require.Equal(t, is.Sigs, late)
			again, _ := whole.Signatures(is, false)
			require.Equal(t, is.Sigs, again)
		}
	}
	require.EqualValues(t, 9002, count.Load())
	require.Zero(t, testing.AllocsPerRun(100, func() { _, _ = v.Signatures(s, false) }))
}

// Nobody makes a signer work without end: so many signatures are made because they are
// asked for, and no more until the zone's own signing has come as far. What is
// there already is given all the while.
func TestDraftHasABudget(t *testing.T) {
	const names = 12_000
	v, sign := drafted(names, func(zone.RRset) error { return nil })
	made := 0
	for i := range names {
		if _, have := v.Signatures(host(i, zone.TypeA), true); have == zone.Made {
			made++
		} else {
			require.Equal(t, zone.Beyond, have)
		}
	}
	require.Equal(t, 1<<13, made)
	_, have := v.Signatures(host(0, zone.TypeA), false)
	require.Equal(t, zone.Made, have)
	_, have = v.Signatures(host(names-1, zone.TypeA), false)
	require.Equal(t, zone.Beyond, have)

	left, some := 5000, errors.New("enough") // of the zone's own signing
	var mu sync.Mutex
	_, err := v.WithSigs(func() (zone.Signatures, func()) {
		return func(n *zone.Node, s zone.RRset) (zone.Packed, error) {
			mu.Lock()
			defer mu.Unlock()
			if left--; left < 0 {
				return "", some
			}
			return sign(n, s)
		}, func() {}
	})
	require.ErrorIs(t, err, some)
	more := 0
	for i := range names {
		if _, have := v.Signatures(host(i, zone.TypeTXT), true); have == zone.Made {
			more++
		}
	}
	require.Greater(t, more, 1000)
	require.Less(t, more, names)
}

// What cannot be signed is not given without a signature.
func TestDraftThatCannotBeSigned(t *testing.T) {
	v, _ := drafted(10, func(s zone.RRset) error {
		if s.Type == zone.TypeTXT {
			return errors.New("the key is gone")
		}
		return nil
	})
	for range 2 {
		_, have := v.Signatures(host(1, zone.TypeTXT), true)
		require.Equal(t, zone.Beyond, have)
		_, have = v.Signatures(host(1, zone.TypeA), true)
		require.Equal(t, zone.Made, have)
	}
}
