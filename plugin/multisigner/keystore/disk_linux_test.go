package keystore

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// On a full disk no key is made and none is lost, and nothing is left over; on
// one that cannot be written the keys can still be read.
func TestDiskFull(t *testing.T) {
	disk := t.TempDir()
	if err := syscall.Mount("tmpfs", disk, "tmpfs", 0, "size=64k"); err != nil {
		t.Skipf("a disk of a few octets needs the right to mount one: %v", err)
	}
	t.Cleanup(func() { syscall.Unmount(disk, 0) })
	d, err := Open(filepath.Join(disk, "keys"))
	require.NoError(t, err)
	key := create(t, d, "example.", 13, 257)
	room, err := os.Create(filepath.Join(disk, "ballast"))
	require.NoError(t, err)
	for err == nil {
		_, err = room.Write(make([]byte, 4096))
	}
	require.ErrorIs(t, err, syscall.ENOSPC)
	require.NoError(t, room.Close())

	for range 3 {
		_, err = d.Create("example.", 13, 256, nil)
		require.ErrorIs(t, err, syscall.ENOSPC)
		require.ErrorContains(t, err, "create key of example.: ")
		require.Equal(t, []string{key.Base}, bases(list(t, d, "example.")))
		files, err := os.ReadDir(filepath.Dir(key.Base))
		require.NoError(t, err)
		require.Len(t, files, 2)
	}
	require.NoError(t, os.Truncate(room.Name(), 0))
	second := create(t, d, "example.", 13, 256)
	require.ElementsMatch(t, []string{key.Base, second.Base}, bases(list(t, d, "example.")))

	require.NoError(t, syscall.Mount("", disk, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""))
	for _, err := range []error{d.Destroy("example.", key.Rdata), errOf(d.Create("example.", 13, 256, nil)), errOf(d.Create("other.", 13, 256, nil))} {
		require.ErrorIs(t, err, syscall.EROFS)
	}
	require.Len(t, list(t, d, "example."), 2)
}

func bases(keys []Key) (bases []string) {
	for _, key := range keys {
		bases = append(bases, key.Base)
	}
	return bases
}

func errOf(_ Key, err error) error { return err }
