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
			require.Equal(t, !saved, alarmed(t, f.Engine, "content with a TTL of 86400 waits"))
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
	full.Store(false)
	g.until("it is as it should be", func() bool { return a.version() != nil && g.calm() })
}
