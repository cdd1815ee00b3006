package fastpath

import (
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coredns/coredns/core/dnsserver"
)

// Front answers at one address. It belongs to the process and not to a Corefile: a
// reload binds it to the next server, and no datagram gets lost on the way.
type Front struct {
	sockets []*socket
	streams *streams // nil: connections are CoreDNS's
	current atomic.Pointer[Binding]
	ending  atomic.Bool
	workers sync.WaitGroup
	stats   []stats // of each worker

	mu    sync.Mutex
	bound []*Binding // that CoreDNS may still answer for
}

// stats counts datagrams. Each worker has its own, on cache lines of its own.
type stats struct {
	answered, handed, lost atomic.Uint64
	_                      [40]byte
}

// Binding is what a front works for: a server of CoreDNS, and what of its questions
// is ours.
type Binding struct {
	table  *Table
	server *dnsserver.Server
	slow   *handover
	relay  *relay
}

// Open binds sockets to an address where CoreDNS has theirs sockets bound already,
// as many as there are processors for us and no more, and begins to answer. The error is
// errors.ErrUnsupported where the system has not what it takes.
func Open(address string, theirs int, server *dnsserver.Server, t *Table) (*Front, *Binding, error) {
	f := &Front{stats: make([]stats, min(runtime.GOMAXPROCS(0), runtime.NumCPU()))}
	for range f.stats {
		s, err := listen(address)
		if err != nil {
			f.closeSockets()
			return nil, nil, fmt.Errorf("open the fast path at %s: %w", address, err)
		}
		f.sockets = append(f.sockets, s)
	}
	b := f.Bind(server, t)
	for i, s := range f.sockets {
		f.workers.Go(func() { f.work(s, &f.stats[i]) })
	}
	_ = steer(f.sockets[0].raw, before(f.sockets[0].raw, len(f.sockets), theirs), len(f.sockets))
	return f, b, nil
}

// Bind has the front work for another server from the next batch on.
func (f *Front) Bind(server *dnsserver.Server, t *Table) *Binding {
	b := &Binding{table: t, server: server, slow: newHandover(f.sockets[0].conn.LocalAddr()), relay: newRelay()}
	f.mu.Lock()
	f.bound = append(slices.DeleteFunc(f.bound, func(b *Binding) bool { return b.slow.over() }), b)
	f.mu.Unlock()
	go b.slow.serve(server)
	go b.relay.serve(server)
	f.current.Store(b)
	return b
}

// Rebind has the front work for a binding of before that was not ended.
func (f *Front) Rebind(b *Binding) { f.current.Store(b) }

// longestBatch is longer than a worker can have to do with one batch.
const longestBatch = time.Second

// End lets go of a binding that the front no longer works for.
func (b *Binding) End() {
	time.AfterFunc(longestBatch, b.slow.end)
	b.relay.end()
}

// grace is how long a front that closes waits for answers of CoreDNS, which itself
// waits as long when it stops.
const grace = 5 * time.Second

// Close stops answering. What has come to our sockets is answered, what comes from
// now on goes to CoreDNS's. Nothing of the front remains but its counts.
func (f *Front) Close() {
	var connections sync.WaitGroup
	if f.streams != nil {
		connections.Go(f.streams.close)
	}
	defer connections.Wait()
	f.sockets[0].unsteer()
	for _, s := range f.sockets {
		_ = s.leave()
	}
	f.ending.Store(true)
	// The system may have chosen one of our sockets just before it left.
	wake := time.Now().Add(10 * time.Millisecond)
	for _, s := range f.sockets {
		_ = s.conn.SetReadDeadline(wake)
	}
	f.workers.Wait()
	f.mu.Lock()
	defer f.mu.Unlock()
	late := make(chan struct{})
	defer time.AfterFunc(grace, func() { close(late) }).Stop()
	for _, b := range f.bound {
		b.slow.end()
		select {
		case <-b.slow.served:
		case <-late:
		}
	}
	f.closeSockets()
}

func (f *Front) closeSockets() {
	for _, s := range f.sockets {
		_ = s.conn.Close()
	}
}

// Sockets counts the front's.
func (f *Front) Sockets() int { return len(f.sockets) }

// Stats counts the datagrams so far: answered here, handed over to CoreDNS, and
// lost because CoreDNS had too many.
func (f *Front) Stats() (answered, handed, lost uint64) {
	for i := range f.stats {
		s := &f.stats[i]
		answered, handed, lost = answered+s.answered.Load(), handed+s.handed.Load(), lost+s.lost.Load()
	}
	return answered, handed, lost
}

// StreamStats counts the messages over connections so far: answered here, and handed
// over to CoreDNS.
func (f *Front) StreamStats() (answered, handed uint64) {
	if f.streams == nil {
		return 0, 0
	}
	return f.streams.answered.Load(), f.streams.handed.Load()
}

// pause is how long a worker waits after an error that it does not know.
const pause = 10 * time.Millisecond

// work reads, answers and writes until the front closes.
func (f *Front) work(s *socket, stats *stats) {
	w := &worker{front: f, socket: s, stats: stats}
	w.batch = newBatch(w.answerer.rest)
	for {
		n, err := w.batch.receive(s)
		switch {
		case err == nil:
			w.turn(n)
		case f.ending.Load():
			for n := w.batch.left(s); n > 0; n = w.batch.left(s) {
				w.turn(n)
			}
			w.answerer.rest()
			return
		default:
			time.Sleep(pause)
		}
	}
}

// worker is what one core needs to answer.
type worker struct {
	front    *Front
	socket   *socket
	stats    *stats
	batch    *batch
	answerer answerer
	tally    tally
	samples  [batchSize]sample
}

// turn answers the n datagrams that were read.
func (w *worker) turn(n int) {
	bound, b := w.front.current.Load(), w.batch
	began := w.tally.begin(bound.table)
	answers, lost := 0, 0
	for i := range n {
		packet, ok := b.packet(i)
		if !ok {
			lost++
			continue
		}
		// Here a limit on rates would turn away an asker, and a cookie tell one that
		// is known from a forged one, before anything is done for him.
		if wire, ok := w.answerer.answer(b.answers[answers][:0], bound.table, packet, &w.samples[answers]); ok {
			w.samples[answers].ipv6 = b.ipv6(i)
			b.reply(answers, i, wire)
			answers++
			continue
		}
		w.stats.handed.Add(1) // before anybody has the answer
		if !bound.slow.hand(b.session(w.socket, i)) {
			w.stats.handed.Add(^uint64(0))
			lost++
		}
	}
	if answers > 0 {
		w.stats.answered.Add(uint64(answers))
		_ = b.send(w.socket, answers)
		w.tally.count(w.samples[:answers], began)
	}
	if lost > 0 {
		w.stats.lost.Add(uint64(lost))
	}
}
