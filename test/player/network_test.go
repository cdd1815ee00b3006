package player

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/miekg/dns"
)

// network carries messages between hosts. Each has one address; all servers listen
// at port 53. A message is under way for a moment, so that much happens meanwhile.
type network struct {
	mu    sync.Mutex
	hosts map[netip.Addr]server
	// cut are the links that carry nothing, from one address to another, and until when.
	cut map[[2]netip.Addr]time.Time
	// unrouted are addresses to which a host has no route.
	unrouted map[[2]netip.Addr]bool
	// muted are the types about which an address says nothing to those who look at it.
	muted   map[netip.Addr]string
	lost    func() bool // decides about each message; nil: none is lost
	carried int         // questions
}

// server answers a message from somewhere; none: it is silent.
type server interface {
	serve(from netip.AddrPort, tcp bool, wire []byte) [][]byte
}

const latency = 20 * time.Millisecond // one way

func newNetwork() *network {
	return &network{hosts: map[netip.Addr]server{}, cut: map[[2]netip.Addr]time.Time{}, unrouted: map[[2]netip.Addr]bool{}, muted: map[netip.Addr]string{}}
}

// mute has an address say nothing about types, to whoever asks over the network.
func (n *network) mute(addr netip.Addr, types string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.muted[addr] = types
}

// mutes reports whether an address says nothing to a question.
func (n *network) mutes(addr netip.Addr, wire []byte) bool {
	n.mu.Lock()
	types := strings.Fields(n.muted[addr])
	n.mu.Unlock()
	if len(types) == 0 {
		return false
	}
	q := new(dns.Msg)
	return q.Unpack(wire) == nil && len(q.Question) == 1 && slices.Contains(types, dns.TypeToString[q.Question[0].Qtype])
}

// at puts a server at an address, or takes it away (nil).
func (n *network) at(addr netip.Addr, s server) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if s == nil {
		delete(n.hosts, addr)
	} else {
		n.hosts[addr] = s
	}
}

// cutOff lets nothing pass from one address to another until a time.
func (n *network) cutOff(from, to netip.Addr, until time.Time) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.cut[[2]netip.Addr{from, to}] = until
}

// lose has messages get lost as lost says; nil: none does.
func (n *network) lose(lost func() bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.lost = lost
}

func (n *network) passes(from, to netip.Addr) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	until, ok := n.cut[[2]netip.Addr{from, to}]
	return (!ok || !time.Now().Before(until)) && (n.lost == nil || !n.lost())
}

func (n *network) host(addr netip.Addr) server {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.carried++
	return n.hosts[addr]
}

// dialer connects from an address.
func (n *network) dialer(from netip.Addr) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, kind, address string) (net.Conn, error) {
		to, err := netip.ParseAddrPort(address)
		if err != nil {
			return nil, err
		}
		n.mu.Lock()
		unrouted := n.unrouted[[2]netip.Addr{from, to.Addr()}]
		n.mu.Unlock()
		if unrouted {
			return nil, &net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.ENETUNREACH)}
		}
		c := &conn{network: n, from: netip.AddrPortFrom(from, 40000), to: to, tcp: kind == "tcp", changed: make(chan struct{})}
		if !c.tcp {
			return c, nil
		}
		if !n.passes(from, to.Addr()) || !n.passes(to.Addr(), from) {
			<-ctx.Done()
			return nil, &net.OpError{Op: "dial", Err: os.ErrDeadlineExceeded}
		}
		if n.host(to.Addr()) == nil {
			return nil, &net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
		}
		return c, nil
	}
}

// conn is the asking side of an exchange: the server answers within its reads.
type conn struct {
	network  *network
	from, to netip.AddrPort
	tcp      bool

	sent, came []byte   // of a stream
	questions  [][]byte // that were not carried yet
	packets    [][]byte // that were not read yet

	mu       sync.Mutex
	deadline time.Time
	closed   bool
	changed  chan struct{} // closed when one of the two has changed
}

