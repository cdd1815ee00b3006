package engine_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/engine"
	"github.com/multisigner/multisigner/plugin/multisigner/keystore"
	"github.com/multisigner/multisigner/plugin/multisigner/status"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// days lets days pass, and demands on each that holds becomes true.
func days(t *testing.T, clock *manual, n int, holds func() string) {
	t.Helper()
	for range n {
		clock.step(day)
		why := ""
		for deadline := time.Now().Add(10 * time.Second); ; {
			if why = holds(); why == "" {
				break
			}
			require.False(t, time.Now().After(deadline), "at %s: %s", clock.Now(), &why)
			<-time.After(time.Millisecond)
		}
	}
}

// fresh says what is wrong with the signatures that are served, if anything.
func fresh(clock *manual, e *engine.Engine, cfg engine.Config) string {
	serving := e.Find(apex).Serving()
	if serving.Version == nil || serving.Refuse != "" {
		return "it refuses: " + serving.Refuse
	}
	if end, ok := serving.Version.Earliest(); !ok || end.Sub(clock.Now()) < cfg.Refresh {
		return "a signature ends at " + end.String()
	}
	return ""
}

// alarmed reports whether an alarm speaks of what.
func alarmed(t *testing.T, e *engine.Engine, what string) bool {
	t.Helper()
	s, ok := e.Status(apex)
	require.True(t, ok)
	for _, a := range s.Alarms {
		if strings.Contains(a.What, what) {
			require.NotEmpty(t, a.Cure)
			return true
		}
	}
	return false
}

// published is the DNSKEY RRset without its signatures.
func published(t *testing.T, e *engine.Engine) zone.Packed {
	t.Helper()
	s, ok := served(t, e).RRset(apex, zone.TypeDNSKEY)
	require.True(t, ok)
	return s.Rdata
}

func keyDir(dir string) string { return filepath.Join(dir, "keys", "example.org") }

// files gives the private files of the zone's keys with the flags.
func files(t *testing.T, dir string, flags uint16) (paths []string) {
	t.Helper()
	d, err := keystore.Open(filepath.Join(dir, "keys"))
	require.NoError(t, err)
	keys, _ := d.List(apex.String())
	for _, k := range keys {
		if k.Flags() == flags {
			paths = append(paths, k.Base+".private")
		}
	}
	require.NotEmpty(t, paths)
	return paths
}

// A key directory that is away, when a rollover is due and for months, keeps no
// signature from being renewed; nothing is written to where it was, and no key is
// made. When it is back the rollover goes on.
func TestKeyDirectoryIsAway(t *testing.T) {
	t.Parallel()
	dir, clock := t.TempDir(), newManual(moment)
	cfg := alone(t, write(t, content))
	cfg.LifetimeZSK = 30 * day
	disk := filepath.Join(t.TempDir(), "disk")
	require.NoError(t, os.Mkdir(disk, 0o700))
	require.NoError(t, os.Symlink(disk, filepath.Join(dir, "keys")))
	e := by(t, clock, dir, cfg)
	before := published(t, e)
	require.NoError(t, os.Rename(disk, disk+".away"))
	days(t, clock, 60, func() string { return fresh(clock, e, cfg) })
	require.Equal(t, before, published(t, e))
	require.True(t, alarmed(t, e, "the state directory is not as it should be"))
	require.NoDirExists(t, disk)
	require.NoError(t, os.Rename(disk+".away", disk))
	days(t, clock, 8, func() string { return fresh(clock, e, cfg) })
	require.NotEqual(t, before, published(t, e))
	require.Eventually(t, func() bool { return !alarmed(t, e, "the state directory is not as it should be") }, 10*time.Second, time.Millisecond)
}

