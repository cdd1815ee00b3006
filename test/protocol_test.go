package test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var (
	defined = regexp.MustCompile("\\*\\*`([A-Za-z0-9-]+)`\\*\\*")
	leads   = regexp.MustCompile("\\[`([A-Za-z0-9-]+)`\\]")
	// A citation is PROTOCOL and names of rules: "PROTOCOL I5, ds-in-caches and I8". Its lines
	// may begin with the mark of a comment.
	cited   = regexp.MustCompile("\\bPROTOCOL((?:(?:,| and|)(?:\\s|//|#)+`?(?:I[0-9]+|[a-z0-9]+(?:-[a-z0-9]+)+)`?)+)")
	name    = regexp.MustCompile("I[0-9]+|[a-z0-9]+(?:-[a-z0-9]+)+")
	unnamed = regexp.MustCompile(`\bb\.[0-9]+ ?[A-Z][0-9]|\bprotocol (?:b\.|[A-Z][0-9])|\breliability [A-Z][0-9]|\blaw [0-9]`)
)

// Who may carry out a rule, and where it may be told by a story.
var (
	carrying = regexp.MustCompile(`^plugin/multisigner/(roll/|engine/|validate/|access\.go$)|^test/simulation/`)
	telling  = regexp.MustCompile(`^test/simulation/(stories|simulation)_test\.go$`)
)

// texts yields our sources, stories and pages, by path from the root of the project.
func texts(t *testing.T, yield func(path, text string)) {
	for _, dir := range []string{"cmd", "docs", "plugin", "test", "corefile-examples"} {
		require.NoError(t, filepath.WalkDir(filepath.Join("..", dir), func(path string, d os.DirEntry, err error) error {
			switch {
			case err != nil || d.IsDir():
				return err
			case !slices.Contains([]string{".go", ".md", ".txt"}, filepath.Ext(path)):
				return nil
			}
			text, err := os.ReadFile(path)
			yield(filepath.ToSlash(strings.TrimPrefix(path, "../")), string(text))
			return err
		}))
	}
}

// The rules are written once, in docs/PROTOCOL.md, and named from everywhere. So no name
// may lead nowhere, and no rule may be one that nothing carries out.
func TestBansUnnamedRules(t *testing.T) {
	page, err := os.ReadFile("../docs/PROTOCOL.md")
	require.NoError(t, err)
	rules, carried := map[string]bool{}, map[string]bool{}
	for _, m := range defined.FindAllStringSubmatch(string(page), -1) {
		require.False(t, rules[m[1]], "two rules of docs/PROTOCOL.md are called %s", m[1])
		rules[m[1]] = true
	}
	require.Greater(t, len(rules), 50)
	for _, m := range leads.FindAllStringSubmatch(string(page), -1) {
		if !rules[m[1]] {
			t.Errorf("docs/PROTOCOL.md leads to %s, and has no such rule", m[1])
		}
	}
	texts(t, func(path, text string) {
		if m := unnamed.FindString(text); m != "" && path != "test/protocol_test.go" {
			t.Errorf("%s cites %q, which is not in the repository: name a rule of docs/PROTOCOL.md, or a paragraph of an RFC", path, m)
		}
		carries := carrying.MatchString(path) && (!strings.HasSuffix(path, "_test.go") || telling.MatchString(path))
		for _, m := range cited.FindAllStringSubmatch(text, -1) {
			for _, rule := range name.FindAllString(m[1], -1) {
				if !rules[rule] && path != "test/protocol_test.go" {
					t.Errorf("%s cites PROTOCOL %s, and docs/PROTOCOL.md has no such rule", path, rule)
				}
				carried[rule] = carried[rule] || carries
			}
		}
	})
	for rule := range rules {
		if !carried[rule] {
			t.Errorf("nothing cites PROTOCOL %s: cite it where it is carried out, or tell it by a story, or take it out", rule)
		}
	}
}
