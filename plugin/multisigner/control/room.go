package control

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"slices"
	"sync"
)

// room is a listener that has room for so many connections. Beyond that a new one
// takes the place of the one that has moved least lately, among those that wait for
// their clients: to ask, to end a question, or to read an answer. One whose question
// is being worked on keeps its place, and with nothing but those a new one waits.
type room struct {
	net.Listener
	size int

	mu     sync.Mutex
	left   sync.Cond // a connection left, or began to wait for its client
	closed bool
	guests []*guest // those that moved last are the last
}

// guest is a connection, as the room and its handler know it.
type guest struct {
	net.Conn
	room    *room
	working bool // guarded by the room's mu
}

func newRoom(l net.Listener, size int) *room {
	r := &room{Listener: l, size: size}
	r.left.L = &r.mu
	return r
}

// Accept is net.Listener's.
func (r *room) Accept() (net.Conn, error) {
	conn, err := r.Listener.Accept()
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for len(r.guests) >= r.size && !r.closed && !r.turnOut() {
		r.left.Wait()
	}
	if r.closed {
		conn.Close()
		return nil, net.ErrClosed
	}
	g := &guest{Conn: conn, room: r}
	r.guests = append(r.guests, g)
	return g, nil
}

// turnOut closes the connection that waits for its client longest; false when all
// are being worked for. The caller holds the lock.
func (r *room) turnOut() bool {
	i := slices.IndexFunc(r.guests, func(g *guest) bool { return !g.working })
	if i < 0 {
		return false
	}
	r.guests[i].Conn.Close()
	r.guests = slices.Delete(r.guests, i, i+1)
	return true
}

// Close is net.Listener's. Connections stay open.
func (r *room) Close() error {
	r.mu.Lock()
	r.closed = true
	r.left.Broadcast()
	r.mu.Unlock()
	return r.Listener.Close()
}

// Close is net.Conn's.
func (g *guest) Close() error {
	r := g.room
	r.mu.Lock()
	defer r.mu.Unlock()
	r.guests = slices.DeleteFunc(r.guests, func(o *guest) bool { return o == g })
	r.left.Broadcast()
	return g.Conn.Close()
}

// works says whether the question is being worked on; ok is false when the
// connection was closed before that began.
func (g *guest) works(now bool) (ok bool) {
	r := g.room
	r.mu.Lock()
	defer r.mu.Unlock()
	i := slices.Index(r.guests, g)
	if i < 0 {
		return false
	}
	g.working = now
	r.guests = append(slices.Delete(r.guests, i, i+1), g)
	r.left.Broadcast()
	return true
}

// guestKey is where a request's context has its guest.
type guestKey struct{}

func withGuest(ctx context.Context, c net.Conn) context.Context {
	return context.WithValue(ctx, guestKey{}, c)
}

// working tells the room when the work for a question begins, which is when all of it
// was read, and when it ends, which is when the answer begins. A question whose
// connection had to go before has no effect.
func working(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		g, ok := r.Context().Value(guestKey{}).(*guest)
		if !ok {
			h.ServeHTTP(w, r)
			return
		}
		body, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1)) // one more, for the handler to refuse
		if err != nil || !g.works(true) {
			return // whoever asked has gone
		}
		defer g.works(false)
		r.Body = io.NopCloser(bytes.NewReader(body))
		h.ServeHTTP(&answering{ResponseWriter: w, guest: g}, r)
	})
}

// answering tells the room that an answer begins.
type answering struct {
	http.ResponseWriter
	guest *guest
	begun bool
}

func (a *answering) Write(p []byte) (int, error) {
	if !a.begun {
		a.begun = true
		a.guest.works(false)
	}
	return a.ResponseWriter.Write(p)
}

// Unwrap lets http.ResponseController find the writer inside.
func (a *answering) Unwrap() http.ResponseWriter { return a.ResponseWriter }
