package sign_test

import (
	"errors"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/denial"
	"github.com/multisigner/multisigner/plugin/multisigner/sign"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// A large zone that is signed as a whole is what it becomes name by name, octet by
// octet. Who signs asks for a place, keeps it, and gives it back; and how far it has
// come is told. It stops when it is told to, and a key that fails is named.
func TestPageByPage(t *testing.T) {
	const names = 5000
	for _, m := range modes {
		in := input(t, large(names), 15, m)
		var places, held, kept, told atomic.Int64
		in.Place = func() (keep, leave func()) {
			places.Add(1)
			held.Add(1)
			return func() { kept.Add(1) }, func() { held.Add(-1) }
		}
		in.Progress = func(done, all int) {
			told.Add(1)
			require.LessOrEqual(t, done, all)
		}
		whole := must(t, in)
		require.Positive(t, places.Load())
		require.Zero(t, held.Load())
		require.Greater(t, kept.Load(), int64(names/100))
		require.GreaterOrEqual(t, told.Load(), int64(names/1024))
		signed := 0
		each(whole.Version, func(_ *zone.Node, s zone.RRset) {
			if s.Sigs != "" {
				signed++
			}
		})
		require.Equal(t, signed, whole.Signed)

		first := in
		first.Content, first.Serial = large(10), in.Serial-1
		step := in
		step.Old = must(t, first).Version
		require.Empty(t, zone.Compare(must(t, step).Version, whole.Version).Changes, m)

		anew := in
		anew.Old, anew.Content, anew.Resign, anew.Serial = whole.Version, nil, true, in.Serial+1
		again := must(t, anew)
		require.Equal(t, whole.Signed, again.Signed)
		changes := zone.Compare(whole.Version, again.Version).Changes
		require.Len(t, changes, 1, "the signatures are what they were: %v", m)
		require.Equal(t, zone.TypeSOA, changes[0].Type())

		stopped := in
		stopped.Stop = func() error { return errTold }
		out, err := sign.Zone(stopped)
		require.ErrorIs(t, err, errTold)
		require.Nil(t, out.Version)
		require.Zero(t, held.Load())

		gone := in
		gone.Keys.Data = []sign.Key{{Record: in.Keys.Data[0].Record, Signer: broken{in.Keys.Data[0].Signer}}}
		_, err = sign.Zone(gone)
		require.ErrorContains(t, err, "token is gone")
		require.ErrorContains(t, err, " with key ")
		require.Zero(t, held.Load())
	}
}

// A signature over a zone's RRset leaves nothing behind but what the key does, and
// the octets of the signature themselves.
func TestSigningAllocatesLittle(t *testing.T) {
	in := quick(input(t, large(5000), 15, denial.NSEC))
	signed := 0
	allocs := testing.AllocsPerRun(1, func() { signed = must(t, in).Signed })
	// Of each name's two RRsets: what the key gives, and the packed signature. Of each
	// name: NSEC (twice packed), the node of the chain and the signed one. The rest is pages.
	require.Less(t, allocs/float64(signed), 5.0)
}

var errTold = errors.New("told to end")
