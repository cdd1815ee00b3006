package multisigner

import (
	"net"
	"net/netip"
	"slices"
	"sync/atomic"
	"time"

	"github.com/coredns/caddy"
	"github.com/coredns/coredns/plugin/pkg/parse"
)

// What a connection may hold of the kernel's memory, and for how long a client may
// take nothing. CoreDNS sets no deadline when it writes, and gives no plugin its
// connections; but they inherit the options of the socket that they come in at.
const (
	// What may wait in the kernel to be sent: two messages of a transfer. Half of
	// that is the kernel's own. For a client 100 ms away that is 2.5 MB a second.
	sendBuffer = 256 << 10
	// Before so little is sent, no more is taken from us.
	sendLow = 32 << 10
	// Questions that nobody has read yet.
	receiveBuffer = 64 << 10
)

// maxUnread is how long a client may leave what we sent unread: our choice, as long as
// CoreDNS waits for the next question.
const maxUnread = 10 * time.Second

// patience is what a test has in its place, in nanoseconds; 0: no test has less.
var patience atomic.Int64

func unread() time.Duration {
	if d := patience.Load(); d != 0 {
		return time.Duration(d)
	}
	return maxUnread
}

// limiter is started with the servers of a load, when all listen, and sets the
// limits of what they listen at. It serves nothing itself.
type limiter struct{ addrs []string }

// limitStreams sees to it that the limits are set when the load's servers listen,
// at a start and at each reload.
func (l *load) limitStreams() {
	for _, i := range caddy.Instances() {
		if l.of(i) {
			var addrs []string
			for _, h := range l.handlers {
				addrs = append(addrs, h.listens...)
			}
			i.SaveServer(limiter{addrs}, nil)
		}
	}
}

// Serve implements caddy.TCPServer.
func (l limiter) Serve(net.Listener) error {
	var wanted []netip.AddrPort
	for _, addr := range l.addrs {
		if proto, hostport := parse.Transport(addr); slices.Contains(networks[proto], "tcp") {
			if a, err := net.ResolveTCPAddr("tcp", hostport); err == nil {
				wanted = append(wanted, addrPort(a))
			}
		}
	}
	if err := limitListeners(wanted); err != nil {
		log.Warningf("clients that do not read what they asked for are not cut off: %v (built into another CoreDNS: start it with GODEBUG=multipathtcp=0)", err)
	}
	return nil
}

// Listen implements caddy.TCPServer.
func (limiter) Listen() (net.Listener, error) { return nil, nil }

// ListenPacket implements caddy.UDPServer.
func (limiter) ListenPacket() (net.PacketConn, error) { return nil, nil }

// ServePacket implements caddy.UDPServer.
func (limiter) ServePacket(net.PacketConn) error { return nil }

// overlap reports whether a socket at one address may be the one of the other,
// where any address is written as none or as the unspecified one, and any port as 0.
func overlap(a, b netip.AddrPort) bool {
	anywhere := func(a netip.AddrPort) bool { return !a.Addr().IsValid() || a.Addr().IsUnspecified() }
	return (a.Port() == b.Port() || a.Port() == 0 || b.Port() == 0) && (anywhere(a) || anywhere(b) || a.Addr() == b.Addr())
}
