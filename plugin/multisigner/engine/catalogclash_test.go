package engine_test

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/engine"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

var otherCatalog = zone.MustName("new.example.")

// newCatalog is catalogText of another catalog.
func newCatalog(serial int, members ...string) string {
	return strings.ReplaceAll(catalogText(serial, members...), catalogName.String(), otherCatalog.String())
}

// consumingTwo are two catalogs, each from a primary of its own; the one that members move to is compared first.
func consumingTwo(t *testing.T, old, other *scripted) []engine.CatalogConfig {
	first, second := consuming(t, other), consuming(t, old)
	first.Zone.Apex = otherCatalog
	first.Groups = second.Groups
	return []engine.CatalogConfig{first, second}
}

// A member that is in two catalogs stays with the first, and the log says so (RFC 9432 5.2). When that one does
// not name it any more it is the other's at once, with its keys (5.5), although that one has said so long before.
func TestMemberOfTwoCatalogs(t *testing.T) {
	t.Parallel()
	old, other := newScripted(t, nil, catalogText(1, "a.test. 1", "b.test. 2")), newScripted(t, nil, newCatalog(1, "c.test. 9"))
	clock, text := newManual(moment), &logged{}
	e, err := engine.Open(t.TempDir(), engine.Options{Logger: slog.New(slog.NewTextHandler(text, nil)), Clock: clock})
	require.NoError(t, err)
	t.Cleanup(func() { e.Close() })
	recommit(t, e, nil, consumingTwo(t, old, other)...)
	awaitZones(t, e, "a.test. b.test. c.test.")
	apex := zone.MustName("a.test.")
	before := e.At(apex)

	other.set(newCatalog(2, "c.test. 9", "a.test. 1"))
	isEventually(e.CatalogsIdle)
	e.CatalogNotified(otherCatalog, other.addr, "", 0, false)
	clock.step(2 * time.Second)
	const why = `it is a member of catalog cat.example., which does not give it to this one (no coo)`
	if !isEventually(func() bool { return len(text.lines(why)) > 0 }) {
		t.Fatalf("%+v\n%v", e.Catalogs(), text.lines(""))
	}
	eventually(t, "nothing is under way", e.CatalogsIdle)
	require.Equal(t, catalogName, e.At(apex).Config().Member.Catalog)

	old.publish(e, clock, catalogText(2, "b.test. 2"))
	eventually(t, "it has moved", func() bool { z := e.At(apex); return z != nil && z.Config().Member.Catalog == otherCatalog })
	awaitZones(t, e, "a.test. b.test. c.test.")
	require.True(t, before == e.At(apex), "it goes on without beginning anew")
	require.Len(t, text.lines(why), 1, "it is told once")
}

// A member that has moved to another catalog is told to be passed over in the first one, from then on.
func TestMemberThatHasMoved(t *testing.T) {
	t.Parallel()
	old, other := newScripted(t, nil, catalogText(1, "a.test. 1 - new.example.")), newScripted(t, nil, newCatalog(1, "a.test. 1"))
	cfgs := consumingTwo(t, old, other)
	e := consume(t, newManual(moment), t.TempDir(), nil, cfgs[1])
	awaitZones(t, e, "a.test.")
	recommit(t, e, nil, cfgs[1], cfgs[0]) // the first one is compared before it moves
	eventually(t, "it has moved", func() bool { return e.At(zone.MustName("a.test.")).Config().Member.Catalog == otherCatalog })
	eventually(t, "nothing is under way", e.CatalogsIdle)
	require.Equal(t, "ignored", memberOf(e, "a.test.").State)
	require.Equal(t, "it is a member of catalog new.example., which does not give it to this one (no coo)", memberOf(e, "a.test.").Why)
}
