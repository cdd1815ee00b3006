package source

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Whoever writes more than a message holds, or than BIND takes as a secondary, learns it
// when the zone is loaded and not from those who get no answer.
func TestLimits(t *testing.T) {
	lines := func(count int, format string) string {
		var b strings.Builder
		for i := range count {
			fmt.Fprintf(&b, format+"\n", i)
		}
		return b.String()
	}
	long := `TXT "%03d` + strings.Repeat("x", 240) + `"`
	for _, tc := range []struct{ text, want string }{
		{lines(100, "x A 192.0.2.%d"), ""},
		{lines(101, "x A 192.0.2.%d"), "zone:5: warning: x.example.org.: the name has 101 records of type A: BIND secondaries refuse a zone with more than 100, unless max-records-per-type is raised there"},
		{lines(49, `x TYPE1%03d \# 1 00`), ""},
		{lines(50, `x TYPE1%03d \# 1 00`), "zone:5: warning: x.example.org.: the name has 50 types, with what signing adds 102: BIND secondaries refuse a zone with more than 100, unless max-types-per-name is raised there"},
		{lines(45, `@ TYPE1%03d \# 1 00`), "zone:3: warning: example.org.: the name has 47 types, with what signing adds 102: BIND secondaries refuse a zone with more than 100, unless max-types-per-name is raised there"},
		{lines(90, "x "+long), ""},
		{lines(300, "x "+long), "zone:5: warning: x.example.org.: the 300 records of type TXT take 76819 octets: with signatures they do not fit a message of 65535, and nobody gets them; have fewer or smaller ones|" +
			"zone:5: warning: x.example.org.: the name has 300 records of type TXT: BIND secondaries refuse a zone with more than 100, unless max-records-per-type is raised there"},
	} {
		c, err := from(map[string]string{"zone": base + tc.text})
		require.NoError(t, err)
		require.Equal(t, tc.want, strings.Join(problems(c), "|"))
	}
}
