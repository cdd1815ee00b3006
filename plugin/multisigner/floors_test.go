package multisigner

import (
	"encoding/json"
	"errors"
	"go/ast"
	goparser "go/parser"
	"go/token"
	"io"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const module = "github.com/multisigner/multisigner"

// floors says which room may import which, of ours. Rooms are named as below
// plugin/multisigner; "." is the plugin itself. What is not named here may not be there.
var floors = func() map[string][]string {
	thinking := []string{"zone", "catalog", "rdata", "roll", "status", "commands", "dormant", "denial", "xfr", "update", "validate", "sign", "answer", "caches", "source/primary"}
	hands := []string{"ask", "clock", "hook", "job", "keystore", "store", "source", "peer", "parent", "matrix", "history", "kept"}
	lab := []string{"corefile", "control/client", "status", "zone", "denial", "sign", "answer", "validate", "keystore", "ask"}
	return map[string][]string{
		"commands": {},
		"zone":     {},
		"rdata":    {},
		"roll":     {},
		"status":   {},
		"dormant":  {},
		"catalog":  {"zone"},
		"denial":   {"zone"},
		"xfr":      {"zone"},
		"update":   {"zone", "rdata"},
		"validate": {"zone"},

		"source/primary": {"zone"},

		"sign":   {"zone", "denial"},
		"answer": {"zone", "denial"},
		"caches": {"zone", "validate"},

		"ask":      {},
		"clock":    {},
		"hook":     {},
		"job":      {},
		"keystore": {},
		"store":    {},
		"certs":    {},
		"source":   {"zone", "rdata", "xfr", "validate", "ask", "source/primary"},
		"peer":     {"zone", "xfr", "validate", "ask"},
		"parent":   {"zone", "xfr", "validate", "ask"},
		"matrix":   {"zone", "status", "validate", "ask"},
		"history":  {"zone", "xfr"},
		"kept":     {"zone", "xfr", "history"},
		"fastpath": {"zone", "xfr", "validate", "ask", "answer"},

		"engine":         slices.Concat(thinking, hands),
		"corefile":       slices.Concat(thinking, hands, []string{"engine"}),
		"control":        {"engine", "commands", "status", "zone"},
		"control/client": {"status"},
		".":              slices.Concat(thinking, hands, []string{"certs", "fastpath", "engine", "corefile", "control"}),

		"/cmd/coredns":         {"/cmd/coredns/plugins", "commands"},
		"/cmd/coredns/plugins": {"."},
		"/cmd/multisigner":     {".", "/cmd/coredns/plugins", "control/client", "commands", "status", "source", "zone", "/test/lab"},
		"/test/lab":            append(lab, "/test/lab/registry", "/test/loopback"),
		"/test/lab/registry":   lab,
		"/test/loopback":       {},
	}
}()

// timeless are the floors that read no clock and touch nothing of the world.
var timeless = []string{"zone", "catalog", "rdata", "roll", "status", "commands", "dormant", "denial", "xfr", "update", "validate", "sign", "answer", "caches", "source/primary"}

// listed is what `go list -json` says of a package.
type listed struct {
	Dir, ImportPath string
	GoFiles         []string
	Imports         []string // without those of its tests
}

func packages(t *testing.T) []listed {
	t.Helper()
	cmd := exec.Command("go", "list", "-e", "-json=Dir,ImportPath,GoFiles,Imports", module+"/...")
	out, err := cmd.Output()
	require.NoError(t, err)
	var all []listed
	for decoder := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listed
		err := decoder.Decode(&p)
		if errors.Is(err, io.EOF) {
			return all
		}
		require.NoError(t, err)
		all = append(all, p)
	}
}

// room names a package as the table does; ok is false for what is not ours.
func room(importPath string) (name string, ok bool) {
	path, ours := strings.CutPrefix(importPath, module)
	if !ours {
		return "", false
	}
	if path == "/plugin/multisigner" {
		return ".", true
	}
	if inside, ok := strings.CutPrefix(path, "/plugin/multisigner/"); ok {
		return inside, true
	}
	return path, true
}

// Imports point down: that is what keeps what thinks apart from what touches the
// world, and both testable.
func TestFloors(t *testing.T) {
	all := packages(t)
	require.NotEmpty(t, all)
	for _, p := range all {
		name, _ := room(p.ImportPath)
		if len(p.GoFiles) == 0 {
			continue // tests only: they may look at everything
		}
		allowed, known := floors[name]
		if !known && strings.HasPrefix(name, "/test/") {
			continue
		}
		require.True(t, known, "%s has no floor: give it one in this table, or another home", name)
		for _, imported := range p.Imports {
			if other, ours := room(imported); ours {
				require.Contains(t, allowed, other, "%s may not import %s", name, other)
			}
		}
	}
}

// worldly are the packages, and of some packages the functions, that thinking
// rooms do without.
var worldly = map[string][]string{
	"time":         {"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "Tick", "NewTimer", "NewTicker"},
	"fmt":          {"Print", "Println", "Printf", "Scan", "Scanln", "Scanf"},
	"net":          nil,
	"net/http":     nil,
	"os":           nil,
	"os/exec":      nil,
	"log":          nil,
	"log/slog":     nil,
	"math/rand":    nil,
	"math/rand/v2": nil,
	"crypto/rand":  nil,
	"syscall":      nil,
}

// What thinks is given the time, and neither logs nor dials: equal arguments give
// equal results, today and in a simulation.
func TestThinkingRoomsAreTimeless(t *testing.T) {
	seen := 0
	for _, p := range packages(t) {
		name, _ := room(p.ImportPath)
		if !slices.Contains(timeless, name) {
			continue
		}
		for _, file := range p.GoFiles {
			seen++
			for _, fault := range worldlyUses(t, filepath.Join(p.Dir, file)) {
				t.Errorf("%s/%s", name, fault)
			}
		}
	}
	require.NotZero(t, seen)
}

// worldlyUses lists what a source file uses of the world.
func worldlyUses(t *testing.T, path string) []string {
	t.Helper()
	set := token.NewFileSet()
	file, err := goparser.ParseFile(set, path, nil, 0)
	require.NoError(t, err)
	var faults []string
	imports := make(map[string]string) // by the name used in the file
	for _, i := range file.Imports {
		imported, err := strconv.Unquote(i.Path.Value)
		require.NoError(t, err)
		functions, known := worldly[imported]
		switch {
		case known && functions == nil:
			faults = append(faults, set.Position(i.Pos()).String()+" imports "+imported)
		case known && i.Name != nil:
			imports[i.Name.Name] = imported
		case known:
			imports[imported] = imported
		}
	}
	ast.Inspect(file, func(n ast.Node) bool {
		selector, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		if x, ok := selector.X.(*ast.Ident); ok && slices.Contains(worldly[imports[x.Name]], selector.Sel.Name) {
			faults = append(faults, set.Position(n.Pos()).String()+" uses "+imports[x.Name]+"."+selector.Sel.Name)
		}
		return true
	})
	return faults
}

// The scan itself finds what it is for.
func TestWorldlyUses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.go")
	writeFile(t, path, `package x
import (
	clock "time"
	"crypto/rand"
	"fmt"
)
var a = clock.Now()
var b, _ = rand.Int(nil, nil)
var c = clock.Unix(0, 0)
func f() { fmt.Println(fmt.Sprint(a, b, c)) }
`)
	var found []string
	for _, fault := range worldlyUses(t, path) {
		found = append(found, strings.TrimPrefix(fault, path))
	}
	require.Equal(t, []string{":4:2 imports crypto/rand", ":7:9 uses time.Now", ":10:12 uses fmt.Println"}, found)
}
