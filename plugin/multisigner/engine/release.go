package engine

import (
	"runtime/debug"
	"time"
)

// What signing a large zone leaves behind is as large as the zone: what was read, the
// unsigned version, and what the keys used in passing. Go would give it back
// to the system over minutes, and only after a collection, which an idle server does not get to.

// largeRelease is from how many signatures on a version leaves that much: our choice.
const largeRelease = 100_000

// release gives what is not used any more back to the system, some seconds from now,
// when the turn that used it has ended. Calls meanwhile are one.
func (e *Engine) release() {
	if !e.releasing.CompareAndSwap(false, true) {
		return
	}
	e.background.Go(func() {
		defer e.releasing.Store(false)
		wait := time.NewTimer(releaseAfter)
		defer wait.Stop()
		select {
		case <-wait.C:
			debug.FreeOSMemory()
		case <-e.life.Done():
		}
	})
}

// releaseAfter is our choice: a few seconds are longer than the rest of a turn takes.
const releaseAfter = 5 * time.Second
