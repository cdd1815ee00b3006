package job

import (
	"runtime"
	"sync"
	"time"
)

// Share bounds how many goroutines of a process compute at once: signing and verifying
// need processors for minutes, and queries for microseconds, but now. As long
// as queries come one processor is left to them. That it is idle matters as much as that it
// is free: Go's scheduler looks for datagrams when a processor has nothing else to
// do, and otherwise each ten milliseconds. It goes by the system's clock, whatever other
// clock its user goes by. Its methods may be called from any goroutine.
type Share struct {
	queries func() uint64 // counts them; nil: none come
	all     int           // processors

	mu      sync.Mutex
	busy    int
	waiting []chan struct{}
	counted uint64    // queries
	looked  time.Time // when they were counted
	asked   time.Time // when there were new ones
}

// Our choices: how long after a query others are expected, how often it is looked
// whether there are any, and how long a place is kept while somebody waits for one.
const (
	askedFor  = time.Second
	askEvery  = 2 * time.Millisecond
	placeKept = 10 * time.Millisecond
)

// NewShare shares out all processors. queries counts the queries that have come, in whatever
// steps; nil: there are none.
func NewShare(queries func() uint64) *Share {
	return &Share{queries: queries, all: runtime.GOMAXPROCS(0)}
}

// room is how many may compute. The caller holds the lock.
func (s *Share) room(now time.Time) int {
	if s.queries != nil && now.Sub(s.looked) >= askEvery {
		s.looked = now
		if n := s.queries(); n != s.counted {
			s.counted, s.asked = n, now
		}
	}
	if now.Sub(s.asked) < askedFor {
		return max(1, s.all-1)
	}
	return s.all
}

// Place waits for a place to compute in. keep is to be called about every
// millisecond: it may give the place to somebody else, and wait for another. leave ends it.
func (s *Share) Place() (keep, leave func()) {
	since := s.take()
	keep = func() {
		if s.shouldLeave(since) {
			s.leave(since)
			since = s.take()
		}
	}
	return keep, func() { s.leave(since) }
}

func (s *Share) take() (since time.Time) {
	s.mu.Lock()
	now := time.Now()
	if len(s.waiting) == 0 && s.busy < s.room(now) {
		s.busy++
		s.mu.Unlock()
		return now
	}
	turn := make(chan struct{})
	s.waiting = append(s.waiting, turn)
	s.mu.Unlock()
	<-turn
	return time.Now()
}

// shouldLeave reports whether there are fewer places now, or others wait who have
// waited for long enough. Where there are more, it gives them to those who wait.
func (s *Share) shouldLeave(since time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	room := s.room(now)
	s.admit(room)
	alone := s.all == 1 && room == 1 && now.Sub(s.asked) < askedFor
	return s.busy > room || (len(s.waiting) > 0 || alone) && now.Sub(since) >= s.turn()
}

// turn is how long a place is kept that others want.
func (s *Share) turn() time.Duration {
	if s.all == 1 {
		return time.Millisecond // queries among them
	}
	return placeKept
}

func (s *Share) leave(since time.Time) {
	s.mu.Lock()
	now := time.Now()
	s.busy--
	room := s.room(now)
	s.admit(room)
	alone := s.all == 1 && now.Sub(s.asked) < askedFor
	s.mu.Unlock()
	if alone { // there is no processor to leave to queries but this one
		time.Sleep(min(now.Sub(since), placeKept))
	}
}

// admit lets those in who have waited longest. The caller holds the lock.
func (s *Share) admit(room int) {
	for len(s.waiting) > 0 && s.busy < room {
		s.busy++
		close(s.waiting[0])
		s.waiting = s.waiting[1:]
	}
}
