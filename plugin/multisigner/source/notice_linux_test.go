package source_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/source"
)

// A file is noticed when it is closed after writing, or put in its place: not while it is
// written. A directory that was replaced is followed again where it stood.
func TestNotices(t *testing.T) {
	n, err := source.NewNotices()
	require.NoError(t, err)
	at := filepath.Join(t.TempDir(), "zones")
	require.NoError(t, os.Mkdir(at, 0o755))
	path := filepath.Join(at, "db")
	told := func(want string) {
		t.Helper()
		select {
		case is := <-n.Of:
			require.Equal(t, want, is)
		case <-time.After(time.Minute):
			t.Fatal("nothing was noticed")
		}
	}
	require.True(t, n.Follow(path))
	f, err := os.Create(path)
	require.NoError(t, err)
	_, err = f.WriteString("half of ")
	require.NoError(t, err)
	require.Empty(t, n.Of, "it is being written")
	require.NoError(t, f.Close())
	told(path)
	require.NoError(t, os.WriteFile(path+".new", []byte("a zone"), 0o644))
	told(path + ".new")
	require.NoError(t, os.Rename(path+".new", path))
	told(path)

	require.NoError(t, os.Rename(at, at+".old"))
	require.NoError(t, os.Mkdir(at, 0o755))
	require.Eventually(t, func() bool {
		n.Follow(path)
		require.NoError(t, os.WriteFile(path, []byte("another zone"), 0o644))
		select {
		case is := <-n.Of:
			return is == path
		case <-time.After(10 * time.Millisecond):
			return false
		}
	}, time.Minute, time.Millisecond)
	require.False(t, n.Follow(filepath.Join(at, "none", "db")), "there is no such directory")
	require.NoError(t, n.Close())
	for range n.Of { // until it is closed
	}
}

// One directory that zones name in two ways, of which one is a symbolic link, is noticed by both.
func TestNoticesByEachName(t *testing.T) {
	n, err := source.NewNotices()
	require.NoError(t, err)
	defer n.Close()
	dir := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, "zones"), 0o755))
	require.NoError(t, os.Symlink("zones", filepath.Join(dir, "link")))
	names := []string{filepath.Join(dir, "zones", "db"), filepath.Join(dir, "link", "db")}
	for _, path := range names {
		require.True(t, n.Follow(path))
	}
	require.NoError(t, os.WriteFile(names[0], []byte("a zone"), 0o644))
	for _, want := range names {
		select {
		case is := <-n.Of:
			require.Equal(t, want, is)
		case <-time.After(time.Minute):
			t.Fatal("it was not noticed as " + want)
		}
	}
}

// Who does not take notices in time is told that some were left out, once.
func TestMissedNotices(t *testing.T) {
	n, err := source.NewNotices()
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "db")
	require.True(t, n.Follow(path))
	require.NoError(t, os.WriteFile(path, nil, 0o644))
	require.Equal(t, path, <-n.Of)
	require.False(t, n.Missed())
	for range cap(n.Of) + 1 {
		require.NoError(t, os.WriteFile(path, nil, 0o644))
	}
	require.Eventually(t, func() bool {
		require.NoError(t, os.WriteFile(path, nil, 0o644))
		return n.Missed()
	}, time.Minute, time.Millisecond)
	require.NoError(t, n.Close())
	for range n.Of { // until it is closed
	}
	n.Missed()
	require.False(t, n.Missed())
}