// What is removed under a running process is noticed within seconds, said, and written
// anew from memory: keys, state, snapshots. A restart finds all of it.
func TestRemovedUnderARunningProcess(t *testing.T) {
	t.Parallel()
	gone := func(path string) error { return os.Rename(path, filepath.Join(t.TempDir(), "gone")) } // in one step, as far as the watcher sees
	for _, tc := range []struct {
		what, says string
		remove     func(t *testing.T, dir string) error
	}{
		{"a private key", "were removed", func(t *testing.T, dir string) error { return os.Remove(files(t, dir, 257)[0]) }},
		{"both files of a key", "were removed", func(t *testing.T, dir string) error {
			path := files(t, dir, 256)[0]
			return errors.Join(os.Remove(path), os.Remove(strings.TrimSuffix(path, "private")+"key"))
		}},
		{"the keys of the zone", "were removed", func(_ *testing.T, dir string) error { return gone(keyDir(dir)) }},
		{"they are emptied", "were removed", func(_ *testing.T, dir string) error {
			empty := filepath.Join(dir, "empty")
			then := time.Unix(1, 0) // a clock of files that ticks every few milliseconds could show no difference
			return errors.Join(os.Mkdir(empty, 0o700), os.Chtimes(empty, then, then), gone(keyDir(dir)), os.Rename(empty, keyDir(dir)))
		}},
		{"all keys", "keys: removed under the running process", func(_ *testing.T, dir string) error { return gone(filepath.Join(dir, "keys")) }},
		{"the state", "state.db: removed under the running process", func(_ *testing.T, dir string) error { return os.Remove(filepath.Join(dir, "state.db")) }},
		{"the snapshots", "zones: removed under the running process", func(_ *testing.T, dir string) error { return gone(filepath.Join(dir, "zones")) }},
		{"everything", "state.db: removed under the running process", func(_ *testing.T, dir string) error { return gone(dir) }},
	} {
		t.Run(tc.what, func(t *testing.T) {
			dir, clock := filepath.Join(t.TempDir(), "state"), newManual(moment)
			cfg := alone(t, write(t, content))
			e := by(t, clock, dir, cfg)
			before := served(t, e)
			rests := func() bool { return clock.awaits(time.Second) && e.Idle() }
			require.Eventually(t, rests, 10*time.Second, time.Millisecond) // what is removed under a turn is put back by that
			require.NoError(t, tc.remove(t, dir))
			require.Eventually(t, func() bool {
				clock.step(time.Second)
				return alarmed(t, e, tc.says)
			}, 10*time.Second, 10*time.Millisecond)
			settled(t, e)
			require.Len(t, append(files(t, dir, 256), files(t, dir, 257)...), 2)
			require.FileExists(t, filepath.Join(dir, "zones", "example.org.snapshot"))
			_, err := e.Do(context.Background(), apex, engine.Command{Kind: "roll", Args: []string{"zsk"}})
			require.NoError(t, err, "rollovers go on")
			require.Eventually(t, func() bool {
				clock.step(10 * time.Minute)
				return !alarmed(t, e, "removed")
			}, 10*time.Second, 10*time.Millisecond)
			require.Eventually(t, rests, 10*time.Second, time.Millisecond) // a step of the rollover may be due
			last := served(t, e)
			require.False(t, zone.SerialAfter(before.Serial(), last.Serial()))
			require.NoError(t, e.Close())
			e = by(t, clock, dir, cfg)
			require.Empty(t, zone.Compare(last, served(t, e)).Changes)
			require.Empty(t, settled(t, e).Alarms)
		})
	}
}

