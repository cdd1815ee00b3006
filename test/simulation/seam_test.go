package simulation_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The guard and its memory are broken by program, too, and what the engine makes of looks for them and for
// the rules: each condition in their files is taken for false or for true, each part of one for what makes no difference. All are woven into one program.

// seamFiles are those whose conditions are broken, and the tests that may catch it: the room's own, and
// those of the engine that give the guard what looks have seen.
var seamFiles = []struct {
	dir   string
	files []string
	tests []seamTests
}{
	{"caches", []string{"caches.go"}, []seamTests{{"caches", "."}, {"engine", "^TestHeld"}}},
	{"engine", []string{"held.go", "observe.go"}, []seamTests{{"engine", "^Test(Held|Observed)"}}},
	{"validate", []string{"apex.go", "held.go"}, []seamTests{{"validate", "^TestGuard(Answers|Keys|Adoption|Unsigned|Algorithms)|^TestGuardLets"}, {"engine", "^TestHeld"}, {"validate", "Guard|First|Sample"}}},
	{"validate", []string{"guard.go", "pair.go", "keys.go", "trial.go", "ring.go", "audit.go"}, []seamTests{{"validate", "^TestGuard"}, {"validate", "."}}},
	{"clock", []string{"times.go"}, []seamTests{{"clock", "."}}},
}

type seamTests struct{ dir, run string }

// byLot are tests that draw lots: they catch a mutant only now and then.
const byLot = "^TestGuardAgainstResolver$"

// rooms is where the plugin's packages are.
const rooms = "../../plugin/multisigner"

// caughtSeam says by the tests of which package each mutant was caught: name, tab, package; "nothing".
const caughtSeam = "testdata/seam.txt"

// seam is the mutants of the guard and its memory.
type seam struct {
	names []string      // of mutant n at n-1
	tests [][]seamTests // that may catch it
	twice map[string]int
	texts map[string]string // by path
}

// weaveSeam finds them.
func weaveSeam(t *testing.T) *seam {
	s := &seam{twice: map[string]int{}, texts: map[string]string{}}
	for _, room := range seamFiles {
		dir, err := filepath.Abs(filepath.Join(rooms, room.dir))
		require.NoError(t, err)
		for _, name := range room.files {
			path := filepath.Join(dir, name)
			src, err := os.ReadFile(path)
			require.NoError(t, err)
			set := token.NewFileSet()
			of, err := parser.ParseFile(set, path, src, parser.SkipObjectResolution)
			require.NoError(t, err)
			f := &ruleFile{path: path, src: string(src), of: of}
			for _, d := range of.Decls {
				if d, ok := d.(*ast.FuncDecl); ok && d.Body != nil {
					s.find(&finder{f: f, base: set.File(of.Pos()).Base(), in: d}, room.tests)
				}
			}
			s.texts[path] = f.edited()
		}
		s.texts[filepath.Join(dir, "woven_"+room.dir+".go")] = "package " + room.dir + seamHelper
	}
	return s
}

const seamHelper = `

import (
	"os"
	"strconv"
)

var seamMutant, _ = strconv.Atoi(os.Getenv("SEAM_MUTANT"))

// mutantIs is a claim, or what a mutant takes it for.
func mutantIs(never, always int, claim bool) bool {
	switch {
	case never != 0 && seamMutant == never:
		return false
	case always != 0 && seamMutant == always:
		return true
	}
	return claim
}
`

// find finds the conditions of a function.
func (s *seam) find(x *finder, tests []seamTests) {
	ast.Inspect(x.in.Body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.IfStmt:
			s.condition(x, n.Cond, tests, true, true)
		case *ast.CaseClause:
			for _, e := range n.List {
				if b, ok := e.(*ast.BinaryExpr); ok && slices.Contains(logic, b.Op) {
					s.condition(x, e, tests, true, true)
				}
			}
		case *ast.ReturnStmt:
			s.joined(x, n.Results, tests)
		case *ast.AssignStmt:
			s.joined(x, n.Rhs, tests)
		}
		return true
	})
}

