package store

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// A file that is removed while it is in use is there again, whole and locked, at the
// next Mend or Save, and revisions go on from where they were.
func TestRemovedWhileInUse(t *testing.T) {
	ctx, path := context.Background(), filepath.Join(t.TempDir(), "state.db")
	s, err := OpenBolt(path)
	require.NoError(t, err)
	revisions := map[string]uint64{}
	for i := range 50 {
		key := fmt.Sprintf("zone/%d", i)
		revisions[key], err = s.Save(ctx, key, []byte(key), 0)
		require.NoError(t, err)
	}
	mended, err := s.Mend()
	require.NoError(t, err)
	require.False(t, mended, "nothing is wrong")

	require.NoError(t, os.Remove(path))
	mended, err = s.Mend()
	require.NoError(t, err)
	require.True(t, mended)
	require.NoError(t, os.Remove(path))
	var all sync.WaitGroup
	for key, revision := range revisions {
		all.Go(func() {
			next, err := s.Save(ctx, key, []byte("new "+key), revision)
			if err != nil || next <= revision {
				t.Errorf("%s: %d after %d, %v", key, next, revision, err)
			}
		})
	}
	all.Wait()
	mended, err = s.Mend()
	require.NoError(t, err)
	require.True(t, mended, "a Save has")
	_, err = OpenBolt(path)
	require.ErrorContains(t, err, "in use by another process")
	require.NoError(t, s.Close())

	s, err = OpenBolt(path)
	require.NoError(t, err)
	defer s.Close()
	for key := range revisions {
		value, _, err := s.Load(ctx, key)
		require.NoError(t, err)
		require.Equal(t, "new "+key, string(value))
	}
}

// Another file in its place may be another process's, or a backup: it is left alone,
// nothing is said to be saved, and what is known is still read. When it goes, the own
// one comes back.
func TestReplacedWhileInUse(t *testing.T) {
	ctx, path := context.Background(), filepath.Join(t.TempDir(), "state.db")
	s, err := OpenBolt(path)
	require.NoError(t, err)
	defer s.Close()
	revision, err := s.Save(ctx, "zone/a", []byte("a"), 0)
	require.NoError(t, err)
	require.NoError(t, os.Remove(path))
	require.NoError(t, os.WriteFile(path, []byte("another"), 0o600))
	for range 2 {
		_, err = s.Mend()
		require.ErrorContains(t, err, "another file than the one that this process has open")
		_, err = s.Save(ctx, "zone/a", []byte("b"), revision)
		require.ErrorContains(t, err, "nothing is saved")
	}
	value, _, err := s.Load(ctx, "zone/a")
	require.NoError(t, err)
	require.Equal(t, "a", string(value))
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, "another", string(text))
	require.NoError(t, os.Remove(path))
	_, err = s.Save(ctx, "zone/a", []byte("b"), revision)
	require.NoError(t, err)
	require.FileExists(t, path)
}

// Where the directory is gone too there is nothing to write to, and it is said.
func TestDirectoryRemovedWhileInUse(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	require.NoError(t, os.Mkdir(dir, 0o700))
	s, err := OpenBolt(filepath.Join(dir, "state.db"))
	require.NoError(t, err)
	defer s.Close()
	require.NoError(t, os.RemoveAll(dir))
	_, err = s.Mend()
	require.ErrorContains(t, err, "cannot be written anew")
	_, err = s.Save(context.Background(), "zone/a", []byte("b"), 0)
	require.Error(t, err)
	require.NoError(t, os.Mkdir(dir, 0o700))
	_, err = s.Save(context.Background(), "zone/a", []byte("b"), 0)
	require.NoError(t, err)
}
