package main

import (
	"io"
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
			require.True(t, commands.Is(m[1], commands.View, commands.List, commands.Order, commands.Local), "%s: there is no command %q: %q", path, m[1], m[0])
		}
	}
	require.Greater(t, found, 40)
}

// inBlock reports whether what was found begins a line of a block that is to be typed.
func inBlock(text, found string) bool {
	for _, block := range regexp.MustCompile("(?ms)^ *~~~ (?:txt|sh)$(.*?)^ *~~~$").FindAllString(text, -1) {
		if strings.Contains(block, found) && !strings.Contains(block, "multisigner [ZONES...]") {
			return true
		}
	}
	return false
}

// What a page has somebody type is there: the target of a Makefile, the test of a
// package, the command, its flags. What needs servers of others is run where they are.
func TestPapersCanBeTyped(t *testing.T) {
	kinds := []struct {
		begins string
		check  func(t *testing.T, line string)
	}{
		{"git clone ", func(t *testing.T, line string) {
			require.Contains(t, line, "https://github.com/multisigner/multisigner")
		}},
		{"make ", canBeMade},
		{"go test ", canBeTested},
		{"multisigner ", func(t *testing.T, line string) {
			command, _, _ := strings.Cut(line, " | ")
			var said strings.Builder
			args := append([]string{"--state", t.TempDir()}, strings.Fields(command)[1:]...)
			require.Equal(t, 1, run(args, io.Discard, &said), "%s: %s", line, &said) // nobody is there, but it was understood
		}},
		{"pdnsutil ", func(*testing.T, string) {}}, // by TestGuidePowerDNS
		{"example ", func(*testing.T, string) {}},  // by TestExamplesAsTyped
	}
	found := map[string]int{}
	for path, text := range papers(t) {
		for _, line := range typed(text) {
			if strings.Contains(path, "corefile-examples") {
				line = "example " + line
			}
			i := slices.IndexFunc(kinds, func(k struct {
				begins string
				check  func(t *testing.T, line string)
			}) bool {
				return strings.HasPrefix(line, k.begins)
			})
			require.GreaterOrEqual(t, i, 0, "%s: nothing tests this: %q", path, line)
			kinds[i].check(t, line)
			found[kinds[i].begins]++
		}
	}
	for _, k := range kinds {
		require.NotZero(t, found[k.begins], k.begins)
	}
}

// typed are the lines of a page that are to be typed: those of blocks of sh, and those
// that are indented and begin a block.
func typed(text string) (lines []string) {
	for _, block := range regexp.MustCompile("(?ms)^ *~~~ sh$(.*?)^ *~~~$").FindAllStringSubmatch(text, -1) {
		lines = append(lines, strings.Split(strings.TrimSpace(block[1]), "\n")...)
	}
	fenced := regexp.MustCompile("(?ms)^ *~~~.*?^ *~~~$").ReplaceAllString(text, "")
	for _, block := range regexp.MustCompile("(?m)^\n((?:    [^ \n].*\n)+)").FindAllStringSubmatch(fenced, -1) {
		lines = append(lines, strings.Split(strings.TrimSpace(block[1]), "\n")...)
	}
	for i, line := range lines {
		line, _, _ = strings.Cut(line, " # ")
		line = regexp.MustCompile(`^(?:[A-Z_]+=(?:'[^']*'|\S*) )+`).ReplaceAllString(strings.TrimSpace(line), "")
		lines[i] = strings.TrimPrefix(line, "bin/")
	}
	return joinHere(lines)
}

// joinHere makes one line of a command and the here-document that it is given.
func joinHere(lines []string) (joined []string) {
	end := ""
	for _, line := range lines {
		if end != "" {
			joined[len(joined)-1] += "\n" + line
			if line == end {
				end = ""
			}
			continue
		}
		joined = append(joined, line)
		if _, word, ok := strings.Cut(line, "<<"); ok {
			end = word
		}
	}
	return joined
}

func canBeMade(t *testing.T, line string) {
	makefile, err := os.ReadFile("../../Makefile")
	require.NoError(t, err)
	for _, target := range strings.Fields(line)[1:] {
		if !strings.Contains(target, "=") {
			require.Regexp(t, "(?m)^"+regexp.QuoteMeta(target)+":", string(makefile))
		}
	}
}

func canBeTested(t *testing.T, line string) {
	m := regexp.MustCompile(`(\./\S+)`).FindStringSubmatch(line)
	require.NotNil(t, m, line)
	var code string
	files, err := filepath.Glob(filepath.Join("../..", m[1], "*_test.go"))
	require.NoError(t, err)
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		code += string(text)
	}
	run := regexp.MustCompile(`-run '?([^' ]+)`).FindStringSubmatch(line)
	require.NotNil(t, run, line)
	name, story, _ := strings.Cut(run[1], "/")
	require.True(t, strings.Contains(code, "func "+name), line)
	if found, _ := filepath.Glob(filepath.Join("../..", m[1], "testdata", story+"*")); story != "" && len(found) == 0 {
		written := strings.Contains(code, `"`+story) || strings.Contains(code, `"`+strings.ReplaceAll(story, "-", " "))
		require.True(t, written, line)
	}
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