// A restart with a key file missing, unreadable or another's serves the last version
// all the same. Without the KSK, data is renewed; without the ZSK there is an alarm a
// refresh interval before the end, and SERVFAIL at it. Either file is noticed when it
// is back, without a restart.
func TestRestartWithoutAKey(t *testing.T) {
	t.Parallel()
	away := func(path string) { os.Rename(path, path+".away") }
	back := func(path string) { os.Rename(path+".away", path) }
	for _, tc := range []struct {
		name       string
		flags      uint16
		away, back func(path string)
	}{
		{"KSK away", 257, away, back},
		{"ZSK away", 256, away, back},
		{"KSK unreadable", 257, func(p string) { os.Chmod(p, 0o644) }, func(p string) { os.Chmod(p, 0o600) }},
		{"ZSK unreadable", 256, func(p string) { os.Chmod(p, 0o644) }, func(p string) { os.Chmod(p, 0o600) }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir, clock := t.TempDir(), newManual(moment)
			cfg := alone(t, write(t, content))
			e := by(t, clock, dir, cfg)
			before := served(t, e)
			require.NoError(t, e.Close())
			path := files(t, dir, tc.flags)[0]
			tc.away(path)
			e = by(t, clock, dir, cfg)
			require.Equal(t, before.Serial(), served(t, e).Serial())
			require.True(t, alarmed(t, e, filepath.Base(strings.TrimSuffix(path, ".private"))), "the alarm names the file")
			keys := published(t, e)

			end, _ := before.Earliest()
			due := end.Add(-cfg.Refresh)
			clock.step(due.Sub(clock.Now()) - time.Minute)
			s := settled(t, e)
			require.False(t, s.Signatures.Overdue)
			clock.step(6 * day / 2)
			s = settled(t, e)
			require.True(t, s.Signatures.Overdue)
			require.True(t, alarmed(t, e, "have not been renewed"))
			require.Empty(t, e.Find(apex).Serving().Refuse, "there are days left")
			soa := zone.RRSIG("")
			for sig := range served(t, e).SOA().Sigs.All() {
				soa = zone.RRSIG(sig)
			}
			if tc.flags == 257 {
				require.Greater(t, zone.Time(soa.Expiration()), clock.Now().Add(cfg.Refresh), "the ZSK is there: data is renewed")
			}
			clock.step(3 * day)
			settled(t, e)
			require.Contains(t, e.Find(apex).Serving().Refuse, "signatures have ended")

			tc.back(path)
			clock.step(time.Minute)
			settled(t, e)
			require.Empty(t, fresh(clock, e, cfg))
			require.Equal(t, keys, published(t, e), "no key was made in its stead")
			require.False(t, settled(t, e).Signatures.Overdue)
		})
	}
}

// settled waits until the engine has nothing to do, and gives its status.
func settled(t *testing.T, e *engine.Engine) status.Zone {
	t.Helper()
	require.Eventually(t, e.Idle, 10*time.Second, time.Millisecond)
	s, ok := e.Status(apex)
	require.True(t, ok)
	return s
}

// A key file that cannot be read at a first start, without any state, holds the zone:
// a new key beside it might be one too many.
func TestFirstStartWithAKeyThatCannotBeRead(t *testing.T) {
	t.Parallel()
	dir, cfg := t.TempDir(), alone(t, write(t, content))
	e := serve(t, dir, cfg)
	before := published(t, e)
	require.NoError(t, e.Close())
	path := files(t, dir, 257)[0]
	require.NoError(t, os.Remove(filepath.Join(dir, "state.db")))
	require.NoError(t, os.RemoveAll(filepath.Join(dir, "zones")))
	require.NoError(t, os.Chmod(path, 0o644))
	clock := newManual(moment)
	e = by(t, clock, dir, cfg)
	require.NotEmpty(t, e.Find(apex).Serving().Refuse)
	require.True(t, alarmed(t, e, "chmod 600"))
	require.NoError(t, os.Chmod(path, 0o600))
	clock.step(time.Minute)
	settled(t, e)
	require.Equal(t, before, published(t, e))
}

// A private key that others may read is told of by the running process, not by the next one
// that refuses to begin with it, and without anything else that would give the zone a turn. What
// it can sign it signs.
func TestKeyThatOthersMayRead(t *testing.T) {
	dir := t.TempDir()
	e := serve(t, dir, alone(t, write(t, content)))
	defer e.Close()
	served(t, e)
	files, err := filepath.Glob(filepath.Join(dir, "keys", "*", "*.private"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	require.NoError(t, os.Chmod(files[0], 0o644))
	eventually(t, "the alarm", func() bool { return raised(e, status.AlarmKeyFile) != nil })
	a := raised(e, status.AlarmKeyFile)
	require.Contains(t, a.What, files[0]+" can be read by others (mode 0644): chmod 600 ")
	require.Equal(t, "no key is made, and the next start does not use that key", a.Breaks)
	require.Zero(t, a.By, "it is in use")
	require.Empty(t, statusOf(t, e).Refuse)
	require.NoError(t, os.Chmod(files[0], 0o600))
	eventually(t, "the end of the alarm", func() bool { return raised(e, status.AlarmKeyFile) == nil })
}
