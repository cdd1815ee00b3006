package engine_test

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// A file that is replaced between any two looks is served all the same, a few seconds
// later; and one that is no zone at that moment changes nothing.
func TestFileThatIsReplacedAllTheTime(t *testing.T) {
	clock := newManual(moment)
	file := write(t, content)
	e := by(t, clock, t.TempDir(), alone(t, file))
	before := served(t, e)
	n := 0
	replace := func(text string) {
		n++
		// Once the last look is over: the next must find another file than that.
		require.Eventually(t, func() bool { return clock.awaits(time.Second) }, 10*time.Second, 100*time.Microsecond)
		require.NoError(t, os.WriteFile(file+".new", []byte(text), 0o644))
		at := moment.Add(time.Duration(n) * time.Millisecond)
		require.NoError(t, os.Chtimes(file+".new", at, at))
		require.NoError(t, os.Rename(file+".new", file))
		clock.step(time.Second)
	}
	began := clock.Steady()
	require.Eventually(t, func() bool {
		replace("nonsense")
		return clock.Steady()-began > 40*time.Second
	}, 10*time.Second, 5*time.Millisecond)
	require.Same(t, before, served(t, e))
	require.Eventually(t, func() bool {
		replace(fmt.Sprintf("%sn%d A 192.0.2.81\nnew A 192.0.2.81\n", content, n))
		return served(t, e).Get(zone.MustName("new.example.org.")) != nil
	}, 10*time.Second, 5*time.Millisecond)
}

// A file that is written for long is left alone, and an alarm says so, until it rests.
func TestFileThatOnlyGrows(t *testing.T) {
	clock := newManual(moment)
	file := write(t, content)
	e := by(t, clock, t.TempDir(), alone(t, file))
	before := served(t, e)
	f, err := os.OpenFile(file, os.O_APPEND|os.O_WRONLY, 0)
	require.NoError(t, err)
	defer f.Close()
	n := 0
	require.Eventually(t, func() bool {
		n++
		fmt.Fprintf(f, "n%d A 192.0.2.81\n", n)
		clock.step(time.Second)
		return alarmed(t, e, "is written to all the time")
	}, 20*time.Second, 5*time.Millisecond)
	require.Greater(t, n, 50)
	require.Same(t, before, served(t, e))
	require.Eventually(t, func() bool {
		clock.step(time.Second)
		return served(t, e).Get(zone.MustName(fmt.Sprintf("n%d.example.org.", n))) != nil
	}, 10*time.Second, 5*time.Millisecond)
	require.Empty(t, settled(t, e).Alarms)
}
