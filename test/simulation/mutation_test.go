package simulation_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// mutation breaks one rule of roll: in file, from becomes to. Where two rules hold
// the same thing, also breaks the second.
type mutation struct {
	name, file, from, to string
	also                 *mutation
}

const rolls = "../../plugin/multisigner/roll"

// A proof that catches nothing proves nothing. Each broken rule must be caught by the
// worlds: bogus, or stuck. A few are tried each time; SIM_MUTATIONS=all tries all.
func TestMutations(t *testing.T) {
	if os.Getenv("SIM_MUTANT") != "" {
		t.Skip("this is a mutant")
	}
	tried := mutations
	if os.Getenv("SIM_MUTATIONS") != "all" {
		tried = mutations[:2]
	}
	caught := 0
	for _, m := range tried {
		t.Run(m.name, func(t *testing.T) {
			if tryMutation(t, m) {
				caught++
			}
		})
	}
	t.Logf("%d of %d mutations caught", caught, len(tried))
}

func tryMutation(t *testing.T, m mutation) bool {
	dir := t.TempDir()
	texts := map[string]string{}
	for e := &m; e != nil; e = e.also {
		path, err := filepath.Abs(filepath.Join(rolls, e.file))
		require.NoError(t, err)
		if texts[path] == "" {
			text, err := os.ReadFile(path)
			require.NoError(t, err)
			texts[path] = string(text)
		}
		require.Equal(t, 1, strings.Count(texts[path], e.from), "the rule is not where it was: %q", e.from)
		texts[path] = strings.Replace(texts[path], e.from, e.to, 1)
	}
	replace := map[string]string{}
	for path, text := range texts {
		broken := filepath.Join(dir, filepath.Base(path))
		require.NoError(t, os.WriteFile(broken, []byte(text), 0o600))
		replace[path] = broken
	}
	overlay, err := json.Marshal(map[string]any{"Replace": replace})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "overlay.json"), overlay, 0o600))
	binary := filepath.Join(dir, "mutant.test")
	out, err := exec.Command("go", "test", "-c", "-overlay", filepath.Join(dir, "overlay.json"), "-o", binary, ".").CombinedOutput()
	require.NoError(t, err, "the mutant does not build: %s", out)
	for _, years := range []string{"400", "3000"} { // most are caught soon, some need luck
		run := exec.Command(binary, "-test.run", "^TestWorlds$")
		run.Env = append(os.Environ(), "SIM_MUTANT=1", "SIM_SEED=1", "SIM_YEARS="+years)
		if out, err = run.CombinedOutput(); err != nil {
			break
		}
	}
	if err == nil {
		t.Errorf("not caught: %s", m.name)
		return false
	}
	for line := range strings.Lines(string(out)) {
		if strings.Contains(line, "SIM_SEED=") && strings.Contains(line, "{") {
			t.Logf("caught: %.120s", strings.TrimSpace(line))
		}
	}
	return true
}
