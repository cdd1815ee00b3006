package engine

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// A small server collects as any program of Go's does; one that holds much takes a third
// more than that at most; a start of many zones is not held up.
func TestPercentFor(t *testing.T) {
	for _, tc := range []struct {
		live     uint64
		starting bool
		percent  int
	}{
		{0, false, 100},
		{20 << 20, false, 100},
		{96 << 20, false, 100},
		{192 << 20, false, 50},
		{2 << 30, false, 35},
		{2 << 30, true, 300},
	} {
		require.Equal(t, tc.percent, percentFor(tc.live, tc.starting), "%d MiB", tc.live>>20)
	}
}
