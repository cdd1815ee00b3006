package fastpath

import (
	"math"
	"net"
	"slices"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// conn is a connection. All is done by one goroutine, in the order of the queries, as CoreDNS's
// library does it; but it reads all that has come, and writes the answers together.
type conn struct {
	streams  *streams
	tcp      *net.TCPConn
	raw      syscall.RawConn
	ipv6     bool
	tryRead  func(fd uintptr) bool // c.read, made once
	tryWrite func(fd uintptr)      // c.send

	work  *workspace // nil: it is at rest
	at    int        // what is not answered yet is work.in[at:have]
	have  int
	turns int       // since it has work
	sent  int       // by the last write
	rest  []byte    // without work: what was read and is not answered
	ended bool      // the other end sends no more
	asked int       // messages so far
	moved time.Time // when the deadline was set

	expired bool // guarded by streams.mu: the deadline is past, and stays so
	last    bool // what had come by then was read
}

// newConn gives nil when the connection has gone already.
func newConn(s *streams, tcp *net.TCPConn) *conn {
	raw, err := tcp.SyscallConn()
	from, ok := tcp.RemoteAddr().(*net.TCPAddr)
	if err != nil || !ok {
		return nil
	}
	a := from.AddrPort().Addr()
	c := &conn{streams: s, tcp: tcp, raw: raw, ipv6: a.Is6() && !a.Is4In6()}
	c.tryRead, c.tryWrite = c.read, c.send
	return c
}

// serve answers until either end has had enough.
func (c *conn) serve() {
	c.wait(c.streams.front.current.Load().server.ReadTimeout)
	for c.ready() && c.turn() {
	}
	if c.work != nil {
		c.streams.give(c.work)
	}
}

// ready waits until there is something to answer, and a place to do so.
func (c *conn) ready() bool {
	if c.work == nil {
		if _, whole := first(c.rest); whole {
			c.begin()
			return true
		}
	}
	if c.last {
		return false
	}
	if c.raw.Read(c.tryRead) == nil {
		return !c.ended
	}
	c.streams.mu.Lock()
	c.last = c.expired
	c.streams.mu.Unlock()
	if !c.last {
		return false // it was idle for too long
	}
	came := false
	_ = control(c.raw, func(fd int) error { came = c.read(uintptr(fd)); return nil })
	return came && !c.ended
}

// begin takes a place to work at.
func (c *conn) begin() {
	c.work, c.turns = c.streams.take(), 0
	c.at, c.have, c.rest = 0, copy(c.work.in[:], c.rest), nil
}

// put leaves the place, and keeps what is not answered yet: in memory of its own.
func (c *conn) put() {
	c.rest = append([]byte(nil), c.work.in[c.at:c.have]...)
	c.streams.give(c.work)
	c.work = nil
}

// read reads what has come; false when nothing has.
func (c *conn) read(fd uintptr) (done bool) {
	if c.work == nil {
		c.begin()
	}
	if c.at > 0 {
		c.at, c.have = 0, copy(c.work.in[:], c.work.in[c.at:c.have])
	}
	for {
		n, err := unix.Read(int(fd), c.work.in[c.have:])
		switch {
		case err == unix.EINTR:
			continue
		case err == unix.EAGAIN:
			c.put()
			return false
		case err != nil || n <= 0:
			c.ended = true
			return true
		}
		c.have += n
		return true
	}
}

// maxTurns is how often a connection may write before others get their turn: our choice.
const maxTurns = 4

// turn answers what was read; false when that was the last.
func (c *conn) turn() (on bool) {
	bound, before := c.streams.front.current.Load(), c.asked
	limit := bound.server.MaxTCPQueries
	if limit <= 0 {
		limit = math.MaxInt
	}
	for why := stopFull; why == stopFull; {
		began := c.work.tally.begin(bound.table)
		var asked, used int
		asked, used, why = c.work.answer(bound.table, c.work.in[c.at:c.have], limit-c.asked, c.ipv6)
		c.asked, c.at = c.asked+asked, c.at+used
		if !c.write(began) || c.asked >= limit {
			return false
		}
		if c.work == nil { // the client took its time
			break
		}
		if why == stopCoreDNS {
			c.asked++
			return c.carry() && c.asked < limit && c.wait(bound.server.IdleTimeout)
		}
		if c.turns++; c.turns >= maxTurns {
			c.put()
			break
		}
	}
	if before == 0 || time.Since(c.moved) > bound.server.IdleTimeout/slack {
		return c.asked == before || c.wait(bound.server.IdleTimeout)
	}
	return true
}

// slack is the part of the time of rest by which it may be longer: to set it anew for each
// query would cost more.
const slack = 16

// wait has the connection end when it asks nothing for so long.
func (c *conn) wait(idle time.Duration) bool {
	c.streams.mu.Lock()
	defer c.streams.mu.Unlock()
	if c.moved = time.Now(); !c.expired {
		_ = c.tcp.SetReadDeadline(c.moved.Add(idle + idle/slack))
	}
	return true
}

// write writes the answers; false when they cannot be. Who has to wait for the client
// does so without a place, and without more memory than the answers take: how long,
// that is what the connection has inherited.
func (c *conn) write(began time.Time) (ok bool) {
	w := c.work
	if w.answers == 0 {
		return true
	}
	c.streams.answered.Add(uint64(w.answers)) // before anybody has the answer
	if err := c.raw.Control(c.tryWrite); err != nil || c.sent < 0 {
		return false
	}
	w.tally.count(w.samples[:w.answers], began)
	if c.sent == len(w.out) {
		w.written()
		return true
	}
	unsent := slices.Clone(w.out[c.sent:])
	c.put()
	_, err := c.tcp.Write(unsent)
	return err == nil
}

// send writes as much as can be written at once; sent is -1 when nothing ever will be.
func (c *conn) send(fd uintptr) {
	for {
		n, err := unix.Write(int(fd), c.work.out)
		switch err {
		case nil:
			c.sent = n
		case unix.EINTR:
			continue
		case unix.EAGAIN:
			c.sent = 0
		default:
			c.sent = -1
		}
		return
	}
}

// carry has CoreDNS answer the next message, and waits for it: as long as the library would.
func (c *conn) carry() (on bool) {
	message, _ := first(c.work.in[c.at:c.have])
	e := newErrand(c.tcp, message)
	c.at += lengthSize + len(message)
	c.put()
	c.streams.handed.Add(1) // before anybody has the answer
	for bound := c.streams.front.current.Load(); ; {
		accepted, on := bound.relay.carry(e)
		last := bound
		if bound = c.streams.front.current.Load(); accepted || bound == last {
			return on
		}
	}
}
