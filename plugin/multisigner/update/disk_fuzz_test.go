package update_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/update"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// What is saved of updates is read again as the same. Of whatever else may stand there nothing
// is taken that is no entry of the zone, and nothing ends the process.
func FuzzEntry(f *testing.F) {
	apex := zone.MustName("example.")
	www := zone.MustVersion("example. 60 SOA ns. h. 1 1 1 1 1\nWWW.example. 60 A 192.0.2.1\nwww.example. 60 A 192.0.2.2\n").Get(zone.MustName("www.example."))
	set, _ := www.Get(zone.TypeA)
	since := time.Unix(1_800_000_000, 0).UTC()
	for _, e := range []update.Entry{
		{Key: update.Key{Name: set.Name, Type: set.Type}, Added: set, TTL: 60, TTLSet: true, By: "k.", Since: since},
		{Key: update.Key{Name: set.Name, Type: set.Type}, Removed: set.Rdata, By: "k.", Since: since},
	} {
		f.Add(e.Encode())
	}
	f.Add([]byte(strings.Replace(`{"format":1,"name":"N","type":46}`, "N", "A3d3dwdleGFtcGxlAA==", 1)))
	f.Add([]byte(`{"format":2}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		e, err := update.Decode(text, apex)
		if err != nil {
			return
		}
		require.True(t, e.Name.Under(apex))
		require.False(t, e.Type.SignerMade())
		again, err := update.Decode(e.Encode(), apex)
		require.NoError(t, err)
		require.Equal(t, string(e.Encode()), string(again.Encode()))
		require.Equal(t, e.Key, again.Key)
	})
}
