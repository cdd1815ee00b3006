package multisigner

import (
	"context"
	"errors"
	"net"
	"testing"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/require"
)

// gone is a client who takes nothing any more.
type gone struct {
	dns.ResponseWriter
	from   net.Addr
	closed int
}

func (g *gone) RemoteAddr() net.Addr            { return g.from }
func (g *gone) WriteMsg(*dns.Msg) error         { return errors.New("broken pipe") }
func (g *gone) Write([]byte) (int, error)       { return 0, errors.New("broken pipe") }
func (g *gone) Close() error                    { g.closed++; return nil }
func (g *gone) TsigStatus() error               { return nil }
func (g *gone) LocalAddr() net.Addr             { return &net.TCPAddr{} }
func (g *gone) question(h *Handler, m *dns.Msg) { _, _ = h.ServeDNS(context.Background(), g, m) }

// A connection whose client has gone is closed: what he has asked before, thousands
// of questions that wait in it, is answered to nobody. A socket for datagrams is
// everybody's.
func TestClientsThatHaveGone(t *testing.T) {
	h := newHome(t)
	h.zone("example.org", 1, "www A 192.0.2.1")
	r := h.start(block("example.org", ""))
	require.Equal(t, dns.RcodeSuccess, r.ask("udp", query4("www.example.org.", dns.TypeA)).Rcode)
	handler := process.loads[0].handlers[0]
	for _, m := range []*dns.Msg{
		query4("www.example.org.", dns.TypeA),
		query4("example.org.", dns.TypeANY).SetEdns0(1232, true),
		{MsgHdr: dns.MsgHdr{Opcode: dns.OpcodeStatus}, Question: query4("example.org.", dns.TypeA).Question}, // it is refused
		axfr("example.org.", ""),
	} {
		stream := &gone{from: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 5300}}
		stream.question(handler, m)
		require.Equal(t, 1, stream.closed, "%v", m)
		datagram := &gone{from: &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 5300}}
		datagram.question(handler, m)
		require.Zero(t, datagram.closed, "%v", m)
	}
}
