package sign_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/sign"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// The first version of a large zone can be answered from before it is signed: what is asked for
// meanwhile has the signatures that it has in the end, and the apex has all of its own from the
// beginning. What comes of it is the same as without.
func TestFirst(t *testing.T) {
	for i, m := range modes {
		b := large(4500).Edit()
		for i := range 200 {
			b.Put(rrset(zone.MustName(fmt.Sprintf("cut-%d.example.", i)), zone.TypeNS, 60, "\x02ns\x00"))
			b.Put(rrset(zone.MustName(fmt.Sprintf("ns.cut-%d.example.", i)), zone.TypeA, 60, "\x01\x02\x03\x04"))
		}
		b.Put(rrset(zone.MustName("*.w.example."), zone.TypeA, 60, "\x01\x02\x03\x04"))
		in := input(t, b.Version(), []uint8{13, 15, 13}[i], m)
		without := must(t, in)
		asked := map[zone.RRset]zone.Packed{}
		var draft *zone.Version
		in.First = func(v *zone.Version) error {
			require.False(t, v.Whole())
			draft = v
			for s := range v.Top().All() {
				require.NotEmpty(t, s.Sigs, "%s", s.Type)
			}
			require.Equal(t, in.Serial, v.Serial())
			each(v, func(_ *zone.Node, s zone.RRset) {
				if rand.IntN(20) == 0 {
					sigs, have := v.Signatures(s, true)
					require.Equal(t, zone.Made, have)
					asked[s.WithSigs("")] = sigs
				}
			})
			return nil
		}
		whole := must(t, in)
		require.True(t, whole.Version.Whole())
		require.Empty(t, zone.Compare(without.Version, whole.Version).Changes)
		require.Equal(t, without.Refresh, whole.Refresh)
		require.Empty(t, whole.Diff.Changes)
		require.NotEmpty(t, asked)
		for s, sigs := range asked {
			is, ok := whole.Version.RRset(s.Name, s.Type)
			require.True(t, ok)
			require.Equal(t, is.Sigs, sigs)
		}
		early, _ := draft.Earliest()
		end, _ := whole.Version.Earliest()
		require.False(t, end.Before(early))
		require.Equal(t, draft.Records()+signatures(whole.Version)-signatures(draft), whole.Version.Records())
	}
}

func signatures(v *zone.Version) (n int) {
	each(v, func(_ *zone.Node, s zone.RRset) { n += s.Sigs.Len() })
	return n
}

// Answers are given while the zone is signed, by many at once.
func TestFirstWhileSigning(t *testing.T) {
	in := input(t, large(5000), 13, modes[1])
	var askers sync.WaitGroup
	defer askers.Wait()
	in.First = func(v *zone.Version) error {
		for seed := range uint64(4) {
			askers.Go(func() {
				random := rand.New(rand.NewPCG(seed, 7))
				for range 2000 {
					if _, have := v.Signatures(zone.RRset{Name: host(random.IntN(5000)), Type: zone.TypeA}, true); have != zone.Made {
						panic(have)
					}
				}
			})
		}
		return nil
	}
	whole := must(t, in)
	in.First = nil
	require.Empty(t, zone.Compare(must(t, in).Version, whole.Version).Changes)
}

// Only a first version is answered from before it is whole, and only a large one that is signed.
// Who does not want it has the last word.
func TestFirstIsForFirstVersions(t *testing.T) {
	never := func(*zone.Version) error { panic("it is not to be answered from") }
	small := input(t, large(10), 15, modes[0])
	small.First = never
	out := must(t, small)

	later := input(t, large(5000), 15, modes[0])
	later.Old, later.Serial, later.First = out.Version, later.Serial+1, never
	must(t, later)

	unsigned := input(t, large(5000), 15, modes[0])
	unsigned.Keys, unsigned.Apex, unsigned.First = sign.Keys{}, nil, never
	must(t, unsigned)

	refused := input(t, large(5000), 15, modes[0])
	no := errors.New("no")
	refused.First = func(*zone.Version) error { return no }
	_, err := sign.Zone(refused)
	require.ErrorIs(t, err, no)
}
