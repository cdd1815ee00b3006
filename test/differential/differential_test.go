//go:build interop

package differential

import (
	"flag"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var seed = flag.Uint64("seed", 4711, "makes the zones and the questions")

// Four servers that were written apart answer the same questions over the same
// zones. Where they differ somebody is wrong, or an RFC leaves it open: the table
// of rules says which, and a difference that it does not know fails.
func TestDifferences(t *testing.T) {
	now := time.Now()
	zones := signedZones(t, *seed, now)
	var questions []question
	for i := range zones {
		questions = append(questions, questionsFor(&zones[i], *seed)...)
	}
	ours := askAll(t, serve(t, "127.0.53.1", zones), questions)
	for i, m := range ours {
		require.NotNil(t, m.Msg, "%s: no answer from us", questions[i])
		require.NoError(t, questions[i].accepts(m.Msg, now), "%s\n%s", questions[i], m)
	}
	t.Logf("%d questions, seed %d", len(questions), *seed)
	for _, p := range peers {
		t.Run(p.name, func(t *testing.T) {
			at := p.start(t, zones)
			tally := tally{
				peer: p.name, rules: map[string]int{}, refused: map[string]int{},
				shapes: map[string]int{}, examples: map[string]string{},
			}
			theirs := askAll(t, at, questions)
			for i, q := range questions {
				used := tally.compare(q, hear(ours[i].Msg), hear(theirs[i].Msg))
				if len(used) > 0 && theirs[i].Msg != nil && q.accepts(theirs[i].Msg, now) != nil {
					tally.refused[used[len(used)-1]]++
				}
			}
			t.Log(tally.summary(len(questions)))
			require.Empty(t, tally.shapes, "not explained:\n%s", tally.unexplained())
		})
	}
}

// tally counts the answers by the rules that it took to make them equal, and
// keeps one example of each shape of a difference that no rule explains.
type tally struct {
	peer     string
	same     int
	rules    map[string]int
	refused  map[string]int // of those, answers of the peer that a validator would not accept
	shapes   map[string]int
	examples map[string]string
}

// compare counts one pair of answers, and returns the rules that it took.
func (c *tally) compare(q question, ours, theirs said) (used []string) {
	a, b := ours.clone(), theirs.clone()
	for _, rule := range rules {
		if a.equal(b) {
			break
		}
		if rule.peers != "" && !slices.Contains(strings.Fields(rule.peers), c.peer) {
			continue
		}
		x, y := a.clone(), b.clone()
		if rule.explain(q, &x, &y); !x.equal(a) || !y.equal(b) {
			a, b, used = x, y, append(used, rule.name)
		}
	}
	switch {
	case !a.equal(b):
		shape := a.shape(b)
		if c.shapes[shape]++; c.shapes[shape] == 1 {
			c.examples[shape] = fmt.Sprintf("%s, rules tried %q:\n%s", q, used, a.diff(b))
		}
	case used == nil:
		c.same++
	default:
		for _, name := range used {
			c.rules[name]++
		}
	}
	return used
}

func (c *tally) summary(questions int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %d questions, %d answered the same\n", c.peer, questions, c.same)
	for _, rule := range rules {
		if n := c.rules[rule.name]; n > 0 {
			fmt.Fprintf(&b, "%7d  %s: %s", n, rule.name, rule.reason)
			if refused := c.refused[rule.name]; refused > 0 {
				fmt.Fprintf(&b, " [a validator refuses %d of theirs]", refused)
			}
			b.WriteByte('\n')
		}
	}
	return b.String()
}

func (c *tally) unexplained() string {
	var b strings.Builder
	for _, shape := range slices.Sorted(maps.Keys(c.shapes)) {
		fmt.Fprintf(&b, "%d times like %s", c.shapes[shape], c.examples[shape])
	}
	return b.String()
}
