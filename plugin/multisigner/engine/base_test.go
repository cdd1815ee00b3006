package engine

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/sign"
	"github.com/multisigner/multisigner/plugin/multisigner/update"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// contentOf is a zone of many names at a serial, in which one address tells it from others.
func contentOf(serial int, addr string) *zone.Version {
	var b strings.Builder
	fmt.Fprintf(&b, "example. 60 SOA ns.example. root.example. %d 3600 600 86400 60\nexample. 60 NS ns.other.\n", serial)
	for i := range 500 {
		fmt.Fprintf(&b, "n%d.example. 60 A 192.0.2.1\n", i)
	}
	fmt.Fprintf(&b, "www.example. 60 A %s\n", addr)
	return zone.MustVersion(b.String())
}

// changed is old with one RRset in another's place, as a transfer of differences makes it.
func changed(t *testing.T, old *zone.Version, serial uint32, addr string) *zone.Version {
	edit := old.Edit()
	edit.Put(old.SOA().WithSerial(serial))
	other := contentOf(1, addr)
	set, ok := other.RRset(zone.MustName("www.example."), zone.TypeA)
	require.True(t, ok)
	edit.Put(set)
	return edit.Version()
}

// One changed record in a large zone costs no pass over it where the content before is
// there to compare with: sign is given that one change, and makes what it makes of the
// whole content. Where it is not there, it is given the whole.
func TestContentCostsItsChanges(t *testing.T) {
	first := contentOf(1, "192.0.2.7")
	next := changed(t, first, 2, "192.0.2.8")
	out, err := sign.Zone(sign.Input{Content: first, Serial: 1})
	require.NoError(t, err)

	with := func(w *work) (in sign.Input, text string) {
		in = sign.Input{Old: out.Version, Serial: 2}
		w.give(&in)
		made, err := sign.Zone(in)
		require.NoError(t, err)
		return in, fmt.Sprint(made.Diff)
	}
	changes, byChanges := with(&work{signed: out.Version, signedContent: first, content: next})
	require.Nil(t, changes.Content)
	require.Len(t, changes.Changes, 2)
	whole, byWhole := with(&work{signed: out.Version, content: next})
	require.Same(t, next, whole.Content)
	require.Empty(t, whole.Changes)
	require.Equal(t, byWhole, byChanges)

	none := sign.Input{Old: out.Version}
	(&work{signed: out.Version, signedContent: first}).give(&none)
	require.Nil(t, none.Content)
	require.Empty(t, none.Changes)
}

// A zone that is read from a file alone does not pay for its content twice.
func TestPlainContentIsNotKept(t *testing.T) {
	w, cfg := &work{}, &Config{}
	v := contentOf(1, "192.0.2.7")
	w.arrive(cfg, base{version: v, serial: 1, of: "one"})
	require.Same(t, v, w.content)
	require.Nil(t, w.base.version)
	w.taken(cfg)
	require.Nil(t, w.content)
	require.Nil(t, w.signedContent)
	require.Equal(t, "one", w.signedOf)
	require.Equal(t, uint32(1), w.base.serial)
}

// A file that is written to while it is read takes nothing out of the overlay: it may be the
// half of one that has again what an update has removed.
func TestTornBaseSettlesNothing(t *testing.T) {
	www := update.Key{Name: zone.MustName("www.example."), Type: zone.TypeA}
	v := contentOf(1, "192.0.2.7")
	set, ok := v.RRset(www.Name, www.Type)
	require.True(t, ok)
	half := v.Edit()
	half.Delete(www.Name, www.Type)
	w := &work{overlay: overlay{entries: update.Overlay{www: {Key: www, Removed: set.Rdata}}, unsaved: map[update.Key]bool{}}}
	w.arrive(&Config{}, base{version: half.Version(), torn: true})
	require.Len(t, w.overlay.entries, 1)
	w.arrive(&Config{}, base{version: v})
	_, ok = w.content.RRset(www.Name, www.Type)
	require.False(t, ok)
	w.arrive(&Config{}, base{version: half.Version()})
	require.Empty(t, w.overlay.entries)
}
