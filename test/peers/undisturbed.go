package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// tries is how many runs there are at most until one was not disturbed. Before each but the
// first there is a pause, a second longer than the one before: what disturbs may end meanwhile.
const tries = 11

// errDisturbed says that other processes used too many of the processors in each run.
var errDisturbed = errors.New("too many to measure anything; wait, or give -others")

// undisturbed measures until other processes used no more than the cores that are allowed,
// and tells how many runs it rejected. run is told which try it is, and says what others used.
func undisturbed[T any](ctx context.Context, o options, run func(try int) (got T, others float64, err error)) (got T, rejected int, err error) {
	for ; ; rejected++ {
		got, others, err := run(rejected)
		if err != nil {
			return got, rejected, err
		}
		if others <= o.others {
			return got, rejected, nil
		}
		if rejected+1 == tries {
			return got, tries, fmt.Errorf("other processes use %.2f cores: %w", others, errDisturbed)
		}
		select {
		case <-ctx.Done():
			return got, rejected, ctx.Err()
		case <-time.After(time.Duration(rejected+1) * time.Second):
		}
	}
}
