package engine

import (
	"context"
	"time"
)

// looksPerSecond bounds how many files are looked at each second, so that ten
// thousand zones cost a disk no more than a thousand looks.
const looksPerSecond = 1000

// watch looks at the files of every zone, in rounds of a second or as long as
// looksPerSecond makes them, and gives a turn to the zones whose files changed.
// A change counts when two looks in a row saw the same: a file that is still
// being written is left alone until it rests.
func (e *Engine) watch(ctx context.Context) {
	for {
		began := e.clock.Now()
		for i, z := range e.list() {
			if i > 0 && i%looksPerSecond == 0 && !e.pause(ctx, began.Add(time.Duration(i/looksPerSecond)*time.Second)) {
				return
			}
			z.watchFiles()
		}
		if !e.pause(ctx, began.Add(time.Duration(1+len(e.list())/looksPerSecond)*time.Second)) {
			return
		}
	}
}

// pause waits until the clock says until; false when ctx ended first.
func (e *Engine) pause(ctx context.Context, until time.Time) bool {
	timer, stop := e.clock.At(until)
	defer stop()
	select {
	case <-timer:
		return true
	case <-ctx.Done():
		return false
	}
}
