//go:build interop

package differential

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// An answer is never larger than Knot's to the same question, so that no more of
// them are truncated, and nobody gets more out of us with a forged address. It may
// be where a rule says that it holds more, and where capitals in the question are
// no place to point to for names that the zone writes without.
func TestSizes(t *testing.T) {
	zones := signedZones(t, *seed, time.Now())
	var questions []question
	for i := range zones {
		questions = append(questions, questionsFor(&zones[i], *seed)...)
	}
	at := slices.IndexFunc(peers, func(p peer) bool { return p.name == "knot" })
	ours, theirs := askAll(t, serve(t, "127.0.53.1", zones), questions), askAll(t, peers[at].start(t, zones), questions)
	rules := tally{peer: "knot", rules: map[string]int{}, shapes: map[string]int{}, examples: map[string]string{}}
	larger := map[string]int{}
	together, knots, capitals := 0, 0, 0
	for i, q := range questions {
		require.NotNil(t, ours[i].Msg, "%s", q)
		require.NotNil(t, theirs[i].Msg, "%s", q)
		together, knots = together+ours[i].octets, knots+theirs[i].octets
		if ours[i].octets <= theirs[i].octets {
			continue
		}
		more := rules.compare(q, hear(ours[i].Msg), hear(theirs[i].Msg))
		switch {
		case len(more) > 0:
		case strings.ToLower(q.name) != q.name && ours[i].octets-theirs[i].octets <= 2*len(q.name):
			capitals++
		default:
			larger[fmt.Sprintf("%s: %d octets, Knot's %d", q, ours[i].octets, theirs[i].octets)]++
		}
	}
	t.Logf("%d questions: %d octets together, Knot's %d; larger for capitals %d, by rules: %v", len(questions), together, knots, capitals, rules.rules)
	require.Empty(t, rules.shapes, "not explained:\n%s", rules.unexplained())
	require.Empty(t, slices.Sorted(maps.Keys(larger)))
	require.LessOrEqual(t, together, knots)
}
