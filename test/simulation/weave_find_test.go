package simulation_test

import (
	"fmt"
	"go/ast"
	"go/token"
	"slices"
	"strings"
)

// finder finds the mutants of one function.
type finder struct {
	w     *woven
	l     *lore
	f     *ruleFile
	base  int // where the file begins
	in    *ast.FuncDecl
	path  []ast.Node // from the function down to what is looked at
	wrote map[ast.Node]bool
}

// rows makes a mutant of each gate of each row in the table of rules: it is dropped.
func (w *woven) rows(set *token.FileSet, f *ruleFile) {
	x := &finder{w: w, f: f, base: set.File(f.of.Pos()).Base()}
	row := ""
	ast.Inspect(f.of, func(n ast.Node) bool {
		field, ok := n.(*ast.KeyValueExpr)
		if !ok {
			return true
		}
		switch of := field.Value.(type) {
		case *ast.BasicLit:
			if word(field.Key) == "name" {
				row = strings.Trim(of.Value, `"`)
			}
		case *ast.CompositeLit:
			for _, gate := range of.Elts {
				if word(field.Key) == "gates" {
					x.wrap(gate, "row "+row+" goes without "+x.text(gate), "mutantGate(%d, ", ")")
				}
			}
		}
		return true
	})
}

// find finds the mutants in one file.
func (w *woven) find(set *token.FileSet, f *ruleFile, l *lore) {
	w.rows(set, f)
	for _, d := range f.of.Decls {
		if d, ok := d.(*ast.FuncDecl); ok && d.Body != nil {
			x := &finder{w: w, l: l, f: f, base: set.File(f.of.Pos()).Base(), in: d, wrote: map[ast.Node]bool{}}
			x.begin()
			ast.Inspect(d.Body, func(n ast.Node) bool {
				if n == nil {
					x.path = x.path[:len(x.path)-1]
					return true
				}
				x.look(n)
				x.path = append(x.path, n)
				return true
			})
		}
	}
}

// begin has the functions through which every gate and every wait goes ask whether it is to be
// there.
func (x *finder) begin() {
	ask := ""
	switch x.in.Name.Name {
	case "needs", "pass":
		ask = " if mutantOpens(g) { return };"
	case "ends":
		ask = " terms = mutantTerms(terms);"
	case "margin":
		ask = " if !mutantKeeps(mutantOfMargin) { return 0 };"
	default:
		return
	}
	at := int(x.in.Body.Lbrace) + 1 - x.base
	x.f.edits = append(x.f.edits, edit{at, at, ask, ""})
}

// look makes a mutant of n if it is a demand, a term, a hold that is looked at, or evidence.
func (x *finder) look(n ast.Node) {
	switch n := n.(type) {
	case *ast.AssignStmt:
		for _, e := range n.Lhs {
			x.wrote[e] = true
		}
	case *ast.Field:
		for _, e := range n.Names {
			x.wrote[e] = true
		}
	case *ast.SelectorExpr:
		x.wrote[n.Sel] = true
		x.hold(n)
	case *ast.KeyValueExpr:
		x.wrote[n.Key] = true
	case *ast.ExprStmt:
		x.demand(n)
	case *ast.CallExpr:
		x.report(n)
		if x.l.parts[word(n.Fun)] {
			x.term(n)
		}
	case *ast.CompositeLit:
		if word(n.Type) == "term" && len(n.Elts) > 0 {
			x.term(n)
		}
	}
	if e, ok := n.(ast.Expr); ok && !x.wrote[n] {
		x.evidence(e)
	}
}

// wrap puts text around n. In it %d is the number of the mutant, which name tells.
func (x *finder) wrap(n ast.Node, name, before, after string) {
	e := edit{int(n.Pos()) - x.base, int(n.End()) - x.base, fmt.Sprintf(before, x.w.add(name)), after}
	x.f.edits = append(x.f.edits, e)
}

// text is what stands at n, in a line that is not long.
func (x *finder) text(n ast.Node) string {
	text := []rune(strings.Join(strings.Fields(x.f.src[int(n.Pos())-x.base:int(n.End())-x.base]), " "))
	if len(text) > 70 {
		return string(text[:69]) + "…"
	}
	return string(text)
}

func (x *finder) name() string { return x.in.Name.Name }

