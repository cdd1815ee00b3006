package lab

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The test binary plays the processes of a lab when it is told to.
func TestMain(m *testing.M) {
	switch os.Getenv("LAB_TEST_PLAYS") {
	case "":
		os.Exit(m.Run())
	case "child": // until somebody ends it
		fmt.Println("child")
		select {}
	case "deaf child":
		signal.Ignore(syscall.SIGTERM)
		fmt.Println("child")
		select {}
	case "failing child":
		fmt.Println("first line\nlast line")
		os.Exit(3)
	case "lab": // starts a child that shares its standard output
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), "LAB_TEST_PLAYS=child")
		cmd.Stdout = os.Stdout
		if err := Start(cmd); err != nil {
			fmt.Println(err)
		}
		select {}
	}
}

func play(t *testing.T, ps *processes, part string) *process {
	t.Setenv("LAB_TEST_PLAYS", part)
	p, err := ps.start(part, filepath.Join(t.TempDir(), "log"), t.TempDir(), os.Args[0])
	require.NoError(t, err)
	return p
}

// A lab that ends takes all it started with it, also what does not listen.
func TestStop(t *testing.T) {
	var ps processes
	quick := play(t, &ps, "child")
	deaf := play(t, &ps, "deaf child")
	require.NoError(t, every(t.Context(), time.Millisecond, func() (bool, error) {
		return strings.Contains(tail(deaf.log, 1), "child") && strings.Contains(tail(quick.log, 1), "child"), nil
	}))
	defer func(g time.Duration) { grace = g }(grace)
	grace = 100 * time.Millisecond
	ps.stop()
	require.True(t, quick.ended() && deaf.ended())
	require.ErrorContains(t, quick.err, "terminated")
	require.ErrorContains(t, deaf.err, "killed")
	ps.stop() // again: nobody is there to be hurt
}

// A lab killed with SIGKILL can stop nothing any more; the kernel does it.
func TestKilledLab(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux ties the life of a process to its parent's")
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "LAB_TEST_PLAYS=lab")
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	lines := bufio.NewReader(out)
	line, err := lines.ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "child\n", line)
	require.NoError(t, cmd.Process.Kill())
	_, err = io.ReadAll(lines) // ends when the last holder of the pipe is gone
	require.NoError(t, err)
	require.Error(t, cmd.Wait())
}

// Whoever starts a lab that cannot run is shown what its process last said, and where to read more.
func TestFault(t *testing.T) {
	var ps processes
	require.NoError(t, ps.fault())
	p := play(t, &ps, "failing child")
	<-p.done
	err := ps.fault()
	require.ErrorContains(t, err, "failing child has ended (exit status 3)")
	require.ErrorContains(t, err, p.log)
	require.ErrorContains(t, err, "first line\n    last line")
}

// A signer that dies is told of; the lab stays.
func TestWatch(t *testing.T) {
	var ps processes
	defer ps.stop()
	p := play(t, &ps, "child")
	ctx, cancel := context.WithCancel(t.Context())
	read, write := io.Pipe()
	left := make(chan struct{})
	go func() {
		ps.watch(ctx, write)
		close(left)
	}()
	p.signal(syscall.SIGKILL)
	lines := bufio.NewReader(read)
	_, err := lines.ReadString('\n')
	require.NoError(t, err)
	line, err := lines.ReadString('\n')
	require.NoError(t, err)
	require.Contains(t, line, "child has ended (signal: killed)")
	go func() { _, _ = io.Copy(io.Discard, lines) }()
	cancel()
	<-left
}
