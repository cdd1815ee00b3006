package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/commands"
)

// papers are the pages that a person reads, by path from the root.
func papers(t *testing.T) map[string]string {
	t.Helper()
	texts := map[string]string{}
	for _, pattern := range []string{"README.md", "docs/*.md", "plugin/multisigner/README.md", "corefile-examples/*/README.md"} {
		found, err := filepath.Glob(filepath.Join("../..", pattern))
		require.NoError(t, err)
		require.NotEmpty(t, found, pattern)
		for _, path := range found {
			text, err := os.ReadFile(path)
			require.NoError(t, err)
			texts[path] = string(text)
		}
	}
	return texts
}

// The commands that a page has somebody give are there. Who reads them in need must not
// find that they are not.
func TestPapersNameCommands(t *testing.T) {
	given := regexp.MustCompile("(?m)(?:`|^ *|[|&(] *)(?:[./]*bin/)?multisigner (?:--(?:state|json)(?: [A-Za-z./-]+)? )?([a-z][a-z-]*)")
	found := 0
	for path, text := range papers(t) {
		for _, m := range given.FindAllStringSubmatch(text, -1) {
			if m[0][0] != '`' && !strings.Contains(m[0], "bin/") && !inBlock(text, m[0]) {
				continue // prose that is broken before the name
			}
			found++
			require.True(t, commands.Is(m[1], commands.View, commands.Order, commands.Local), "%s: there is no command %q: %q", path, m[1], m[0])
		}
	}
	require.Greater(t, found, 40)
}

// inBlock reports whether what was found begins a line of a block that is to be typed.
func inBlock(text, found string) bool {
	for _, block := range regexp.MustCompile("(?ms)^ *~~~ txt$(.*?)^ *~~~$").FindAllString(text, -1) {
		if strings.Contains(block, found) && !strings.Contains(block, "multisigner [ZONES...]") {
			return true
		}
	}
	return false
}

// What a page points to is there, the heading too.
func TestPapersPointSomewhere(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)\s]*)\)`)
	found := 0
	for path, text := range papers(t) {
		for _, m := range link.FindAllStringSubmatch(text, -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			found++
			file, heading, _ := strings.Cut(m[1], "#")
			to := path
			if file != "" {
				to = filepath.Join(filepath.Dir(path), file)
			}
			_, err := os.Stat(to)
			require.NoError(t, err, path)
			if heading != "" {
				there, err := os.ReadFile(to)
				require.NoError(t, err)
				require.Contains(t, headings(string(there)), heading, "%s points to %s", path, m[1])
			}
		}
	}
	require.Greater(t, found, 20)
}

// headings are those of a page as links name them.
func headings(text string) []string {
	var all []string
	for _, m := range regexp.MustCompile("(?m)^#+ (.*)$").FindAllStringSubmatch(text, -1) {
		plain := regexp.MustCompile("[^a-z0-9 -]").ReplaceAllString(strings.ToLower(m[1]), "")
		all = append(all, strings.ReplaceAll(plain, " ", "-"))
	}
	return all
}

// The page for a zone in trouble shows what the command shows.
func TestAlarmsShowStatus(t *testing.T) {
	page, err := os.ReadFile("../../docs/ALARMS.md")
	require.NoError(t, err)
	var shown []string
	for _, name := range []string{"status", "overview"} {
		text, err := os.ReadFile(filepath.Join("testdata", name+".golden"))
		require.NoError(t, err)
		shown = append(shown, string(text))
	}
	blocks := regexp.MustCompile("(?ms)^~~~ txt\n(.*?)^~~~$").FindAllStringSubmatch(string(page), -1)
	require.Greater(t, len(blocks), 5)
	for _, block := range blocks {
		require.True(t, slices.ContainsFunc(shown, func(text string) bool { return strings.Contains(text, block[1]) }), "status does not look like this any more:\n%s", block[1])
	}
}
