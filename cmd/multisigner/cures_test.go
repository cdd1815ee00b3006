package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/commands"
)

// What an alarm or an error tells an operator to give is a command that there is, or a
// line of the Corefile.
func TestCuresNameCommands(t *testing.T) {
	command := regexp.MustCompile("`(?:multisigner )?([a-z]+)")
	readme, err := os.ReadFile("../../plugin/multisigner/README.md")
	require.NoError(t, err)
	known := func(word string) bool {
		return commands.Is(word, commands.View, commands.List, commands.Order, commands.Local) || strings.Contains(string(readme), "* `"+word+"`")
	}
	found := 0
	for _, room := range []string{"roll", "engine", "status"} {
		files, err := filepath.Glob("../../plugin/multisigner/" + room + "/*.go")
		require.NoError(t, err)
		require.NotEmpty(t, files)
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
			require.NoError(t, err)
			ast.Inspect(parsed, func(n ast.Node) bool {
				text, ok := n.(*ast.BasicLit)
				if !ok || text.Kind != token.STRING || !strings.HasPrefix(text.Value, `"`) {
					return true
				}
				for _, m := range command.FindAllStringSubmatch(text.Value, -1) {
					found++
					require.True(t, known(m[1]), "%s tells an operator to give %q: %s", file, m[1], text.Value)
				}
				return true
			})
		}
	}
	require.Greater(t, found, 20)
}
