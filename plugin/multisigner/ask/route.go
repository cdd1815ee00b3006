package ask

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"syscall"
	"time"
)

// Routed reports whether this machine has any way to addr. Without IPv6 it has none
// to the IPv6 addresses of servers that it reaches by IPv4 very well. Nothing is
// sent: a connected UDP socket shows it.
func (c *Client) Routed(ctx context.Context, addr netip.AddrPort) bool {
	conn, err := c.dial(ctx, "udp", Server{Addr: addr}, time.Second)
	if err == nil {
		conn.Close()
		return true
	}
	return !errors.Is(err, errNoRoute)
}

// Leaves is the address of this machine from which addr is asked under ctx; ok is false when
// there is none. Nothing is sent.
func (c *Client) Leaves(ctx context.Context, addr netip.AddrPort) (from netip.Addr, ok bool) {
	conn, err := c.dial(ctx, "udp", Server{Addr: addr}, time.Second)
	if err != nil {
		return netip.Addr{}, false
	}
	defer conn.Close()
	at, ok := conn.LocalAddr().(*net.UDPAddr)
	if !ok {
		return netip.Addr{}, false
	}
	return at.AddrPort().Addr().Unmap(), true
}

// errNoRoute is wrapped by errors of dial that are of this machine, not of the server.
var errNoRoute = errors.New("no route")

func noRoute(err error) bool {
	for _, e := range []error{syscall.ENETUNREACH, syscall.EADDRNOTAVAIL, syscall.EAFNOSUPPORT} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// Reachable leaves out of one host's addresses those that this machine has no route
// to, if there is one that it has: a host that nothing leads to stays, to be seen
// as unreachable.
func Reachable(addrs []netip.Addr, routed func(netip.Addr) bool) []netip.Addr {
	var left []netip.Addr
	for _, addr := range addrs {
		if routed(addr) {
			left = append(left, addr)
		}
	}
	if len(left) == 0 {
		return addrs
	}
	return left
}
