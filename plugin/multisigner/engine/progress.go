package engine

import (
	"sync/atomic"
	"time"

	"github.com/multisigner/multisigner/plugin/multisigner/clock"
	"github.com/multisigner/multisigner/plugin/multisigner/status"
)

// progress is how far a large zone is signed. Turns report when they have ended, and
// this one may take minutes: so it is told from the midst of it.
type progress struct {
	of    atomic.Pointer[status.Progress] // nil: nothing is signed now that takes long
	begun atomic.Int64                    // by the steady clock
	told  atomic.Int64                    // when the log was told last
}

// tellProgress is how often the log is told: our choice.
const tellProgress = 10 * time.Second

// signing takes in that so many of a zone's names are signed.
func (z *Zone) signing(done, all int) {
	p, now := &z.progress, z.engine.clock.Steady()
	percent := 100 * done / max(all, 1)
	v := z.Serving().Version
	p.of.Store(&status.Progress{Percent: percent, Names: done, Of: all, Answers: v != nil && !v.Whole()})
	told := p.told.Load()
	if now-time.Duration(told) >= tellProgress && p.told.CompareAndSwap(told, int64(now)) {
		z.engine.log.Info("signing", "zone", z.apex, "percent", percent, "after", now-time.Duration(p.begun.Load()))
	}
}

// begin is when signing begins, and what it gives when it has ended: after so long.
func (p *progress) begin(by clock.Clock) (end func() time.Duration) {
	begun := by.Steady()
	p.begun.Store(int64(begun))
	p.told.Store(int64(begun))
	return func() time.Duration {
		p.of.Store(nil)
		return by.Steady() - begun
	}
}
