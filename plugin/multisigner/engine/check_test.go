package engine_test

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/engine"
)

// Where nobody has said how the world finds us, a check asks where we listen; where that
// is not known either, it says what to write. It never calls nothing checked.
func TestCheckWithoutSigner(t *testing.T) {
	t.Parallel()
	g := newGroup(t, "a", func(cfg *engine.Config) { cfg.Parent = engine.Parent{} })
	a := g.signers[0]
	at := a.cfg.Addresses
	a.cfg.Addresses = nil
	a.start()
	g.settle()
	_, err := a.e.Load().Check(t.Context(), apex)
	require.ErrorContains(t, err, "add `signer NAME ADDRESS...`")

	p, err := a.e.Load().Prepare(t.Context(), []engine.Config{with(a.cfg, at)})
	require.NoError(t, err)
	p.Commit()
	g.settle()
	m, err := a.e.Load().Check(t.Context(), apex)
	require.NoError(t, err)
	require.True(t, m.OK(), "%+v", m)
	require.Equal(t, at[0].String(), m.Servers[0].Address)

	s, _ := a.e.Load().Status(apex)
	require.Empty(t, s.DS)
	require.Contains(t, s.DSWhy, "`parent none` says that the zone has no DS")
}

func with(cfg engine.Config, listens []netip.AddrPort) engine.Config {
	cfg.Listens = listens
	return cfg
}
