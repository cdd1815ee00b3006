package engine_test

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/engine"
)

// script writes a program that appends to a file what it is told.
func script(t *testing.T, body string) (program, told string) {
	dir := t.TempDir()
	program, told = filepath.Join(dir, "hook"), filepath.Join(dir, "told")
	require.NoError(t, os.WriteFile(program, []byte("#!/bin/sh\n"+strings.ReplaceAll(body, "TOLD", told)), 0o755))
	return program, told
}

func wrote(path, text string) func() bool {
	return func() bool {
		got, _ := os.ReadFile(path)
		return strings.Contains(string(got), text)
	}
}

// The hook is told when an alarm begins and when it ends, in that order, with its own
// arguments as they stand in the Corefile: nothing in them or in the alarm is run.
func TestHook(t *testing.T) {
	t.Parallel()
	program, told := script(t, `echo "$1|$MULTISIGNER_EVENT|$MULTISIGNER_ZONE|$MULTISIGNER_ALARM|$MULTISIGNER_WHAT|$MULTISIGNER_SINCE" >> TOLD`+"\n")
	cfg := alone(t, write(t, content))
	cfg.Hook = []string{program, "$(touch hooked); `id`"}
	e := serve(t, t.TempDir(), cfg)
	defer e.Close()
	require.NoError(t, os.WriteFile(cfg.File, []byte("@ SOA $(id)\n"), 0o644))
	_, err := e.Do(t.Context(), apex, engine.Command{Kind: "reload"})
	require.NoError(t, err)
	require.Eventually(t, wrote(told, "$(touch hooked); `id`|begin|example.org.|zone-file-refused|the zone file was refused: "), 20*time.Second, 10*time.Millisecond)
	require.NoError(t, os.WriteFile(cfg.File, []byte(content), 0o644))
	_, err = e.Do(t.Context(), apex, engine.Command{Kind: "reload"})
	require.NoError(t, err)
	require.Eventually(t, wrote(told, "|end|example.org.|zone-file-refused|"), 20*time.Second, 10*time.Millisecond)
	got, err := os.ReadFile(told)
	require.NoError(t, err)
	require.Equal(t, 2, strings.Count(string(got), "\n"), "%s", got)
}

// A hook that hangs, with all it has started, holds up no turn and is ended; one that
// fails is in the log with what it says.
func TestHookThatHangs(t *testing.T) {
	t.Parallel()
	program, told := script(t, "echo $$ >> TOLD\nsleep 1000 &\necho $! >> TOLD\nsleep 1000\n")
	cfg := alone(t, write(t, content))
	cfg.Hook = []string{program}
	text := &logged{}
	o := engine.Options{Logger: slog.New(slog.NewTextHandler(text, nil))}
	o.HookTimeout(200 * time.Millisecond)
	e, err := engine.Open(t.TempDir(), o)
	require.NoError(t, err)
	defer e.Close()
	commit := func() {
		p, err := e.Prepare(t.Context(), []engine.Config{cfg})
		require.NoError(t, err)
		p.Commit()
	}
	commit()
	breakFile := func() {
		require.NoError(t, os.WriteFile(cfg.File, []byte("@ SOA\n"), 0o644))
		_, err = e.Do(t.Context(), apex, engine.Command{Kind: "reload"})
		require.NoError(t, err)
	}
	breakFile()
	require.NotEmpty(t, statusOf(t, e).Alarms, "the turn has ended meanwhile")
	require.Eventually(t, func() bool { return len(text.lines("the hook was ended", "zone=example.org.")) == 1 }, 20*time.Second, 10*time.Millisecond)
	pids, err := os.ReadFile(told)
	require.NoError(t, err)
	require.Len(t, strings.Fields(string(pids)), 2)
	for _, pid := range strings.Fields(string(pids)) {
		require.Eventually(t, func() bool {
			state, err := os.ReadFile("/proc/" + pid + "/stat")
			return err != nil || strings.Contains(string(state), ") Z ")
		}, 5*time.Second, 10*time.Millisecond, "%s was left", pid)
	}

	program, _ = script(t, "echo no mail today >&2\nexit 3\n")
	cfg.Hook = []string{program}
	require.NoError(t, os.WriteFile(cfg.File, []byte(content), 0o644))
	commit()
	_, err = e.Do(t.Context(), apex, engine.Command{Kind: "reload"})
	require.NoError(t, err)
	require.Eventually(t, func() bool { return len(text.lines("the hook failed", "exit status 3", "no mail today")) == 1 }, 20*time.Second, 10*time.Millisecond)
}
