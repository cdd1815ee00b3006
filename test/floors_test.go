// Package test holds the house together: which room may import which, and what
// is banned where.
package test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const (
	module = "github.com/multisigner/multisigner/"
	plugin = module + "plugin/multisigner/"
	root   = module + "plugin/multisigner"
)

// mayImport is the table of docs/ARCHITECTURE.md: of our own packages, what each
// room may import. A room that is not here has no floor yet.
var mayImport = map[string][]string{
	"zone": {}, "roll": {}, "status": {},
	"denial": {"zone"}, "xfr": {"zone"}, "update": {"zone"}, "validate": {"zone"},
	"sign": {"zone", "denial"}, "answer": {"zone", "denial"},
	"ask": {}, "keystore": {}, "keystore/pkcs11": {"keystore"}, "store": {}, "store/etcd": {"store"}, "certs": {},
	"source": floor4, "peer": floor4, "parent": floor4,
	"fastpath": {"zone", "xfr", "validate", "ask", "answer"},
	"engine": {"zone", "roll", "status", "denial", "xfr", "update", "validate", "sign", "answer", "ask", "keystore",
		"keystore/pkcs11", "store", "store/etcd", "source", "peer", "parent"},
	"control": {"engine", "status"}, "control/client": {"status"},
}

var floor4 = []string{"zone", "xfr", "validate", "ask"}

// faces are the packages that stand outside the rooms, with their prefixes of what they may import.
var faces = map[string][]string{
	root:                       {plugin},
	module + "cmd/coredns":     {root},
	module + "cmd/multisigner": {plugin + "control/client", plugin + "status", module + "test/lab"},
	module + "test":            {},
	module + "test/simulation": {plugin + "roll"},
	module + "test/e2e":        {plugin, module + "test/lab"},
	module + "test/lab":        {plugin + "control/client", plugin + "status", module + "test/lab/registry"},
	module + "test/lab/registry": {plugin + "zone", plugin + "denial", plugin + "sign", plugin + "answer",
		plugin + "validate", plugin + "keystore", plugin + "ask"},
}

type listed struct {
	ImportPath, Dir           string
	Imports                   []string
	GoFiles                   []string
	TestGoFiles, XTestGoFiles []string
}

// packages lists ours with every build tag that the project has.
func packages(t *testing.T) []listed {
	cmd := exec.Command("go", "list", "-json=ImportPath,Dir,Imports,GoFiles,TestGoFiles,XTestGoFiles", "-tags", "interop,failpoints", module+"...")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	require.NoError(t, err, stderr.String())
	var all []listed
	for decoder := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listed
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else {
			require.NoError(t, err)
		}
		all = append(all, p)
	}
	require.Greater(t, len(all), 10)
	return all
}

// Imports point down the floors: what thinks knows nothing of what acts, and each
// room can be read, tested and replaced without those above it.
func TestFloors(t *testing.T) {
	for _, p := range packages(t) {
		for _, imported := range p.Imports {
			if strings.HasPrefix(imported, module) && !allowed(p.ImportPath, imported) {
				t.Errorf("%s must not import %s: see the floors in docs/ARCHITECTURE.md", short(p.ImportPath), short(imported))
			}
		}
	}
}

func allowed(from, to string) bool {
	if face, ok := faces[from]; ok {
		return slices.ContainsFunc(face, func(prefix string) bool {
			return to == prefix || strings.HasSuffix(prefix, "/") && strings.HasPrefix(to, prefix)
		})
	}
	rooms, ok := mayImport[strings.TrimPrefix(from, plugin)]
	return ok && slices.Contains(rooms, strings.TrimPrefix(to, plugin))
}

// Every package stands somewhere in the table; none is a drawer for what has no name.
func TestEveryPackageHasAPlace(t *testing.T) {
	for _, p := range packages(t) {
		_, isFace := faces[p.ImportPath]
		_, isRoom := mayImport[strings.TrimPrefix(p.ImportPath, plugin)]
		require.True(t, isFace || isRoom, "%s is on no floor: give it one in docs/ARCHITECTURE.md and here", short(p.ImportPath))
		require.NotContains(t, []string{"util", "common", "types", "helpers", "internal", "misc"}, path.Base(p.ImportPath))
	}
}

// CoreDNS is known at the edge only, so that the core could stand behind another server.
func TestWhoKnowsCoreDNS(t *testing.T) {
	know := []string{root, plugin + "fastpath", module + "cmd/coredns"}
	for _, p := range packages(t) {
		for _, imported := range p.Imports {
			if strings.HasPrefix(imported, "github.com/coredns/") {
				require.Contains(t, know, p.ImportPath, "imports %s", imported)
			}
		}
	}
}

func short(importPath string) string { return strings.TrimPrefix(importPath, module) }
