package engine_test

import (
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/engine"
)

// Where another process has written the zone's state, this one does not know any more which
// keys there are, nor what was shown: it shows nothing new, no content and no signature, says
// who has to do what, and refuses when what it has served ends.
func TestAnotherHasWritten(t *testing.T) {
	clock, file := newManual(moment), write(t, content)
	e := by(t, clock, t.TempDir(), alone(t, file))
	served(t, e)
	settled(t, e)
	was := e.Find(apex).Serving().Version
	e.AnotherWrites(t, apex)

	require.NoError(t, os.WriteFile(file, []byte(content+"more A 192.0.2.81\n"), 0o644))
	_, _ = e.Do(t.Context(), apex, engine.Command{Kind: "reload"})
	require.Same(t, was, e.Find(apex).Serving().Version)
	require.True(t, alarmed(t, e, "another process has written the state"))
	_, _ = e.Do(t.Context(), apex, engine.Command{Kind: "resign"})
	require.Same(t, was, e.Find(apex).Serving().Version)

	end, signed := was.Earliest()
	require.True(t, signed)
	clock.step(end.Add(-time.Hour).Sub(clock.Now()))
	settled(t, e)
	require.Same(t, was, e.Find(apex).Serving().Version)
	require.Empty(t, e.Find(apex).Serving().Refuse, "what is good is served")
	clock.step(2 * time.Hour)
	settled(t, e)
	require.NotEmpty(t, e.Find(apex).Serving().Refuse)
}
