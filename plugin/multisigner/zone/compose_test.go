package zone_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// Differences that are composed do what they do one after the other: the outcome is
// what comparing both ends gives, however the zone got from the one to the other.
func TestCompose(t *testing.T) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 0))
		versions := []*zone.Version{zone.MustVersion(before)}
		var diffs []zone.Diff
		for range 1 + r.IntN(8) {
			last := versions[len(versions)-1]
			b := last.Edit()
			b.Put(last.SOA().WithSerial(last.Serial() + 1))
			for range r.IntN(4) {
				name := zone.MustName(fmt.Sprintf("n%d.example.", r.IntN(4)))
				switch r.IntN(3) {
				case 0:
					b.Delete(name, zone.TypeA)
				case 1:
					b.Put(zone.RRset{Name: name, Type: zone.TypeNSEC3, TTL: 1, Rdata: zone.Pack(fmt.Sprint("\x01\x00\x00\x00\x00\x00", r.IntN(2)))})
				default:
					b.Put(zone.RRset{Name: name, Type: zone.TypeA, TTL: uint32(r.IntN(2)), Rdata: zone.Pack("\xc0\x00\x02\x01")})
				}
			}
			versions = append(versions, b.Version())
			diffs = append(diffs, zone.Compare(last, b.Version()))
		}
		got, err := zone.Compose(diffs...)
		require.NoError(t, err, "seed %d", seed)
		require.Equal(t, zone.Compare(versions[0], versions[len(versions)-1]), got, "seed %d", seed)
	}
	none, err := zone.Compose()
	require.NoError(t, err)
	require.Empty(t, none)
}

// What does not follow on is refused: composed, it would lead to a zone that never was.
func TestComposeRefuses(t *testing.T) {
	v, w := zone.MustVersion(before), zone.MustVersion(after)
	there, back := zone.Compare(v, w), zone.Compare(w, v)
	_, err := zone.Compose(there, there)
	require.ErrorContains(t, err, "difference of example. from serial 7 does not follow on one to serial 8")
	other := back
	other.Changes = append([]zone.Change{}, back.Changes...)
	other.Changes[len(other.Changes)-1].Old.TTL++
	_, err = zone.Compose(there, other)
	require.ErrorContains(t, err, "is not what the difference from serial 8 begins with")
	one, err := zone.Compose(there, back)
	require.NoError(t, err)
	require.Empty(t, one.Changes, "nothing is left of what was taken back")
}
