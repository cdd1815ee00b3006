package engine_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/status"
)

// A peer that does not answer is not disbelieved: what is known of it is as it was,
// also after a start, and the alarm says what is the matter. One that answers with
// keys that nobody vouches for is another thing.
func TestPeerThatIsSilent(t *testing.T) {
	t.Parallel()
	g := newGroup(t, "a b", nil)
	g.begin()
	a, b := g.signers[0], g.signers[1]
	peerB := func() status.Peer { return statusOf(t, a.e.Load()).Peers[0] }
	g.round()
	require.True(t, peerB().Trusted)
	require.False(t, peerB().Silent)
	reached := peerB().Reached
	require.False(t, reached.IsZero())

	b.quiet.Store(true)
	g.round()
	is := peerB()
	require.True(t, is.Trusted && is.Silent, "%+v", is)
	require.False(t, peerB().Reached.After(g.clock.Now().Add(-groupTTL/2)), "%+v", is)
	require.True(t, alarmedOf(t, a.e.Load(), "peer b does not answer", "can be reached"))
	require.False(t, alarmed(t, a.e.Load(), "not trusted"))

	a.stop()
	a.start()
	g.settle()
	is = peerB()
	require.True(t, is.Trusted && is.Silent, "%+v", is)
	require.True(t, is.Reached.IsZero(), "%+v", is)

	// It is back without anything that it had.
	b.quiet.Store(false)
	b.stop()
	b.dir = t.TempDir()
	b.start()
	g.settle()
	g.clock.step(groupTTL / 2)
	g.settle()
	is = peerB()
	require.False(t, is.Silent, "%+v", is)
	require.False(t, is.Trusted, "%+v", is)
}
