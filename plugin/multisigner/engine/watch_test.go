package engine

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/source"
)

// Of few zones each look at the keys is close; of many a tenth are, and never are there fewer in a round
// than with few.
func TestCloseEvery(t *testing.T) {
	for _, tc := range []struct{ zones, every int }{{0, 1}, {1, 1}, {10, 1}, {11, 2}, {95, 10}, {100, 10}, {10_000, 10}} {
		require.Equal(t, tc.every, closeEvery(tc.zones), "%d zones", tc.zones)
	}
}

// Of a zone whose file is being read the system does not tell yet. If it were taken for one of which it
// does, the next round would be a slow one, and leave a change unseen for as long.
func TestBusyZoneIsNotFollowed(t *testing.T) {
	var z Zone
	z.files.mu.Lock()
	defer z.files.mu.Unlock()
	w := watching{notices: new(source.Notices)}
	require.False(t, w.follow(&z))
}