// demand drops what a hold is given to. What alone names a gate is dropped with the gate.
func (x *finder) demand(s *ast.ExprStmt) {
	call, ok := s.X.(*ast.CallExpr)
	if !ok || !x.holds(call) || x.alone(call) {
		return
	}
	before, after := "if mutantKeeps(%d) { ", " }"
	switch above := x.path[len(x.path)-1].(type) {
	case *ast.IfStmt:
		if above.Init == ast.Stmt(s) {
			before, after = "func() { "+before, after+" }()"
		}
	case *ast.SwitchStmt:
		if above.Init == ast.Stmt(s) {
			before, after = "func() { "+before, after+" }()"
		}
	}
	x.wrap(s, x.name()+" goes without "+x.text(call), before, after)
}

// report drops a demand that says whether it held for something.
func (x *finder) report(call *ast.CallExpr) {
	if s, ok := x.path[len(x.path)-1].(*ast.ExprStmt); ok && s.X == ast.Expr(call) {
		return
	}
	if x.holds(call) && x.l.holding[word(call.Fun)] {
		x.wrap(call, x.name()+" goes without "+x.text(call), "(mutantKeeps(%d) && ", ")")
	}
}

// holds reports whether a call is given a hold.
func (x *finder) holds(call *ast.CallExpr) bool {
	_, ok := x.l.holding[word(call.Fun)]
	return ok
}

// alone reports whether a call is the only one that names its gate.
func (x *finder) alone(call *ast.CallExpr) bool {
	return slices.ContainsFunc(call.Args, func(e ast.Expr) bool { return x.l.named[word(e)] == 1 })
}

// term has a part of a wait take no time. What a function that makes terms calls itself is one
// with what it makes.
func (x *finder) term(n ast.Expr) {
	if !x.l.parts[x.name()] {
		x.wrap(n, x.name()+" does not wait for "+x.text(n), "mutantTerm(%d, ", ")")
	}
}

// hold goes on although something stands in the way.
func (x *finder) hold(n *ast.SelectorExpr) {
	if n.Sel.Name == "blocked" && !x.wrote[n] && x.in.Recv != nil && x.name() != "needs" && x.name() != "passes" && x.name() != "merge" && x.name() != "enough" {
		x.wrap(n, x.name()+" goes on although "+x.text(n), "mutantMinds(%d, ", ")")
	}
}

// claims are what was seen: names of what is true when it was seen, and of what is true when it
// was not.
var (
	claims     = []string{"Trusted", "parentFresh", "Looked", "complete", "shows", "reached"}
	objections = []string{"Transfer", "Unclaimed", "restart", "restarted", "gap"}
	unknowns   = []string{"UnknownDS", "unknownDS", "UnknownCDS"}
)

// evidence has what was seen believed without a look.
func (x *finder) evidence(e ast.Expr) {
	switch e := e.(type) {
	case *ast.Ident, *ast.SelectorExpr:
		if call, ok := x.path[len(x.path)-1].(*ast.CallExpr); ok && call.Fun == e {
			return
		}
		x.believe(e, word(e))
	case *ast.CallExpr:
		x.believe(e, word(e.Fun))
	case *ast.IndexExpr:
		if word(e.X) == "fresh" {
			x.wrap(e, x.name()+" believes "+x.text(e), "mutantBelieves(%d, ", ")")
		}
	case *ast.BinaryExpr:
		x.compare(e)
	}
}

func (x *finder) believe(e ast.Expr, name string) {
	switch {
	case slices.Contains(claims, name):
		x.wrap(e, x.name()+" believes "+x.text(e), "mutantBelieves(%d, ", ")")
	case slices.Contains(objections, name):
		x.wrap(e, x.name()+" does not mind "+x.text(e), "mutantMinds(%d, ", ")")
	}
}

// compare believes states of addresses, and looks however old they are; what is unknown is taken
// for absent, and nobody who could be asked for everybody.
func (x *finder) compare(e *ast.BinaryExpr) {
	left, right := word(e.X), x.text(e.Y)
	switch {
	case left == "State" && right == "Good" && e.Op == token.EQL:
		x.wrap(e, x.name()+" believes "+x.text(e), "mutantBelieves(%d, ", ")")
	case left == "State" && (right == "Good" && e.Op == token.NEQ || right == "Unsigned" && e.Op == token.EQL),
		e.Op == token.GTR && strings.Contains(right, "interval()"),
		e.Op == token.GTR && (slices.Contains(unknowns, left) || strings.Contains(x.text(e.X), "Uneven")),
		e.Op == token.EQL && strings.HasPrefix(x.text(e.X), "len(") && strings.Contains(x.text(e.X), "ddresses"):
		x.wrap(e, x.name()+" does not mind "+x.text(e), "mutantMinds(%d, ", ")")
	}
}
