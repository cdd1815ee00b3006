// Package hook runs commands of the operator's, as they stand: no shell looks at them. Those
// that are told of something run beside whoever tells, who never waits for them.
package hook

import (
	"context"
	"hash/maphash"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"
)

// There are so many commands at once, so many in line, and so much time for each. What does
// not fit is left out.
const (
	atOnce      = 4                // our choice: a page or a mail each
	inLine      = 256              // for each of those
	usualLimit  = 30 * time.Second // our choice: longer than a mail server makes one wait
	outputLimit = 512              // octets of what it prints, for the log when it fails
)

// Errand is a command that is to be told of something, and of which zone.
type Errand struct {
	Zone    string
	Command []string
	Env     []string // besides our own environment
}

// Errands run commands, those of one zone one after the other: an end is not told before
// its beginning.
type Errands struct {
	lines []chan Errand
	seed  maphash.Seed
	limit time.Duration
}

// NewErrands makes room for them. Each may take so long; 0: half a minute.
func NewErrands(limit time.Duration) *Errands {
	e := &Errands{seed: maphash.MakeSeed(), limit: limit}
	if limit == 0 {
		e.limit = usualLimit
	}
	for range atOnce {
		e.lines = append(e.lines, make(chan Errand, inLine))
	}
	return e
}

// Limit is how long each may take.
func (e *Errands) Limit() time.Duration { return e.limit }

// Tell puts an errand in line; false when the line is full, and it was left out.
func (e *Errands) Tell(h Errand) bool {
	select {
	case e.lines[maphash.String(e.seed, h.Zone)%atOnce] <- h:
		return true
	default:
		return false
	}
}

// Run runs errands until ctx ends, and returns when the last command has. Of each that has
// failed, failed is told why, with the first of what it has printed; that it took too long
// is context.DeadlineExceeded. failed may be called from several goroutines at once.
func (e *Errands) Run(ctx context.Context, failed func(h Errand, why error, printed string)) {
	var all sync.WaitGroup
	for _, line := range e.lines {
		all.Go(func() {
			for {
				select {
				case <-ctx.Done():
					return
				case h := <-line:
					if printed, why := e.run(ctx, h); why != nil && ctx.Err() == nil {
						failed(h, why, printed)
					}
				}
			}
		})
	}
	all.Wait()
}

func (e *Errands) run(ctx context.Context, h Errand) (printed string, why error) {
	within, cancel := context.WithTimeout(ctx, e.limit)
	defer cancel()
	var first head
	why = Run(within, h.Command, h.Env, &first)
	if why != nil && within.Err() != nil {
		why = within.Err()
	}
	return string(first), why
}

// Run runs a command as it stands, with env added to our environment, until ctx ends: then
// all that it has started is ended, too. What it prints on either output goes to printed.
func Run(ctx context.Context, command, env []string, printed io.Writer) error {
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Env = slices.Concat(os.Environ(), env)
	cmd.Stdout, cmd.Stderr, cmd.WaitDelay = printed, printed, time.Second
	asGroup(cmd)
	return cmd.Run()
}

// OneLine is text without control characters: what came from the network is told so, to
// commands and in logs.
func OneLine(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, text)
}

// head keeps the first octets that are written to it.
type head []byte

func (h *head) Write(b []byte) (int, error) {
	*h = append(*h, b[:min(len(b), outputLimit-len(*h))]...)
	return len(b), nil
}
