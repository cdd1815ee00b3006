package roll

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// Each gate and each step can be told: one that is decided by and has no words would leave an
// operator with nothing to do.
func TestGatesHaveWords(t *testing.T) {
	gates := 0
	for g := dnskeyInCaches; g <= personDeletesDS; g++ {
		if g > parentFirstLookPassed && g < peerTrusted {
			continue
		}
		text := gateTexts[g]
		require.NotEmpty(t, text.before+text.plain, "gate %d", g)
		require.False(t, g.ofAlgorithm() && text.before == "", "gate %d names no algorithm", g)
		gates++
	}
	require.Len(t, gateTexts, int(personDeletesDS)+1)
	require.Greater(t, gates, 55)
	for kind := waitDataKey; kind <= waitLifetime; kind++ {
		require.NotEmpty(t, stepTexts[kind].before, "step %d", kind)
	}
	require.Len(t, stepTexts, int(waitLifetime)+1)
}
