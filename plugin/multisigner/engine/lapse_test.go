//go:build failpoints

package engine_test

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/engine"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// failing is an engine in which something fails, as long as the test wants it to.
type failing struct {
	*engine.Engine
	fails atomic.Pointer[func(point string) error]
}

func (f *failing) fail(points ...string) {
	fails := func(point string) error {
		for _, p := range points {
			if p == point {
				return errors.New("no space left on device")
			}
		}
		return nil
	}
	f.fails.Store(&fails)
}

func (f *failing) breaks(what string) {
	fails := func(point string) error {
		if point == what {
			panic("an invariant is broken at " + point)
		}
		return nil
	}
	f.fails.Store(&fails)
}

// open serves cfg with failpoints, of which the ones named fail from the beginning.
func open(t *testing.T, clock *manual, dir string, cfg engine.Config, points ...string) *failing {
	t.Helper()
	f := &failing{}
	f.fail(points...)
	f.serve(t, clock, dir, cfg)
	return f
}

func (f *failing) serve(t *testing.T, clock *manual, dir string, cfg engine.Config) {
	t.Helper()
	o := engine.Options{Logger: slog.New(slog.DiscardHandler), Clock: clock}
	o.Failpoint = func(point string) error { return (*f.fails.Load())(point) }
	var err error
	f.Engine, err = engine.Open(dir, o)
	require.NoError(t, err)
	t.Cleanup(func() { f.Close() })
	p, err := f.Prepare(context.Background(), []engine.Config{cfg})
	require.NoError(t, err)
	p.Commit()
}

// A disk that takes nothing, for months, holds up no signature, and the serial goes
// forward; after a restart it does not go back, as long as the snapshot could be
// written. A rollover that is due waits for the disk.
func TestDiskTakesNothing(t *testing.T) {
	for _, points := range [][]string{{"save-before"}, {"save-before", "make-before"}, {"snapshot-before"}, {"save-before", "snapshot-before", "make-before", "retire-before"}} {
		dir, clock := t.TempDir(), newManual(moment)
		cfg := alone(t, write(t, content))
		cfg.LifetimeZSK = 30 * day
		f := open(t, clock, dir, cfg)
		f.fail(points...)
		serial := served(t, f.Engine).Serial()
		before := published(t, f.Engine)
		days(t, clock, 60, func() string {
			if s := f.Find(apex).Serving(); s.Version != nil {
				require.False(t, zone.SerialAfter(serial, s.Version.Serial()))
				serial = s.Version.Serial()
			}
			return fresh(clock, f.Engine, cfg)
		})
		require.True(t, alarmed(t, f.Engine, "no space left"))
		if len(points) > 1 || points[0] == "save-before" {
			require.Equal(t, before, published(t, f.Engine))
		}
		f.fail()
		days(t, clock, 10, func() string { return fresh(clock, f.Engine, cfg) })
		require.NotEqual(t, before, published(t, f.Engine), "the rollover goes on")
		require.NoError(t, f.Close())
		again := open(t, clock, dir, cfg)
		require.False(t, zone.SerialAfter(serial, served(t, again.Engine).Serial()))
	}
}

// A restart in such a state renews as well: what is to be signed, and by which keys,
// is read off the last version, although the next step cannot be taken.
func TestRestartOnADiskThatTakesNothing(t *testing.T) {
	dir, clock := t.TempDir(), newManual(moment)
	cfg := alone(t, write(t, content))
	cfg.LifetimeZSK = 30 * day
	f := open(t, clock, dir, cfg)
	before := published(t, f.Engine)
	days(t, clock, 29, func() string { return fresh(clock, f.Engine, cfg) })
	require.NoError(t, f.Close())
	clock.step(2 * day) // the ZSK's life is over, and the disk is full
	f = open(t, clock, dir, cfg, "save-before", "make-before", "snapshot-before")
	days(t, clock, 60, func() string { return fresh(clock, f.Engine, cfg) })
	require.Equal(t, before, published(t, f.Engine))
	require.True(t, alarmed(t, f.Engine, "no space left"))
}

