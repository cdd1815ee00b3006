package simulation_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/test/simulation"
)

// mutation breaks one rule of roll: in file, from becomes to. Where two rules hold
// the same thing, also breaks the second.
type mutation struct {
	name, file, from, to string
	also                 *mutation
}

const (
	rolls = "../../plugin/multisigner/roll"
	// seeds says which world caught each mutation last: name, tab, seed.
	seeds = "testdata/caught.txt"
)

// A proof that catches nothing proves nothing. Each broken rule must be caught by the
// worlds: bogus, or stuck. The world that caught it last is tried first, then others. What
// matters too seldom for worlds is caught by a story of roll itself.
// Two that were caught before are tried each time, the same two for one SIM_SEED; SIM_MUTATIONS=all
// tries all, and SIM_MUTATIONS=NAME those whose name has NAME in it. SIM_RECORD=1 writes down which world caught each.
func TestMutations(t *testing.T) {
	if os.Getenv("SIM_MUTANT") != "" {
		t.Skip("this is a mutant")
	}
	known := caughtBy(t)
	tried := mutations
	switch which := os.Getenv("SIM_MUTATIONS"); which {
	case "all":
	case "":
		tried = drawn(t, slices.DeleteFunc(slices.Clone(mutations), func(m mutation) bool { return told[m.name] == "" && known[m.name] == 0 }))
	default:
		tried = slices.DeleteFunc(slices.Clone(mutations), func(m mutation) bool { return !strings.Contains(m.name, which) })
	}
	caught := 0
	for _, m := range tried {
		t.Run(m.name, func(t *testing.T) {
			if story := told[m.name]; story != "" {
				if !tellMutation(t, m, story) {
					t.Errorf("not caught: %s", m.name)
					return
				}
				caught++
				return
			}
			seed, ok := tryMutation(t, m, known[m.name])
			if !ok {
				t.Errorf("not caught: %s", m.name)
				return
			}
			caught++
			if t.Logf("caught by seed %d", seed); os.Getenv("SIM_RECORD") != "" && known[m.name] != seed {
				known[m.name] = seed
				record(t, known)
			}
		})
	}
	t.Logf("%d of %d mutations caught", caught, len(tried))
	if os.Getenv("SIM_MUTATIONS") == "all" {
		write(t, "mutations", mutationReport(caught, known))
	}
}

// drawn are two at random of some, the same two for one SIM_SEED.
func drawn[T any](t *testing.T, of []T) []T {
	seed := rand.Uint64()
	if os.Getenv("SIM_SEED") != "" {
		seed = uint64(number(t, "SIM_SEED", 0))
	}
	r := rand.New(rand.NewPCG(seed, 0))
	r.Shuffle(len(of), func(i, j int) { of[i], of[j] = of[j], of[i] })
	return of[:min(2, len(of))]
}

// Every mutation has another name, and one place in the rules where it belongs.
func TestMutationsAreRules(t *testing.T) {
	names := map[string]bool{}
	for _, m := range mutations {
		require.False(t, names[m.name], "two mutations are called %q", m.name)
		names[m.name] = true
		mutate(t, m)
	}
	for name := range where {
		require.True(t, names[name], "there is no mutation %q", name)
	}
	for name := range told {
		require.True(t, names[name], "there is no mutation %q", name)
	}
	require.GreaterOrEqual(t, len(mutations), 40)
}

// mutate returns the texts of the files that a mutation changes, by path.
func mutate(t *testing.T, m mutation) map[string]string {
	texts := map[string]string{}
	for e := &m; e != nil; e = e.also {
		path, err := filepath.Abs(filepath.Join(rolls, e.file))
		require.NoError(t, err)
		if texts[path] == "" {
			text, err := os.ReadFile(path)
			require.NoError(t, err)
			texts[path] = string(text)
		}
		if n := strings.Count(texts[path], e.from); n != 1 {
			t.Errorf("%s: %d places in %s have the rule %q", m.name, n, e.file, e.from)
		}
		texts[path] = strings.Replace(texts[path], e.from, e.to, 1)
	}
	return texts
}

