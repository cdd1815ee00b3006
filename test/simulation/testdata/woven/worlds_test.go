package simulation_test

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/roll"
	"github.com/multisigner/multisigner/test/simulation"
)

// TestWovenWorlds plays worlds with each of some rules broken, as long as these would make a
// difference in them, and prints which world becomes bogus or stuck. SIM_MUTANTS lists them by number,
// each with the world that is tried first; SIM_MUTANT_WORLDS is how many worlds are drawn, half
// of them those of stories, and SIM_MUTANT_TRIES how many of these each mutant is played in.
func TestWovenWorlds(t *testing.T) {
	worlds, most := int(number(t, "SIM_MUTANT_WORLDS", 100)), int(number(t, "SIM_MUTANT_TRIES", 20))
	var left []int
	for _, line := range strings.Split(os.Getenv("SIM_MUTANTS"), "\n") {
		number, first, _ := strings.Cut(line, " ")
		n, err := strconv.Atoi(number)
		require.NoError(t, err)
		if of, seed, ok := strings.Cut(first, ", "); ok {
			seed, err := strconv.ParseUint(seed, 10, 64)
			require.NoError(t, err)
			if draw := drawer(t, of); fails(draw(seed), n) && !fails(draw(seed), 0) {
				fmt.Printf("mutant %d world %s\n", n, first)
				continue
			}
		}
		left = append(left, n)
	}
	tries := map[int]int{}
	for i := 0; i < worlds && len(left) > 0; i++ {
		of, seed := "-", uint64(i/2+1)
		if i%2 == 1 {
			of, seed = stories[i/2%len(stories)].id, uint64(i/2/len(stories)+1)
		}
		c := drawer(t, of)(seed)
		roll.MutantsReached = map[int]bool{}
		require.False(t, fails(c, 0), "world %d of %s fails although no rule is broken", seed, of)
		reached := roll.MutantsReached
		roll.MutantsReached = nil
		left = slices.DeleteFunc(left, func(n int) bool {
			if !reached[n] || tries[n] >= most {
				return false
			}
			tries[n]++
			if !fails(c, n) {
				return false
			}
			fmt.Printf("mutant %d world %s, %d\n", n, of, seed)
			return true
		})
	}
	for _, n := range left {
		fmt.Printf("mutant %d nothing in %d worlds\n", n, tries[n])
	}
}

// drawer draws worlds of a story, or any.
func drawer(t *testing.T, of string) func(uint64) simulation.Config {
	if of == "-" {
		return world
	}
	return storyOf(t, of)
}

// fails reports whether a world fails with a rule broken. That the program breaks down shows nothing
// of the rule.
func fails(c simulation.Config, n int) (failed bool) {
	defer func() {
		if r := recover(); r != nil {
			failed = false
		}
	}()
	roll.Mutant = n
	r := simulation.Run(c)
	return r.Failed()
}
