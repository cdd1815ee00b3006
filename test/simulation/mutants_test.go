package simulation_test

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// catch is how a mutant was caught.
type catch struct{ by, what string }

const (
	byStory = "story"   // one of roll's comes to something else
	byTest  = "test"    // another test of roll fails
	byWorld = "world"   // a world is bogus or stuck: of which story or "-", and its seed
	retold  = "told"    // our signer does the same in every story, and says something else of it
	breaks  = "breaks"  // the program breaks down, which shows nothing of the rule
	escaped = "nothing" // it is not caught
)

// remembered says what caught each mutant last: name, tab, by, tab, what.
const remembered = "testdata/mutants.txt"

// Whatever is asked for, waited for or looked at matters: without it a story of roll comes to
// something else, another of its tests fails, or a world does. docs/PROOF.md says of what changes
// nothing why it is there (redundant); what was caught once must be caught.
// Two of these are tried each time. SIM_MUTANTS=all tries all, and SIM_MUTANTS=NAME those whose name has NAME in it; SIM_RECORD=1 writes down what caught each.
// SIM_MUTANT_WORLDS is how many worlds are drawn for those that no story catches; with 0 stories
// alone are told.
func TestMutants(t *testing.T) {
	if os.Getenv("SIM_MUTANT") != "" {
		t.Skip("this is a mutant")
	}
	w, known := weave(t), recalled(t)
	which := os.Getenv("SIM_MUTANTS")
	tried := w.chosen(t, which, known)
	h := &hunt{t: t, w: w, known: known, found: map[int]catch{}}
	h.hunt(tried)
	for _, n := range tried {
		name := w.names[n-1]
		switch c := h.found[n]; {
		case c.by != escaped && c.by != breaks && c.by != retold:
			t.Logf("%s: %s %s", name, c.by, c.what)
		case known[name].by == byStory || known[name].by == byTest || known[name].by == byWorld:
			t.Errorf("%s was caught by a %s, %s, and is not any more: %s", name, known[name].by, known[name].what, c.by)
		case why(name) == "":
			t.Errorf("%s is not caught (%s): tell a story that misses it, take the rule away, or say in the table why it is there", name, c.by)
		default:
			t.Logf("not caught: %s: %s %s", name, c.by, why(name))
		}
	}
	h.record(which == "all")
	if which == "all" {
		write(t, "mutants", h.report())
	}
}

// chosen are the numbers of the mutants that are tried.
func (w *woven) chosen(t *testing.T, which string, known map[string]catch) (tried []int) {
	for i, name := range w.names {
		switch c := known[name]; {
		case which == "" && (c.by == "" || c.by == retold || c.by == escaped || c.by == breaks):
		case which != "" && which != "all" && !strings.Contains(name, which):
		default:
			tried = append(tried, i+1)
		}
	}
	if which == "" {
		tried = drawn(t, tried)
	}
	return tried
}

// hunt looks for what catches mutants: stories first, which are cheap, then worlds, then other
// tests of roll.
type hunt struct {
	t     *testing.T
	w     *woven
	known map[string]catch
	found map[int]catch
}

func (h *hunt) hunt(tried []int) {
	program := build(h.t, h.w.texts, rolls)
	h.woven(program, rolls, "TestWoven", byStory, tried)
	if os.Getenv("SIM_MUTANT_WORLDS") == "0" {
		for _, n := range h.left(tried) { // what else caught them before is not tried, and stands
			if c := h.known[h.w.names[n-1]]; c.by == byTest || c.by == byWorld {
				h.found[n] = c
			}
		}
		return
	}
	h.tests(program, slices.DeleteFunc(h.left(tried), func(n int) bool { return h.known[h.w.names[n-1]].by != byTest }))
	if tried = h.left(tried); len(tried) > 0 {
		h.woven(build(h.t, h.w.texts, "."), ".", "TestWovenWorlds", byWorld, tried)
		h.record(false) // the rest takes long
		h.tests(program, h.left(tried))
	}
}

