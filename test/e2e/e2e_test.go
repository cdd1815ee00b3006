package e2e

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// Two signers, and three: every answer of each is believed by whoever holds the
// keys of any. Each is killed in turn, the others go on, and it comes back with
// its keys and a serial that has not gone back.
func TestTwoSigners(t *testing.T) {
	t.Parallel()
	g := startGroup(t)
	g.red(t)
	survive(t, g)
}

func TestThreeSigners(t *testing.T) {
	t.Parallel()
	survive(t, startGroup(t, "--signers", "3", "--denial", "nsec3", "--algorithm", "ED25519"))
}

// One signer is a plain signed zone.
func TestOneSigner(t *testing.T) {
	t.Parallel()
	g := startGroup(t, "--signers", "1", "--keys", "csk", "--denial", "nsec3-optout")
	g.green(t, 0, g.Signers...)
}

func survive(t *testing.T, g *group) {
	g.green(t, 0, g.Signers...)
	keys := g.keys(t)
	require.Len(t, keys, 2*len(g.Signers), "a KSK and a ZSK of each")
	for i := range g.Signers {
		s := &g.Signers[i]
		before, err := serial(*s)
		require.NoError(t, err)
		g.kill(t, s)
		others := slices.Delete(slices.Clone(g.Signers), i, i+1)
		g.green(t, 0, others...)
		g.restart(t, s)
		g.green(t, patience, g.Signers...)
		after, err := serial(*s)
		require.NoError(t, err)
		require.False(t, zone.SerialAfter(before, after), "serial of signer %s went from %d back to %d", s.Name, before, after)
		require.Equal(t, keys, g.keys(t), "after signer %s came back", s.Name)
	}
}

// keys are the private keys on disk of all signers, and each must be published by its signer.
func (g *group) keys(t *testing.T) []string {
	var all []string
	for _, s := range g.Signers {
		files, err := filepath.Glob(filepath.Join(g.dir, s.State, "keys", "example.test", "K*.private"))
		require.NoError(t, err)
		for _, path := range files {
			info, err := os.Stat(path)
			require.NoError(t, err)
			require.Zero(t, info.Mode().Perm()&0o077, "%s can be read by others", path)
			all = append(all, s.Name+" "+filepath.Base(path))
		}
	}
	return all
}

// Saving the zone file is all it takes to change the zone, at every signer.
func TestEdit(t *testing.T) {
	t.Parallel()
	g := startGroup(t)
	path := filepath.Join(g.dir, "db.example.test")
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, append(text, "added 2 TXT \"a moment ago\"\n"...), 0o644))
	for _, s := range g.Signers {
		require.Eventually(t, func() bool {
			_, err := fetch(s.Address, "added.example.test.", dns.TypeTXT)
			return err == nil
		}, patience, 100*time.Millisecond, "signer %s", s.Name)
	}
	g.green(t, 0, g.Signers...)

	// A broken file changes nothing of what is served.
	require.NoError(t, os.WriteFile(path, []byte("this is no zone\n"), 0o644))
	g.restartAll(t)
	g.green(t, patience, g.Signers...)
	_, err = fetch(g.Signers[0].Address, "added.example.test.", dns.TypeTXT)
	require.NoError(t, err, "the last good version is served, after a restart too")
}

func (g *group) restartAll(t *testing.T) {
	for i := range g.Signers {
		g.kill(t, &g.Signers[i])
		g.restart(t, &g.Signers[i])
	}
}

// The parent keeps what it was told: while a signer is away it changes nothing,
// and afterwards there is nothing to change.
func TestParentHolds(t *testing.T) {
	t.Parallel()
	g := startGroup(t)
	before, err := g.chain(time.Now())
	require.NoError(t, err)
	b := &g.Signers[1]
	g.kill(t, b)
	require.Eventually(t, func() bool {
		text, err := os.ReadFile(filepath.Join(g.dir, "parent", "log"))
		silent := regexp.MustCompile("unchanged: ns-b.example.test at " + regexp.QuoteMeta(b.Address))
		return err == nil && silent.Match(text)
	}, patience, 100*time.Millisecond, "the parent says who is silent")
	after, err := g.chain(time.Now())
	require.NoError(t, err)
	require.True(t, before.SameData(after), "DS %s became %s", zone.Text(before), zone.Text(after))
	g.restart(t, b)
	g.green(t, patience, g.Signers...)
}

// A lab that is started again goes on: the same keys, the same trust at the
// parent, no serial that goes back; at other ports, and with another denial.
func TestSecondLab(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var keys []string
	var ds zone.RRset
	var before uint32
	t.Run("first", func(t *testing.T) {
		g := startGroupIn(t, dir)
		var err error
		ds, err = g.chain(time.Now())
		require.NoError(t, err)
		before, err = serial(g.Signers[0])
		require.NoError(t, err)
		keys = g.keys(t)
	})
	t.Run("second", func(t *testing.T) {
		g := startGroupIn(t, dir, "--denial", "nsec3")
		g.green(t, 0, g.Signers...)
		again, err := g.chain(time.Now())
		require.NoError(t, err)
		require.True(t, ds.SameData(again), "DS %s became %s", zone.Text(ds), zone.Text(again))
		after, err := serial(g.Signers[0])
		require.NoError(t, err)
		require.True(t, zone.SerialAfter(after, before), "a new chain is a new version")
		require.Equal(t, keys, g.keys(t))
	})
}

// A lab that is killed takes its processes with it: whoever runs tests on a
// machine must not find yesterday's servers there.
func TestKilledLab(t *testing.T) {
	t.Parallel()
	g := startGroup(t)
	g.killed = true
	require.NoError(t, g.lab.Process.Kill())
	for _, pid := range g.pids() {
		require.Eventually(t, func() bool { return syscall.Kill(pid, 0) == syscall.ESRCH }, 10*time.Second, 10*time.Millisecond)
	}
}
