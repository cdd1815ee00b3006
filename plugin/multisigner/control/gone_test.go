package control_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A socket that was removed, with all that was beside it or alone, is there again soon,
// for its owner only, and nothing is left of it after the end.
func TestSocketIsRemoved(t *testing.T) {
	for _, long := range []string{"", strings.Repeat("x", 120)} {
		dir := filepath.Join(stateDir(t), long)
		require.NoError(t, os.MkdirAll(dir, 0o700))
		t.Run("length "+strings.Repeat("x", min(1, len(long))), func(t *testing.T) {
			c := listen(t, dir, &zones{names: []string{"example.org."}})
			for range 2 {
				require.NoError(t, os.RemoveAll(dir))
				require.NoError(t, os.Mkdir(dir, 0o700))
				require.Eventually(t, func() bool {
					_, err := c.Zone(t.Context(), "example.org.")
					return err == nil
				}, 20*time.Second, 20*time.Millisecond)
			}
			if long == "" {
				at, err := os.Stat(filepath.Join(dir, "control.sock"))
				require.NoError(t, err)
				require.Equal(t, os.FileMode(0o600), at.Mode().Perm())
			}
		})
		left, err := os.ReadDir(dir)
		require.NoError(t, err)
		require.Empty(t, left)
	}
}