// tests has mutants tried by the other tests of roll, each in a process of its own.
func (h *hunt) tests(program string, tried []int) {
	for _, n := range tried {
		if what := h.test(program, n); what != "" {
			h.found[n] = catch{byTest, what}
		}
	}
}

// left are those that nothing has caught yet.
func (h *hunt) left(tried []int) (left []int) {
	for _, n := range tried {
		if by := h.found[n].by; by != byStory && by != byTest && by != byWorld {
			left = append(left, n)
		}
	}
	return left
}

// woven has mutants tried by a test that is woven into a package. What was caught before by the same is
// tried first.
func (h *hunt) woven(program, dir, test, by string, tried []int) {
	var list []string
	for _, n := range tried {
		first := ""
		if c := h.known[h.w.names[n-1]]; c.by == by {
			first = c.what
		}
		list = append(list, strconv.Itoa(n)+" "+first)
	}
	run := exec.Command(program, "-test.run", "^"+test+"$", "-test.timeout", "0")
	run.Dir, run.Env = dir, append(os.Environ(), "SIM_MUTANT=0", "SIM_MUTANTS="+strings.Join(list, "\n"), "PROOF=")
	out, _ := run.CombinedOutput() // stories that cannot go on fail
	told := 0
	for line := range strings.Lines(string(out)) {
		var n int
		var found string
		if count, _ := fmt.Sscanf(line, "mutant %d %s", &n, &found); count < 2 {
			continue
		}
		told++
		what := strings.TrimSpace(line[strings.Index(line, found)+len(found):])
		if found != escaped || h.found[n].by == "" {
			h.found[n] = catch{found, what}
		}
	}
	require.Equal(h.t, len(tried), told, "%s does not tell of every mutant: %s", test, out)
}

var failing = regexp.MustCompile(`(?m)^--- FAIL: (\w+)`)

// test returns another test of roll that fails with mutant n.
func (h *hunt) test(program string, n int) string {
	run := exec.Command(program, "-test.run", ".", "-test.skip", "^(TestScenarios|TestRulesInAnyOrder|TestWoven)$")
	run.Dir, run.Env = rolls, append(os.Environ(), "SIM_MUTANT="+strconv.Itoa(n))
	out, err := run.CombinedOutput()
	if found := failing.FindSubmatch(out); err != nil && found != nil && !strings.Contains(string(out), "panic: ") {
		return string(found[1])
	}
	return ""
}

// recalled reads what caught each mutant last.
func recalled(t *testing.T) map[string]catch {
	known := map[string]catch{}
	text, err := os.ReadFile(remembered)
	require.NoError(t, err)
	for line := range strings.Lines(string(text)) {
		f := strings.Split(strings.TrimRight(line, "\n"), "\t")
		require.Len(t, f, 3, "%s: %q", remembered, line)
		known[f[0]] = catch{f[1], f[2]}
	}
	return known
}

// record writes down what was found, if that is wanted. When all were tried the others are no mutants any more.
func (h *hunt) record(all bool) {
	if os.Getenv("SIM_RECORD") == "" {
		return
	}
	next := maps.Clone(h.known)
	if all {
		clear(next)
	}
	for n, c := range h.found {
		next[h.w.names[n-1]] = c
	}
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(next)) {
		fmt.Fprintf(&b, "%s\t%s\t%s\n", name, next[name].by, next[name].what)
	}
	require.NoError(h.t, os.WriteFile(remembered, []byte(b.String()), 0o644))
}

// kinds are how rules are broken, by a part of the mutants' names.
var kinds = []struct{ what, part string }{
	{"a gate is open wherever it is asked for", " is always open"},
	{"a kind of term is in no wait", "no wait has a "},
	{"one demand is dropped", " goes without "},
	{"one hold is not heeded", " goes on although "},
	{"one term of one wait is nothing", " does not wait for "},
	{"what was seen is believed without a look", " believes "},
	{"an objection is not minded", " does not mind "},
}

