package engine

import "time"

// Clock is the engine's time. Tests step their own.
type Clock interface {
	Now() time.Time
	// After gives a channel that receives once d has passed, and a function
	// that frees it.
	After(d time.Duration) (<-chan time.Time, func())
}

type systemClock struct{}

func (systemClock) Now() time.Time { return time.Now() }

func (systemClock) After(d time.Duration) (<-chan time.Time, func()) {
	t := time.NewTimer(d)
	return t.C, func() { t.Stop() }
}
