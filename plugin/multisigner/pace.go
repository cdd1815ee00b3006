package multisigner

import (
	"context"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
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

	done sync.Pool // of *work that ended in time: each question makes one
}

// Transfers have the half of one processor for every two, as what goes on in the
// background has; answers leave one processor to questions over UDP. How many there
// are is known when CoreDNS has looked for a limit, which is after our variables.
var (
	transferPace = newPace(func(processors int) int { return processors / 2 }, 20*time.Millisecond, true)
	answerPace   = newPace(func(processors int) int { return processors - 1 }, time.Millisecond, false)
)

func newPace(of func(processors int) int, patience time.Duration, rests bool) *pace {
	return &pace{patience: patience, rests: rests, places: sync.OnceValue(func() *semaphore.Weighted {
		return semaphore.NewWeighted(int64(max(1, of(runtime.GOMAXPROCS(0)))))
	})}
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

// take waits for a place, for those who give it back themselves before they wait.
func (p *pace) take() { _ = p.places().Acquire(context.Background(), 1) } // nil: the context has no end

func (p *pace) give() { p.places().Release(1) }

// work is a piece of it: it has a place until it ends, or has lasted too long.
type work struct {
	pace      *pace
	places    *semaphore.Weighted
	impatient *time.Timer
	begun     time.Time
	given     atomic.Bool // the place, back
}

func (w *work) giveBack() {
	if !w.given.Swap(true) {
		w.places.Release(1)
	}
}

// begin waits until a piece of work may begin. end is to be called after it.
func (p *pace) begin() *work {
	places := p.places()
	p.take()
	w, again := p.done.Get().(*work)
	if !again {
		w = &work{pace: p, places: places, begun: time.Now()}
		w.impatient = time.AfterFunc(p.patience, w.giveBack)
		return w
	}
	w.begun = time.Now()
	w.given.Store(false)
	w.impatient.Reset(p.patience)
	return w
}

// end ends a piece of work; it must not be used any more.
func (w *work) end() {
	inTime := w.impatient.Stop()
	if inTime && w.pace.rests {
		time.Sleep(time.Since(w.begun))
	}
	w.giveBack()
	if inTime { // else the timer may be about to give back
		w.pace.done.Put(w)
	}
}
