package multisigner

import (
	"testing"

	clog "github.com/coredns/coredns/plugin/pkg/log"
	"github.com/stretchr/testify/require"
)

// Plugins beside which signed answers cannot be right stop the start, by name; in
// another server block they do not.
func TestBreakers(t *testing.T) {
	h := newLoadHome(t)
	for _, p := range []string{"any", "dns64", "dnssec", "siit"} {
		err := h.startError(block("example.org", p))
		require.ErrorContains(t, err, "Corefile:5: plugin "+p+" in the same server block: it ")
		require.Empty(t, process.engines())
	}
	err := h.startError(block("example.org", "view v {\nexpr true\n}"))
	require.ErrorContains(t, err, "plugin view in the same server block: a signed zone has one content for everybody")

	h.start("example.com:0 {\nCOMMON\nany\nwhoami\n}\n" + block("example.org", ""))
}

// Another plugin of the server block that serves a zone of ours, or one below it,
// would never be asked. One that serves the zone above is, and so is one elsewhere.
func TestZonesOfOthers(t *testing.T) {
	h := newLoadHome(t)
	h.zone("sub.example.org", 1)
	h.zone("org", 1)
	for _, tc := range []struct{ other, served string }{
		{"file db.example.org example.org", "plugin file in the same server block serves example.org."},
		{"file db.example.org EXAMPLE.org.", "plugin file in the same server block serves example.org."},
		{"file db.sub.example.org sub.example.org", "plugin file in the same server block serves sub.example.org."},
		{"secondary example.org {\ntransfer from 127.0.0.9\n}", "plugin secondary in the same server block serves example.org."},
	} {
		err := h.startError(block("example.org", tc.other))
		require.ErrorContains(t, err, "Corefile:")
		require.ErrorContains(t, err, tc.served)
		require.ErrorContains(t, err, "zone example.org. is ours")
		require.Empty(t, process.engines())
	}
	h.start(block("example.org", "file db.org org")).stop()
	h.start(block("example.org", "") + "sub.example.org:0 {\nCOMMON\nfile db.sub.example.org\n}").stop()
}

// Those that can break them are warned about, and the server starts.
func TestSuspects(t *testing.T) {
	h := newLoadHome(t)
	heard := &listener{}
	require.NoError(t, clog.RegisterListener(heard))
	defer clog.DeregisterListener(heard)
	for _, p := range []string{"rewrite", "autopath", "template", "header", "minimal"} {
		h.start(block("example.org", p)).stop()
		require.Contains(t, heard.all(), "Corefile:5: plugin "+p+" in the same server block: ")
	}
	h.start(block("example.org", "transfer example.org {\nto *\n}")).stop()
	require.Contains(t, heard.all(), "its list alone decides who may transfer")
}
