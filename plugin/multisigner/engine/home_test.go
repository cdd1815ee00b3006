package engine

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// What was on a disk that is away is not written to the one below: directories are
// made anew where they were, and nowhere else.
func TestHomeOnAnotherDisk(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "a", "state")
	h, err := openHome(dir)
	require.NoError(t, err)
	require.NoError(t, h.mend())
	require.Empty(t, h.told())
	require.NoError(t, os.RemoveAll(dir))
	require.NoError(t, h.mend())
	require.Equal(t, []string{dir, filepath.Join(dir, "zones"), filepath.Join(dir, "keys")}, h.told())
	require.Empty(t, h.told())

	h.dirs[2].device++ // it was on another one
	require.ErrorContains(t, h.mend(), "keys is on another disk than at the start")
	require.NoError(t, os.Remove(filepath.Join(dir, "keys")))
	require.ErrorContains(t, h.mend(), "keys is gone: the disk that it was on is not there")
	require.NoDirExists(t, filepath.Join(dir, "keys"))
	h.dirs[2].device--
	require.NoError(t, os.RemoveAll(filepath.Dir(dir)))
	require.Error(t, h.mend())
	require.NoDirExists(t, filepath.Dir(dir))
}