// build builds the tests of a package with other texts of some files.
func build(t *testing.T, texts map[string]string, of string) (binary string) {
	dir := t.TempDir()
	replace := map[string]string{}
	for path, text := range texts {
		broken := filepath.Join(dir, fmt.Sprint(len(replace), filepath.Base(path)))
		require.NoError(t, os.WriteFile(broken, []byte(text), 0o600))
		replace[path] = broken
	}
	overlay, err := json.Marshal(map[string]any{"Replace": replace})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "overlay.json"), overlay, 0o600))
	binary = filepath.Join(dir, "mutant.test")
	out, err := exec.Command("go", "test", "-c", "-overlay", filepath.Join(dir, "overlay.json"), "-o", binary, of).CombinedOutput()
	require.NoError(t, err, "the mutant does not build: %s", out)
	return binary
}

// tellMutation has a story told with one of the rules broken, and reports whether it ends
// otherwise. A test holds that it ends as it is written with all rules.
func tellMutation(t *testing.T, m mutation, story string) bool {
	tell := exec.Command(build(t, mutate(t, m), rolls), "-test.run", story)
	tell.Dir = rolls
	out, err := tell.CombinedOutput()
	if err != nil {
		require.Contains(t, string(out), "--- FAIL: ", "the mutant breaks down, which shows nothing of the rule: %s", out)
		require.NotContains(t, string(out), "panic: ", "the mutant breaks down, which shows nothing of the rule: %s", out)
	} else {
		require.NotContains(t, string(out), "no tests to run", "there is no story %q", story)
	}
	return err != nil
}

// tryMutation builds the rules with one of them broken, and runs worlds until one fails.
func tryMutation(t *testing.T, m mutation, seed uint64) (uint64, bool) {
	binary := build(t, mutate(t, m), ".")
	runs := [][2]string{{"1", "8000"}}
	if seed != 0 {
		runs = append([][2]string{{strconv.FormatUint(seed, 10), "2"}}, runs...)
	}
	for _, r := range runs {
		run := exec.Command(binary, "-test.run", "^TestWorlds$")
		run.Env = append(os.Environ(), "SIM_MUTANT=1", "SIM_STORY_OF="+where[m.name], "SIM_SEED="+r[0], "SIM_YEARS="+r[1], "PROOF=")
		out, err := run.CombinedOutput()
		if err == nil {
			continue
		}
		found := failed.FindSubmatch(out)
		require.NotNil(t, found, "the mutant breaks down, which shows nothing of the rule: %s", out)
		seed, err = strconv.ParseUint(string(found[1]), 10, 64)
		require.NoError(t, err)
		draw := world
		if id := where[m.name]; id != "" {
			draw = storyOf(t, id)
		}
		whole := simulation.Run(draw(seed))
		require.False(t, whole.Failed(), "the world %d fails with all rules, too", seed)
		return seed, true
	}
	return 0, false
}

var failed = regexp.MustCompile(`SIM_SEED=(\d+): \{`)

// caughtBy reads which world caught each mutation last.
func caughtBy(t *testing.T) map[string]uint64 {
	known := map[string]uint64{}
	text, err := os.ReadFile(seeds)
	require.NoError(t, err)
	for line := range strings.Lines(string(text)) {
		name, seed, ok := strings.Cut(strings.TrimSpace(line), "\t")
		if !ok {
			continue
		}
		known[name], err = strconv.ParseUint(seed, 10, 64)
		require.NoError(t, err)
	}
	return known
}

func record(t *testing.T, known map[string]uint64) {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(known)) {
		fmt.Fprintf(&b, "%s\t%d\n", name, known[name])
	}
	require.NoError(t, os.WriteFile(seeds, []byte(b.String()), 0o644))
}

func mutationReport(caught int, known map[string]uint64) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d of %d mutations were caught.\n\n| broken rule | caught by seed |\n|---|---|\n", caught, len(mutations))
	for _, m := range mutations {
		by := strconv.FormatUint(known[m.name], 10)
		if told[m.name] != "" {
			by = "a story"
		}
		fmt.Fprintf(&b, "| %s | %s |\n", m.name, by)
	}
	return b.String()
}
