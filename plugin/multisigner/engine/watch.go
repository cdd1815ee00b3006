package engine

import (
	"context"
	"time"
)

// looksPerSecond bounds how many files are looked at each second, so that ten
// thousand zones cost a disk no more than a thousand looks.
const looksPerSecond = 1000

// watch looks at the files of every zone, in rounds as long as looksPerSecond makes
// them and with a second between two, and gives a turn to the zones whose files changed.
// When a change counts is the source.Watcher's to say.
func (e *Engine) watch(ctx context.Context, clocks *times) {
	for {
		began := e.clock.Steady()
		e.watchClock(clocks)
		e.watchHome()
		for i, z := range e.list() {
			if i > 0 && i%looksPerSecond == 0 && !e.pause(ctx, began+time.Duration(i/looksPerSecond)*time.Second) {
				return
			}
			z.watchFiles(e.clock.Steady())
			e.watchKeys(z)
		}
		// From the end of the round on: two looks in a row at a file that is being written
		// would else follow each other at once when the machine is busy, and see the same.
		if !e.pause(ctx, e.clock.Steady()+e.filesEvery) {
			return
		}
	}
}

// watchClock gives every zone a turn when the wall clock was set: what was due by it
// is due at another moment now.
func (e *Engine) watchClock(clocks *times) {
	set := clocks.advance(e.clock.Now(), e.clock.Steady())
	if set == 0 {
		return
	}
	e.log.Warn("the clock was set", "by", set, "to", clocks.wall)
	for _, z := range e.list() {
		e.queue.want(z)
	}
}

// pause waits until the steady clock says until, or thereabouts; false when ctx
// ended first.
func (e *Engine) pause(ctx context.Context, until time.Duration) bool {
	timer, stop := e.clock.At(until)
	defer stop()
	select {
	case <-timer:
		return true
	case <-ctx.Done():
		return false
	}
}
