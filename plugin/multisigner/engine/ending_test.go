//go:build failpoints

package engine_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/engine"
)

// A process that ends in the middle of a turn is no full disk: what it could not save is not
// shown, and nobody is alarmed.
func TestEndInTheMiddleOfATurn(t *testing.T) {
	file, text := write(t, content), &logged{}
	var e *engine.Engine
	var armed atomic.Bool
	closing, closed := sync.OnceFunc(func() {}), make(chan error, 1)
	options := engine.Options{Logger: slog.New(slog.NewTextHandler(text, nil))}
	options.Failpoint = func(p string) error {
		if armed.Load() && p == "save-before" {
			closing()
			for err := error(nil); err == nil; runtime.Gosched() {
				_, err = e.Prepare(context.Background(), nil) // until no turn is begun any more
			}
		}
		return nil
	}
	closing = sync.OnceFunc(func() { go func() { closed <- e.Close() }() })
	e, err := engine.Open(t.TempDir(), options)
	require.NoError(t, err)
	start(t, e, alone(t, file))
	before := served(t, e)
	armed.Store(true)
	require.NoError(t, os.WriteFile(file, []byte(content+"new A 192.0.2.81\n"), 0o644))
	_, _ = e.Do(context.Background(), apex, engine.Command{Kind: "reload"})
	require.NoError(t, <-closed)
	require.Equal(t, before.Serial(), served(t, e).Serial())
	require.Empty(t, text.lines("alarm begins", "state-not-saved"))
}

// Zones that a reload takes out again before their first turns keep no start from its end: the log would
// say for ever that zones are being loaded, and their reload would wait.
func TestZonesGoBeforeTheirFirstTurn(t *testing.T) {
	const many = 100 // more than have a turn at once
	dir, text := t.TempDir(), &logged{}
	inHand, letGo := make(chan struct{}, many), make(chan struct{})
	options := engine.Options{Logger: slog.New(slog.NewTextHandler(text, nil))}
	options.Failpoint = func(p string) error {
		if p == "save-before" {
			inHand <- struct{}{}
			<-letGo
		}
		return nil
	}
	e, err := engine.Open(filepath.Join(dir, "state"), options)
	require.NoError(t, err)
	t.Cleanup(func() { e.Close() })
	first, err := e.Prepare(context.Background(), smallZones(t, dir, many))
	require.NoError(t, err)
	committed := make(chan struct{})
	go func() {
		defer close(committed)
		first.Commit()
	}()
	<-inHand
	second, err := e.Prepare(context.Background(), nil)
	require.NoError(t, err)
	second.Commit()
	close(letGo)
	<-committed
	require.Eventually(t, func() bool { return len(text.lines("zones are loaded")) == 1 }, 20*time.Second, time.Millisecond)
	require.NotEmpty(t, text.lines(fmt.Sprintf("zones=%d", many)))
}
