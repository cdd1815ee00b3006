package roll

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Each moment of a key has its writers in one file, where their meaning stands: a rule that sets
// one beside them would have to know what else goes with it.
func TestMomentsHaveOneHome(t *testing.T) {
	files, err := filepath.Glob("*.go")
	require.NoError(t, err)
	written := regexp.MustCompile(`(?m)^.*\.(Pub|Gone|DataOn|DataOff|EntryOn|Out)\b(, [\w.\[\]]+)* = .*$`)
	home := 0
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		for _, line := range written.FindAllString(string(text), -1) {
			switch {
			case file == "moments.go":
				home++
			default:
				t.Errorf("%s writes a moment of a key: %s", file, strings.TrimSpace(line))
			}
		}
	}
	require.Greater(t, home, 8)
}