// joined finds those that are given back, or noted.
func (s *seam) joined(x *finder, of []ast.Expr, tests []seamTests) {
	for _, e := range of {
		if b, ok := e.(*ast.BinaryExpr); ok && slices.Contains([]token.Token{token.LAND, token.LOR}, b.Op) {
			s.condition(x, e, tests, true, true)
		}
	}
}

// logic is what makes a condition of values.
var logic = []token.Token{token.LAND, token.LOR, token.EQL, token.NEQ, token.GTR, token.LSS, token.GEQ, token.LEQ}

// condition makes mutants of a condition: it is never so, or always. Of its parts only what makes no
// difference to the others.
func (s *seam) condition(x *finder, e ast.Expr, tests []seamTests, never, always bool) {
	if p, ok := e.(*ast.ParenExpr); ok {
		s.condition(x, p.X, tests, never, always)
		return
	}
	b, ok := e.(*ast.BinaryExpr)
	switch {
	case ok && b.Op == token.LAND:
		s.wrap(x, e, tests, never, false)
		s.condition(x, b.X, tests, false, true)
		s.condition(x, b.Y, tests, false, true)
	case ok && b.Op == token.LOR:
		s.wrap(x, e, tests, false, always)
		s.condition(x, b.X, tests, true, false)
		s.condition(x, b.Y, tests, true, false)
	default:
		s.wrap(x, e, tests, never, always)
	}
}

func (s *seam) wrap(x *finder, e ast.Expr, tests []seamTests, never, always bool) {
	add := func(wanted bool, what string) int {
		if !wanted {
			return 0
		}
		name := fmt.Sprintf("%s: %s %s", x.in.Name.Name, what, x.text(e))
		if s.twice[name]++; s.twice[name] > 1 {
			name = fmt.Sprintf("%s (%d)", name, s.twice[name])
		}
		s.names, s.tests = append(s.names, name), append(s.tests, tests)
		return len(s.names)
	}
	before := fmt.Sprintf("mutantIs(%d, %d, ", add(never, "never"), add(always, "always"))
	x.f.edits = append(x.f.edits, edit{int(e.Pos()) - x.base, int(e.End()) - x.base, before, ")"})
}

// What the guard and its memory ask matters: without it one of their tests fails, or docs/PROOF.md says
// why it is there (alike). What was caught once must be caught. Two mutants that were
// caught are tried each time; SIM_SEAM=all tries all, SIM_SEAM=new those that were not tried yet, and
// SIM_SEAM=NAME those whose name has NAME in it.
// SIM_RECORD=1 writes down what caught each.
func TestSeamMutants(t *testing.T) {
	if os.Getenv("SIM_MUTANT") != "" {
		t.Skip("this is a mutant")
	}
	s, known := weaveSeam(t), recalledSeam(t)
	which := os.Getenv("SIM_SEAM")
	var tried []int
	for i, name := range s.names {
		caught := known[name] != "" && known[name] != escaped
		if which == "" && caught || which == "all" || which == "new" && known[name] == "" || which != "" && which != "new" && strings.Contains(name, which) {
			tried = append(tried, i+1)
		}
	}
	if which == "" {
		tried = drawn(t, tried)
	}
	require.NotEmpty(t, tried)
	programs := map[string]string{}
	for _, n := range tried {
		name, by := s.names[n-1], escaped
		for _, tests := range s.tests[n-1] {
			if programs[tests.dir] == "" {
				programs[tests.dir] = build(t, s.texts, filepath.Join(rooms, tests.dir))
			}
			run := exec.Command(programs[tests.dir], "-test.run", tests.run, "-test.skip", byLot, "-test.failfast", "-test.timeout", "2m")
			run.Dir, run.Env = filepath.Join(rooms, tests.dir), append(os.Environ(), "SEAM_MUTANT="+strconv.Itoa(n))
			if _, err := run.CombinedOutput(); err != nil {
				by = tests.dir
				break
			}
		}
		if by == escaped && known[name] != "" && known[name] != escaped {
			t.Errorf("%s was caught by the tests of %s, and is not any more", name, known[name])
		}
		if by == escaped && whySeam(name) == "" {
			t.Errorf("no test misses %s: it needs one, or a reason, or it goes", name)
		}
		t.Logf("%s: %s %s", name, by, whySeam(name))
		known[name] = by
	}
	if which == "all" {
		maps.DeleteFunc(known, func(name, _ string) bool { return !slices.Contains(s.names, name) })
		write(t, "seam", s.report(known))
	}
	if os.Getenv("SIM_RECORD") != "" {
		var b strings.Builder
		for _, name := range slices.Sorted(maps.Keys(known)) {
			fmt.Fprintf(&b, "%s\t%s\n", name, known[name])
		}
		require.NoError(t, os.WriteFile(caughtSeam, []byte(b.String()), 0o644))
	}
}

