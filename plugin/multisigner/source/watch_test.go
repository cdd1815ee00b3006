package source

import (
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A change is noticed when it has come to rest, in the file, in what it includes,
// and in what it would include were it there.
func TestWatcher(t *testing.T) {
	dir := t.TempDir()
	zonePath, included := filepath.Join(dir, "zone"), filepath.Join(dir, "inc")
	old := time.Now().Add(-time.Hour)
	write := func(path, text string) {
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		require.NoError(t, os.Chtimes(path, old, old))
	}
	write(zonePath, base+"$INCLUDE inc\n")
	var w Watcher
	var now time.Duration
	look := func() State {
		now += time.Second
		return w.Look(now)
	}
	require.Equal(t, Unchanged, look(), "nothing is watched yet")
	read := func() {
		c, _ := ReadFile(zonePath, apex)
		w.Read(c)
		require.Equal(t, Unchanged, look())
		require.Equal(t, Unchanged, look())
	}
	read()

	for what, change := range map[string]func(){
		"a missing file appears": func() { write(included, "a A 192.0.2.1\n") },
		"another time":           func() { require.NoError(t, os.Chtimes(included, old, old.Add(time.Minute))) },
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
		require.Equal(t, Written, look(), "%s: it may still be written to", what)
		require.Equal(t, Rested, look(), what)
		require.Equal(t, Rested, look(), "%s: as long as it is not read", what)
		_, unread := w.Unread()
		require.True(t, unread, what)
		read()
		_, unread = w.Unread()
		require.False(t, unread, what)
	}
}

// A file that changes between all looks is read after some seconds, and again after
// as many, whether it is replaced or written over. One that only grows is not.
func TestRestless(t *testing.T) {
	path := filepath.Join(t.TempDir(), "zone")
	old := time.Now().Add(-time.Hour)
	write := func(path string, size int, i int) {
		require.NoError(t, os.WriteFile(path, make([]byte, size), 0o600))
		at := old.Add(time.Duration(i) * time.Second)
		require.NoError(t, os.Chtimes(path, at, at))
	}
	for _, tc := range []struct {
		what  string
		first int // the look that says Restless first
		each  func(i int)
	}{
		{"replaced", 5, func(i int) {
			write(path+".new", 100+i, i)
			require.NoError(t, os.Rename(path+".new", path))
		}},
		{"written over", 5, func(i int) { write(path, 100, i) }},
		{"written over, sometimes more", 5, func(i int) { write(path, 100+i%2, i) }},
		{"growing", 0, func(i int) { write(path, 100+i, i) }},
		{"truncated, and growing", 0, func(i int) { write(path, 10+i, i) }},
	} {
		t.Run(tc.what, func(t *testing.T) {
			write(path, 100, 0)
			var w Watcher
			c, _ := ReadFile(path, apex)
			w.Read(c)
			require.Equal(t, Unchanged, w.Look(time.Hour))
			var restless []int
			for i := range 40 {
				tc.each(i + 1)
				now := time.Hour + time.Duration(i+1)*time.Second
				switch w.Look(now) {
				case Restless:
					restless = append(restless, i)
				case Rested, Unchanged:
					t.Fatalf("look %d", i)
				}
			}
			since, unread := w.Unread()
			require.True(t, unread)
			require.Equal(t, time.Hour+time.Second, since)
			if tc.first == 0 {
				require.Empty(t, restless)
				return
			}
			require.Equal(t, tc.first, restless[0])
			require.Equal(t, 2*tc.first, restless[1])
		})
	}
}

// What was written to while it was read is torn, and says so.
func TestTorn(t *testing.T) {
	path := filepath.Join(t.TempDir(), "zone")
	require.NoError(t, os.WriteFile(path, []byte(base), 0o600))
	c, err := ReadFile(path, apex)
	require.NoError(t, err)
	require.False(t, c.Torn)
	c, err = read(path, apex, func(path string) (io.ReadCloser, fs.FileInfo, error) {
		f, at, err := openRegular(path)
		require.NoError(t, os.WriteFile(path, []byte(base+"more A 192.0.2.1\n"), 0o600))
		return f, at, err
	})
	require.NoError(t, err)
	require.True(t, c.Torn)
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
