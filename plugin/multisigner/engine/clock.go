package engine

import "time"

// Clock is the engine's time. Tests step their own.
type Clock interface {
	// Now is what the wall clock shows. It may be set, forward and back, at any moment;
	// so it has no monotonic reading, and the difference of two says nothing of how
	// long it was.
	Now() time.Time
	// Steady is how far a clock has come that nobody sets. It begins anywhere, anew
	// with each start of the machine, and runs on while the machine is suspended.
	Steady() time.Duration
	// At gives a channel that receives when Steady has come to due, at once when that
	// is past, and a function that frees it. It may receive early: look again. It is
	// a moment and not a duration, so that a clock that is moved between reading
	// and waiting is not waited for too long.
	At(due time.Duration) (<-chan time.Time, func())
}

type systemClock struct{}

func (systemClock) Now() time.Time { return time.Now().Round(0) }

func (systemClock) Steady() time.Duration { return sinceBoot() }

// timerAtMost bounds a timer of the system's, which stands still while the machine
// is suspended: our choice.
const timerAtMost = 30 * time.Second

func (c systemClock) At(due time.Duration) (<-chan time.Time, func()) {
	timer := time.NewTimer(min(due-c.Steady(), timerAtMost))
	return timer.C, func() { timer.Stop() }
}
