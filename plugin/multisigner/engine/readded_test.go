//go:build failpoints

package engine_test

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/engine"
)

// A zone that leaves the Corefile in the middle of a turn and comes back before that has
// ended goes on where the turn has ended: two that write one record would both fail, and
// the zone would take nothing any more until a restart.
func TestZoneComesBackInTheMiddleOfItsTurn(t *testing.T) {
	file, dir := write(t, content), t.TempDir()
	saving, goOn, saved := make(chan struct{}), make(chan struct{}), make(chan struct{})
	letGo := sync.OnceFunc(func() { close(goOn) })
	var armed atomic.Bool
	var saves, done atomic.Int32
	options := engine.Options{Logger: slog.New(slog.DiscardHandler)}
	options.Failpoint = func(p string) error {
		switch {
		case !armed.Load():
		case p == "save-before" && saves.Add(1) == 1:
			close(saving)
			<-goOn
		case p == "save-before" && saves.Load() == 2: // the new one has loaded, and is about to save
			letGo()
			<-saved
		case p == "save-after" && done.Add(1) == 1:
			close(saved)
		}
		return nil
	}
	e, err := engine.Open(dir, options)
	require.NoError(t, err)
	cfg := updatable(t, file)
	start(t, e, cfg)
	commit := func(zones ...engine.Config) {
		p, err := e.Prepare(context.Background(), zones)
		require.NoError(t, err)
		p.Commit()
	}
	armed.Store(true)
	told := make(chan struct{})
	m, z := asUpdate(t, "old 60 A 192.0.2.81"), e.Find(apex)
	go func() {
		defer close(told)
		z.Update(context.Background(), m, "k.", cfg.Updates[0].Algorithm)
	}()
	<-saving
	commit()
	<-told
	back := make(chan struct{})
	go func() {
		defer close(back)
		commit(cfg)
	}()
	select {
	case <-back: // it has begun beside the turn
	case <-time.After(time.Second):
	}
	letGo()
	<-back
	eventually(t, "it is served", func() bool { return e.Find(apex).Open() != nil })
	require.Nil(t, send(t, e, "new 60 A 192.0.2.82"))
	require.NoError(t, e.Close())
	e = serve(t, dir, cfg)
	defer e.Close()
	require.True(t, answersFor(t, e, "new"))
}
