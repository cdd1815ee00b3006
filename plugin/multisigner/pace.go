package multisigner

import (
	"context"
	"os"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"
)

// pace bounds how many goroutines work at once for clients that come by a
// connection, so that questions over UDP need not wait behind hundreds of them. It
// is about work: who waits for the network longer than patience counts no more.
type pace struct {
	places   func() *semaphore.Weighted // made when the first work begins
	patience time.Duration
	rests    bool // a piece of work is followed by a pause as long
}

// Transfers have the half of one processor for every two, as what goes on in the
// background has; answers leave one processor to questions over UDP. How many there
// are is known when CoreDNS has looked for a limit, which is after our variables.
var (
	transferPace = newPace(func(processors int) int { return processors / 2 }, 20*time.Millisecond, true)
	answerPace   = newPace(func(processors int) int { return processors - 1 }, time.Millisecond, false)
)

func newPace(of func(processors int) int, patience time.Duration, rests bool) *pace {
	return &pace{sync.OnceValue(func() *semaphore.Weighted {
		return semaphore.NewWeighted(int64(max(1, of(runtime.GOMAXPROCS(0)))))
	}), patience, rests}
}

// leaveOne has Go use two processors where it found one. With one, it looks for what
// has come over UDP only when nobody else has work, or every 10 ms: connections and
// transfers would keep questions waiting. Of two we leave one free, and the system
// shares out the real one. Who has set GOMAXPROCS wants it so.
func leaveOne() {
	if os.Getenv("GOMAXPROCS") == "" && runtime.GOMAXPROCS(0) == 1 {
		runtime.GOMAXPROCS(2)
	}
}

// begin waits until a piece of work may begin. end is to be called after it.
func (p *pace) begin() (end func()) {
	places := p.places()
	if places.Acquire(context.Background(), 1) != nil {
		return func() {} // not with a context that has no end
	}
	begun := time.Now()
	release := sync.OnceFunc(func() { places.Release(1) })
	impatient := time.AfterFunc(p.patience, release)
	return func() {
		if impatient.Stop() && p.rests {
			time.Sleep(time.Since(begun))
		}
		release()
	}
}
