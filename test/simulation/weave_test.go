package simulation_test

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The rules of roll are broken by program: each gate is opened, each demand dropped, each term
// of a wait set to nothing, each piece of evidence believed. All of these mutants are woven into one
// program, which is told by its environment which of them it is.

// woven are the mutants of the rules, and the texts that have them all.
type woven struct {
	names []string          // of mutant n at n-1
	texts map[string]string // by path
	twice map[string]int    // how many had one name
}

// talks are the files that only tell and foretell, and change no decision.
var talks = []string{"alarm.go", "forecast.go", "format3.go", "gatetext.go", "moments.go", "obedience.go", "plan.go", "refusal.go", "show.go", "wait.go", "words.go"}

// ruleFile is a file of the rules.
type ruleFile struct {
	path, src string
	of        *ast.File
	edits     []edit
}

// edit puts text around a part of a file.
type edit struct {
	from, to      int
	before, after string
}

// weave finds the mutants of the rules.
func weave(t *testing.T) *woven {
	paths, err := filepath.Glob(filepath.Join(rolls, "*.go"))
	require.NoError(t, err)
	set, files := token.NewFileSet(), []*ruleFile{}
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		src, err := os.ReadFile(path)
		require.NoError(t, err)
		path, err = filepath.Abs(path)
		require.NoError(t, err)
		of, err := parser.ParseFile(set, path, src, parser.SkipObjectResolution)
		require.NoError(t, err)
		files = append(files, &ruleFile{path: path, src: string(src), of: of})
	}
	w := &woven{texts: map[string]string{}, twice: map[string]int{}}
	l := learn(files)
	w.tables(t, l)
	for _, f := range files {
		if !slices.Contains(talks, filepath.Base(f.path)) {
			w.find(set, f, l)
		}
		w.texts[f.path] = f.edited()
	}
	return w
}

// lore is what the rules' own declarations say.
type lore struct {
	gates, terms []string
	holding      map[string]bool // functions that a hold is given to; true: they report something
	parts        map[string]bool // functions that make a term
	named        map[string]int  // how often a gate is named by the rules
}

// learn reads the declarations.
func learn(files []*ruleFile) *lore {
	l := &lore{holding: map[string]bool{}, parts: map[string]bool{}, named: map[string]int{}}
	for _, f := range files {
		for _, d := range f.of.Decls {
			switch d := d.(type) {
			case *ast.GenDecl:
				if d.Tok == token.CONST {
					l.constants(d)
				}
			case *ast.FuncDecl:
				l.function(d)
			}
		}
	}
	for _, f := range files {
		if name := filepath.Base(f.path); name == "gate.go" || slices.Contains(talks, name) {
			continue
		}
		ast.Inspect(f.of, func(n ast.Node) bool {
			if id, ok := n.(*ast.Ident); ok && slices.Contains(l.gates, id.Name) {
				l.named[id.Name]++
			}
			return true
		})
	}
	return l
}

// constants notes the gates, and what parts of waits are for.
func (l *lore) constants(d *ast.GenDecl) {
	kind := ""
	for _, s := range d.Specs {
		v := s.(*ast.ValueSpec)
		if v.Type != nil {
			kind = word(v.Type)
		} else if len(v.Values) > 0 {
			kind = ""
		}
		for _, name := range v.Names {
			switch {
			case name.Name == "_":
			case kind == "gate":
				l.gates = append(l.gates, name.Name)
			case kind == "termKind":
				l.terms = append(l.terms, name.Name)
			}
		}
	}
}

// apart are functions that are given a hold and ask for nothing: they tell of it, or add up.
var apart = []string{"wait", "late", "tellWait", "because", "passes", "join", "enough"}

// function notes what is given a hold, and what makes a term. A wait only tells of one.
func (l *lore) function(d *ast.FuncDecl) {
	all := slices.Clone(d.Type.Params.List)
	if d.Recv != nil {
		all = append(all, d.Recv.List...)
	}
	results := d.Type.Results.NumFields()
	for _, p := range all {
		if star, ok := p.Type.(*ast.StarExpr); ok && word(star.X) == "hold" && results <= 1 && !slices.Contains(apart, d.Name.Name) {
			l.holding[d.Name.Name] = results == 1
		}
	}
	if results == 1 && word(d.Type.Results.List[0].Type) == "term" {
		l.parts[d.Name.Name] = true
	}
}

// word is an expression's name, or its last part.
func word(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return e.Sel.Name
	}
	return ""
}

// add numbers another mutant.
func (w *woven) add(name string) int {
	if w.twice[name]++; w.twice[name] > 1 {
		name = fmt.Sprintf("%s (%d)", name, w.twice[name])
	}
	w.names = append(w.names, name)
	return len(w.names)
}

// tables makes a mutant of each gate and of each kind of term, and the file that has their numbers.
func (w *woven) tables(t *testing.T, l *lore) {
	require.NotEmpty(t, l.gates, "the rules have no gates any more")
	require.NotEmpty(t, l.terms, "the rules have no terms any more")
	var b strings.Builder
	b.WriteString("package roll\n\nvar mutantOfGate = map[gate]int{\n")
	for _, gate := range l.gates {
		fmt.Fprintf(&b, "\t%s: %d,\n", gate, w.add("the gate "+gate+" is always open"))
	}
	b.WriteString("}\n\nvar mutantOfTerm = map[termKind]int{\n")
	for _, of := range l.terms {
		if of != "margin" {
			fmt.Fprintf(&b, "\t%s: %d,\n", of, w.add("no wait has a "+of))
		}
	}
	fmt.Fprintf(&b, "}\n\nconst mutantOfMargin = %d\n", w.add("no wait has a margin"))
	dir, err := filepath.Abs(rolls)
	require.NoError(t, err)
	w.texts[filepath.Join(dir, "woven.go")] = b.String()
	here, err := filepath.Abs(".")
	require.NoError(t, err)
	for name, in := range map[string]string{"mutant.go": dir, "mutant_test.go": dir, "worlds_test.go": here} {
		text, err := os.ReadFile(filepath.Join("testdata/woven", name))
		require.NoError(t, err)
		w.texts[filepath.Join(in, "woven_"+name)] = string(text)
	}
}

// edited is the text of a file with all its edits, the inner ones of those at one place inside.
func (f *ruleFile) edited() string {
	type put struct {
		at, order, inner int
		text             string
	}
	var puts []put
	for i, e := range f.edits {
		puts = append(puts, put{e.from, 1, -e.to*10000 + i, e.before}, put{e.to, 0, -e.from*10000 - i, e.after})
	}
	slices.SortFunc(puts, func(a, b put) int {
		return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.order, b.order), cmp.Compare(a.inner, b.inner))
	})
	var b strings.Builder
	last := 0
	for _, p := range puts {
		b.WriteString(f.src[last:p.at] + p.text)
		last = p.at
	}
	return b.String() + f.src[last:]
}
