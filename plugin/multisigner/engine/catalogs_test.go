package engine_test

import (
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/engine"
	"github.com/multisigner/multisigner/plugin/multisigner/status"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// A reload that takes a group block away leaves its members served, by the group that they have from then on: they
// do not begin anew. Where there is none they are served no longer, and the alarm says why.
func TestGroupIsTakenAway(t *testing.T) {
	t.Parallel()
	p, clock, dir := newScripted(t, nil, catalogText(1, "a.test. 1 gold", "b.test. 2")), newManual(moment), t.TempDir()
	cfg := consuming(t, p)
	gold := engine.Group{Name: "gold", Settings: cfg.Groups[0].Settings}
	with := cfg
	with.Groups = []engine.Group{gold, cfg.Groups[0]}
	e := consume(t, clock, dir, nil, with)
	awaitZones(t, e, "a.test. b.test.")
	before := e.At(zone.MustName("a.test."))
	stays := func() {
		t.Helper()
		require.True(t, before == e.At(zone.MustName("a.test.")), "it begins anew")
	}

	recommit(t, e, nil, cfg)
	stays()
	eventually(t, "it is of the other group", func() bool { return memberOf(e, "a.test.").Group == "default" })
	stays()
	require.Equal(t, "served", memberOf(e, "a.test.").State)
	require.Equal(t, "a.test. b.test.", zonesOf(e))

	with.Groups = []engine.Group{gold}
	recommit(t, e, nil, with)
	stays()
	awaitZones(t, e, "a.test.")
	eventually(t, "the other is held", func() bool { return catalogAlarm(e, status.AlarmCatalogHeld) != nil })
	require.NotContains(t, catalogAlarm(e, status.AlarmCatalogHeld).What, "keeps the settings")
	require.Equal(t, "held", memberOf(e, "b.test.").State)

	require.NoError(t, e.Close())
	with.Groups = []engine.Group{{Name: "silver", Settings: gold.Settings}, cfg.Groups[0]}
	e = consume(t, clock, dir, nil, with)
	require.Len(t, e.Zones(), 2, "nor does a start wait for the catalog")
}

// A NOTIFY is answered, and so is a query, while the catalogs have a turn, which may wait for a disk.
func TestCatalogIsNotifiedInATurn(t *testing.T) {
	t.Parallel()
	p, clock := newScripted(t, nil, catalogText(1, "a.test. 1")), newManual(moment)
	e := consume(t, clock, t.TempDir(), nil, consuming(t, p))
	awaitZones(t, e, "a.test.")
	p.set(catalogText(2, "b.test. 1"))
	e.WithCatalogsInHand(func() {
		require.NotNil(t, e.Find(zone.MustName("www.a.test.")).Open())
		require.True(t, e.CatalogNotified(catalogName, p.addr, "", 0, false))
		require.False(t, e.CatalogNotified(catalogName, netip.MustParseAddrPort("192.0.2.1:53"), "", 0, false))
		require.False(t, e.CatalogNotified(zone.MustName("other.example."), p.addr, "", 0, false))
	})
	clock.step(2 * time.Second)
	awaitZones(t, e, "b.test.")
}
