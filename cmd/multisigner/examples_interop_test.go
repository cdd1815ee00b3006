//go:build interop

package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/test/lab"
	"github.com/multisigner/multisigner/test/loopback"
)

// What the page of each example has somebody type works, line by line, in its order.
// Ports are others, so that nothing stands in the way.
func TestExamplesAsTyped(t *testing.T) {
	home := t.TempDir()
	build := exec.Command("go", "build", "-o", filepath.Join(home, "bin")+"/", "./cmd/coredns", "./cmd/multisigner")
	build.Dir = "../.."
	out, err := build.CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.NoError(t, os.CopyFS(filepath.Join(home, "corefile-examples"), os.DirFS("../../corefile-examples")))
	pages, err := filepath.Glob(filepath.Join(home, "corefile-examples/*/README.md"))
	require.NoError(t, err)
	require.NotEmpty(t, pages)
	for _, page := range pages {
		t.Run(filepath.Base(filepath.Dir(page)), func(t *testing.T) {
			dir := filepath.Dir(page)
			movePorts(t, dir)
			text, err := os.ReadFile(page)
			require.NoError(t, err)
			for _, line := range typed(string(text)) {
				switch command := strings.TrimPrefix(line, "watch "); {
				case command == "make build", command == "cd corefile-examples/"+filepath.Base(dir):
				case strings.HasSuffix(command, "bin/coredns"):
					if _, after, ok := strings.Cut(command, " && "); ok {
						command = after // as a part of cd FOLDER && COMMAND
					}
					serve(t, dir, command)
				case strings.HasSuffix(command, "&"):
					for _, m := range regexp.MustCompile(`\(cd (\S+) && ([^)]+)\) &`).FindAllStringSubmatch(command, -1) {
						serve(t, filepath.Join(dir, m[1]), m[2])
					}
				default:
					succeeds(t, dir, command)
				}
			}
		})
	}
}

// movePorts gives each port of a folder's pages and Corefiles a free one in its place.
func movePorts(t *testing.T, dir string) {
	t.Helper()
	free := map[string]string{}
	require.NoError(t, filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasPrefix(d.Name(), "db.") {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		moved := regexp.MustCompile(`\b(?:53|91)\d\d\b`).ReplaceAllStringFunc(string(text), func(port string) string {
			if free[port] == "" {
				free[port] = fmt.Sprint(loopback.Address(t).Port())
			}
			return free[port]
		})
		return os.WriteFile(path, []byte(moved), 0o644)
	}))
}

// serve runs a server until the test ends.
func serve(t *testing.T, dir, command string) {
	t.Helper()
	cmd := exec.Command("sh", "-c", "exec "+command)
	cmd.Dir = dir
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	require.NoError(t, lab.Start(cmd))
	t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // NSD has children
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("%s\n%s", command, out.String())
		}
	})
}

// succeeds waits until what is typed does what the page is about: a signed answer, or
// a command that is done.
func succeeds(t *testing.T, dir, command string) {
	t.Helper()
	var out []byte
	defer func() { t.Logf("%s\n%s", command, out) }()
	require.Eventually(t, func() bool {
		typed := command
		if strings.Contains(typed, "TAG") {
			keys := exec.Command("../../bin/multisigner", "keys")
			keys.Dir = dir
			table, _ := keys.Output()
			m := regexp.MustCompile(`(?m)^ +(\d+) .* ksk .* active`).FindSubmatch(table)
			if out = table; m == nil {
				return false
			}
			typed = strings.ReplaceAll(typed, "TAG", string(m[1]))
		}
		cmd := exec.Command("sh", "-c", typed)
		cmd.Dir = dir
		var err error
		out, err = cmd.CombinedOutput()
		if asked := strings.Contains(typed, "--compromised") && !strings.Contains(typed, "--yes"); asked {
			return strings.Contains(string(out), "Nothing was begun") // and it says so by its exit status
		}
		if err != nil {
			return false
		}
		if strings.Contains(command, "new.example.test A ") && !strings.Contains(string(out), "192.0.2.81") {
			return false // the change is not served yet
		}
		return !strings.HasPrefix(command, "dig ") || strings.Contains(string(out), "RRSIG") || strings.Contains(command, "+short") && len(out) > 0
	}, 2*time.Minute, 200*time.Millisecond, "%s", command)
}
