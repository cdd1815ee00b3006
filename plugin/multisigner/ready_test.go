package multisigner

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// Ready speaks for the whole process: false before there is an engine, true as
// soon as the zones have something to answer with, and one bad zone among many
// does not change that.
func TestReady(t *testing.T) {
	require.False(t, new(Handler).Ready())
	h := newLoadHome(t)
	h.start(block("example.org missing.example", ""))
	require.True(t, new(Handler).Ready())

	alone := newHome(t)
	alone.start(block("missing.example", ""))
	require.False(t, new(Handler).Ready(), "this engine has nothing at all to answer with")
}
