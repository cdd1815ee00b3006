// Package e2e proves the whole on real processes: the lab's parent and signers,
// asked over the network as a resolver would ask them.
package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/control/client"
	"github.com/multisigner/multisigner/test/lab"
)

// patience is how long a group may need to agree, and to agree again. A lab at
// its fast pace needs a few seconds; a machine that does much else needs more.
const patience = 4 * time.Minute

// bin holds the two programs, built once for all tests.
var bin string

func TestMain(m *testing.M) {
	code, err := buildAndRun(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func buildAndRun(m *testing.M) (int, error) {
	dir, err := os.MkdirTemp("", "multisigner-e2e")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	build := exec.Command("go", "build", "-o", dir+string(filepath.Separator),
		"github.com/multisigner/multisigner/cmd/coredns", "github.com/multisigner/multisigner/cmd/multisigner")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return 0, fmt.Errorf("%w\n%s", err, out)
	}
	bin = dir
	code := m.Run()
	return code, seen.record()
}

// product looks at all that the programs are made of. A result that go test has kept is
// given again only while each file is as it was then, and it knows of no others.
var product = sync.OnceValue(func() error {
	for _, dir := range []string{"cmd", "plugin", "test/lab", "go.mod"} {
		err := filepath.WalkDir(filepath.Join("..", "..", dir), func(path string, _ fs.DirEntry, err error) error {
			if err == nil {
				_, err = os.Stat(path)
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
})

// group is a running lab.
type group struct {
	lab.Description
	dir    string
	lab    *exec.Cmd
	killed bool // by the test: its exit status says nothing

	clients sync.Map // by state directory: each keeps a connection, and a server has few to give
}

// client asks a signer over its control socket.
func (g *group) client(s lab.Signer) *client.Client {
	dir := filepath.Join(g.dir, s.State)
	c, _ := g.clients.LoadOrStore(dir, client.New(dir))
	return c.(*client.Client)
}

// startGroup runs `multisigner lab` at its fast pace with more arguments, and
// returns when it says that all agree. The lab ends with the test, and the test
// fails if one of its processes does not.
func startGroup(t *testing.T, args ...string) *group { return startGroupIn(t, t.TempDir(), args...) }

func startGroupIn(t *testing.T, dir string, args ...string) *group {
	require.NoError(t, product())
	g := &group{dir: dir}
	_ = os.Remove(filepath.Join(dir, lab.File)) // of a lab before this one: it would say that this one is ready
	out, err := os.Create(filepath.Join(g.dir, "lab.log"))
	require.NoError(t, err)
	cmd := exec.Command(filepath.Join(bin, "multisigner"), append([]string{"lab", "--fast", "--dir", g.dir}, args...)...)
	cmd.Stdout, cmd.Stderr = out, out
	require.NoError(t, lab.Start(cmd))
	g.lab = cmd
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() { g.end(t, ended) })
	g.await(t, ended)
	return g
}

// await waits for lab.json to say ready.
func (g *group) await(t *testing.T, ended chan error) {
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	for !g.Ready {
		select {
		case err := <-ended:
			ended <- err
			t.Fatalf("the lab has ended: %v\n%s", err, g.logs())
		case <-deadline.C:
			t.Fatalf("not ready after %s\n%s", patience, g.logs())
		case <-ticker.C:
		}
		if _, err := os.Stat(filepath.Join(g.dir, lab.File)); err == nil {
			g.describe(t)
		}
	}
}

// describe reads what the lab has written of itself.
func (g *group) describe(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(g.dir, lab.File))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &g.Description))
}

// end stops the lab as Ctrl-C does and looks that nothing is left.
func (g *group) end(t *testing.T, ended chan error) {
	if t.Failed() {
		t.Log(g.logs())
	}
	_ = g.lab.Process.Signal(syscall.SIGTERM) // it may have ended by itself
	select {
	case err := <-ended:
		if !t.Failed() && !g.killed {
			require.NoError(t, err, "the lab's exit status\n%s", g.logs())
		}
	case <-time.After(time.Minute):
		_ = g.lab.Process.Kill()
		t.Errorf("the lab does not end\n%s", g.logs())
	}
	if !g.killed {
		for _, pid := range g.pids() {
			require.ErrorIs(t, syscall.Kill(pid, 0), syscall.ESRCH, "process %d is left behind", pid)
		}
	}
}

func (g *group) pids() []int {
	if g.Parent.PID == 0 {
		return nil
	}
	pids := []int{g.Parent.PID}
	if g.Primary != nil {
		pids = append(pids, g.Primary.PID)
	}
	for _, s := range g.Signers {
		pids = append(pids, s.PID)
	}
	return pids
}

// logs gives the end of every log of the lab.
func (g *group) logs() string {
	const most = 4000
	var b strings.Builder
	paths, _ := filepath.Glob(filepath.Join(g.dir, "*", "log"))
	for _, path := range append([]string{filepath.Join(g.dir, "lab.log")}, paths...) {
		text, err := os.ReadFile(path)
		if err != nil {
			text = []byte(err.Error())
		}
		fmt.Fprintf(&b, "-- %s\n%s\n", path, text[max(0, len(text)-most):])
	}
	return b.String()
}

// kill ends a signer as a power failure would.
func (g *group) kill(t *testing.T, s *lab.Signer) {
	require.NoError(t, syscall.Kill(s.PID, syscall.SIGKILL))
	require.Eventually(t, func() bool { return errors.Is(syscall.Kill(s.PID, 0), syscall.ESRCH) }, 10*time.Second, 10*time.Millisecond)
}

// restart starts a killed signer by hand, as the lab says one may.
func (g *group) restart(t *testing.T, s *lab.Signer) {
	out, err := os.OpenFile(filepath.Join(g.dir, s.Name, "log"), os.O_APPEND|os.O_WRONLY, 0)
	require.NoError(t, err)
	defer out.Close()
	cmd := exec.Command(filepath.Join(bin, "coredns"), "-conf", filepath.Join(g.dir, s.Corefile))
	cmd.Dir, cmd.Stdout, cmd.Stderr = filepath.Join(g.dir, s.Name), out, out
	require.NoError(t, lab.Start(cmd))
	s.PID = cmd.Process.Pid
	ctx, gone := context.WithCancel(context.Background())
	go func() {
		defer gone()
		_ = cmd.Wait() // killed by a later step or by the end of the test
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-ctx.Done():
		case <-time.After(time.Minute):
			_ = cmd.Process.Kill()
			t.Errorf("signer %s does not end on SIGTERM", s.Name)
		}
	})
}
