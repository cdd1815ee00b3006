//go:build failpoints

package engine_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/engine"
	"github.com/multisigner/multisigner/plugin/multisigner/status"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// A process that dies while content of a primary is saved goes on from its state directory,
// also while the primary does not answer: it serves nothing older than it has shown, and then
// what the primary has.
func TestCrashesWhileContentIsSaved(t *testing.T) {
	for _, point := range []string{"content-before", "content-written", "content-after", "save-before", "save-after", "publish-before", "snapshot-before", "snapshot-after"} {
		for nth := 1; nth <= 3; nth++ {
			if point == "content-written" && nth > 1 {
				break // from then on changes are added
			}
			t.Run(fmt.Sprint(point, nth), func(t *testing.T) {
				p, clock, dir := newScripted(t, nil, text("10", "")), newManual(moment), t.TempDir()
				copied := filepath.Join(t.TempDir(), "copied")
				var mu sync.Mutex
				passed, shown := 0, uint32(0) // by content
				at := func(is string) error {
					mu.Lock()
					defer mu.Unlock()
					if is != point {
						return nil
					}
					if passed++; passed == nth {
						restore(t, copied, dir)
					}
					return nil
				}
				o := engine.Options{Logger: slog.New(slog.DiscardHandler), Clock: clock}
				o.Failpoint = at
				e, err := engine.Open(dir, o)
				require.NoError(t, err)
				prepared, err := e.Prepare(context.Background(), []engine.Config{behind(t, p)})
				require.NoError(t, err)
				prepared.Commit()
				serves(t, e, "www.example.org.")
				dead := func() bool {
					mu.Lock()
					defer mu.Unlock()
					return passed >= nth
				}
				for serial := uint32(11); serial <= 16 && !dead(); serial++ {
					shown = serial - 1 // all that outsiders have seen for sure
					name := fmt.Sprintf("n%d.example.org.", serial)
					p.set(text(fmt.Sprint(serial), name+" 300 A 192.0.2.81"))
					p.notify(e)
					clock.step(2 * time.Second)
					serves(t, e, name)
				}
				require.True(t, dead())
				require.NoError(t, e.Close())

				p.answers(0, true)
				e = by(t, clock, copied, behind(t, p))
				if shown > 10 {
					serves(t, e, fmt.Sprintf("n%d.example.org.", max(source(e).Serial, shown)))
				}
				away(t, clock, e)
				p.answers(0, false)
				p.set(text("20", "last.example.org. 300 A 192.0.2.81"))
				clock.step(time.Hour)
				v := serves(t, e, "last.example.org.")
				require.Equal(t, unsignedText(p.had[len(p.had)-1]), unsignedText(v))
				eventually(t, "the status tells", func() bool { return source(e).Serial == 20 })
			})
		}
	}
}

// A disk that takes only half of a change keeps nobody from what has changed. It is said,
// and tried again; a restart meanwhile serves what was served, and goes on from what is whole.
func TestDiskTakesHalfOfAChange(t *testing.T) {
	p, clock, dir := newScripted(t, nil, text("10", "")), newManual(moment), t.TempDir()
	o := engine.Options{Logger: slog.New(slog.DiscardHandler), Clock: clock}
	o.Failpoint = func(point string) error {
		if point == "content-half" {
			return errors.New("no space left on device")
		}
		return nil
	}
	e, err := engine.Open(dir, o)
	require.NoError(t, err)
	prepared, err := e.Prepare(context.Background(), []engine.Config{behind(t, p)})
	require.NoError(t, err)
	prepared.Commit()
	serves(t, e, "www.example.org.")
	p.set(text("11", "new.example.org. 300 A 192.0.2.81"))
	p.notify(e)
	clock.step(2 * time.Second)
	was := serves(t, e, "new.example.org.")
	eventually(t, "alarm", func() bool { return raised(e, status.AlarmNotKept) != nil })
	require.Contains(t, raised(e, status.AlarmNotKept).What, "no space left")
	eventually(t, "nothing is under way", e.Idle)
	copied := filepath.Join(t.TempDir(), "copied")
	restore(t, copied, dir)

	clock.step(time.Minute) // it is written as a whole
	eventually(t, "kept", func() bool { return raised(e, status.AlarmNotKept) == nil })
	require.NoError(t, e.Close())
	for _, from := range []string{copied, dir} {
		p.answers(0, true)
		e = by(t, clock, from, behind(t, p))
		require.Empty(t, zone.Compare(was, served(t, e)).Changes)
		away(t, clock, e)
		p.answers(0, false)
		p.questions()
		if p.had[len(p.had)-1].Serial() == 11 {
			p.set(text("12", "last.example.org. 300 A 192.0.2.81"))
		}
		clock.step(time.Hour)
		serves(t, e, "last.example.org.")
		require.Equal(t, []string{"SOA", "IXFR"}, p.visited(t, e))
		require.NoError(t, e.Close())
	}
}

// away waits until a primary that does not answer was asked.
func away(t *testing.T, clock *manual, e *engine.Engine) {
	clock.step(2 * time.Second)
	eventually(t, "the failure is told", func() bool { return source(e).Why != "" && e.Idle() })
}
