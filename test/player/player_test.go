package player

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// One signer with a secondary rolls its keys, ZSK, KSK and CSK, and no resolver of any
// kind sees a mix that does not validate.
func TestRolls(t *testing.T) {
	for _, csk := range []bool{false, true} {
		faults := play(t, 1, func(w *world) {
			w.group(2, 1)
			w.matrix = csk
			a := w.signers[0]
			a.core.csk = csk
			require.True(t, w.begin())
			for _, what := range []string{"zsk", "ksk", "csk"} {
				if csk == (what == "csk") {
					require.NoError(t, a.do("roll", what))
					require.True(t, w.until(what+" rolled", 3*day, w.calm))
				}
			}
			w.pass(5 * day)
			require.True(t, w.until("all is at rest", 3*day, w.calm))
			t.Logf("%d mixes, %d questions, %v, %s", w.caches.mixes, w.network.carried, w.caches.count, time.Since(w.began))
		})
		require.Empty(t, faults)
	}
}

// A group of three, two of them with a secondary, one with CSKs, rolls keys by order, two
// at once, and all by its policies.
func TestGroup(t *testing.T) {
	faults := play(t, 2, func(w *world) {
		w.group(2, 1, 1, 0)
		w.signers[2].core.csk = true
		require.True(t, w.begin())
		for _, s := range w.signers[:2] {
			require.NoError(t, s.do("roll", "ksk"))
		}
		w.pass(5 * day)
		require.True(t, w.until("all is at rest", 3*day, w.calm))
		t.Logf("%d mixes, %d questions, %v, %s", w.caches.mixes, w.network.carried, w.caches.count, time.Since(w.began))
	})
	require.Empty(t, faults)
}
