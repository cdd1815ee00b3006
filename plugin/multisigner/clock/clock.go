// Package clock reads the time, and says of a zone which time to go by: wall clocks are set
// wrong and right again, and nobody tells.
package clock

import "time"

// Clock is where the time comes from. Tests step their own.
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

// System is the clock of the system.
type System struct{}

// Now is the system's wall clock.
func (System) Now() time.Time { return time.Now().Round(0) }

// Steady counts from the start of the machine.
func (System) Steady() time.Duration { return sinceBoot() }

// timerAtMost bounds a timer of the system's, which stands still while the machine
// is suspended: our choice.
const timerAtMost = 30 * time.Second

// At waits by a timer of the system's, for half a minute at most.
func (c System) At(due time.Duration) (<-chan time.Time, func()) {
	timer := time.NewTimer(min(due-c.Steady(), timerAtMost))
	return timer.C, func() { timer.Stop() }
}
