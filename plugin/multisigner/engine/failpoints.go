//go:build failpoints

package engine

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
)

// failpoints are places at which a test lets the engine fail, in builds with the tag
// failpoints only. There is one at each place where a crash leaves another state
// behind: before and after every write to the store (save), the making, use and
// retiring of keys (make, sign, retire), what is shown (publish), the snapshot,
// the content that primaries gave (content), and what is told (tell).
//
// In a real process MULTISIGNER_FAILPOINT says what fails: save-after:3 ends the
// process at the third passing of that point, save-before:2=error has the second
// save fail, and save-before:2+=error every one from the second on. Several are
// divided by commas. A fault in it ends the process at the first passing of any point.
type failpoints struct {
	// Failpoint is called at each passing, with the name of the point. An error is
	// returned at points where the world may answer with one. It may panic.
	Failpoint func(point string) error
}

// pass is a point at which the world may answer with an error.
func (f failpoints) pass(point string) error {
	if err := ordered.pass(point); err != nil {
		return err
	}
	if f.Failpoint != nil {
		return f.Failpoint(point)
	}
	return nil
}

// reach is a point at which nothing can fail but the process.
func (f failpoints) reach(point string) { _ = f.pass(point) }

// FailpointVariable is the environment variable that says what fails.
const FailpointVariable = "MULTISIGNER_FAILPOINT"

// FailpointExit is the exit status of a process that ends at a failpoint.
const FailpointExit = 86

var ordered = parseOrders(os.Getenv(FailpointVariable))

// failures are what the environment orders.
type failures struct {
	mu     sync.Mutex
	orders []failure
	fault  error
	passed map[string]int
}

type failure struct {
	point  string
	nth    int
	onward bool
	fails  bool // with an error; else the process ends
}

func parseOrders(text string) *failures {
	f := &failures{passed: map[string]int{}}
	for _, word := range strings.FieldsFunc(text, func(c rune) bool { return c == ',' }) {
		place, how, _ := strings.Cut(word, "=")
		point, count, ok := strings.Cut(place, ":")
		number, onward := strings.CutSuffix(count, "+")
		nth, err := strconv.Atoi(number)
		if !ok || err != nil || nth < 1 || how != "" && how != "error" {
			f.fault = fmt.Errorf("%s: %q is not POINT:N, POINT:N=error or POINT:N+=error", FailpointVariable, word)
			return f
		}
		f.orders = append(f.orders, failure{point, nth, onward, how == "error"})
	}
	return f
}

func (f *failures) pass(point string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.fault != nil {
		fmt.Fprintln(os.Stderr, f.fault)
		os.Exit(2)
	}
	f.passed[point]++
	for _, o := range f.orders {
		if n := f.passed[point]; o.point != point || n != o.nth && (!o.onward || n < o.nth) {
			continue
		}
		if o.fails {
			return errors.New("failpoint " + point)
		}
		os.Exit(FailpointExit)
	}
	return nil
}
