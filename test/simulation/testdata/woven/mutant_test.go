package roll_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/roll"
)

// TestWoven tells the stories with each of some rules broken, and prints what becomes of each:
// that a story comes to something else ("story"), that only what it tells of waits and alarms
// changes ("told"), that the program breaks down ("breaks"), or "nothing". SIM_MUTANTS lists them
// by number, each with the story that is tried first.
func TestWoven(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	require.NoError(t, err)
	texts, touched := map[string]string{}, map[string]map[int]bool{}
	var names []string
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		name := strings.TrimSuffix(filepath.Base(file), ".txt")
		roll.Mutant, roll.MutantsReached = 0, map[int]bool{}
		got, _ := told(t, string(text))
		require.Equal(t, string(text), got, "%s goes otherwise although no rule is broken", name)
		names, texts[name], touched[name] = append(names, name), string(text), roll.MutantsReached
	}
	roll.MutantsReached = nil
	for _, line := range strings.Split(os.Getenv("SIM_MUTANTS"), "\n") {
		number, first, _ := strings.Cut(line, " ")
		n, err := strconv.Atoi(number)
		require.NoError(t, err)
		roll.Mutant = n
		what, where := "nothing", ""
		for _, name := range append([]string{first}, names...) {
			if !touched[name][n] || what == "story" {
				continue
			}
			switch got, broke := told(t, texts[name]); {
			case broke != "":
				what, where = "breaks", name+": "+broke
			case deeds(got) != deeds(texts[name]):
				what, where = "story", name
			case got != texts[name] && what == "nothing":
				what, where = "told", name
			}
		}
		fmt.Printf("mutant %d %s %s\n", n, what, where)
	}
}

// deeds is what our signer does in a story: without what it tells of waits and alarms, and of
// why it refuses outsiders.
func deeds(story string) string {
	var b strings.Builder
	refused := "no"
	for line := range strings.Lines(story) {
		_, why, ok := strings.Cut(line, " refuses: ")
		if ok && strings.HasPrefix(line, ">") && (why == "-\n") != (refused == "no") {
			fields := strings.Fields(line)
			refused = map[bool]string{true: "no", false: "yes"}[why == "-\n"]
			fmt.Fprintln(&b, fields[:2], "refuses", refused)
		}
		b.WriteString(line)
	}
	return withoutTalk(b.String())
}

// told is what a story comes to, as far as it can go on, and of what the program broke down.
func told(t *testing.T, text string) (got, broke string) {
	t.Run("", func(t *testing.T) {
		defer func() {
			if r := recover(); r != nil {
				broke = fmt.Sprint(r)
			}
		}()
		got = play(t, text)
	})
	return got, broke
}
