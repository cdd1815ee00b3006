// Package test holds bans that no linter knows. The floors, and what a thinking
// room must not touch, are held by plugin/multisigner's floors test.
package test

import (
	"bytes"
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const module = "github.com/multisigner/multisigner/"

type listed struct {
	ImportPath, Dir           string
	Imports                   []string
	TestGoFiles, XTestGoFiles []string
}

// packages lists ours with every build tag that the project has.
func packages(t *testing.T) []listed { return packagesWith(t, "interop,failpoints") }

func packagesWith(t *testing.T, tags string) []listed {
	cmd := exec.Command("go", "list", "-e", "-json=ImportPath,Dir,Imports,TestGoFiles,XTestGoFiles", "-tags", tags, module+"...")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	require.NoError(t, err, stderr.String())
	var all []listed
	for decoder := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listed
		err := decoder.Decode(&p)
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		all = append(all, p)
	}
	require.Greater(t, len(all), 10)
	return all
}

// CoreDNS is known at the edge only, so that the core could stand behind another
// server; and no package is a drawer for what has no name.
func TestPackages(t *testing.T) {
	know := []string{"plugin/multisigner", "plugin/multisigner/corefile", "plugin/multisigner/fastpath", "cmd/coredns", "cmd/coredns/plugins"}
	drawers := []string{"util", "utils", "common", "types", "helpers", "internal", "misc"}
	for _, p := range packages(t) {
		name := strings.TrimPrefix(p.ImportPath, module)
		require.NotContains(t, drawers, path.Base(name))
		for _, imported := range p.Imports {
			if strings.HasPrefix(imported, "github.com/coredns/") && !slices.Contains(know, name) {
				t.Errorf("%s must not know CoreDNS (it imports %s)", name, imported)
			}
		}
	}
}

// A test that sleeps is slow when the machine is fast and wrong when it is slow.
func TestNoSleepInTests(t *testing.T) {
	seen := 0
	for _, p := range packages(t) {
		for _, name := range slices.Concat(p.TestGoFiles, p.XTestGoFiles) {
			seen++
			set := token.NewFileSet()
			file, err := parser.ParseFile(set, filepath.Join(p.Dir, name), nil, 0)
			require.NoError(t, err)
			for _, at := range uses(file, "time", "Sleep") {
				t.Errorf("%s: tests do not sleep: pass the time, use testing/synctest, or wait for what is to happen", set.Position(at))
			}
		}
	}
	require.NotZero(t, seen)
}

// make interop finds its tests by a pattern. One in a file that the pattern does not match
// would never run.
func TestInteropFindsItsTests(t *testing.T) {
	makefile, err := os.ReadFile("../Makefile")
	require.NoError(t, err)
	m := regexp.MustCompile(`grep -rlE '([^']+)' --include='\*_test.go' cmd plugin test`).FindSubmatch(makefile)
	require.NotNil(t, m)
	pattern := regexp.MustCompile("(?m)" + string(m[1]))
	files := func(tags string) (all []string) {
		for _, p := range packagesWith(t, tags) {
			for _, name := range slices.Concat(p.TestGoFiles, p.XTestGoFiles) {
				all = append(all, filepath.Join(p.Dir, name))
			}
		}
		return all
	}
	plain, found := files("failpoints"), 0
	for _, path := range files("interop,failpoints") {
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		tagged := !slices.Contains(plain, path)
		require.Equal(t, tagged, pattern.Match(text), path)
		if tagged {
			found++
		}
	}
	require.Greater(t, found, 20)
}

// The scan finds what it is for.
func TestUses(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "x.go", "package x\nimport \"time\"\nfunc f() { time.Sleep(1); time.Now() }", 0)
	require.NoError(t, err)
	require.Len(t, uses(file, "time", "Sleep"), 1)
}

// uses finds where a file names a function of a package.
func uses(file *ast.File, pkg, function string) []token.Pos {
	var found []token.Pos
	ast.Inspect(file, func(n ast.Node) bool {
		if s, ok := n.(*ast.SelectorExpr); ok && s.Sel.Name == function {
			if x, ok := s.X.(*ast.Ident); ok && x.Name == pkg {
				found = append(found, s.Pos())
			}
		}
		return true
	})
	return found
}
