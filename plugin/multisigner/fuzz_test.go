package multisigner

import (
	"context"
	"net"
	"testing"

	"github.com/coredns/coredns/request"
	"github.com/miekg/dns"
	"github.com/stretchr/testify/require"
)

// writer is a client that keeps what it is sent.
type writer struct {
	dns.ResponseWriter
	remote net.Addr
	sent   []*dns.Msg
}

func (w *writer) RemoteAddr() net.Addr { return w.remote }
func (w *writer) LocalAddr() net.Addr  { return w.remote }
func (w *writer) TsigTimersOnly(bool)  {}
func (w *writer) TsigStatus() error    { return nil }

func (w *writer) WriteMsg(m *dns.Msg) error {
	w.sent = append(w.sent, m.Copy())
	return nil
}

func (w *writer) Write(wire []byte) (int, error) {
	m := new(dns.Msg)
	if err := m.Unpack(wire); err != nil {
		return 0, err
	}
	return len(wire), w.WriteMsg(m)
}

// Whatever arrives, there is at most one response (a transfer apart), it can be
// packed, answers the question that was asked, and fits over UDP.
func FuzzMessage(f *testing.F) {
	seed := func(m *dns.Msg) {
		wire, err := m.Pack()
		require.NoError(f, err)
		f.Add(wire)
	}
	seed(query4("www.example.org.", dns.TypeA))
	seed(query4("WWW.example.org.", dns.TypeA).SetEdns0(512, true))
	seed(query4("a.b.example.org.", dns.TypeANY).SetEdns0(4096, true))
	seed(query4("sub.example.org.", dns.TypeDS).SetEdns0(1232, true))
	seed(query4("x.d.example.org.", dns.TypeTXT))
	seed(new(dns.Msg).SetAxfr("example.org."))
	seed(ixfr("example.org.", 0))
	seed(new(dns.Msg).SetNotify("example.org."))
	seed(new(dns.Msg).SetUpdate("example.org."))

	dir := newHome(f)
	dir.zone("example.org", 1, "www A 192.0.2.1", "*.w TXT x", "a.b.c A 192.0.2.2", "d DNAME example.net.", "sub NS ns.sub", "ns.sub A 192.0.2.3", "c CNAME www")
	dir.start(".:0 {\nCOMMON\nmultisigner example.org {\nfile db.{zone}\nparent none\nallow-transfer 192.0.2.0/24\n}\n}")
	handler := front{process.loads[0].handlers[0], process.loads[0].handlers[0]}

	f.Fuzz(func(t *testing.T, wire []byte) {
		req := new(dns.Msg)
		if err := req.Unpack(wire); err != nil || len(req.Question) == 0 {
			return
		}
		question := req.Question[0]
		for _, remote := range []net.Addr{
			&net.UDPAddr{IP: net.IPv4(198, 51, 100, 1), Port: 1},
			&net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 1},
		} {
			ask := req.Copy()
			client := &writer{remote: remote}
			code, _ := handler.ServeDNS(context.Background(), request.NewScrubWriter(ask, client), ask)
			if len(client.sent) == 0 {
				require.NotEqual(t, dns.RcodeSuccess, code, "nobody answers")
				continue
			}
			for _, m := range client.sent {
				packed, err := m.Pack()
				require.NoError(t, err)
				require.Equal(t, req.Id, m.Id)
				require.True(t, m.Response)
				if _, udp := remote.(*net.UDPAddr); udp {
					require.LessOrEqual(t, len(packed), maxUDP)
				}
			}
			require.Equal(t, []dns.Question{question}, client.sent[0].Question)
			if question.Qtype != dns.TypeAXFR && question.Qtype != dns.TypeIXFR {
				require.Len(t, client.sent, 1)
			}
		}
	})
}
