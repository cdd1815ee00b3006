package store

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// A damaged file is refused at the start, or has all that was saved: never does a
// store give out something else, and never does it bring the process down.
func TestDamage(t *testing.T) {
	ctx, path, values := context.Background(), filepath.Join(t.TempDir(), "state.db"), map[string]string{}
	s, err := OpenBolt(path)
	require.NoError(t, err)
	s.(*bolt).db.NoSync = true
	for i := range 40 {
		key, value := fmt.Sprintf("zone/%d", i), strings.Repeat(fmt.Sprint(i), 1+i*37)
		_, err := s.Save(ctx, key, []byte(value), 0)
		require.NoError(t, err)
		values[key] = value
	}
	require.NoError(t, s.Close())
	whole, err := os.ReadFile(path)
	require.NoError(t, err)
	refused := 0
	try := func(what string, damaged []byte) {
		broken := filepath.Join(filepath.Dir(path), "broken.db")
		require.NoError(t, os.WriteFile(broken, damaged, 0o600))
		s, err := OpenBolt(broken)
		if err != nil {
			require.ErrorIs(t, err, ErrDamaged, what)
			require.ErrorContains(t, err, "restore it from a backup", what)
			refused++
			return
		}
		defer s.Close()
		for key, value := range values {
			got, _, err := s.Load(ctx, key)
			require.NoError(t, err, what)
			require.Equal(t, value, string(got), what)
		}
	}
	try("nothing", nil)
	try("not a database", []byte(strings.Repeat("hello\n", 4000)))
	require.Equal(t, 2, refused)
	for size := 1; size < len(whole); size += 7777 {
		try(fmt.Sprintf("cut to %d", size), whole[:size])
	}
	require.Greater(t, refused, 3)
	refused = 0
	// Of the two first pages one is the state before the last save, which bbolt
	// takes up when the other is torn, as it may be after a crash.
	for at := 2 * os.Getpagesize(); at < len(whole); at += 997 {
		damaged := append([]byte(nil), whole...)
		damaged[at] ^= 0x41
		try(fmt.Sprintf("octet %d", at), damaged)
	}
	require.Greater(t, refused, 10)
}

// A full disk refuses what is new and loses nothing that was saved; when there is
// room again, saving goes on. On a disk that cannot be written nothing opens.
func TestDiskFull(t *testing.T) {
	ctx, dir := context.Background(), t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=256k"); err != nil {
		t.Skipf("a disk of a few octets needs the right to mount one: %v", err)
	}
	t.Cleanup(func() { syscall.Unmount(dir, 0) })
	path, ballast := filepath.Join(dir, "state.db"), filepath.Join(dir, "ballast")
	require.NoError(t, os.WriteFile(ballast, make([]byte, 64<<10), 0o600))
	s, err := OpenBolt(path)
	require.NoError(t, err)
	value, saved := strings.Repeat("v", 5000), 0
	for ; err == nil; saved++ {
		require.Less(t, saved, 100)
		_, err = s.Save(ctx, fmt.Sprint(saved), []byte(value), 0)
	}
	saved--
	require.ErrorIs(t, err, syscall.ENOSPC)
	require.Positive(t, saved)
	for range 2 { // as it is, and after it was opened again
		for i := range saved {
			got, _, err := s.Load(ctx, fmt.Sprint(i))
			require.NoError(t, err)
			require.Equal(t, value, string(got))
		}
		keys, err := s.Keys(ctx, "")
		require.NoError(t, err)
		require.Len(t, keys, saved)
		require.NoError(t, s.Close())
		s, err = OpenBolt(path)
		require.NoError(t, err)
	}
	require.NoError(t, os.Remove(ballast))
	_, err = s.Save(ctx, "room again", []byte("x"), 0)
	require.NoError(t, err)
	require.NoError(t, s.Close())

	require.NoError(t, syscall.Mount("", dir, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""))
	for _, name := range []string{"state.db", "other.db"} {
		_, err = OpenBolt(filepath.Join(dir, name))
		require.ErrorIs(t, err, syscall.EROFS, name)
	}
}
