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
