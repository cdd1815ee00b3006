//go:build interop

package source

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// checkers are the programs that other servers come with, how each is called,
// what it says when all is well, and what it says when it would serve the zone
// nevertheless.
var checkers = []struct {
	name    string
	args    []string
	nothing *regexp.Regexp
	serves  *regexp.Regexp
}{
	{"named-checkzone", []string{"-i", "local", "example.org.", "zone"}, regexp.MustCompile(`loaded serial \d+$|^OK$`), nil},
	// Knot loads a zone with errors that it does not call serious.
	{"kzonecheck", []string{"-o", "example.org.", "zone"}, nil, regexp.MustCompile(`(?s)\AError summary|\[example\.org`)},
	{"nsd-checkzone", []string{"example.org.", "zone"}, regexp.MustCompile(` is ok$`), nil},
}

// What the checkers of BIND, Knot and NSD say of each case is written beside what
// we say, so that a difference is a decision and not an accident.
// go test -tags interop ./plugin/multisigner/source -run TestCheckers -update writes it anew.
func TestCheckers(t *testing.T) {
	dir := t.TempDir()
	cases := readCases(t)
	for i, c := range cases {
		require.NoError(t, os.WriteFile(filepath.Join(dir, "zone"), []byte(c.zone()), 0o600))
		var said []string
		for _, checker := range checkers {
			cmd := exec.Command(checker.name, checker.args...)
			cmd.Dir = dir
			out, err := cmd.CombinedOutput()
			verdict := "ok"
			for _, line := range strings.Split(strings.TrimSpace(string(out)), "\n") {
				if line != "" && (checker.nothing == nil || !checker.nothing.MatchString(line)) {
					verdict = "warning"
				}
			}
			if _, failed := err.(*exec.ExitError); err != nil && !failed {
				t.Fatalf("%v: make interop installs it", err)
			} else if failed && (checker.serves == nil || !checker.serves.Match(out) || strings.Contains(string(out), "Serious")) {
				verdict = "error"
			}
			said = append(said, checker.name+" "+verdict)
		}
		if cases[i].others = strings.Join(said, ", "); !*update {
			require.Equal(t, c.others, cases[i].others, c.name)
		}
	}
	if *update {
		writeCases(t, cases)
	}
}
