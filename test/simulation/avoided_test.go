package simulation_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/test/simulation"
)

// What no world does is said in one table, with the reason, and stands in docs/PROOF.md. A fault or an order
// that leaves itself out names its entry there, or says that there is nothing to do. Else a proof would
// quietly prove less.
func TestWorldsAvoid(t *testing.T) {
	paths, err := filepath.Glob("*.go")
	require.NoError(t, err)
	set, named, used := token.NewFileSet(), map[string]bool{}, map[string]bool{}
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(set, path, nil, parser.SkipObjectResolution)
		require.NoError(t, err)
		for _, d := range file.Decls {
			switch d := d.(type) {
			case *ast.GenDecl:
				for _, s := range d.Specs {
					if v, ok := s.(*ast.ValueSpec); ok && isIdent(v.Type, "Avoidance") {
						id, err := strconv.Unquote(v.Values[0].(*ast.BasicLit).Value)
						require.NoError(t, err)
						require.Equal(t, 1, strings.Count(simulation.Avoided(), "| `"+id+"` |"), "%s stands once in the table", id)
						named[v.Names[0].Name] = true
					}
				}
			case *ast.FuncDecl:
				for _, call := range callsOf(d, "avoids") {
					if id, ok := call.Args[0].(*ast.Ident); ok {
						used[id.Name] = true
					}
				}
				for _, i := range leavesOut(d) {
					t.Errorf("%s: %s leaves something out: say by moot that there is nothing to do, or by avoids why no world does it", set.Position(i.Pos()), d.Name.Name)
				}
			}
		}
	}
	delete(used, "a") // which the methods themselves hand on
	require.NotEmpty(t, named)
	require.Equal(t, named, used, "each entry is what some condition names")
}

// docs/PROOF.md has the table that the worlds go by.
func TestWorldsAvoidWhatIsSaid(t *testing.T) {
	write(t, "avoided", simulation.Avoided())
	page, err := os.ReadFile("../../docs/PROOF.md")
	require.NoError(t, err)
	require.True(t, strings.Contains(string(page), "<!-- avoided -->\n"+simulation.Avoided()+"<!-- /avoided -->\n"), "docs/PROOF.md has another table: PROOF=$PWD/docs/PROOF.md go test ./test/simulation -run TestWorldsAvoid writes it")
}

// leavesOut are the conditions by which a function that does something to the world returns before it does
// so, and that do not say why.
func leavesOut(f *ast.FuncDecl) (silent []*ast.IfStmt) {
	does := callsOf(f, "did")
	if len(does) == 0 {
		return nil
	}
	ast.Inspect(f.Body, func(n ast.Node) bool {
		i, ok := n.(*ast.IfStmt)
		if !ok || i.Pos() > does[len(does)-1].Pos() || i.Else != nil {
			return true
		}
		if _, returns := i.Body.List[0].(*ast.ReturnStmt); returns && len(callsOf(i.Cond, "avoids"))+len(callsOf(i.Cond, "moot"))+len(callsOf(i.Cond, "chance")) == 0 {
			silent = append(silent, i)
		}
		return true
	})
	return silent
}

// callsOf are the calls of a method of that name in a part of the program, in their order.
func callsOf(in ast.Node, name string) (calls []*ast.CallExpr) {
	ast.Inspect(in, func(n ast.Node) bool {
		if call, ok := n.(*ast.CallExpr); ok {
			if s, ok := call.Fun.(*ast.SelectorExpr); ok && s.Sel.Name == name {
				calls = append(calls, call)
			}
		}
		return true
	})
	return calls
}

func isIdent(e ast.Expr, name string) bool {
	id, ok := e.(*ast.Ident)
	return ok && id.Name == name
}