// A zone that is frozen by a broken invariant has its signatures renewed all the
// same, also after a restart in which it freezes again at once.
func TestFrozenZoneRenews(t *testing.T) {
	dir, clock := t.TempDir(), newManual(moment)
	cfg := alone(t, write(t, content))
	f := open(t, clock, dir, cfg)
	before := published(t, f.Engine)
	f.breaks("make-before")
	_, err := f.Do(context.Background(), apex, engine.Command{Kind: "roll", Args: []string{"zsk"}})
	require.ErrorContains(t, err, "frozen")
	days(t, clock, 60, func() string { return fresh(clock, f.Engine, cfg) })
	require.True(t, alarmed(t, f.Engine, "frozen"))
	require.Equal(t, before, published(t, f.Engine))
	f.fail()
	require.NoError(t, f.Close())

	f = &failing{}
	f.breaks("make-before")
	f.serve(t, clock, dir, cfg) // the order stands: it breaks in its first turn
	days(t, clock, 30, func() string { return fresh(clock, f.Engine, cfg) })
	require.True(t, alarmed(t, f.Engine, "frozen"))
	require.Equal(t, before, published(t, f.Engine))
}

// Where renewing breaks an invariant, too, or fails, there is an alarm a refresh
// interval before the first signature ends, and a refusing answer at that end, not
// sooner and not later. When what failed is mended, signatures are there again.
func TestAlarmLongBeforeTheEnd(t *testing.T) {
	for _, how := range []string{"fails", "breaks"} {
		t.Run(how, func(t *testing.T) {
			clock := newManual(moment)
			cfg := alone(t, write(t, content))
			f := open(t, clock, t.TempDir(), cfg)
			end, _ := served(t, f.Engine).Earliest()
			if how == "fails" {
				f.fail("sign")
			} else {
				f.breaks("sign")
				f.Do(context.Background(), apex, engine.Command{Kind: "look"})
			}
			to := func(at time.Time) { clock.step(at.Sub(clock.Now())); settled(t, f.Engine) }
			to(end.Add(-cfg.Refresh - time.Second))
			require.False(t, alarmed(t, f.Engine, "have not been renewed"))
			to(end.Add(-cfg.Refresh + time.Minute))
			require.True(t, alarmed(t, f.Engine, "have not been renewed"))
			require.True(t, settled(t, f.Engine).Signatures.Overdue)
			require.Empty(t, f.Find(apex).Serving().Refuse)
			to(end.Add(-time.Second))
			require.Empty(t, f.Find(apex).Serving().Refuse)
			to(end)
			require.Contains(t, f.Find(apex).Serving().Refuse, "signatures have ended")
			if how == "fails" {
				f.fail()
				to(end.Add(time.Minute))
				require.Empty(t, fresh(clock, f.Engine, cfg))
				require.False(t, settled(t, f.Engine).Signatures.Overdue)
			}
		})
	}
}

// A step of the clock that nobody bears witness to takes no answer away when nothing
// can be signed just then; one that has lasted for a day does.
func TestClockIsSetWhileNothingCanBeSigned(t *testing.T) {
	clock := newManual(moment)
	cfg := alone(t, write(t, content))
	f := open(t, clock, t.TempDir(), cfg)
	f.fail("sign")
	set := func(d time.Duration) {
		require.Eventually(t, func() bool { return clock.awaits(time.Second) && f.Idle() }, 10*time.Second, 100*time.Microsecond)
		clock.set(d)
		clock.step(2 * time.Second)
	}
	set(365 * day)
	require.Eventually(t, func() bool { return alarmed(t, f.Engine, "was set forward") }, 10*time.Second, time.Millisecond)
	require.Empty(t, f.Find(apex).Serving().Refuse)
	set(-365 * day)
	require.Eventually(t, func() bool { return !alarmed(t, f.Engine, "was set forward") }, 10*time.Second, time.Millisecond)
	set(365 * day)
	require.Eventually(t, func() bool { return alarmed(t, f.Engine, "was set forward") }, 10*time.Second, time.Millisecond)
	clock.step(25 * time.Hour)
	require.Eventually(t, func() bool { return f.Find(apex).Serving().Refuse != "" }, 10*time.Second, time.Millisecond)
	f.fail()
	clock.step(time.Minute)
	settled(t, f.Engine)
	require.Empty(t, fresh(clock, f.Engine, cfg))
}

// Peers and a parent that are away for two months, in the midst of a rollover, and
// rollovers that are frozen, hold up no signature.
func TestOthersAreAway(t *testing.T) {
	g := newGroup(t, "a b", nil)
	g.begin()
	a := g.signers[0]
	a.do("roll", "zsk")
	g.round()
	g.signers[1].stop()
	g.parent.away.Store(true)
	days(t, g.clock, 60, func() string { return fresh(g.clock, a.e.Load(), a.cfg) })
	g.signers[1].start()
	g.parent.away.Store(false)
	g.caches = nil
	g.until("the rollover goes on", func() bool { return g.calm() && a.removed() })
	a.do("freeze")
	days(t, g.clock, 60, func() string { return fresh(g.clock, a.e.Load(), a.cfg) })
}
