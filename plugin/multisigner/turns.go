package multisigner

import (
	"errors"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// turns keeps the number of transfers that go on at once small: each holds a
// connection, and they share the processors with everybody's questions. Who comes
// when it is reached waits, in order of arrival.
type turns struct {
	mu      sync.Mutex
	going   int
	clients map[netip.Prefix]int // how many are going, by client
	waiting []*waiter
}

type waiter struct {
	client netip.Prefix
	turn   chan struct{} // closed when it is its turn
}

// Our choice: as many as BIND lets go at once (transfers-out), and so many of one
// client that it needs at least five clients to keep others waiting.
const (
	maxTransfers       = 10
	maxClientTransfers = 2
	maxWaiting         = 1000
	maxClientWaiting   = 200
	maxWait            = time.Minute
)

var errBusy = errors.New("too many transfers at once: try again later")

var transferTurns = turns{clients: make(map[netip.Prefix]int)}

// take waits for a turn of the client. done is to be called when it is over. There
// is an error when too many wait, or none came within maxWait.
func (t *turns) take(from netip.Addr) (done func(), err error) {
	client := clientOf(from)
	done = func() { t.done(client) }
	w, err := t.join(client)
	if w == nil {
		return done, err
	}
	timeout := time.NewTimer(maxWait)
	defer timeout.Stop()
	select {
	case <-w.turn:
		return done, nil
	case <-timeout.C:
	}
	if t.leave(w) {
		return nil, errBusy
	}
	return done, nil // it came in the last moment
}

// join gives the client a turn, or has it wait.
func (t *turns) join(client netip.Prefix) (*waiter, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.free(client) {
		t.going++
		t.clients[client]++
		return nil, nil
	}
	same := 0
	for _, w := range t.waiting {
		if w.client == client {
			same++
		}
	}
	if len(t.waiting) >= maxWaiting || same >= maxClientWaiting {
		return nil, errBusy
	}
	w := &waiter{client, make(chan struct{})}
	t.waiting = append(t.waiting, w)
	return w, nil
}

func (t *turns) free(client netip.Prefix) bool {
	return t.going < maxTransfers && t.clients[client] < maxClientTransfers
}

// leave takes w out of the queue; it is not in it any more when it has its turn.
func (t *turns) leave(w *waiter) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	i := slices.Index(t.waiting, w)
	if i < 0 {
		return false
	}
	t.waiting = slices.Delete(t.waiting, i, i+1)
	return true
}

// done ends a turn of the client, and begins the one of the first who may have it.
func (t *turns) done(client netip.Prefix) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.going--
	if t.clients[client]--; t.clients[client] == 0 {
		delete(t.clients, client)
	}
	i := slices.IndexFunc(t.waiting, func(w *waiter) bool { return t.free(w.client) })
	if i < 0 {
		return
	}
	w := t.waiting[i]
	t.waiting = slices.Delete(t.waiting, i, i+1)
	t.going++
	t.clients[w.client]++
	close(w.turn)
}

// clientOf makes one client of all addresses that one is given, for IPv6 (RFC 6177 2).
func clientOf(a netip.Addr) netip.Prefix {
	bits := a.BitLen()
	if a.Is6() {
		bits = 64
	}
	p, _ := a.WithZone("").Prefix(bits)
	return p
}
