package fastpath

import (
	"context"
	"io"
	"net"
	"sync"
	"time"

	"github.com/coredns/coredns/core/dnsserver"
	"github.com/miekg/dns"
)

// relay is a net.Listener without a network. Each message of a connection that is not for us
// is to CoreDNS a connection that asks once, and what it writes leaves by the real
// one. So a dns.Server like CoreDNS's own does the rest: TSIG, transfers of many messages,
// and all that a handler may do with a connection.
type relay struct {
	errands chan *errand
	ended   chan struct{} // nothing more is handed over
	ending  sync.Once
}

func newRelay() *relay { return &relay{errands: make(chan *errand), ended: make(chan struct{})} }

// serve has the server answer what is handed over, until end.
func (r *relay) serve(server *dnsserver.Server) {
	ctx := context.WithValue(context.WithValue(context.Background(), dnsserver.Key{}, server), dnsserver.LoopKey{}, 0)
	s := &dns.Server{
		Listener: r, Net: "tcp", TsigSecret: server.TsigSecret, MsgAcceptFunc: accept, MaxTCPQueries: -1,
		Handler: dns.HandlerFunc(func(w dns.ResponseWriter, r *dns.Msg) { server.ServeDNS(ctx, w, r) }),
	}
	_ = s.ActivateAndServe() // ends with net.ErrClosed, when all is answered
}

// end closes the way. What was handed over is answered.
func (r *relay) end() { r.ending.Do(func() { close(r.ended) }) }

// carry has CoreDNS answer a message, and waits until it has; accepted is false after
// the end, and on is false when the connection is to be closed.
func (r *relay) carry(e *errand) (accepted, on bool) {
	select {
	case r.errands <- e:
		return true, <-e.done
	case <-r.ended:
		return false, false
	}
}

// Accept implements net.Listener.
func (r *relay) Accept() (net.Conn, error) {
	select {
	case e := <-r.errands:
		return e, nil
	case <-r.ended:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener; end is what ends it.
func (r *relay) Close() error { return nil }

// Addr implements net.Listener; nobody asks.
func (r *relay) Addr() net.Addr { return &net.TCPAddr{} }

// errand is one message of a connection, as a connection.
type errand struct {
	conn   *net.TCPConn
	wire   []byte // with its length; what is left to read
	over   bool   // all was read, and asked for more: the message is done with
	closed sync.Once
	done   chan bool // told once: whether the connection goes on
}

func newErrand(conn *net.TCPConn, message []byte) *errand {
	e := &errand{conn: conn, wire: make([]byte, 0, lengthSize+len(message)), done: make(chan bool, 1)}
	e.wire = append(append(e.wire, byte(len(message)>>8), byte(len(message))), message...)
	readable(e.wire[lengthSize:])
	return e
}

// Read implements net.Conn.
func (e *errand) Read(p []byte) (n int, err error) {
	if len(e.wire) == 0 {
		e.over = true
		return 0, io.EOF
	}
	n = copy(p, e.wire)
	e.wire = e.wire[n:]
	return n, nil
}

// Write implements net.Conn.
func (e *errand) Write(p []byte) (int, error) { return e.conn.Write(p) }

// Close implements net.Conn. Whoever closes it before the end, a handler, or one who has
// taken it over, means the real connection.
func (e *errand) Close() error {
	e.closed.Do(func() { e.done <- e.over })
	return nil
}

// LocalAddr implements net.Conn.
func (e *errand) LocalAddr() net.Addr { return e.conn.LocalAddr() }

// RemoteAddr implements net.Conn.
func (e *errand) RemoteAddr() net.Addr { return e.conn.RemoteAddr() }

// SetDeadline implements net.Conn, for writing: all was read before.
func (e *errand) SetDeadline(t time.Time) error { return e.conn.SetWriteDeadline(t) }

// SetReadDeadline implements net.Conn; there is none.
func (e *errand) SetReadDeadline(time.Time) error { return nil }

// SetWriteDeadline implements net.Conn.
func (e *errand) SetWriteDeadline(t time.Time) error { return e.conn.SetWriteDeadline(t) }
