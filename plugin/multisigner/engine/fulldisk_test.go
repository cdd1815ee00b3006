//go:build failpoints

package engine_test

import (
	"context"
	"os"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/ask"
	"github.com/multisigner/multisigner/plugin/multisigner/engine"
	"github.com/multisigner/multisigner/plugin/multisigner/status"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// edit writes the zone file and has it read.
func (f *failing) edit(t *testing.T, file, text string) {
	t.Helper()
	require.NoError(t, os.WriteFile(file, []byte(text), 0o644))
	_, err := f.Do(context.Background(), apex, engine.Command{Kind: "reload"})
	require.NoError(t, err)
}

// has reports whether a name is served.
func has(t *testing.T, v *zone.Version, name string) bool {
	t.Helper()
	return v.Get(zone.MustName(name+".example.org.")) != nil
}

// A rollover that is due and cannot begin, because the disk is full or the key
// directory away, holds up no content: it is signed with the keys that are shown. The
// same holds when the state cannot be saved; then a longer TTL waits, because the waits
// of the rollovers are made of those that were shown.
func TestContentGoesOnWithAFullDisk(t *testing.T) {
	for _, points := range [][]string{{"make-before"}, {"save-before"}, {"make-before", "save-before", "snapshot-before"}} {
		t.Run(points[len(points)-1], func(t *testing.T) {
			dir, clock := t.TempDir(), newManual(moment)
			file := write(t, content)
			cfg := alone(t, file)
			cfg.LifetimeZSK = 30 * day
			f := open(t, clock, dir, cfg)
			before := published(t, f.Engine)
			f.fail(points...)
			days(t, clock, 40, func() string { return fresh(clock, f.Engine, cfg) })
			require.True(t, alarmed(t, f.Engine, "no space left"))
			require.Equal(t, "no rollover goes on", raised(f.Engine, status.AlarmNotSaved).Breaks, "content does")
			was := served(t, f.Engine)

			f.edit(t, file, content+"new A 192.0.2.81\n")
			now := served(t, f.Engine)
			require.True(t, has(t, now, "new"))
			require.Equal(t, was.Serial()+1, now.Serial())
			require.Equal(t, before, published(t, f.Engine))
			require.True(t, alarmed(t, f.Engine, "no space left"))
			require.Empty(t, fresh(clock, f.Engine, cfg))

			f.edit(t, file, content+"new A 192.0.2.81\nlong 86400 A 192.0.2.81\n")
			saved := points[len(points)-1] == "make-before"
			require.Equal(t, saved, has(t, served(t, f.Engine), "long"))
			require.Equal(t, !saved, alarmed(t, f.Engine, "content with a TTL of 86400 is not served"))
			days(t, clock, 20, func() string { return fresh(clock, f.Engine, cfg) })

			last := served(t, f.Engine)
			clock.step(time.Hour)
			require.True(t, settled(t, f.Engine).Serving)
			require.True(t, alarmed(t, f.Engine, "no space left"), "as long as it is not saved")
			f.fail()
			clock.step(time.Minute)
			settled(t, f.Engine)
			require.Eventually(t, func() bool { return has(t, served(t, f.Engine), "long") }, 10*time.Second, time.Millisecond)
			require.NoError(t, f.Close())
			serial, _, err := engine.Saved(dir, apex)
			require.NoError(t, err)
			require.False(t, zone.SerialAfter(last.Serial(), serial))
		})
	}
}

// Where the disk takes nothing and nothing was shown before, there is nothing to go on with, and
// the alarm does not say otherwise: the zone begins when it can be saved.
func TestFirstVersionWithAFullDisk(t *testing.T) {
	for _, point := range []string{"save-before", "make-before"} {
		dir, clock := t.TempDir(), newManual(moment)
		f := open(t, clock, dir, alone(t, write(t, content)), point)
		require.False(t, settled(t, f.Engine).Serving)
		a := raised(f.Engine, status.AlarmNotSaved)
		require.NotNil(t, a, point)
		require.Equal(t, "the zone answers nobody", a.Breaks, point)
		require.Equal(t, "make room on the disk, or mend it; it is tried again", a.Cure, point)
		f.fail()
		clock.step(time.Minute)
		require.True(t, settled(t, f.Engine).Serving)
		require.Nil(t, raised(f.Engine, status.AlarmNotSaved))
	}
}

// A serial that was shown and not saved is given once more after a crash. A secondary
// that holds the version of before would not take the other: it gets one more.
func TestOneVersionForASerial(t *testing.T) {
	dir, clock := t.TempDir(), newManual(moment)
	file := write(t, content)
	cfg := alone(t, file)
	s := &secondary{}
	cfg.Secondaries = []engine.Secondary{{Server: ask.Server{Addr: listen(t, s, nil)}}}
	cfg.LookBusy, cfg.LookIdle = time.Second, time.Minute
	f := open(t, clock, dir, cfg)
	require.Eventually(t, func() bool { return f.Find(apex).Serving().Refuse == "" }, 20*time.Second, time.Millisecond)
	s.set(func(s *secondary) { s.has = served(t, f.Engine) })
	f.fail("save-before", "snapshot-before")
	f.edit(t, file, content+"one A 192.0.2.81\n")
	unsaved := served(t, f.Engine)
	require.True(t, has(t, unsaved, "one"))
	s.set(func(s *secondary) { s.has = unsaved })
	require.NoError(t, f.Close())

	clock.step(time.Minute)
	require.NoError(t, os.WriteFile(file, []byte(content+"other A 192.0.2.81\n"), 0o644))
	f = open(t, clock, dir, cfg)
	require.Eventually(t, func() bool {
		v := f.Find(apex).Serving().Version
		return v != nil && has(t, v, "other") && v.Serial() == unsaved.Serial()+1
	}, 20*time.Second, time.Millisecond)
	s.set(func(s *secondary) { s.has = served(t, f.Engine) })
	for range 5 {
		clock.step(time.Minute)
		settled(t, f.Engine)
	}
	require.Equal(t, unsaved.Serial()+1, served(t, f.Engine).Serial(), "once")
}

// That our keys went on without us is known from a look: it takes outsiders their answers
// whether the disk takes a note of it or not.
func TestOutrunWithAFullDisk(t *testing.T) {
	g := newGroup(t, "a b", nil)
	g.begin()
	a := g.signers[0]
	backup := a.backup(t)
	for range 2 {
		a.do("roll", "zsk")
		g.settle()
		g.rounds(2)
		g.until("a rollover is over", g.calm)
	}
	g.rounds(4)
	a.stop()
	require.NoError(t, os.RemoveAll(a.dir))
	restore(t, a.dir, backup)
	a.serial = 0 // there is no secondary that could tell
	var full atomic.Bool
	full.Store(true)
	a.options = func(o *engine.Options) {
		o.Failpoint = func(point string) error {
			if point == "save-before" && full.Load() {
				return syscall.ENOSPC
			}
			return nil
		}
	}
	a.start()
	for range 6 {
		g.round()
		require.Nil(t, a.version(), "its keys were withdrawn")
	}
	b := g.signers[1]
	b.quiet.Store(true)
	full.Store(false)
	g.rounds(4)
	require.Nil(t, a.version(), "it has forgotten what it saw")
	b.quiet.Store(false)
	g.until("it is as it should be", func() bool { return a.version() != nil && g.calm() })
}

// An order that could not be saved is not answered as if it were: a crash would forget it. It is
// carried out when the disk takes it, and is known after a start then.
func TestOrdersWithAFullDisk(t *testing.T) {
	for _, order := range []engine.Command{{Kind: "roll", Args: []string{"zsk"}}, {Kind: "freeze"}, {Kind: "hold-updates"}, {Kind: "drop", Args: []string{"new.example.org.", "A"}}} {
		t.Run(order.Kind, func(t *testing.T) {
			dir, clock := t.TempDir(), newManual(moment)
			cfg := updatable(t, write(t, content))
			f := open(t, clock, dir, cfg)
			require.Nil(t, send(t, f.Engine, "new 60 A 192.0.2.81"))
			f.fail("save-before")
			_, err := f.Do(context.Background(), apex, order)
			require.ErrorContains(t, err, order.Kind+" was taken, but it is not saved: ")
			require.ErrorContains(t, err, "no space left")
			f.fail()
			clock.step(time.Minute)
			settled(t, f.Engine)
			done := func() bool {
				switch s := statusOf(t, f.Engine); order.Kind {
				case "roll":
					return len(s.Keys) == 3
				case "freeze":
					return s.Frozen
				case "hold-updates":
					return s.Source.UpdatesHeld
				default:
					return s.Source.Updated == 0
				}
			}
			require.Eventually(t, done, 20*time.Second, time.Millisecond)
			require.NoError(t, f.Close())
			f = open(t, clock, dir, cfg)
			require.Eventually(t, done, 20*time.Second, time.Millisecond)
			_, err = f.Do(context.Background(), apex, engine.Command{Kind: "look"})
			require.NoError(t, err)
		})
	}
}
