//go:build failpoints

package engine_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/engine"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// A signer that dies at any of its failpoints, in the middle of updates, has all that it
// had acknowledged when it is started again, and of what it was at all or nothing; to
// send that again makes what it would have made.
func TestUpdateCrashes(t *testing.T) {
	for _, point := range []string{"save-before", "save-after", "publish-before", "tell-before", "tell-after", "snapshot-before", "snapshot-written", "snapshot-after", "sign"} {
		for nth := 1; nth <= 3; nth++ {
			t.Run(fmt.Sprintf("%s-%d", point, nth), func(t *testing.T) { crashes(t, point, nth) })
		}
	}
}

func crashes(t *testing.T, point string, nth int) {
	file, dir := write(t, content), filepath.Join(t.TempDir(), "state")
	copied := dir + "-copy"
	var mu sync.Mutex
	armed, passed, died := false, 0, false
	acknowledged := 0
	var atDeath int
	clock := newManual(moment)
	options := engine.Options{Logger: slog.New(slog.DiscardHandler), Clock: clock}
	options.Failpoint = func(p string) error {
		mu.Lock()
		defer mu.Unlock()
		if !armed || p != point || died {
			return nil
		}
		if passed++; passed == nth {
			died, atDeath = true, acknowledged
			restore(t, copied, dir)
		}
		return nil
	}
	e, err := engine.Open(dir, options)
	require.NoError(t, err)
	start(t, e, updatable(t, file))
	mu.Lock()
	armed = true
	mu.Unlock()
	// Each has two records, and the second takes away what the one before has made.
	step := func(i int) []string {
		lines := []string{fmt.Sprintf("n%d 60 A 192.0.2.81", i), fmt.Sprintf("m%d 60 TXT x", i)}
		if i > 0 {
			lines = append(lines, fmt.Sprintf("-m%d 60 TXT x", i-1))
		}
		return lines
	}
	const steps = 5
	for i := range steps {
		require.Nil(t, send(t, e, step(i)...))
		mu.Lock()
		acknowledged = i + 1
		mu.Unlock()
		clock.step(10 * time.Second) // a snapshot is due
		settled(t, e)
	}
	require.NoError(t, e.Close())
	if !died {
		require.NotEqual(t, 1, nth, "it comes to that point")
		return
	}
	e, err = engine.Open(copied, engine.Options{Logger: slog.New(slog.DiscardHandler), Clock: clock})
	require.NoError(t, err)
	start(t, e, updatable(t, file))
	defer e.Close()
	has := 0
	for i := range steps {
		if answersFor(t, e, fmt.Sprintf("n%d", i)) {
			has = i + 1
		}
	}
	require.GreaterOrEqual(t, has, atDeath, "what was acknowledged is there")
	require.LessOrEqual(t, has, atDeath+1, "and of others at most the one that was under way")
	for i := range steps {
		require.Equal(t, i < has, answersFor(t, e, fmt.Sprintf("n%d", i)))
		require.Equal(t, i == has-1, answersFor(t, e, fmt.Sprintf("m%d", i)), "all of an update or nothing")
	}
	for i := atDeath; i < steps; i++ {
		require.Nil(t, send(t, e, step(i)...))
	}
	for i := range steps {
		require.True(t, answersFor(t, e, fmt.Sprintf("n%d", i)))
		require.Equal(t, i == steps-1, answersFor(t, e, fmt.Sprintf("m%d", i)))
	}
}

// A disk that takes nothing has updates answered with SERVFAIL: nothing of them is served,
// nothing that was acknowledged is lost, and the file is served on as it changes.
func TestUpdateWithAFullDisk(t *testing.T) {
	file, dir, clock := write(t, content), t.TempDir(), newManual(moment)
	f := open(t, clock, dir, updatable(t, file))
	require.Nil(t, send(t, f.Engine, "one 60 A 192.0.2.81"))
	f.fail("save-before", "snapshot-before")
	before := served(t, f.Engine)
	bad := send(t, f.Engine, "two 60 A 192.0.2.81", "-one 60 A 192.0.2.81")
	require.NotNil(t, bad)
	require.Equal(t, dns.RcodeServerFailure, bad.Rcode)
	require.Equal(t, "not saved", bad.Reason)
	require.True(t, answersFor(t, f.Engine, "one") && !answersFor(t, f.Engine, "two"))
	require.Equal(t, before.Serial(), served(t, f.Engine).Serial())
	require.Nil(t, send(t, f.Engine, "one 60 A 192.0.2.81"), "what changes nothing needs no disk")

	f.edit(t, file, content+"new A 192.0.2.81\n")
	require.True(t, answersFor(t, f.Engine, "new") && answersFor(t, f.Engine, "one"))
	require.NotNil(t, send(t, f.Engine, "two 60 A 192.0.2.81"))
	f.fail()
	require.Nil(t, send(t, f.Engine, "three 60 A 192.0.2.81"))
	require.False(t, answersFor(t, f.Engine, "two"))
	require.NoError(t, f.Close())

	f = open(t, clock, dir, updatable(t, file))
	defer f.Close()
	require.True(t, answersFor(t, f.Engine, "one") && answersFor(t, f.Engine, "three") && answersFor(t, f.Engine, "new") && !answersFor(t, f.Engine, "two"))
}

