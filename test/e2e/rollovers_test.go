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
	t.Parallel()
	s := startStory(t)
	done := map[string]int{}
	for _, step := range []struct {
		kind, old string
		begin     func()
		roles     []string
	}{
		{"ZSK", "zsk", func() { s.rollAll(t, "zsk") }, []string{"ksk", "zsk"}},
		{"KSK", "ksk", func() { s.rollAll(t, "ksk") }, []string{"ksk", "zsk"}},
		{"split to CSK", "", func() { s.reconfigure(t, "keys split", "keys csk") }, []string{"csk"}},
		{"CSK", "", func() { s.rollAll(t, "csk") }, []string{"csk"}},
		{"CSK to split", "", func() { s.reconfigure(t, "keys csk", "keys split") }, []string{"ksk", "zsk"}},
	} {
		old := s.current(t, step.old)
		step.begin()
		s.rolled(t, old, step.roles...)
		done[step.kind] += len(s.Signers)
		t.Log(step.kind, "done")
	}
	s.gone(t)
	s.end(t, done)
}

func (s *story) rollAll(t *testing.T, role string) {
	for _, signer := range s.Signers {
		s.roll(t, signer, role)
	}
}
