package corefile_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/ask"
	"github.com/multisigner/multisigner/plugin/multisigner/corefile"
	"github.com/multisigner/multisigner/plugin/multisigner/engine"
	"github.com/multisigner/multisigner/plugin/multisigner/update"
)

// What lines of a zone need and is not there is told, and what is there is not. A zone that
// stands in two server blocks speaks TLS when one of them does.
func TestLacks(t *testing.T) {
	cfg := func() *engine.Config {
		return &engine.Config{
			Apex: "\x07example\x00", Forward: true,
			Contents:    []engine.Content{{TSIG: &ask.TSIG{Name: "k."}}},
			Secondaries: []engine.Secondary{{TLS: true}},
		}
	}
	alone := corefile.Site{Config: cfg()}
	require.Len(t, alone.Lacks(), 2)
	alone.Config.Updates = []update.Grant{{Key: "other."}, {Key: "k."}}
	require.Len(t, alone.Lacks(), 1)
	alone.OverTLS = true
	require.Empty(t, alone.Lacks())
	require.Empty(t, corefile.Site{Config: &engine.Config{Forward: true}}.Lacks())
	require.Empty(t, corefile.Site{Config: &engine.Config{Contents: cfg().Contents}}.Lacks(), "nothing is passed on")
	for _, order := range [][2]bool{{true, false}, {false, true}} {
		var s corefile.Sites
		require.Empty(t, s.Add(corefile.Site{Config: cfg(), OverTLS: order[0]}))
		require.Empty(t, s.Add(corefile.Site{Config: cfg(), OverTLS: order[1]}))
		require.Len(t, s.All, 1)
		require.True(t, s.All[0].OverTLS)
	}
}
