package engine

import "time"

// left is how long a zone's content may be served yet.
type left struct {
	of time.Duration
	at time.Duration // what the steady clock showed then
}

// Left is how long the content may be served yet, as its primaries have it: what EDNS
// EXPIRE tells a secondary of ours (RFC 7314 3.2). It is not negative. ok is false where
// that does not end: of a zone file, and of content that is served on after its end.
func (z *Zone) Left() (d time.Duration, ok bool) {
	l := z.left.Load()
	if l == nil {
		return 0, false
	}
	return max(l.of-(z.engine.clock.Steady()-l.at), 0), true
}

// countLeft has Left count on from what the turn has found. It goes by what ends are judged
// by, so that a clock that is set takes nothing away.
func (z *Zone) countLeft() {
	w, cfg := z.work, z.config.Load()
	if len(cfg.Primaries) == 0 || cfg.ServeExpired || w.intake == nil || !w.intake.state.Has {
		z.left.Store(nil)
		return
	}
	z.left.Store(&left{of: w.intake.state.Expires.Sub(w.times.Judged()), at: w.times.Steady()})
}
