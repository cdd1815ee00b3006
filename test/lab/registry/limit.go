package registry

import (
	"net/netip"
	"sync"
	"time"
)

// A source may send so many NOTIFYs at once, and so many sources are remembered. Both
// are our choice: a signer sends one for a change, and tries four times.
const (
	burst      = 5
	maxSources = 1024
)

// limiter bounds how many NOTIFYs one source gets through: a burst, and then one in
// each span.
type limiter struct {
	each time.Duration
	now  func() time.Time

	mu   sync.Mutex
	free map[netip.Addr]time.Time // when all that the source has taken will be given back
}

func newLimiter(each time.Duration, now func() time.Time) *limiter {
	return &limiter{each: each, now: now, free: make(map[netip.Addr]time.Time)}
}

// take reports whether one more may come from source. When too many sources are
// remembered, new ones are refused until the old have been quiet.
func (l *limiter) take(source netip.Addr) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	free, known := l.free[source]
	if !known && len(l.free) >= maxSources {
		for a, t := range l.free {
			if !t.After(now) {
				delete(l.free, a)
			}
		}
		if len(l.free) >= maxSources {
			return false
		}
	}
	if free.Before(now) {
		free = now
	}
	if free.Add(l.each).After(now.Add(burst * l.each)) {
		return false
	}
	l.free[source] = free.Add(l.each)
	return true
}
