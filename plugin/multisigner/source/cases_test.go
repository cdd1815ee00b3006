package source

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

var update = flag.Bool("update", false, "write what was found to testdata/cases.txt")

const casesFile = "testdata/cases.txt"

// base stands for $BASE in the cases.
const base = `$TTL 3600
@ SOA ns admin 1 7200 900 1209600 300
@ NS ns
ns A 192.0.2.53
`

// zoneCase is a zone with what is wrong in it, and what each reader says.
type zoneCase struct {
	name, text string
	others     string // what other checkers say; filled in by the interop tests
	ours       string
}

func (c zoneCase) zone() string {
	text := strings.Replace(c.text, "$BASE\n", base, 1)
	if before, ok := strings.CutSuffix(text, "%\n"); ok { // no final line end
		return before
	}
	return text
}

func readCases(t testing.TB) (cases []zoneCase) {
	content, err := os.ReadFile(casesFile)
	require.NoError(t, err)
	for _, text := range strings.Split("\n"+string(content), "\n=== ")[1:] {
		var c zoneCase
		c.name, text, _ = strings.Cut(text+"\n", "\n")
		c.text, text, _ = strings.Cut(text, "--- ")
		c.others, c.ours, _ = strings.Cut(text, "\n")
		if c.text = strings.TrimRight(c.text, "\n") + "\n"; c.text == "\n" {
			c.text = ""
		}
		c.ours = strings.TrimRight(c.ours, "\n")
		cases = append(cases, c)
	}
	return cases
}

func writeCases(t testing.TB, cases []zoneCase) {
	var b strings.Builder
	for _, c := range cases {
		fmt.Fprintf(&b, "=== %s\n%s--- %s\n", c.name, c.text, c.others)
		if c.ours != "" {
			fmt.Fprintln(&b, c.ours)
		}
	}
	require.NoError(t, os.WriteFile(casesFile, []byte(b.String()), 0o644))
}

// Every mistake is told with its line and what to do about it; which mistakes
// keep a zone from being served is written beside what other servers' checkers
// make of it. go test ./plugin/multisigner/source -update writes the file anew.
func TestCases(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "zone")
	cases := readCases(t)
	require.Greater(t, len(cases), 90)
	for i, c := range cases {
		require.NoError(t, os.WriteFile(path, []byte(c.zone()), 0o600))
		content, err := ReadFile(path, zone.MustName("example.org."))
		var lines []string
		fatal := false
		for _, p := range content.Problems {
			lines = append(lines, strings.ReplaceAll(p.String(), dir+"/", ""))
			fatal = fatal || p.Fatal
		}
		got := strings.Join(lines, "\n")
		require.Equal(t, fatal, err != nil, c.name)
		require.Equal(t, fatal, content.Version == nil, c.name)
		if *update {
			cases[i].ours = got
			continue
		}
		require.Equal(t, c.ours, got, "%s: when this is right, run go test ./plugin/multisigner/source -update", c.name)
	}
	if *update {
		writeCases(t, cases)
	}
}
