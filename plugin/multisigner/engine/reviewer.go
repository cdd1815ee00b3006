package engine

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/multisigner/multisigner/plugin/multisigner/hook"
	"github.com/multisigner/multisigner/plugin/multisigner/kept"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// reviewsAtOnce is how many commands look at zones at once: our choice. Each may use a
// processor for a while.
const reviewsAtOnce = 2

// beginReview has a candidate looked at, beside the turns.
func (e *Engine) beginReview(z *Zone, cfg *Config, r *reviewing, c *candidate) {
	ctx, cancel := context.WithCancel(e.life)
	c.since, c.cancel = z.work.times.Wall(), cancel
	r.running = c
	served := ""
	if v := z.work.signed; v != nil {
		served = fmt.Sprint(v.Serial())
	}
	e.log.Info("a review begins", "zone", z.apex, "what", string(c.stage), "serial", c.looked.Serial())
	e.jobs.Begin(ctx, e.reviewing, func(ctx context.Context) {
		defer cancel()
		is := e.inspect(ctx, cfg, c, served)
		if ctx.Err() == nil {
			z.ask(func(w *wants) { w.reviewed = append(w.reviewed, is) })
		}
	})
}

// inspect has the command look at a candidate. Its exit status 0 takes it.
func (e *Engine) inspect(ctx context.Context, cfg *Config, c *candidate, served string) reviewed {
	path, err := e.writeReview(ctx, cfg.Apex, c)
	if err != nil {
		return reviewed{c, unables, err.Error()}
	}
	defer os.Remove(path)
	limit := cfg.Review.Limit
	if limit == 0 {
		limit = reviewLimit
	}
	within, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	printed := &tail{}
	command := cfg.Review.command(c.stage)
	err = hook.Run(within, command, []string{
		"MULTISIGNER_ZONE=" + hook.OneLine(cfg.Apex.String()),
		"MULTISIGNER_SIGNER=" + hook.OneLine(cfg.Signer),
		"MULTISIGNER_REVIEW=" + string(c.stage),
		"MULTISIGNER_SERIAL=" + fmt.Sprint(c.looked.Serial()),
		"MULTISIGNER_SERVED=" + served,
		"MULTISIGNER_FILE=" + path,
	}, printed)
	said := ""
	if text := printed.String(); text != "" {
		said = ": " + text
	}
	_, exited := errors.AsType[*exec.ExitError](err)
	switch {
	case err == nil:
		return reviewed{c, passes, "exit status 0" + said}
	case within.Err() != nil && cfg.Review.Pass:
		return reviewed{c, passes, fmt.Sprintf("%s took longer than %s%s", command[0], limit, said)}
	case within.Err() != nil:
		return reviewed{c, holds, fmt.Sprintf("%s took longer than %s%s", command[0], limit, said)}
	case exited:
		return reviewed{c, holds, fmt.Sprintf("%s: %v%s", command[0], err, said)}
	}
	return reviewed{c, unables, fmt.Sprintf("%v%s", err, said)}
}

// writeReview writes what is to be looked at as a zone file.
func (e *Engine) writeReview(ctx context.Context, apex zone.Name, c *candidate) (path string, err error) {
	// One that was given up may still be about to be removed: each has a name of its own.
	f, err := os.CreateTemp(filepath.Join(e.dir, "zones"), kept.FileName(apex)+reviewInfix+string(c.stage)+"-*")
	if err != nil {
		return "", fmt.Errorf("write what is to be reviewed: %w", err)
	}
	path = f.Name()
	w := bufio.NewWriterSize(f, 1<<16)
	for text := range c.looked.Lines() {
		if _, err = w.WriteString(text); err == nil {
			err = ctx.Err()
		}
		if err != nil {
			break
		}
	}
	if err = errors.Join(err, w.Flush(), f.Close()); err != nil {
		os.Remove(path)
		return "", fmt.Errorf("write what is to be reviewed: %w", err)
	}
	return path, nil
}

// reviewInfix is in no FileName, so that no zone's own files are taken for these.
const reviewInfix = "~review-"

// sweepReviews removes what a process has left that was killed. It is for a start: to look
// for the files of each of many zones takes a look at those of all.
func (e *Engine) sweepReviews() {
	left, _ := filepath.Glob(filepath.Join(e.dir, "zones", "*"+reviewInfix+"*"))
	for _, path := range left {
		os.Remove(path)
	}
}

// tail keeps the last octets that are written to it.
type tail struct{ b []byte }

// reviewOutput is how much of what a review prints is told: our choice, some lines.
const reviewOutput = 512

func (t *tail) Write(b []byte) (int, error) {
	t.b = append(t.b, b...)
	if over := len(t.b) - reviewOutput; over > 0 {
		t.b = append(t.b[:0], t.b[over:]...)
	}
	return len(b), nil
}

// String is the last lines, in one.
func (t *tail) String() string {
	return hook.OneLine(strings.ReplaceAll(strings.TrimSpace(string(t.b)), "\n", "; "))
}
