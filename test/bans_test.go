package test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// thinking are the rooms of floors 0 to 2: values in, values out.
var thinking = []string{"zone", "roll", "status", "denial", "xfr", "update", "validate", "sign", "answer"}

// What a thinking room must not import: it would act, guess or speak.
var bannedImports = []string{
	"os", "os/exec", "net/http", "log", "log/slog", "math/rand", "math/rand/v2", "crypto/rand", "syscall",
}

// Its time is an argument, and it knows no network, so these are banned too.
var bannedCalls = []string{
	"net.Dial", "net.DialTimeout", "net.Listen", "net.ListenPacket", "net.LookupHost", "net.LookupIP",
	"time.Now", "time.Since", "time.Until", "time.Sleep", "time.After", "time.AfterFunc", "time.Tick", "time.NewTimer", "time.NewTicker",
}

// A thinking room reads no clock and touches nothing: equal arguments give equal
// results, which is what makes it fast to simulate and easy to trust.
func TestThinkingRooms(t *testing.T) {
	for _, p := range packages(t) {
		if !slices.Contains(thinking, strings.TrimPrefix(p.ImportPath, plugin)) {
			continue
		}
		for _, name := range p.GoFiles {
			file, set := parse(t, filepath.Join(p.Dir, name))
			for _, spec := range file.Imports {
				imported, err := strconv.Unquote(spec.Path.Value)
				require.NoError(t, err)
				if slices.Contains(bannedImports, imported) {
					t.Errorf("%s: a thinking room must not import %s", set.Position(spec.Pos()), imported)
				}
			}
			for _, call := range selected(file, bannedCalls) {
				t.Errorf("%s: a thinking room must not read the clock or reach out", set.Position(call))
			}
		}
	}
}

// A test that sleeps is slow when the machine is fast and wrong when it is slow.
func TestNoSleepInTests(t *testing.T) {
	for _, p := range packages(t) {
		for _, name := range slices.Concat(p.TestGoFiles, p.XTestGoFiles) {
			file, set := parse(t, filepath.Join(p.Dir, name))
			for _, call := range selected(file, []string{"time.Sleep"}) {
				t.Errorf("%s: tests do not sleep: pass the time, use testing/synctest, or wait for what is to happen", set.Position(call))
			}
		}
	}
}

func parse(t *testing.T, path string) (*ast.File, *token.FileSet) {
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, path, nil, 0)
	require.NoError(t, err)
	return file, set
}

// selected finds uses of names like "time.Now".
func selected(file *ast.File, names []string) []token.Pos {
	var found []token.Pos
	ast.Inspect(file, func(n ast.Node) bool {
		if s, ok := n.(*ast.SelectorExpr); ok {
			if x, ok := s.X.(*ast.Ident); ok && slices.Contains(names, x.Name+"."+s.Sel.Name) {
				found = append(found, s.Pos())
			}
		}
		return true
	})
	return found
}
