package simulation_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// guarded are broken rules of which the guard alone keeps the consequences from resolvers: what it
// promises is to refuse a version that would be worse for somebody who holds what it has seen. What
// nobody has looked at, and what breaks only later, it does not see.
var guarded = []string{
	"new ZSK signs at once",
	"old ZSK goes at once",
	"old KSK goes when the CDS asks for it",
	"CDS of ourselves alone",
	"secondaries are not waited for",
}

// With a broken rule the guard objects: one is tried each time, and all with SIM_MUTATIONS=all. That it
// never objects to the rules as they are every world with records asserts.
func TestGuardCatches(t *testing.T) {
	if os.Getenv("SIM_MUTANT") != "" {
		t.Skip("this is a mutant")
	}
	tried := []string{guarded[rand.IntN(len(guarded))]}
	if os.Getenv("SIM_MUTATIONS") == "all" {
		tried = guarded
	}
	for _, name := range tried {
		t.Run(strings.ReplaceAll(name, " ", "-"), func(t *testing.T) {
			i := slices.IndexFunc(mutations, func(m mutation) bool { return m.name == name })
			require.GreaterOrEqual(t, i, 0, "there is no mutation %q", name)
			binary := build(t, mutate(t, mutations[i]), ".")
			for seed := 1; seed < 60; seed++ {
				run := exec.Command(binary, "-test.run", "^TestWorlds$")
				run.Env = append(os.Environ(), "SIM_MUTANT=1", "SIM_STORY_OF=guard", fmt.Sprint("SIM_SEED=", seed), "SIM_YEARS=1", "PROOF=")
				out, err := run.CombinedOutput()
				if refused := objection.Find(out); err != nil && refused != nil {
					t.Logf("seed %d: %s", seed, refused)
					return
				}
			}
			t.Errorf("the guard does not catch: %s", name)
		})
	}
}

var objection = regexp.MustCompile(`the guard of .* objects .*`)
