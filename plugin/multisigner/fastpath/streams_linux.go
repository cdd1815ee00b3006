package fastpath

import (
	"context"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// streams are the connections of a front.
type streams struct {
	Streams
	front      *Front
	listeners  []*net.TCPListener
	workspaces sync.Pool

	answered, handed atomic.Uint64

	mu        sync.Mutex
	conns     map[*conn]struct{}
	ending    atomic.Bool
	accepting sync.WaitGroup
	serving   sync.WaitGroup
}

// Listen has the front take connections as well, at an address where CoreDNS has theirs sockets
// listening already: as many of ours take their place. Connections that wait for
// CoreDNS stay there.
func (f *Front) Listen(address string, theirs int, with Streams) error {
	s := &streams{Streams: with, front: f, conns: make(map[*conn]struct{})}
	s.workspaces.New = func() any { return newWorkspace() }
	for range theirs {
		l, err := listenStreams(address, with.Inherit)
		if err != nil {
			s.closeListeners()
			return fmt.Errorf("listen for connections at %s: %w", address, err)
		}
		s.listeners = append(s.listeners, l)
	}
	f.streams = s
	for _, l := range s.listeners {
		s.accepting.Go(func() { s.accept(l) })
	}
	if raw, err := s.listeners[0].SyscallConn(); err == nil {
		s.steer(before(raw, theirs, theirs))
	}
	return nil
}

// listenStreams opens a socket beside those that others of this user have at the address.
func listenStreams(address string, inherit func(fd int) error) (*net.TCPListener, error) {
	config := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) error {
		return control(raw, func(fd int) error {
			if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1); err != nil {
				return fmt.Errorf("SO_REUSEPORT: %w", err)
			}
			return inherit(fd)
		})
	}}
	config.SetMultipathTCP(false) // what connections are to inherit would not reach them
	l, err := config.Listen(context.Background(), "tcp", address)
	if err != nil {
		return nil, err
	}
	return l.(*net.TCPListener), nil
}

// steer has connections come to as many sockets as we have, of which first is the first.
func (s *streams) steer(first int) {
	if raw, err := s.listeners[0].SyscallConn(); err == nil {
		_ = steer(raw, first, len(s.listeners))
	}
}

func (s *streams) closeListeners() {
	for _, l := range s.listeners {
		_ = l.Close()
	}
}

// accept takes connections until the front closes.
func (s *streams) accept(l *net.TCPListener) {
	for {
		tcp, err := l.AcceptTCP()
		switch {
		case err == nil:
			s.begin(tcp)
		case s.ending.Load():
			return
		default:
			time.Sleep(pause)
		}
	}
}

// begin serves a connection.
func (s *streams) begin(tcp *net.TCPConn) {
	c := newConn(s, tcp)
	if c == nil {
		_ = tcp.Close()
		return
	}
	s.mu.Lock()
	s.conns[c] = struct{}{}
	s.mu.Unlock()
	s.serving.Go(func() {
		defer func() {
			_ = tcp.Close()
			s.mu.Lock()
			delete(s.conns, c)
			s.mu.Unlock()
		}()
		c.serve()
	})
}

// handshake is how long a client may take to answer while the front closes: our choice. With
// the socket, a connection that is not there yet would be gone.
const handshake = 50 * time.Millisecond

// close ends what is at rest, and what is at work as soon as that is done. Who comes from now
// on comes to CoreDNS's sockets. Those are as many as ours: the system goes on choosing
// among them.
func (s *streams) close() {
	s.steer(0)
	s.ending.Store(true)
	s.expire()
	for _, l := range s.listeners {
		_ = l.SetDeadline(time.Now().Add(handshake))
	}
	s.accepting.Wait()
	s.closeListeners()
	s.expire() // those that came in meanwhile
	served := make(chan struct{})
	go func() {
		s.serving.Wait()
		close(served)
	}()
	select {
	case <-served:
	case <-time.After(grace): // a transfer goes on to its end
	}
}

// expire has each connection answer what has come, and no more.
func (s *streams) expire() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		c.expired = true
		_ = c.tcp.SetReadDeadline(longAgo)
	}
}

var longAgo = time.Unix(1, 0)

// take waits for a place to work at.
func (s *streams) take() *workspace {
	s.Begin()
	return s.workspaces.Get().(*workspace)
}

// give gives it back.
func (s *streams) give(w *workspace) {
	w.rest()
	s.workspaces.Put(w)
	s.End()
}
