package source

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A change is noticed when it has come to rest, in the file, in what it includes,
// and in what it would include were it there; and only as often as is wanted.
func TestWatcher(t *testing.T) {
	dir := t.TempDir()
	zonePath, included := filepath.Join(dir, "zone"), filepath.Join(dir, "inc")
	old := time.Now().Add(-time.Hour)
	write := func(path, text string) {
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		require.NoError(t, os.Chtimes(path, old, old))
	}
	write(zonePath, base+"$INCLUDE inc\n")
	w := Watcher{Every: time.Second}
	now := old
	changed := func() bool {
		now = now.Add(time.Second)
		return w.Changed(now)
	}
	require.False(t, changed(), "nothing is watched yet")
	read := func() {
		c, _ := ReadFile(zonePath, apex)
		w.Read(c)
		require.False(t, changed())
		require.False(t, changed())
	}
	read()

	for what, change := range map[string]func(){
		"a missing file appears": func() { write(included, "a A 192.0.2.1\n") },
		"another time":           func() { require.NoError(t, os.Chtimes(included, now, now.Add(time.Minute))) },
		"another size":           func() { write(included, "a A 192.0.2.1\n") },
		"another file with the same time and size": func() {
			write(included+".new", "a A 192.0.2.222\n")
			require.NoError(t, os.Rename(included+".new", included))
		},
		"a file is removed": func() { require.NoError(t, os.Remove(zonePath)) },
	} {
		write(zonePath, base+"$INCLUDE inc\n")
		write(included, "a A 192.0.2.222\n")
		if what == "a missing file appears" {
			require.NoError(t, os.Remove(included))
		}
		read()
		change()
		require.False(t, changed(), "%s: it may still be written to", what)
		require.False(t, w.Changed(now), "%s: too soon to look again", what)
		require.True(t, changed(), what)
		require.True(t, changed(), "%s: as long as it is not read", what)
		read()
	}

	write(zonePath, base+"$INCLUDE inc\n")
	write(included, "a A 192.0.2.1\n")
	read()
	for range 3 { // it changes on and on
		now = now.Add(time.Minute)
		require.NoError(t, os.Chtimes(zonePath, now, now))
		require.False(t, changed())
	}
	require.True(t, changed())
}

// The stamp of what was read is that of the files before the reading, so that a
// change in the middle of it is not missed.
func TestStamp(t *testing.T) {
	path := filepath.Join(t.TempDir(), "zone")
	require.NoError(t, os.WriteFile(path, []byte(base), 0o600))
	c, err := ReadFile(path, apex)
	require.NoError(t, err)
	require.Equal(t, Look([]string{path}), c.Stamp)
	require.NotEqual(t, Stamp{}, c.Stamp)
	require.NotEqual(t, Look([]string{path, path}), c.Stamp)
	require.NoError(t, os.Remove(path))
	require.NotEqual(t, Look([]string{path}), c.Stamp)
}
