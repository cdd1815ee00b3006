package engine_test

import (
	"fmt"
	"log/slog"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/engine"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// A file that is saved is served at once where the system tells of it. By looking alone it
// took two looks after that.
func TestFileIsServedAsSoonAsItIsSaved(t *testing.T) {
	const between = 10 * time.Second // looks
	file := write(t, content)
	e, err := engine.Open(t.TempDir(), engine.Options{Logger: slog.New(slog.DiscardHandler), FilesEvery: between})
	require.NoError(t, err)
	defer e.Close()
	p, err := e.Prepare(t.Context(), []engine.Config{alone(t, file)})
	require.NoError(t, err)
	p.Commit()
	served(t, e)
	for n := range 4 { // the first may come before the watcher knows of the file
		name := fmt.Sprintf("n%d", n)
		require.NoError(t, os.WriteFile(file+".new", []byte(content+name+" A 192.0.2.81\n"), 0o644))
		require.NoError(t, os.Rename(file+".new", file))
		began := time.Now()
		require.Eventually(t, func() bool { return served(t, e).Get(zone.MustName(name+".example.org.")) != nil }, 3*between, time.Millisecond)
		if took := time.Since(began); took < between*9/10 {
			t.Logf("served %v after it was saved", took)
			return
		}
	}
	t.Fatal("saved files were found by looking alone")
}
