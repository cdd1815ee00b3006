package multisigner

import (
	"context"
	"net"
	"testing"
	"time"

	"github.com/coredns/coredns/plugin"
	"github.com/coredns/coredns/plugin/metrics"
	"github.com/coredns/coredns/plugin/pkg/dnstest"
	"github.com/coredns/coredns/plugin/pkg/nonwriter"
	"github.com/coredns/coredns/request"
	"github.com/miekg/dns"
	"github.com/stretchr/testify/require"
)

// Octets pass by whoever wants to see a message, and would reach a client who did
// not ask. So they are written only where every writer on the way is known; all
// others get the message.
func TestWriteWire(t *testing.T) {
	h := newHome(t)
	h.zone("example.org", 1, "www A 192.0.2.1")
	h.start(".:0 {\nCOMMON\nmultisigner example.org {\nfile db.{zone}\nparent none\n}\n}")
	handler := process.loads[0].handlers[0]
	for name, tc := range map[string]struct {
		wrap func(m *dns.Msg, w dns.ResponseWriter) dns.ResponseWriter
		wire bool
	}{
		"CoreDNS":    {func(m *dns.Msg, w dns.ResponseWriter) dns.ResponseWriter { return request.NewScrubWriter(m, w) }, true},
		"prometheus": {func(_ *dns.Msg, w dns.ResponseWriter) dns.ResponseWriter { return metrics.NewRecorder(w) }, true},
		"log":        {func(_ *dns.Msg, w dns.ResponseWriter) dns.ResponseWriter { return dnstest.NewRecorder(w) }, false},
		"a lookup":   {func(_ *dns.Msg, w dns.ResponseWriter) dns.ResponseWriter { return nonwriter.New(w) }, false},
		"unknown":    {func(_ *dns.Msg, w dns.ResponseWriter) dns.ResponseWriter { return struct{ dns.ResponseWriter }{w} }, false},
		"twice": {func(_ *dns.Msg, w dns.ResponseWriter) dns.ResponseWriter {
			return metrics.NewRecorder(metrics.NewRecorder(w))
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			var way dns.ResponseWriter
			var socket *written
			server := &dns.Server{PacketConn: newWritten(t, &socket), Net: "udp", Handler: dns.HandlerFunc(func(w dns.ResponseWriter, m *dns.Msg) {
				way = tc.wrap(m, w)
				_, err := plugin.NextOrFailure("x", handler, context.Background(), way, m)
				require.NoError(t, err)
			})}
			require.ErrorIs(t, server.ActivateAndServe(), net.ErrClosed)
			switch at := way.(type) {
			case *nonwriter.Writer:
				require.Empty(t, socket.sent)
				require.Len(t, at.Msg.Answer, 2)
				return
			case *metrics.Recorder:
				require.Equal(t, dns.RcodeSuccess, at.Rcode)
				require.NotZero(t, at.Len)
				require.Equal(t, "multisigner", at.Plugin)
				require.Equal(t, tc.wire, at.Msg == nil)
			case *dnstest.Recorder:
				require.NotNil(t, at.Msg)
			}
			var m dns.Msg
			require.Len(t, socket.sent, 1)
			require.NoError(t, m.Unpack(socket.sent[0]))
			require.Len(t, m.Answer, 2)
			// A dns.Msg repeats the asker's size, the wire says ours.
			require.Equal(t, tc.wire, m.IsEdns0().UDPSize() == maxUDP)
		})
	}
}

// written is a packet connection that one query comes from, and keeps what is sent.
type written struct {
	net.PacketConn
	query []byte
	sent  [][]byte
}

func newWritten(t *testing.T, keep **written) *written {
	query, err := query4("www.example.org.", dns.TypeA).SetEdns0(1000, true).Pack()
	require.NoError(t, err)
	*keep = &written{query: query}
	return *keep
}

func (w *written) ReadFrom(p []byte) (int, net.Addr, error) {
	if w.query == nil {
		return 0, nil, net.ErrClosed
	}
	n := copy(p, w.query)
	w.query = nil
	return n, &net.UDPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 1}, nil
}

func (w *written) WriteTo(p []byte, _ net.Addr) (int, error) {
	w.sent = append(w.sent, append([]byte(nil), p...))
	return len(p), nil
}

func (w *written) LocalAddr() net.Addr { return &net.UDPAddr{IP: net.IPv4(192, 0, 2, 2), Port: 53} }
func (w *written) Close() error        { return nil }

// SetReadDeadline implements net.PacketConn.
func (w *written) SetReadDeadline(time.Time) error { return nil }
