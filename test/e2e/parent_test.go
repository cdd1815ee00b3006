package e2e

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/control/client"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// A parent that looks once an hour learns of every change at once, because the group
// tells it when all agree: of the first DS, and of a KSK rollover with a DS TTL of its own.
func TestParentIsTold(t *testing.T) {
	t.Parallel()
	g := startGroup(t, "--scan", "1h", "--ds-ttl", "3s")
	ds := func() (set zone.RRset) {
		set, err := fetch(g.Parent.Address, g.Zone, dns.TypeDS)
		require.NoError(t, err)
		return set
	}
	before := ds()
	require.Equal(t, uint32(3), before.TTL)
	require.Equal(t, 2, before.Rdata.Len())
	g.roll(t, g.Signers[0], "ksk")
	await(t, patience, func() bool { return !ds().SameData(before) }, "the DS to change\n%s", g.logs())
	require.Equal(t, 2, ds().Rdata.Len())

	z, err := client.New(filepath.Join(g.dir, g.Signers[0].State)).Zone(t.Context(), g.Zone)
	require.NoError(t, err)
	require.NotNil(t, z.Parent.Told)
	require.Equal(t, "NOTIFY", z.Parent.Told.How)
	require.Empty(t, z.Parent.Told.Error)
	require.Contains(t, z.Parent.Told.To, "ns1.test.:")
}

// await waits for what the machine may take its time for.
func await(t *testing.T, patience time.Duration, holds func() bool, what string, args ...any) {
	t.Helper()
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	for deadline := time.Now().Add(patience); !holds(); <-ticker.C {
		require.True(t, time.Now().Before(deadline), append([]any{"waited in vain for " + what}, args...)...)
	}
}
