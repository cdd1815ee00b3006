package zone_test

import (
	"errors"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// Signing page by page gives what putting each RRset gives, in trees of every height,
// and shares what keeps its signatures.
func TestWithSigs(t *testing.T) {
	r := seeded(t)
	for _, names := range []int{1, 30, 40, 3000} {
		b := zone.NewBuilder("\x07example\x00")
		b.Put(zone.RRset{Name: "\x07example\x00", Type: zone.TypeNS, TTL: 1, Rdata: zone.Pack("\x01n\x00")})
		for i := range names {
			n := zone.MustName(fmt.Sprintf("n%d.x%d.example.", i, i%7))
			b.Put(zone.RRset{Name: n, Type: zone.TypeA, TTL: 60, Rdata: zone.Pack("\x01\x02\x03\x04")})
			if i%5 == 0 {
				b.Put(zone.RRset{Name: n, Type: zone.TypeNS, TTL: 60, Rdata: zone.Pack("\x01n\x00")})
				b.Put(zone.RRset{Name: "\x01b" + n, Type: zone.TypeA, TTL: 60, Rdata: zone.Pack("\x01\x02\x03\x04")})
			}
			if i%2 == 0 {
				b.Put(zone.RRset{Name: zone.MustName(fmt.Sprintf("%032d.example.", i)), Type: zone.TypeNSEC3, TTL: 60, Rdata: zone.Pack("\x01\x00\x00\x00\x00\x01x\x00")})
			}
		}
		v := b.Version()
		before := text(v)
		signed := func(s zone.RRset) zone.Packed {
			return zone.Pack("\x00\x01\x0d\x02\x00\x00\x00\x3c\x60\x00\x00" + string(s.Name[1]) + "\x10\x00\x00\x00\x12\x34\x00" + string(s.Name))
		}
		var begun, ended atomic.Int64
		is, err := v.WithSigs(func() (zone.Signatures, func()) {
			begun.Add(1)
			return func(n *zone.Node, s zone.RRset) (zone.Packed, error) {
				require.Equal(t, n.Name(), s.Name)
				return signed(s), nil
			}, func() { ended.Add(1) }
		})
		require.NoError(t, err)
		require.Equal(t, begun.Load(), ended.Load())
		edit := v.Edit()
		for _, nodes := range []func(func(*zone.Node) bool){v.All(), v.Hashed()} {
			for n := range nodes {
				for s := range n.All() {
					edit.Put(s.WithSigs(signed(s)))
				}
			}
		}
		want := edit.Version()
		require.Equal(t, text(want), text(is))
		require.Empty(t, zone.Compare(want, is).Changes)
		require.Equal(t, []any{want.Size(), want.Serial(), want.Top().Name()}, []any{is.Size(), is.Serial(), is.Top().Name()})
		require.Equal(t, before, text(v), "the old version stays as it was")

		// It can be edited and searched as any other.
		n := zone.MustName(fmt.Sprintf("n%d.x%d.example.", names-1, (names-1)%7))
		_, found := is.RRset(n, zone.TypeA)
		require.True(t, found)
		next := is.Edit()
		next.Delete(n, zone.TypeA)
		_, found = next.Version().RRset(n, zone.TypeA)
		require.False(t, found)

		one := r.IntN(names)
		only := zone.MustName(fmt.Sprintf("n%d.x%d.example.", one, one%7))
		again, err := is.WithSigs(func() (zone.Signatures, func()) {
			return func(_ *zone.Node, s zone.RRset) (zone.Packed, error) {
				if s.Name == only && s.Type == zone.TypeA {
					return "", nil
				}
				return s.Sigs, nil
			}, func() {}
		})
		require.NoError(t, err)
		require.Len(t, zone.Compare(is, again).Changes, 1)

		told := errors.New("no more")
		var asked atomic.Int64
		none, err := is.WithSigs(func() (zone.Signatures, func()) {
			return func(*zone.Node, zone.RRset) (zone.Packed, error) {
				if asked.Add(1) >= 2 {
					return "", told
				}
				return "", nil
			}, func() {}
		})
		require.ErrorIs(t, err, told)
		require.Nil(t, none)
	}
}
