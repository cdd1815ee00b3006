// Package lab runs a parent zone and its signers as real processes on loopback:
// for a newcomer to look at, and for the end-to-end tests to break. It decides
// nothing about a zone: the parent is package registry, the signers are coredns.
package lab

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os/signal"
	"syscall"

	"github.com/multisigner/multisigner/test/lab/registry"
)

// Run is `multisigner lab`: it starts everything, says what to try, and stays
// until SIGINT or SIGTERM. The result is the exit status: 0 when it was told to
// stop, 2 for arguments that make no sense, else 1.
func Run(args []string, stdout, stderr io.Writer) int {
	options, err := parseOptions(args, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err != nil {
		return 2 // the flag package has said what is wrong
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, options, stdout); err != nil {
		fmt.Fprintln(stderr, "multisigner lab:", err)
		return 1
	}
	return 0
}

// RunParent is `multisigner lab-parent`, which Run starts.
func RunParent(args []string, stdout, stderr io.Writer) int {
	return registry.Run(args, stdout, stderr)
}

// run brings everything up, waits until all agree, and then for ctx to end. It
// leaves no process behind, whatever happens.
func run(ctx context.Context, o options, stdout io.Writer) error {
	l, err := layOut(o)
	if err != nil {
		return err
	}
	var running processes
	defer running.stop()
	if err := l.start(ctx, &running); err != nil {
		return ended(ctx, err)
	}
	fmt.Fprintf(stdout, "Started a parent and %s of %s; waiting until they agree.\n%s", count(len(l.Signers)), l.Zone, l.slow())
	if err := l.agree(ctx, &running, stdout); err != nil {
		return ended(ctx, err)
	}
	if err := l.ready(); err != nil {
		return err
	}
	l.explain(stdout, o)
	running.watch(ctx, stdout)
	return nil
}

// ended makes being told to stop an ordinary end.
func ended(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}
