package source

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// What goes in comes out: a zone that was read, written and read again is the
// same zone, and no text brings the reader down.
func FuzzZoneFile(f *testing.F) {
	for _, c := range readCases(f) {
		f.Add(c.zone(), "a A 192.0.2.1\n$INCLUDE zone\n")
	}
	f.Add(base+"$INCLUDE inc sub\n$GENERATE 1-3/2 a${1,2,n} TXT \"$\"\n", "@ TXT \\\"\\000\n$TTL 1w\n$ORIGIN x\n")
	f.Fuzz(func(t *testing.T, zoneText, include string) {
		c, err := from(map[string]string{"zone": zoneText, "inc": include})
		require.Equal(t, err != nil, c.Version == nil)
		require.Equal(t, "zone", c.Files[0])
		lines := map[string]int{"zone": strings.Count(zoneText, "\n") + 1, "inc": strings.Count(include, "\n") + 1}
		fatal := false
		for _, p := range c.Problems {
			fatal = fatal || p.Fatal
			require.LessOrEqual(t, p.Line, lines[p.File], p.String())
		}
		require.Equal(t, err != nil, fatal)
		require.LessOrEqual(t, len(c.Problems), MaxProblems)
		if err != nil {
			return
		}
		var b strings.Builder
		for n := range c.Version.All() {
			for s := range n.All() {
				b.WriteString(zone.Text(s))
			}
		}
		again, err := from(map[string]string{"zone": b.String()})
		require.NoError(t, err, b.String())
		require.Empty(t, zone.Compare(c.Version, again.Version).Changes, b.String())
	})
}
