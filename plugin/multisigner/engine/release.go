package engine

import (
	"runtime/debug"
	"time"
)

// What signing a large zone leaves behind is as large as the zone: what was read, the
// unsigned version, and what the keys used in passing. To verify many does, too. Go would give it back
// to the system over minutes, and only after a collection, which an idle server does not get to.

// largeRelease is from how many signatures on a version leaves that much: our choice.
const largeRelease = 100_000

// release gives what is not used any more back to the system, some seconds from now,
// when the turn that used it has ended, and any start of many zones. Calls meanwhile are one.
func (e *Engine) release() {
	if !e.releasing.CompareAndSwap(false, true) {
		return
	}
	e.jobs.Go(func() {
		defer e.releasing.Store(false)
		wait := time.NewTicker(releaseAfter)
		defer wait.Stop()
		for {
			select {
			case <-wait.C:
			case <-e.life.Done():
				return
			}
			if !collectsSeldom() { // else a start is under way that needs it again
				debug.FreeOSMemory()
				return
			}
		}
	})
}

// releaseAfter is our choice: a few seconds are longer than the rest of a turn takes.
const releaseAfter = 5 * time.Second
