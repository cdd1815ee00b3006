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
