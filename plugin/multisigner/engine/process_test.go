//go:build failpoints

package engine_test

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/engine"
	"github.com/multisigner/multisigner/plugin/multisigner/keystore"
)

// TestServesUntilKilled is the process that TestProcessDies starts: it serves a zone
// and orders a rollover. By itself it does nothing.
func TestServesUntilKilled(t *testing.T) {
	dir, file := os.Getenv("ENGINE_DIR"), os.Getenv("ENGINE_FILE")
	if dir == "" {
		return
	}
	e, err := engine.Open(dir, engine.Options{Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	p, err := e.Prepare(context.Background(), []engine.Config{alone(t, file)})
	require.NoError(t, err)
	p.Commit()
	_, err = e.Do(context.Background(), apex, engine.Command{Kind: "roll", Args: []string{"zsk"}})
	require.NoError(t, err)
	served(t, e)
	require.NoError(t, e.Close())
}

// A real process ends where the environment says so, and leaves a state directory
// with which the next one goes on: no key is made twice.
func TestProcessDies(t *testing.T) {
	for _, where := range []string{
		"make-before:1", "make-after:1", "make-after:2", "sign:1", "save-before:1", "save-after:1", "publish-before:1", "tell-before:1",
		"snapshot-written:1", "save-before:2", "make-after:3", "save-after:2", "publish-before:2",
		"first-before:1", "first-after:1",
	} {
		t.Run(where, func(t *testing.T) {
			dir, file := t.TempDir(), write(t, content)
			if strings.Contains(where, "first-") { // it is answered from before it is whole
				file = write(t, manyNames(5000))
			}
			run := func(fails string) int {
				cmd := exec.Command(os.Args[0], "-test.run=^TestServesUntilKilled$")
				cmd.Env = append(os.Environ(), "ENGINE_DIR="+dir, "ENGINE_FILE="+file, engine.FailpointVariable+"="+fails)
				out, err := cmd.CombinedOutput()
				var exit *exec.ExitError
				if errors.As(err, &exit) {
					return exit.ExitCode()
				}
				require.NoError(t, err, string(out))
				return 0
			}
			require.Equal(t, engine.FailpointExit, run(where))
			require.Zero(t, run(""))
			d, err := keystore.Open(filepath.Join(dir, "keys"))
			require.NoError(t, err)
			keys, errs := d.List(apex.String())
			require.Empty(t, errs)
			require.Len(t, keys, 3, "a KSK, a ZSK and its successor")
		})
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestServesUntilKilled$")
	cmd.Env = append(os.Environ(), "ENGINE_DIR="+t.TempDir(), engine.FailpointVariable+"=save-after")
	out, err := cmd.CombinedOutput()
	require.Error(t, err)
	require.Contains(t, string(out), `"save-after" is not POINT:N`)
}
