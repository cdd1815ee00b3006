//go:build interop

package e2e

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// Keys that live for seconds change by themselves, at every signer, over and over and
// across each other.
func TestLifetimes(t *testing.T) {
	t.Parallel()
	settings := [][]string{{"--lifetime-zsk", "20s", "--lifetime-ksk", "40s"}}
	rounds := 2
	if all {
		rounds = 10
		for _, algorithm := range []string{"ECDSAP384SHA384", "ED25519", "RSASHA256"} {
			settings = append(settings, slices.Concat(settings[0], []string{"--signers", "3", "--algorithm", algorithm, "--denial", "nsec3"}))
		}
		settings = append(settings, []string{"--keys", "csk", "--lifetime-ksk", "30s", "--signers", "3"})
	}
	for _, args := range settings {
		t.Run(strings.Join(args, " "), func(t *testing.T) {
			t.Parallel()
			s := startStory(t, args...)
			s.patience *= time.Duration(rounds)
			s.until(t, "rollover after rollover", func() (bool, string) {
				for name, n := range s.withdrawn() {
					if n < rounds || strings.HasSuffix(name, "zsk") && n < 2*rounds {
						return false, name
					}
				}
				return true, ""
			})
			s.end(t, s.rolls())
		})
	}
}

// Each kind of rollover, begun by order or by configuration at every signer at once.
func TestRollovers(t *testing.T) {
	t.Parallel()
	for name, kinds := range map[string][]string{
		"keys":      {"ZSK", "KSK", "split to CSK", "CSK", "CSK to split"},
		"zone":      {"algorithm", "insecure", "secure", "algorithm"},
		"emergency": {"KSK by double DS", "standby keys", "compromised ZSK", "compromised KSK"},
	} {
		args := []string(nil)
		if all {
			args = []string{"--signers", "3"}
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := startStory(t, args...)
			done := map[string]int{}
			for _, kind := range kinds {
				s.change(t, kind, func() {})
				done[kind] += len(s.Signers)
				t.Log(kind, "done")
			}
			s.gone(t)
			s.end(t, done)
		})
	}
}
