package engine

import "sync/atomic"

// event comes once. Whoever waits for it gets a channel that is closed then, which is made for the first
// who asks: a zone has several events, of which most are past or never come. The zero value has not come.
type event struct {
	waits atomic.Pointer[chan struct{}] // nil: it has not come, and nobody waits
}

// past is the channel of all events that have come.
var past = func() chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()

// come says that it has come. It may be said again.
func (e *event) come() {
	if c := e.waits.Swap(&past); c != nil && c != &past {
		close(*c)
	}
}

func (e *event) hasCome() bool { return e.waits.Load() == &past }

// wait is closed when it comes.
func (e *event) wait() <-chan struct{} {
	for {
		if c := e.waits.Load(); c != nil {
			return *c
		}
		c := make(chan struct{})
		if e.waits.CompareAndSwap(nil, &c) {
			return c
		}
	}
}
