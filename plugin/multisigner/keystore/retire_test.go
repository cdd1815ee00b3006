package keystore

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// A key that was put away is out of use and can be brought back; only then is it
// removed for ever. Each step may be done again.
func TestRetire(t *testing.T) {
	d := openTemp(t)
	key, other := create(t, d, "example.", 13, 256), create(t, d, "example.", 13, 256)
	for range 2 {
		require.NoError(t, d.Destroy("example.", key.Rdata))
		require.Equal(t, []Key{other}, list(t, d, "example."))
		retired, problems := d.Retired("example.")
		require.Empty(t, problems)
		require.Len(t, retired, 1)
		require.Equal(t, key.Rdata, retired[0].Rdata)
		require.NoError(t, prove(key.Rdata, retired[0].Signer))
	}
	for range 2 {
		back, err := d.Restore("example.", key.Rdata)
		require.NoError(t, err)
		require.Equal(t, key.Base, back.Base)
		require.Len(t, list(t, d, "example."), 2)
		require.ErrorContains(t, d.Purge("example.", key.Rdata), "is in use: only retired keys are removed")
	}
	require.NoError(t, d.Destroy("example.", key.Rdata))
	for range 2 {
		require.NoError(t, d.Purge("example.", key.Rdata))
		retired, problems := d.Retired("example.")
		require.Empty(t, problems)
		require.Empty(t, retired)
	}
	require.Equal(t, []Key{other}, list(t, d, "example."))
	require.NoError(t, d.Destroy("example.", key.Rdata), "it is gone already")
	_, err := d.Restore("example.", key.Rdata)
	require.ErrorContains(t, err, fmt.Sprintf("there is no key of example. with tag %d", key.Tag()))
}

// A crash between the two moves of Destroy or Restore leaves the key on one side,
// and doing the same again ends it.
func TestRetireHalf(t *testing.T) {
	d := openTemp(t)
	key := create(t, d, "example.", 13, 256)
	retired := filepath.Join(filepath.Dir(key.Base), "retired", filepath.Base(key.Base))
	require.NoError(t, d.Destroy("example.", key.Rdata))
	require.NoError(t, os.Rename(retired+".key", key.Base+".key"))

	require.Empty(t, list(t, d, "example."), "the private file is away")
	away, problems := d.Retired("example.")
	require.Empty(t, problems)
	require.Len(t, away, 1)
	require.NoError(t, d.Destroy("example.", key.Rdata))
	require.FileExists(t, retired+".key")

	require.NoError(t, os.Rename(retired+".private", key.Base+".private"))
	require.Len(t, list(t, d, "example."), 1)
	_, err := d.Restore("example.", key.Rdata)
	require.NoError(t, err)
	require.FileExists(t, key.Base+".key")
	require.NoFileExists(t, retired+".key")
}