// report is the table of docs/PROOF.md.
func (h *hunt) report() string {
	var b strings.Builder
	count := func(is func(name, by string) bool) (n int) {
		for i, name := range h.w.names {
			if is(name, h.found[i+1].by) {
				n++
			}
		}
		return n
	}
	caught := count(func(_, by string) bool { return by == byStory || by == byTest || by == byWorld })
	fmt.Fprintf(&b, "%d of %d mutants were caught.\n\n", caught, len(h.w.names))
	b.WriteString("| broken by program | mutants | a story goes otherwise | a test of `roll` fails | a world is bogus or stuck | only told otherwise | not caught |\n|---|---|---|---|---|---|---|\n")
	for _, k := range kinds {
		fmt.Fprintf(&b, "| %s ", k.what)
		fmt.Fprintf(&b, "| %d ", count(func(name, _ string) bool { return strings.Contains(name, k.part) }))
		for _, one := range []string{byStory, byTest, byWorld, retold, escaped} {
			fmt.Fprintf(&b, "| %d ", count(func(name, by string) bool { return strings.Contains(name, k.part) && by == one }))
		}
		b.WriteString("|\n")
	}
	reasons, open := map[string]int{}, ""
	for i, name := range h.w.names {
		switch by := h.found[i+1].by; {
		case by == byStory, by == byTest, by == byWorld:
		case why(name) != "":
			reasons[why(name)]++
		default:
			open += "- `" + name + "`\n"
		}
	}
	b.WriteString("\n| why those that are not caught are there | mutants |\n|---|---|\n")
	for _, reason := range slices.Sorted(maps.Keys(reasons)) {
		fmt.Fprintf(&b, "| %s | %d |\n", reason, reasons[reason])
	}
	if open != "" {
		fmt.Fprintf(&b, "\nNo story misses these yet, and nobody has shown that another rule holds the same:\n\n%s", open)
	}
	return b.String()
}

// The program finds what it breaks: a reshaped rule must not slip out of its sight.
func TestMutantsAreOfEveryKind(t *testing.T) {
	w := weave(t)
	require.Greater(t, len(w.names), 300)
	for _, k := range kinds {
		n := 0
		for _, name := range w.names {
			if strings.Contains(name, k.part) {
				n++
			}
		}
		require.Greater(t, n, 4, "%s: %d mutants", k.what, n)
	}
	for _, name := range []string{"the gate dnskeyInCaches is always open", "no wait has a margin", "everywhere goes without z.servedAt(h, i, k)",
		"servedAt does not wait for z.keyTTL(i)", "apply goes on although h.blocked", "row sign goes without (*step).everywhere", "step believes seen.Looked", "observeParent does not mind gap"} {
		require.True(t, slices.Contains(w.names, name), "there is no mutant %q", name)
	}
	for _, r := range redundant {
		require.True(t, slices.ContainsFunc(w.names, func(name string) bool { return strings.Contains(name, r.part) }), "no mutant is called %q any more: nothing stands to reason because %s", r.part, r.why)
	}
}

