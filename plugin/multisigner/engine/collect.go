package engine

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync"
)

// Go collects memory when what is used has grown by as much as was in use after the last
// collection. A server of large zones, or of many, would so take twice what it needs, most
// of it for good: what it holds hardly changes. So what may be added is bounded in octets
// as well as in percent. It is the process's, as the collector is: who has set GOGC wants
// it otherwise.

// Our choices: a small server collects as all programs do, and one that holds much when a
// third of that has been added; a start of many zones, which leaves much behind, seldom.
const (
	usualPercent = 100
	leastPercent = 35
	startPercent = 300
	leastRoom    = 96 << 20 // octets that may be added in any case
)

// collecting adapts the collector to what is held, after each collection.
var collecting struct {
	once    sync.Once
	mu      sync.Mutex
	percent int // as it is set
	starts  int // starts of many zones under way
}

// collectByNeed has the collector of this process adapted from now on.
func collectByNeed() {
	if os.Getenv("GOGC") != "" {
		return
	}
	collecting.once.Do(func() {
		collecting.percent = usualPercent
		afterCollection()
	})
}

// afterCollection adapts the collector now, and after each collection.
func afterCollection() {
	runtime.AddCleanup(new([16]byte), func(int) { afterCollection() }, 0)
	sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(sample)
	collecting.mu.Lock()
	defer collecting.mu.Unlock()
	setPercent(percentFor(sample[0].Value.Uint64(), collecting.starts > 0))
}

// percentFor is how much may be added to what is held, in percent of it.
func percentFor(live uint64, starting bool) int {
	if starting {
		return startPercent
	}
	return int(min(max(leastRoom*100/max(live, 1), leastPercent), usualPercent))
}

// setPercent sets the collector, unless the difference is small. The caller holds the lock.
func setPercent(percent int) {
	if was := collecting.percent; percent > was+was/8 || percent < was-was/8 {
		collecting.percent = percent
		debug.SetGCPercent(percent)
	}
}

// collectSeldom has memory collected seldom until usual is called.
func collectSeldom() (usual func()) {
	if os.Getenv("GOGC") != "" {
		return func() {}
	}
	start := func(n int) (others int) {
		collecting.mu.Lock()
		defer collecting.mu.Unlock()
		if collecting.starts += n; collecting.starts > 0 {
			setPercent(startPercent)
		}
		return collecting.starts
	}
	start(1)
	return sync.OnceFunc(func() {
		if start(-1) == 0 {
			runtime.GC() // adapts it
		}
	})
}

// collectsSeldom reports whether a start of many zones is under way.
func collectsSeldom() bool {
	collecting.mu.Lock()
	defer collecting.mu.Unlock()
	return collecting.starts > 0
}
