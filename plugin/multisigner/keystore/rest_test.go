package keystore

import (
	"crypto/ed25519"
	"fmt"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

// A key at rest is the same key: it signs as it is and when it is awake, its files can be
// put back from it, and it shows its secret to nobody who prints it.
func TestAtRest(t *testing.T) {
	for _, algorithm := range []uint8{8, 13, 14, 15} {
		d := openTemp(t)
		key := create(t, d, "example.", algorithm, 256)
		awake := key.Signer
		key.Signer = AtRest(awake)
		require.NoError(t, prove(key.Rdata, key.Signer))
		require.NoError(t, prove(key.Rdata, Awake(key.Signer)))
		require.Equal(t, awake, Awake(key.Signer))
		require.Equal(t, awake, Awake(awake))

		before, err := os.ReadFile(key.Base + ".private")
		require.NoError(t, err)
		require.NoError(t, os.Remove(key.Base+".private"))
		done, err := d.PutBack("example.", key)
		require.NoError(t, err)
		require.True(t, done)
		after, err := os.ReadFile(key.Base + ".private")
		require.NoError(t, err)
		require.Equal(t, string(before), string(after))
	}
	require.IsType(t, ed25519.PrivateKey{}, AtRest(ed25519.NewKeyFromSeed(make([]byte, 32))))
	require.Equal(t, "a key at rest", fmt.Sprintf("%v", resting{13, "secret"}))
	require.Equal(t, "a key at rest", fmt.Sprintf("%#v", resting{13, "secret"}))
}
