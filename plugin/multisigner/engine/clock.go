package engine

import "time"

// Clock is the engine's time. Tests step their own.
type Clock interface {
	Now() time.Time
	// At gives a channel that receives at moment t, at once when that is past, and a
	// function that frees it. It is a moment and not a duration, so that a clock
	// that is moved between reading and waiting is not waited for too long.
	At(t time.Time) (<-chan time.Time, func())
}

type systemClock struct{}

func (systemClock) Now() time.Time { return time.Now() }

func (systemClock) At(t time.Time) (<-chan time.Time, func()) {
	timer := time.NewTimer(time.Until(t))
	return timer.C, func() { timer.Stop() }
}
