package engine

import (
	"context"
	"hash/maphash"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/multisigner/multisigner/plugin/multisigner/status"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// A hook is a command of the operator's that is told of alarms. It runs beside the
// turns, which never wait for it: there are so many at once, so many in line, and so
// much time for each. What does not fit is left out, and the log says so.
const (
	hooksAtOnce = 4                // our choice: a page or a mail each
	hooksInLine = 256              // for each of those
	hookTimeout = 30 * time.Second // our choice: longer than a mail server makes one wait
	hookOutput  = 512              // octets of what it prints, for the log when it fails
)

// hooks run commands, those of one zone one after the other: an end is not told before
// its beginning.
type hooks struct {
	lines   []chan errandOfHook
	seed    maphash.Seed
	timeout time.Duration
}

type errandOfHook struct {
	zone    zone.Name
	command []string
	env     []string
}

func newHooks(timeout time.Duration) *hooks {
	h := &hooks{seed: maphash.MakeSeed(), timeout: timeout}
	if timeout == 0 {
		h.timeout = hookTimeout
	}
	for range hooksAtOnce {
		h.lines = append(h.lines, make(chan errandOfHook, hooksInLine))
	}
	return h
}

// tellHook has the zone's hook told that an alarm begins or ends.
func (e *Engine) tellHook(cfg *Config, event string, a status.Alarm) {
	if len(cfg.Hook) == 0 {
		return
	}
	line := e.hooks.lines[maphash.Comparable(e.hooks.seed, cfg.Apex)%hooksAtOnce]
	select {
	case line <- errandOfHook{cfg.Apex, cfg.Hook, hookEnv(cfg, event, a)}:
	default:
		e.log.Warn("the hook is not told of an alarm: too many are in line", "zone", cfg.Apex, "alarm", string(a.Name), "event", event)
	}
}

// hookEnv is what a hook is told, as the manual has it. No shell looks at it here; what
// came from the network is one line without control characters, for those that do.
func hookEnv(cfg *Config, event string, a status.Alarm) []string {
	line := func(text string) string {
		return strings.Map(func(r rune) rune {
			if unicode.IsControl(r) {
				return ' '
			}
			return r
		}, text)
	}
	return []string{
		"MULTISIGNER_EVENT=" + event,
		"MULTISIGNER_ZONE=" + line(cfg.Apex.String()),
		"MULTISIGNER_SIGNER=" + line(cfg.Signer),
		"MULTISIGNER_ALARM=" + string(a.Name),
		"MULTISIGNER_ABOUT=" + line(a.About),
		"MULTISIGNER_UNDER=" + string(a.Under),
		"MULTISIGNER_WHAT=" + line(a.What),
		"MULTISIGNER_SINCE=" + dateOf(a.Since),
		"MULTISIGNER_DO=" + line(a.Cure),
		"MULTISIGNER_BREAKS=" + line(a.Breaks),
		"MULTISIGNER_BY=" + dateOf(a.By),
	}
}

// runHooks runs what comes in one line until ctx ends.
func (e *Engine) runHooks(ctx context.Context, line chan errandOfHook) {
	for {
		select {
		case <-ctx.Done():
			return
		case h := <-line:
			e.runHook(ctx, h)
		}
	}
}

func (e *Engine) runHook(ctx context.Context, h errandOfHook) {
	ctx, cancel := context.WithTimeout(ctx, e.hooks.timeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, h.command[0], h.command[1:]...)
	cmd.Env = slices.Concat(os.Environ(), h.env)
	var printed head
	cmd.Stdout, cmd.Stderr, cmd.WaitDelay = &printed, &printed, time.Second
	asGroup(cmd)
	err := cmd.Run()
	switch {
	case err == nil || e.life.Err() != nil:
	case ctx.Err() != nil:
		e.log.Error("the hook was ended: it took too long", "zone", h.zone, "command", h.command[0], "after", e.hooks.timeout)
	default:
		e.log.Error("the hook failed", "zone", h.zone, "command", h.command[0], "error", err, "printed", string(printed))
	}
}

// head keeps the first octets that are written to it.
type head []byte

func (h *head) Write(b []byte) (int, error) {
	*h = append(*h, b[:min(len(b), hookOutput-len(*h))]...)
	return len(b), nil
}
