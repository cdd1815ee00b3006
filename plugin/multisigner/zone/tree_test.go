package zone_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// A page finds names by what its keys share, however much that is: else a long apex, or names
// that begin alike, would have others take the place of the one asked for.
func TestNamesThatBeginAlike(t *testing.T) {
	for _, shared := range []int{1, 40, 45, 46, 47, 48, 63} {
		apex := zone.MustName(strings.Repeat("s", shared) + ".example.")
		below := zone.MustName(strings.Repeat("t", shared) + ".example.")
		b := zone.NewBuilder("\x07example\x00")
		names := []zone.Name{"\x07example\x00", apex, below}
		put := func(n zone.Name) {
			names = append(names, n)
			b.Put(zone.RRset{Name: n, Type: zone.TypeA, Rdata: zone.Pack("\x01\x02\x03\x04")})
		}
		for i := range 300 {
			label := fmt.Sprintf("x%07d", 2*i)
			put(zone.Name(string(rune(len(label)))+label) + apex)
			put(zone.Name(string(rune(len(label)))+label) + below)
		}
		v := b.Version()
		slices.SortFunc(names, zone.Name.Compare)
		names = slices.Compact(names)
		for _, probe := range []string{"x", "x0000007", "x0000301", "x0000598", "x0000599", "x9", "a", "zzzzzzzzz", "x00000070"} {
			for _, up := range []zone.Name{apex, below, "\x07example\x00"} {
				n := zone.Name(string(rune(len(probe)))+probe) + up
				at, exact := slices.BinarySearchFunc(names, n, zone.Name.Compare)
				if !exact {
					at--
				}
				require.Equal(t, names[at], v.Find(n).Prev.Name(), "%d octets, %s", shared, n)
				require.Equal(t, exact, v.Get(n) != nil)
			}
		}
	}
}
