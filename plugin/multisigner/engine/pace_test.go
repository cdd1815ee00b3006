//go:build failpoints

package engine_test

import (
	"errors"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/engine"
)

// What fails is tried again now and then, not as fast as the queue can: ten times a second
// a zone whose signatures were due could not be signed, and was tried to be.
func TestWhatFailsIsTriedSeldom(t *testing.T) {
	for _, points := range []string{"sign", "save-before", "make-before", "save-before snapshot-before make-before retire-before history-before"} {
		for _, begins := range []string{"at once", "later", "while a key retires", "with longer content"} {
			t.Run(points+" "+begins, func(t *testing.T) {
				clock := newManual(moment)
				cfg := alone(t, write(t, content))
				cfg.LifetimeZSK = 30 * day
				var tries, broken atomic.Int64
				fails := func(at string) error {
					if broken.Load() == 1 && slices.Contains(strings.Fields(points), at) {
						tries.Add(1)
						return errors.New("no space left on device")
					}
					return nil
				}
				if begins == "at once" {
					broken.Store(1)
				}
				f := &failing{}
				f.fails.Store(&fails)
				f.serve(t, clock, t.TempDir(), cfg)
				settled(t, f.Engine)
				if begins == "while a key retires" {
					clock.step(29 * day)
					settled(t, f.Engine)
					for range 10 {
						clock.step(3 * time.Hour)
						settled(t, f.Engine)
					}
				}
				broken.Store(1)
				if begins == "with longer content" {
					require.NoError(t, os.WriteFile(cfg.File, []byte(content+"long 86400 A 192.0.2.81\n"), 0o644))
					f.Do(t.Context(), apex, engine.Command{Kind: "reload"})
				}
				clock.step(40 * day)
				settled(t, f.Engine)
				clock.step(time.Second)
				settled(t, f.Engine)
				before := tries.Load()
				for range 600 { // a minute
					clock.step(100 * time.Millisecond)
					settled(t, f.Engine)
				}
				require.True(t, tries.Load() > before || points == "make-before", "it is tried again")
				require.LessOrEqual(t, tries.Load()-before, int64(30))
			})
		}
	}
}
