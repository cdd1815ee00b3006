package fastpath

import (
	"context"
	"net"
	"sync"
	"time"
	"unsafe"

	"github.com/coredns/coredns/core/dnsserver"
	"github.com/miekg/dns"
)

// handover is a net.PacketConn without a network: what CoreDNS reads from it are the
// datagrams that are not for us, and what it writes leaves by the socket that those
// came to. So a dns.Server like CoreDNS's own does the rest: which messages are
// taken at all, TSIG, and a goroutine for each.
type handover struct {
	queue  chan *session
	ended  chan struct{} // nothing more is handed over
	ending sync.Once
	served chan struct{} // and all has been answered
	local  net.Addr
	busy   chan struct{} // a place for each query that CoreDNS has in hand
}

// Limits of our choice on what outsiders can make us hold: datagrams that wait for
// CoreDNS, and queries that it has in hand. What comes beyond is lost, as it would
// be in a full receive buffer.
const (
	maxWaiting = 1024
	maxInHand  = 4096
)

func newHandover(local net.Addr) *handover {
	return &handover{
		queue: make(chan *session, maxWaiting), ended: make(chan struct{}), served: make(chan struct{}),
		local: local, busy: make(chan struct{}, maxInHand),
	}
}

// serve has the server answer what is handed over, until end.
func (h *handover) serve(server *dnsserver.Server) {
	defer close(h.served)
	ctx := context.WithValue(context.WithValue(context.Background(), dnsserver.Key{}, server), dnsserver.LoopKey{}, 0)
	s := &dns.Server{
		PacketConn: h, Net: "udp", UDPSize: packetSize, TsigSecret: server.TsigSecret, MsgAcceptFunc: accept,
		Handler: dns.HandlerFunc(func(w dns.ResponseWriter, r *dns.Msg) {
			select {
			case h.busy <- struct{}{}:
				server.ServeDNS(ctx, w, r)
				<-h.busy
			default:
			}
		}),
	}
	_ = s.ActivateAndServe() // ends with net.ErrClosed
}

// accept leaves opcodes to CoreDNS, which knows in what block which one is wanted,
// and says NOTIMP to the rest; all else is as the library has it.
func accept(h dns.Header) dns.MsgAcceptAction {
	action := dns.DefaultMsgAcceptFunc(h)
	if action == dns.MsgRejectNotImplemented && h.Qdcount == 1 {
		return dns.MsgAccept
	}
	return action
}

// hand gives CoreDNS a datagram; false when it has too many already.
func (h *handover) hand(s *session) bool {
	select {
	case h.queue <- s:
		return true
	default:
		return false
	}
}

// end closes the way, when nobody hands over anything any more. What waits is answered.
func (h *handover) end() { h.ending.Do(func() { close(h.ended) }) }

// over reports whether all is answered, after the end.
func (h *handover) over() bool {
	select {
	case <-h.served:
		return true
	default:
		return false
	}
}

// ReadFrom implements net.PacketConn.
func (h *handover) ReadFrom(p []byte) (n int, from net.Addr, err error) {
	var s *session
	select {
	case s = <-h.queue:
	default:
		select {
		case s = <-h.queue:
		case <-h.ended:
			select {
			case s = <-h.queue:
			default:
				return 0, nil, net.ErrClosed
			}
		}
	}
	n = copy(p, s.packet)
	readable(p[:n])
	return n, &s.addr, nil
}

// WriteTo implements net.PacketConn. to is always what ReadFrom has given: plugins
// expect a *net.UDPAddr, and so it is the first field of the session.
func (h *handover) WriteTo(p []byte, to net.Addr) (n int, err error) {
	s := (*session)(unsafe.Pointer(to.(*net.UDPAddr)))
	return len(p), s.reply(p)
}

// Close implements net.PacketConn; end is what ends it.
func (h *handover) Close() error { return nil }

// LocalAddr implements net.PacketConn.
func (h *handover) LocalAddr() net.Addr { return h.local }

// SetDeadline implements net.PacketConn; there are no deadlines.
func (h *handover) SetDeadline(time.Time) error { return nil }

// SetReadDeadline implements net.PacketConn; there are no deadlines.
func (h *handover) SetReadDeadline(time.Time) error { return nil }

// SetWriteDeadline implements net.PacketConn; there are no deadlines.
func (h *handover) SetWriteDeadline(time.Time) error { return nil }
