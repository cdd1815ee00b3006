package engine

import (
	"container/heap"
	"context"
	"math"
	"sync"
	"time"

	"github.com/multisigner/multisigner/plugin/multisigner/clock"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// queue decides which zone has its turn next: one heap of wake times, by the steady
// clock, for all zones, and one place where "zone Z wants a turn" is said. A zone is in one
// worker's hands at a time; what is wanted meanwhile makes one more turn after.
type queue struct {
	clock clock.Clock
	poke  chan struct{} // one token: look at the heap again

	mu    sync.Mutex
	wakes wakeHeap
	// leaving are the zones that were dropped in the middle of a turn.
	leaving map[zone.Name]*slot
}

// slot is a zone's place in the queue, guarded by the queue's mutex.
type slot struct {
	zone   *Zone
	wake   time.Duration // by the steady clock
	index  int           // in the heap; -1 when not in it
	inHand bool
	again  bool // wanted while in hand
	gone   bool
	waits  bool  // for the turn of an earlier zone of the same name to end
	heir   *slot // that waits for ours
}

func newQueue(clock clock.Clock) *queue {
	return &queue{clock: clock, poke: make(chan struct{}, 1), leaving: map[zone.Name]*slot{}}
}

// enter makes ready for turns of a zone. Where one of its name has left in the middle of
// a turn, the new one has its first when that has ended: there is one record of both, and
// one writes it at a time.
func (q *queue) enter(z *Zone) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if before := q.leaving[z.apex]; before != nil {
		z.slot.waits, before.heir = true, &z.slot
	}
}

// want gives z a turn as soon as a worker is free. It may be called at any
// time, any number of times.
func (q *queue) want(z *Zone) {
	q.mu.Lock()
	defer q.mu.Unlock()
	s := &z.slot
	switch {
	case s.gone:
	case s.inHand || s.waits:
		s.again = true
	default:
		q.place(s, 0)
	}
}

// done takes z back from a worker; its next turn is at wake by what the wall clock
// shows now, or at once when something was wanted meanwhile. A zero wake is never.
func (q *queue) done(z *Zone, wake time.Time) {
	q.mu.Lock()
	defer q.mu.Unlock()
	s := &z.slot
	s.inHand = false
	switch {
	case s.gone:
		q.left(s)
	case s.again:
		s.again = false
		q.place(s, 0)
	case !wake.IsZero():
		q.place(s, q.clock.Steady()+wake.Sub(q.clock.Now()))
	}
}

// left lets in who waits for the last turn of a zone that is gone.
func (q *queue) left(s *slot) {
	delete(q.leaving, s.zone.apex)
	if h := s.heir; h != nil && !h.gone {
		if h.waits = false; h.again {
			h.again = false
			q.place(h, 0)
		}
	}
}

// drop ends z's turns. One that is under way is not interrupted.
func (q *queue) drop(z *Zone) {
	q.mu.Lock()
	defer q.mu.Unlock()
	z.slot.gone = true
	if z.slot.inHand {
		q.leaving[z.apex] = &z.slot
	}
	if z.slot.index >= 0 {
		heap.Remove(&q.wakes, z.slot.index)
	}
}

func (q *queue) place(s *slot, wake time.Duration) {
	s.wake = wake
	if s.index >= 0 {
		heap.Fix(&q.wakes, s.index)
	} else {
		heap.Push(&q.wakes, s)
	}
	select {
	case q.poke <- struct{}{}:
	default:
	}
}

// run hands due zones to work until ctx ends, and closes it then.
func (q *queue) run(ctx context.Context, work chan<- *Zone) {
	defer close(work)
	for {
		z, due := q.next()
		if z != nil {
			select {
			case work <- z:
				continue
			case <-ctx.Done():
				return
			}
		}
		var timer <-chan time.Time
		stop := func() {}
		if due != never {
			timer, stop = q.clock.At(due)
		}
		select {
		case <-timer:
		case <-q.poke:
		case <-ctx.Done():
			stop()
			return
		}
		stop()
	}
}

// never is when no zone waits.
const never = time.Duration(math.MaxInt64)

// next takes the zone that is due, or says when the first is.
func (q *queue) next() (*Zone, time.Duration) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.wakes) == 0 {
		return nil, never
	}
	first := q.wakes[0]
	if first.wake > q.clock.Steady() {
		return nil, first.wake
	}
	heap.Pop(&q.wakes)
	first.inHand = true
	return first.zone, 0
}

// wakeHeap is a heap of slots by wake time (container/heap).
type wakeHeap []*slot

func (h wakeHeap) Len() int           { return len(h) }
func (h wakeHeap) Less(i, j int) bool { return h[i].wake < h[j].wake }

func (h wakeHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}

// Push is called by container/heap.
func (h *wakeHeap) Push(x any) {
	s := x.(*slot)
	s.index = len(*h)
	*h = append(*h, s)
}

// Pop is called by container/heap.
func (h *wakeHeap) Pop() any {
	last := len(*h) - 1
	s := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	s.index = -1
	return s
}
