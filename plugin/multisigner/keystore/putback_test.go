package keystore

import (
	"os"
	"path/filepath"
	"testing"

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
			was := d.Changed("example.")
			require.NoError(t, remove())
			require.NotEqual(t, was, d.Changed("example."))
			for _, k := range before {
				_, err = d.PutBack("example.", k)
				require.NoError(t, err)
			}
			require.Equal(t, before, list(t, d, "example."))
		}
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
