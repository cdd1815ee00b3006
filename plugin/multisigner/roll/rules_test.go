package roll_test

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/roll"
)

// In whatever order a step applies the rules that their table admits, each story goes as it is
// written: so the table says all that a rule needs of the others. What is waited for may be told
// in another order.
func TestRulesInAnyOrder(t *testing.T) {
	require.True(t, roll.RulesInOrder())
	files, err := filepath.Glob("testdata/*.txt")
	require.NoError(t, err)
	seed := rand.Uint64()
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		undo := roll.Reorder(rand.New(rand.NewPCG(seed, 0)))
		got := play(t, string(text))
		undo()
		require.Equal(t, withoutTalk(string(text)), withoutTalk(got), "%s, in the order of seed %d", file, seed)
	}
}

// withoutTalk is what a story comes to, without what is told of waits and alarms.
func withoutTalk(story string) string {
	var b strings.Builder
	for line := range strings.Lines(story) {
		if !strings.HasPrefix(line, ">") || !strings.Contains(line, " waits to ") && !strings.Contains(line, " alarm ") && !strings.Contains(line, " refuses: ") {
			b.WriteString(line)
		}
	}
	return b.String()
}
