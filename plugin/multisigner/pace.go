package multisigner

import (
	"runtime"
	"sync"
	"time"
)

// pace bounds how many goroutines work at once for clients that come by a
// connection, so that questions over UDP need not wait behind hundreds of them. It
// is about work: who waits for the network longer than patience counts no more.
type pace struct {
	tokens   chan struct{}
	patience time.Duration
	rests    bool // a piece of work is followed by a pause as long
}

// Transfers have the half of one processor for every two, as what goes on in the
// background has; answers leave one processor to questions over UDP.
var (
	transferPace = newPace(max(1, runtime.GOMAXPROCS(0)/2), 20*time.Millisecond, true)
	answerPace   = newPace(max(1, runtime.GOMAXPROCS(0)-1), time.Millisecond, false)
)

func newPace(n int, patience time.Duration, rests bool) *pace {
	return &pace{make(chan struct{}, n), patience, rests}
}

// begin waits until a piece of work may begin. end is to be called after it.
func (p *pace) begin() (end func()) {
	p.tokens <- struct{}{}
	begun := time.Now()
	release := sync.OnceFunc(func() { <-p.tokens })
	impatient := time.AfterFunc(p.patience, release)
	return func() {
		if impatient.Stop() && p.rests {
			time.Sleep(time.Since(begun))
		}
		release()
	}
}
