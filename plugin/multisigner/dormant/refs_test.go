package dormant

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// What a value refers to twice is referred to once while it rests.
func TestReferredToOnce(t *testing.T) {
	one, other := new(int), new(int)
	table := map[string]int{}
	k := Keep(&struct {
		a, b, c *int
		d, e    map[string]int
	}{one, other, one, table, table})
	require.Len(t, k.refs, 3)
}
