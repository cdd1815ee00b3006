package source

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// tally gathers problems and stops to keep them where nobody would read on.
type tally struct {
	problems []Problem
	more     [2]int // how many were not kept: warnings, fatal ones
}

// kept is how many problems of a kind are kept. It is above MaxProblems so that
// the first ones of the file are among them, whatever the order they are found in.
const kept = 20 * MaxProblems

func (t *tally) add(p Problem) {
	kind := 0
	if p.Fatal {
		kind = 1
	}
	if t.more[kind] >= kept {
		return
	}
	t.more[kind]++
	p.Text = printable(p.Text)
	t.problems = append(t.problems, p)
}

// printable writes as \xNN what would play with the terminal that shows it.
func printable(text string) string {
	var b strings.Builder
	for i := 0; i < len(text); {
		r, width := utf8.DecodeRuneInString(text[i:])
		if r == utf8.RuneError && width == 1 || !unicode.IsPrint(r) {
			fmt.Fprintf(&b, `\x%02x`, text[i:i+width])
		} else {
			b.WriteString(text[i : i+width])
		}
		i += width
	}
	return b.String()
}

// inOrder sorts problems by place. Those without one come last.
func inOrder(problems []Problem, files []string) []Problem {
	at := make(map[string]int, len(files))
	for i, f := range files {
		at[f] = i
	}
	last := func(n, none int) int {
		if n == none {
			return 1
		}
		return 0
	}
	slices.SortStableFunc(problems, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(at[a.File], at[b.File]), last(a.Line, 0)-last(b.Line, 0), cmp.Compare(a.Line, b.Line))
	})
	return problems
}

// most keeps MaxProblems, fatal ones before warnings, and says how many there are more.
func most(problems []Problem) []Problem {
	if len(problems) <= MaxProblems {
		return problems
	}
	fatal := 0
	for _, p := range problems {
		if p.Fatal {
			fatal++
		}
	}
	room := max(MaxProblems-fatal, 0) // for warnings
	var most []Problem
	for _, p := range problems {
		if p.Fatal && len(most) < MaxProblems || !p.Fatal && room > 0 {
			most = append(most, p)
			if !p.Fatal {
				room--
			}
		}
	}
	most = most[:min(len(most), MaxProblems-1)]
	rest := len(problems) - len(most)
	return append(most, Problem{Text: fmt.Sprintf("and %d problems more", rest), Fatal: fatal > 0})
}

// longest is how much of a file's text stands in a message.
const longest = 80

// shorten keeps a message readable, and what a file holds that is no zone file
// mostly out of the log.
func shorten(s string) string {
	if len(s) > longest {
		return s[:longest] + "..."
	}
	return s
}
