package e2e

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/status"
	"github.com/multisigner/multisigner/test/lab"
)

// A signer loses its state directory. `rejoin` has it make new keys, of which the other
// believes nothing until it is given `trust`. The parent asks every nameserver, and the
// one that joins refuses: so a person puts the lines of `ds` in place. Then all
// is good at both, and stays so over a restart of either.
func TestLostKeys(t *testing.T) {
	t.Parallel()
	g := startGroup(t)
	g.green(t, 0, g.Signers...)
	a, b := &g.Signers[0], &g.Signers[1]
	g.kill(t, b)
	require.NoError(t, os.RemoveAll(filepath.Join(g.dir, b.State)))
	g.restart(t, b)
	g.alarmed(t, *b, "`rejoin`")
	g.order(t, *b, "rejoin")
	_, order, _ := strings.Cut(g.alarmed(t, *a, "`trust ZONE "), "`trust ZONE ")
	order, _, _ = strings.Cut(order, "`")
	g.order(t, *a, "trust", strings.Fields(order)...)

	var lines []string
	g.eventually(t, *a, "print a DS set with b's new key", func(z status.Zone) bool {
		lines = z.DS
		c := z.DSChange()
		return c.Safe && len(c.Add) > 0
	})
	z, ok := g.zone(*b)
	require.True(t, ok)
	require.NotEmpty(t, z.Refuse)
	require.NotContains(t, z.Refuse, "older state")
	g.paste(t, lines)
	g.green(t, patience, g.Signers...)
	for i := range g.Signers {
		g.kill(t, &g.Signers[i])
		g.restart(t, &g.Signers[i])
		g.green(t, patience, g.Signers...)
	}
}

func (g *group) zone(s lab.Signer) (status.Zone, bool) {
	z, err := g.client(s).Zone(context.Background(), g.Zone)
	return z, err == nil
}

func (g *group) order(t *testing.T, s lab.Signer, command string, args ...string) {
	t.Helper()
	_, err := g.client(s).Do(context.Background(), g.Zone, command, args...)
	require.NoError(t, err)
}

// alarmed waits for an alarm of a signer with a cure, and gives that.
func (g *group) alarmed(t *testing.T, s lab.Signer, cure string) (found string) {
	t.Helper()
	g.eventually(t, s, "say "+cure, func(z status.Zone) bool {
		i := slices.IndexFunc(z.Alarms, func(a status.Alarm) bool { return strings.Contains(a.Cure, cure) })
		if i >= 0 {
			found = z.Alarms[i].Cure
		}
		return i >= 0
	})
	return found
}

func (g *group) eventually(t *testing.T, s lab.Signer, what string, is func(status.Zone) bool) {
	t.Helper()
	var z status.Zone
	require.Eventually(t, func() bool {
		var ok bool
		z, ok = g.zone(s)
		return ok && is(z)
	}, patience, 100*time.Millisecond, "%s does not %s", s.Name, what)
}

// paste is a person who puts a DS set in place at the parent.
func (g *group) paste(t *testing.T, ds []string) {
	t.Helper()
	dir := filepath.Join(g.dir, "parent")
	require.NoError(t, syscall.Kill(g.Parent.PID, syscall.SIGKILL))
	path := filepath.Join(dir, "delegation.json")
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	var memory map[string]any
	require.NoError(t, json.Unmarshal(text, &memory))
	memory["ds"] = ds
	memory["serial"] = memory["serial"].(float64) + 1
	text, err = json.Marshal(memory)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, text, 0o600))
	out, err := os.OpenFile(filepath.Join(dir, "log"), os.O_APPEND|os.O_WRONLY, 0)
	require.NoError(t, err)
	t.Cleanup(func() { out.Close() })
	cmd := exec.Command(filepath.Join(bin, "multisigner"), "lab-parent", "-config", filepath.Join(dir, "config.json"))
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, out, out
	require.NoError(t, lab.Start(cmd))
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
	})
}
