package keystore

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Whichever files of a key are gone, they are written anew and are the same key; what
// is there is left alone.
func TestPutBack(t *testing.T) {
	d := openTemp(t)
	for _, algorithm := range []uint8{8, 13, 15} {
		key := create(t, d, "example.", algorithm, 257)
		before := list(t, d, "example.")
		done, err := d.PutBack("example.", key)
		require.NoError(t, err)
		require.False(t, done)
		for _, remove := range []func() error{
			func() error { return os.Remove(key.Base + ".private") },
			func() error { return os.Remove(key.Base + ".key") },
			func() error { return os.RemoveAll(filepath.Dir(key.Base)) },
		} {
			touched := longAgo(t, d)
			was := d.Changed("example.")
			require.NoError(t, remove())
			require.NotEqual(t, was, d.Changed("example."))
			require.NotEqual(t, touched, d.Touched("example."))
			for _, k := range before {
				_, err = d.PutBack("example.", k)
				require.NoError(t, err)
			}
			require.Equal(t, before, list(t, d, "example."))
		}
	}
}

// longAgo has the zone's directory touched long ago, and says when.
func longAgo(t *testing.T, d *Dir) int64 {
	p, err := d.place("example.")
	require.NoError(t, err)
	require.NoError(t, os.Chtimes(p.dir, time.Time{}, time.Unix(1, 0)))
	require.Equal(t, time.Second.Nanoseconds(), d.Touched("example."))
	return d.Touched("example.")
}

// A private file that is written, or whose permissions are changed, where it stands is a change,
// although the directory stays as it was.
func TestChangedFile(t *testing.T) {
	d := openTemp(t)
	require.Zero(t, d.Changed("example."))
	require.Zero(t, d.Touched("example."))
	path := create(t, d, "example.", 13, 257).Base + ".private"
	for _, change := range []func() error{
		func() error { return os.Chmod(path, 0o644) },
		func() error { return os.Chmod(path, 0o600) },
		func() error { return os.Chtimes(path, time.Time{}, time.Unix(1, 0)) },
	} {
		was := d.Changed("example.")
		require.Equal(t, was, d.Changed("example."))
		require.NoError(t, change())
		require.NotEqual(t, was, d.Changed("example."))
	}
}

// A key that somebody has put away is not there twice by that.
func TestPutBackOfARetiredKey(t *testing.T) {
	d := openTemp(t)
	key := create(t, d, "example.", 13, 257)
	require.NoError(t, d.Destroy("example.", key.Rdata))
	_, err := d.PutBack("example.", key)
	require.ErrorContains(t, err, "move it back")
	require.Empty(t, list(t, d, "example."))
}