func (c *conn) Write(b []byte) (int, error) {
	if !c.tcp {
		c.questions = append(c.questions, append([]byte(nil), b...))
		return len(b), nil
	}
	c.sent = append(c.sent, b...)
	for len(c.sent) >= 2 {
		size := 2 + int(binary.BigEndian.Uint16(c.sent))
		if len(c.sent) < size {
			break
		}
		c.questions = append(c.questions, append([]byte(nil), c.sent[2:size]...))
		c.sent = c.sent[size:]
	}
	return len(b), nil
}

func (c *conn) Read(b []byte) (int, error) {
	for len(c.came) == 0 && len(c.packets) == 0 {
		if len(c.questions) == 0 {
			return 0, c.wait(-1)
		}
		q := c.questions[0]
		c.questions = c.questions[1:]
		if err := c.carry(q); err != nil {
			return 0, err
		}
	}
	if c.tcp {
		n := copy(b, c.came)
		c.came = c.came[n:]
		return n, nil
	}
	n := copy(b, c.packets[0])
	c.packets = c.packets[1:]
	return n, nil
}

// carry brings a question to its server, and what that answers back.
func (c *conn) carry(q []byte) error {
	if err := c.wait(latency); err != nil {
		return err
	}
	if !c.network.passes(c.from.Addr(), c.to.Addr()) {
		return nil
	}
	s := c.network.host(c.to.Addr())
	if s == nil {
		if c.tcp {
			return io.EOF
		}
		return &net.OpError{Op: "read", Err: os.NewSyscallError("read", syscall.ECONNREFUSED)}
	}
	if c.network.mutes(c.to.Addr(), q) {
		return nil
	}
	answers := s.serve(c.from, c.tcp, q)
	if err := c.wait(latency); err != nil {
		return err
	}
	if !c.network.passes(c.to.Addr(), c.from.Addr()) {
		return nil
	}
	for _, a := range answers {
		if c.tcp {
			c.came = append(binary.BigEndian.AppendUint16(c.came, uint16(len(a))), a...)
		} else {
			c.packets = append(c.packets, a)
		}
	}
	return nil
}

// wait lets a time pass, for ever if it is negative; the error is that the deadline
// came before, or that the connection was closed.
func (c *conn) wait(d time.Duration) error {
	var passed <-chan time.Time
	if d >= 0 {
		timer := time.NewTimer(d)
		defer timer.Stop()
		passed = timer.C
	}
	for {
		c.mu.Lock()
		deadline, closed, changed := c.deadline, c.closed, c.changed
		c.mu.Unlock()
		if closed {
			return net.ErrClosed
		}
		var late <-chan time.Time
		if !deadline.IsZero() {
			timer := time.NewTimer(time.Until(deadline))
			defer timer.Stop()
			late = timer.C
		}
		select {
		case <-passed:
			return nil
		case <-late:
			return os.ErrDeadlineExceeded
		case <-changed:
		}
	}
}

func (c *conn) set(change func()) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	change()
	close(c.changed)
	c.changed = make(chan struct{})
	return nil
}

func (c *conn) Close() error                       { return c.set(func() { c.closed = true }) }
func (c *conn) SetDeadline(t time.Time) error      { return c.set(func() { c.deadline = t }) }
func (c *conn) SetReadDeadline(t time.Time) error  { return c.SetDeadline(t) }
func (c *conn) SetWriteDeadline(time.Time) error   { return errors.ErrUnsupported }
func (c *conn) LocalAddr() net.Addr                { return c.addr(c.from) }
func (c *conn) RemoteAddr() net.Addr               { return c.addr(c.to) }
func (c *conn) addr(a netip.AddrPort) (n net.Addr) { return addrOf(a, c.tcp) }

func addrOf(a netip.AddrPort, tcp bool) net.Addr {
	if tcp {
		return net.TCPAddrFromAddrPort(a)
	}
	return net.UDPAddrFromAddrPort(a)
}
