package engine

import (
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/roll"
)

// A signer that the parent leaves out goes on to feed its secondaries: with the last good
// version while the newest is withdrawn, and with nothing where there is none.
func TestWithdrawnFeedsNobody(t *testing.T) {
	t.Parallel()
	good, bad := contentOf(1, "192.0.2.7"), contentOf(2, "192.0.2.7")
	for _, kept := range []bool{true, false} {
		z := &Zone{apex: good.Apex(), engine: &Engine{log: slog.New(slog.DiscardHandler), dir: t.TempDir()}}
		z.serving.Store(&Serving{})
		z.work = &work{}
		w := z.work
		w.signed, w.plan = bad, roll.Plan{Refuse: "left out", Feeds: true}
		z.refuse(w.plan.Refuse)
		require.True(t, z.Serving().Feeds && z.Serving().Version == bad)
		if w.proving.withdrawn = true; kept {
			w.proving.good = good
		}
		z.refuse(w.plan.Refuse)
		require.Equal(t, kept, z.Serving().Feeds)
		require.Equal(t, "left out", z.Serving().Refuse)
		if kept {
			require.Same(t, good, z.Serving().Version)
		}
	}
}
