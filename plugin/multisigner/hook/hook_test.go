package hook_test

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/hook"
)

// script writes a program, which may write to a file that it knows as TOLD.
func script(t *testing.T, body string) (program, told string) {
	dir := t.TempDir()
	program, told = filepath.Join(dir, "hook"), filepath.Join(dir, "told")
	require.NoError(t, os.WriteFile(program, []byte("#!/bin/sh\n"+strings.ReplaceAll(body, "TOLD", told)), 0o755))
	return program, told
}

type failure struct {
	zone, printed string
	why           error
}

// running runs errands until the test ends, and gives what has failed of them.
func running(t *testing.T, limit time.Duration) (*hook.Errands, chan failure) {
	e, failed := hook.NewErrands(limit), make(chan failure, 100)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		e.Run(ctx, func(h hook.Errand, why error, printed string) { failed <- failure{h.Zone, printed, why} })
	}()
	t.Cleanup(func() { cancel(); <-done })
	return e, failed
}

// What is told of one zone is told in that order.
func TestOrder(t *testing.T) {
	program, told := script(t, `echo "$1 $NUMBER" >> TOLD`+"\n")
	e, failed := running(t, 0)
	want := ""
	for n := range 20 {
		require.True(t, e.Tell(hook.Errand{Zone: "example.", Command: []string{program, "$(id)"}, Env: []string{fmt.Sprint("NUMBER=", n)}}))
		want += fmt.Sprintf("$(id) %d\n", n)
	}
	require.Eventually(t, func() bool {
		got, _ := os.ReadFile(told)
		return string(got) == want
	}, time.Minute, time.Millisecond)
	require.Empty(t, failed)
}

// A command that hangs is ended with all that it has started; one that fails is told of,
// with the first of what it has printed, and what cannot be run, too.
func TestFailures(t *testing.T) {
	e, failed := running(t, time.Millisecond)
	hangs, told := script(t, "sleep 1000 &\necho $! >> TOLD\nsleep 1000\n")
	require.True(t, e.Tell(hook.Errand{Zone: "a.", Command: []string{hangs}}))
	require.ErrorIs(t, (<-failed).why, context.DeadlineExceeded)

	require.NoError(t, os.RemoveAll(told))
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- hook.Run(ctx, []string{hangs}, nil, io.Discard) }()
	pid := ""
	require.Eventually(t, func() bool {
		text, _ := os.ReadFile(told)
		pid = strings.TrimSpace(string(text))
		return strings.HasSuffix(string(text), "\n")
	}, time.Minute, time.Millisecond)
	cancel()
	require.Error(t, <-ended)
	require.Eventually(t, func() bool {
		state, err := os.ReadFile("/proc/" + pid + "/stat")
		return err != nil || strings.Contains(string(state), ") Z ")
	}, time.Minute, time.Millisecond, "it was left")

	e, failed = running(t, 0)
	fails, _ := script(t, "echo no mail today >&2\nhead -c 100000 /dev/zero\nexit 3\n")
	require.True(t, e.Tell(hook.Errand{Zone: "b.", Command: []string{fails}}))
	is := <-failed
	require.EqualError(t, is.why, "exit status 3")
	require.Contains(t, is.printed, "no mail today\n")
	require.Len(t, is.printed, 512)
	require.True(t, e.Tell(hook.Errand{Zone: "c.", Command: []string{fails + "-not-there"}}))
	require.ErrorIs(t, (<-failed).why, os.ErrNotExist)
}

// Who tells never waits: what is too much is left out.
func TestTooMany(t *testing.T) {
	e := hook.NewErrands(0) // nobody runs them
	for range 256 {
		require.True(t, e.Tell(hook.Errand{Zone: "a."}))
	}
	require.False(t, e.Tell(hook.Errand{Zone: "a."}))
}

// What the network wrote is one line.
func TestOneLine(t *testing.T) {
	require.Equal(t, "a  b c  é", hook.OneLine("a\r\nb\x00c\u0085\té"))
}
