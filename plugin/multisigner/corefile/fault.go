package corefile

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Fault is something wrong with a Corefile: where, what, and what to do about it.
type Fault struct {
	Where string // file:line
	Text  string
}

func (f Fault) String() string { return f.Where + ": " + f.Text }

// Faults collects the faults of a Corefile, so that an operator sees all of them
// at once and not one at each attempt.
type Faults []Fault

func (f *Faults) add(where, format string, args ...any) {
	*f = append(*f, Fault{Where: where, Text: fmt.Sprintf(format, args...)})
}

// Err is nil if there is no fault, and else lists them in the order of their lines,
// each once: some are found from several sides.
func (f Faults) Err() error {
	if len(f) == 0 {
		return nil
	}
	slices.SortStableFunc(f, func(a, b Fault) int {
		aFile, aLine := a.place()
		bFile, bLine := b.place()
		return cmp.Or(strings.Compare(aFile, bFile), cmp.Compare(aLine, bLine))
	})
	var lines []string
	for _, fault := range f {
		if line := fault.String(); !slices.Contains(lines, line) {
			lines = append(lines, line)
		}
	}
	return errors.New(strings.Join(lines, "\n"))
}

func (f Fault) place() (file string, line int) {
	at := strings.LastIndexByte(f.Where, ':')
	if at < 0 {
		return f.Where, 0
	}
	line, _ = strconv.Atoi(f.Where[at+1:])
	return f.Where[:at], line
}

// nearest is the candidate that a mistyped word most likely meant; "" when none is close.
func nearest(word string, candidates []string) string {
	best, least := "", len(word)/2+1
	for _, c := range slices.Sorted(slices.Values(candidates)) {
		if d := distance(word, c); d < least {
			best, least = c, d
		}
	}
	return best
}

// distance counts the letters to insert, delete or replace on the way from a to b (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(row[j]+1, row[j+1]+1, diagonal+cost)
		}
	}
	return row[len(b)]
}