// redundant says why mutants that are not caught may be there, by a part of their name, or all of it;
// the first that fits counts.
var redundant = []struct{ part, why string }{
	{"askEach does not mind a.Transfer", "it names who holds a step; that it is held, the looks at the addresses say"},
	{"notFresh does not mind a.Transfer", "it names who holds a step; that it is held, the looks at the addresses say"},
	{"keysOfAll does not mind a.Transfer", "it names who holds a step; that it is held, the looks at the addresses say"},
	{"askEach goes without z.unseen", "it names who holds a step; where it names nobody, all of them hold it"},
	{"askForProof believes a.reached", "it names who holds a step; where it names nobody, all of them hold it"},
	{"algorithmUnasked does not mind a.UnknownDS", "it names who holds a step; where it names nobody, all of them hold it"},
	{"disowned does not mind a.UnknownDS", "it names who holds a step; where it names nobody, all of them hold it"},
	{"algorithmUnasked does not mind z.unknownDS", "while it is there the wait for caches does not end: it tells who has to remove it"},
	{"unseen does not mind", "the other reasons of the same look hold: only what is told changes"},
	{"tellGivers", "the wait for caches begins anew at each look: only what is told changes"},
	{"parentLooked", "it holds whatever it can say: only what is told changes"},
	{"the gate parentAsked", "`parentLooked` holds whatever it can say: only what is told changes"},
	{"the gate parentSeenAnew", "`parentLooked` holds whatever it can say: only what is told changes"},
	{"a.State == Good", "an observation has nothing of an address that is not believed, and one that is good in part holds each step"},
	{"a.State != Good", "an observation has nothing of an address that is not believed, and one that is good in part holds each step"},
	{"believes v.Trusted", "an observation has no keys of a peer that is not believed"},
	{"believes z.views[i].Trusted", "an observation has no keys of a peer that is not believed"},
	{"believes a.shows()", "an observation has no keys of an address that is not believed"},
	{"believes v.Addresses[n].shows()", "an observation has no keys of an address that is not believed"},
	{"onParent goes without h.needs(g, k, all(theParent))", "somebody was named, or the parent was silent: it names who, where nobody else did"},
	{"the gate parentHasAll", "nothing waits for it: it tells what the parent owes"},
	{"the gate personBringsAll", "nothing waits for it: it tells what a person owes"},
	{"the gate parentDeletesDS", "nothing waits for it: it tells what the parent owes"},
	{"the gate personDeletesDS", "nothing waits for it: it tells what a person owes"},
	{"tell goes without z.onParent", "nothing waits for it: it tells what the parent owes"},
	{"tell does not mind a.UnknownDS", "nothing waits for it: it tells what the parent owes"},
	{"tellDeletion", "nothing waits for it: it tells what the parent owes, and how long the rest takes"},
	{"the gate dsExchangedHere", "it says why there is no DS set to paste; that there is none, another rule says"},
	{"outpaced goes", "it says why there is no DS set to paste; that there is none, another rule says"},
	{"servedAt believes z.fresh[i] (2)", "the look holds: it tells how long the rest takes"},
	{"clearOf believes z.fresh[i] (2)", "the look holds: it tells how long the rest takes"},
	{"unsignedGone goes without z.firstSight(h, i)", "`servedAt` asks for the same of every member"},
	{"signedWith believes z.fresh[i] (2)", "the look holds: it tells how long the rest takes"},
	{"peersCDSKnown goes without z.notFresh", "it names who holds; `dataValid` asks for a look at every member, and `standOn` for a key of any other peer"},
	{"notFresh goes without z.unseen", "it names the addresses; without them the whole signer holds"},
	{"standsOn goes on although stands.blocked", "of several keys that are not there yet it tells of the one that is there first"},
	{"wantedOf believes z.fresh[i]", "no CDS changes while a peer is not seen, as `peersCDSKnown` says: only what is told changes"},
	{"signaturesGone believes z.reached", "the version holds; it names the addresses that still serve it"},
	{"the gate rolloverEnds", "nothing waits for it: the end of a lifetime does nothing before, and this tells why"},
	{"row DS beside goes without keyless((*step).standStill)", "a DS is asked for by CDS alone, which stands still itself: only what is told changes"},
	{"peersCDSKnown believes z.fresh[i]", "a peer without addresses would end the program: its absence is asked for here alone"},
}

// why is the reason for what is not caught, or that there is none yet.
func why(name string) string {
	for _, r := range redundant {
		if strings.Contains(name, r.part) {
			return r.why
		}
	}
	return ""
}
