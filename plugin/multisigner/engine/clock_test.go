package engine_test

import (
	"context"
	"log/slog"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/engine"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// manual is a clock that a test moves.
type manual struct {
	mu      sync.Mutex
	now     time.Time
	steady  time.Duration
	waiting map[chan time.Time]time.Duration
}

func newManual(now time.Time) *manual {
	return &manual{now: now, steady: time.Hour, waiting: map[chan time.Time]time.Duration{}}
}

func (m *manual) Now() time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.now
}

func (m *manual) Steady() time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.steady
}

func (m *manual) At(due time.Duration) (<-chan time.Time, func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	c := make(chan time.Time, 1)
	if due <= m.steady {
		c <- m.now
	} else {
		m.waiting[c] = due
	}
	return c, func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		delete(m.waiting, c)
	}
}

// step lets d pass, and wakes whom it passes.
func (m *manual) step(d time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.now, m.steady = m.now.Add(d), m.steady+d
	for c, due := range m.waiting {
		if due <= m.steady {
			c <- m.now
			delete(m.waiting, c)
		}
	}
}

// awaits reports whether somebody waits for the moment in which d has passed.
func (m *manual) awaits(d time.Duration) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, due := range m.waiting {
		if due == m.steady+d {
			return true
		}
	}
	return false
}

// set sets the wall clock, forward or back by d; no time passes.
func (m *manual) set(d time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.now = m.now.Add(d)
}

// by serves cfg by a clock of the test's own.
func by(t *testing.T, clock *manual, dir string, cfg engine.Config) *engine.Engine {
	t.Helper()
	e, err := engine.Open(dir, engine.Options{Logger: slog.New(slog.DiscardHandler), Clock: clock})
	require.NoError(t, err)
	t.Cleanup(func() { e.Close() })
	p, err := e.Prepare(context.Background(), []engine.Config{cfg})
	require.NoError(t, err)
	p.Commit()
	return e
}

const day = 24 * time.Hour

var moment = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// Through half a year, day by day, every signature that is served is renewed long
// before it ends, and the serial only goes forward.
func TestSignaturesNeverLapse(t *testing.T) {
	t.Parallel()
	clock := newManual(moment)
	cfg := alone(t, write(t, content))
	e := by(t, clock, t.TempDir(), cfg)
	serial := served(t, e).Serial()
	for range 180 {
		clock.step(day)
		require.Eventually(t, func() bool {
			end, signed := served(t, e).Earliest()
			return signed && end.Sub(clock.Now()) >= cfg.Refresh
		}, 10*time.Second, time.Millisecond, "at %s", clock.Now())
		require.False(t, zone.SerialAfter(serial, served(t, e).Serial()))
		serial = served(t, e).Serial()
	}
}

// A file that is refused, for however long, holds up nobody's signatures.
func TestRefusedFileHoldsUpNoSignatures(t *testing.T) {
	t.Parallel()
	clock := newManual(moment)
	file := write(t, content)
	cfg := alone(t, file)
	e := by(t, clock, t.TempDir(), cfg)
	require.NoError(t, os.WriteFile(file, []byte("nonsense"), 0o644))
	_, err := e.Do(context.Background(), apex, engine.Command{Kind: "reload"})
	require.NoError(t, err)
	for range 30 {
		clock.step(day)
		require.Eventually(t, func() bool {
			end, _ := served(t, e).Earliest()
			return end.Sub(clock.Now()) >= cfg.Refresh
		}, 10*time.Second, time.Millisecond)
	}
}

// A signature is renewed when the second in which it is due has passed. A turn that
// something else brings about in that second is no cause for alarm.
func TestDueInThisSecond(t *testing.T) {
	t.Parallel()
	clock, cfg := newManual(moment), alone(t, write(t, content))
	cfg.Split = false
	e := by(t, clock, t.TempDir(), cfg)
	end, ok := served(t, e).Earliest()
	require.True(t, ok)
	clock.step(end.Add(-cfg.Refresh + time.Second/2).Sub(clock.Now()))
	_, err := e.Do(context.Background(), apex, engine.Command{Kind: "roll", Args: []string{"csk"}})
	require.NoError(t, err)
	require.False(t, alarmed(t, e, "have not been renewed"))
	clock.step(time.Second / 2)
	require.Eventually(t, func() bool {
		is, _ := e.Find(apex).Serving().Version.Earliest()
		return is.After(end)
	}, time.Minute, time.Millisecond)
}