func recalledSeam(t *testing.T) map[string]string {
	known := map[string]string{}
	text, err := os.ReadFile(caughtSeam)
	require.NoError(t, err)
	for line := range strings.Lines(string(text)) {
		name, by, ok := strings.Cut(strings.TrimSpace(line), "\t")
		require.True(t, ok, "%s: %q", caughtSeam, line)
		known[name] = by
	}
	return known
}

// report is the table of docs/PROOF.md.
func (s *seam) report(known map[string]string) string {
	caught, reasons, open := 0, map[string]int{}, []string{}
	for _, name := range s.names {
		switch {
		case known[name] != escaped:
			caught++
		case whySeam(name) != "":
			reasons[whySeam(name)]++
		default:
			open = append(open, name)
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%d of %d mutants of the guard and its memory were caught.\n\n| why those that are not caught are there | mutants |\n|---|---|\n", caught, len(s.names))
	for _, reason := range slices.Sorted(maps.Keys(reasons)) {
		fmt.Fprintf(&b, "| %s | %d |\n", reason, reasons[reason])
	}
	if len(open) > 0 {
		fmt.Fprintf(&b, "| **open**: no test misses it yet | %d |\n\nOpen are:\n\n", len(open))
	}
	for _, name := range open {
		fmt.Fprintf(&b, "- `%s`\n", name)
	}
	return b.String()
}

// alike says why mutants that are not caught may be there, by a part of their name.
var alike = []struct{ part, why string }{
	{"never !g.rekeyed", "it saves work alone"},
	{"always known[k.record] == nil", "it saves work alone"},
	{"always len(m.held) > maxHeldAt", "it saves work alone"},
	{"always len(m.held) > maxHeldOf", "it saves work alone"},
	{"see: always ttl < h.TTL", "it saves work alone"},          // the state is smaller
	{"Replace: always soa.Sigs != \"\"", "it saves work alone"}, // nobody accepts what is not signed
	{"met: always", "it saves work alone"},                      // one pass signs the whole zone
	// The chain of a first version could be looked at as that of a later one is.
	{"Faults: never old == nil (3)", "it saves work alone"},
	// What is looked at besides is as it was, or stands in the change already.
	{"pairs: always shades", "it saves work alone"},
	{"shades: never c.Old.Exists() == c.New.Exists()", "it saves work alone"},
	{"shades: always c.Type()", "it saves work alone"},
	{"shades: always c.Name()", "it saves work alone"},
	{"surfaced: never !n.Name().Under(top)", "it saves work alone"},
	{"ofTheRest: never", "it saves work alone"},
	// What the tag leaves out the digest would, and what is known would be found again.
	{"stands: never d.Tag() != k.tag", "it saves work alone"},
	{"by: always !known", "it saves work alone"},
	{"accepts: never t.known", "it saves work alone"},
	{"known: never t.made", "it saves work alone"},
}

func whySeam(name string) string {
	for _, r := range alike {
		if strings.Contains(name, r.part) {
			return r.why
		}
	}
	return ""
}