// An invariant that breaks in the turn of an update freezes the zone, and whoever waits is
// told; what is served is.
func TestUpdateOfAFrozenZone(t *testing.T) {
	file, dir, clock := write(t, content), t.TempDir(), newManual(moment)
	f := open(t, clock, dir, updatable(t, file))
	defer f.Close()
	f.breaks("sign")
	bad := send(t, f.Engine, "two 60 A 192.0.2.81")
	require.NotNil(t, bad)
	require.Equal(t, dns.RcodeServerFailure, bad.Rcode)
	f.fail()
	bad = send(t, f.Engine, "three 60 A 192.0.2.81")
	require.NotNil(t, bad)
	require.Equal(t, dns.RcodeServerFailure, bad.Rcode)
	require.True(t, answersFor(t, f.Engine, "www"))
}

// What was removed by an update stays away after a crash that the snapshot did not see,
// also when the Corefile has no line for updates any more: the snapshot is not what the
// file holds.
func TestSnapshotOfUpdatesThatAreGone(t *testing.T) {
	file, dir, clock := write(t, content), t.TempDir(), newManual(moment)
	f := open(t, clock, dir, updatable(t, file))
	require.Nil(t, send(t, f.Engine, "new 60 A 192.0.2.81"))
	require.NoError(t, f.Close())
	f = open(t, clock, dir, updatable(t, file))
	f.fail("snapshot-before")
	require.Nil(t, send(t, f.Engine, "-new 60 A 192.0.2.81"))
	require.NoError(t, f.Close())
	f = open(t, clock, dir, alone(t, file))
	defer f.Close()
	require.True(t, answersFor(t, f.Engine, "www") && !answersFor(t, f.Engine, "new"))
}

// What drop took back while the disk took nothing is shown, and saved as soon as it can be:
// a restart does not bring it again.
func TestDropWithAFullDisk(t *testing.T) {
	file, dir, clock := write(t, content), t.TempDir(), newManual(moment)
	f := open(t, clock, dir, updatable(t, file))
	require.Nil(t, send(t, f.Engine, "new 60 A 192.0.2.81"))
	f.fail("save-before")
	_, err := f.Do(context.Background(), apex, engine.Command{Kind: "drop", Args: []string{"new.example.org.", "A"}})
	require.ErrorContains(t, err, "is not saved")
	require.False(t, answersFor(t, f.Engine, "new"))
	f.fail()
	_, err = f.Do(context.Background(), apex, engine.Command{Kind: "look"})
	require.NoError(t, err)
	require.NoError(t, f.Close())
	f = open(t, clock, dir, updatable(t, file))
	defer f.Close()
	require.False(t, answersFor(t, f.Engine, "new"))
}

// A crash that the snapshot did not see, and a file that cannot be read at the start after
// it: what was acknowledged is served all the same, under a serial that does not go back.
func TestCrashAndABrokenFile(t *testing.T) {
	file, dir, clock := write(t, content), t.TempDir(), newManual(moment)
	f := open(t, clock, dir, updatable(t, file))
	require.Nil(t, send(t, f.Engine, "old 60 A 192.0.2.81"))
	require.NoError(t, f.Close())
	f = open(t, clock, dir, updatable(t, file))
	f.fail("snapshot-before")
	require.Nil(t, send(t, f.Engine, "new 60 A 192.0.2.82", "old 60 A 192.0.2.83", "-www 300 A 192.0.2.80"))
	was := served(t, f.Engine)
	require.NoError(t, f.Close())
	require.NoError(t, os.WriteFile(file, []byte("broken"), 0o644))
	f = open(t, clock, dir, updatable(t, file))
	is := served(t, f.Engine)
	require.True(t, zone.SerialAfter(is.Serial(), was.Serial()))
	require.Equal(t, unsignedText(was), unsignedText(is))
	require.Equal(t, "no content", send(t, f.Engine, "newer 60 A 192.0.2.81").Reason)
	require.NoError(t, f.Close())

	f = open(t, clock, dir, updatable(t, file))
	require.Equal(t, is.Serial(), served(t, f.Engine).Serial(), "what is in the snapshot makes no version")
	f.edit(t, file, content+"more A 192.0.2.84\n")
	require.True(t, answersFor(t, f.Engine, "new") && answersFor(t, f.Engine, "more") && !answersFor(t, f.Engine, "www"))
	require.Nil(t, send(t, f.Engine, "newer 60 A 192.0.2.81"))
	require.NoError(t, f.Close())
}
