//go:build interop

package e2e

import (
	"testing"

	"github.com/multisigner/multisigner/plugin/multisigner/status"
)

// Keys that live for seconds change by themselves, at both signers, over and over and
// across each other.
func TestLifetimes(t *testing.T) {
	t.Parallel()
	s := startStory(t, "--lifetime-zsk", "20s", "--lifetime-ksk", "40s")
	const zsks, ksks = 4, 2
	done := map[string]int{}
	s.until(t, "rollover after rollover", func() (bool, string) {
		enough := true
		clear(done)
		for _, signer := range s.Signers {
			z, _ := s.see(signer)
			zsk, ksk := withdrawn(z, "zsk"), withdrawn(z, "ksk")
			done["ZSK"] += zsk
			done["KSK"] += ksk
			enough = enough && zsk >= zsks && ksk >= ksks
		}
		return enough, ""
	})
	s.end(t, done)
}

func withdrawn(z status.Zone, role string) (n int) {
	for _, k := range z.Keys {
		if k.Own && k.Role == role && k.State == "removed" {
			n++
		}
	}
	return n
}

// Each kind of rollover, begun by order or by configuration at every signer at once.
func TestRollovers(t *testing.T) {
	for name, kinds := range map[string][]string{
		"keys":      {"ZSK", "KSK", "split to CSK", "CSK", "CSK to split"},
		"zone":      {"algorithm", "insecure", "secure", "algorithm"},
		"emergency": {"KSK by double DS", "standby keys", "compromised ZSK", "compromised KSK"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := startStory(t)
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
