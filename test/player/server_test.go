package player

import (
	"context"
	"net"
	"net/netip"
	"time"

	"github.com/coredns/coredns/plugin"
	"github.com/coredns/coredns/request"
	"github.com/miekg/dns"
)

// respond has a plugin answer a message as CoreDNS's server does: what it writes is
// fitted to the question, and signed where the question was.
func respond(h plugin.Handler, at, from netip.AddrPort, tcp bool, wire []byte) [][]byte {
	q := new(dns.Msg)
	if q.Unpack(wire) != nil {
		return nil
	}
	w := &writer{at: at, from: from, tcp: tcp}
	if t := q.IsTsig(); t != nil {
		w.key, w.mac = t, t.MAC
		w.status = dns.ErrSecret
		if t.Hdr.Name == groupKey.Name {
			w.status = dns.TsigVerify(wire, groupKey.Secret, "", false)
		}
	}
	rcode, err := h.ServeDNS(context.Background(), request.NewScrubWriter(q, w), q)
	if err != nil {
		return nil
	}
	if !plugin.ClientWrite(rcode) {
		w.WriteMsg(new(dns.Msg).SetRcode(q, rcode))
	}
	return w.sent
}

// writer is what a server answers into.
type writer struct {
	at, from netip.AddrPort
	tcp      bool
	key      *dns.TSIG // of the question
	mac      string    // the last
	timers   bool
	status   error
	sent     [][]byte
}

func (w *writer) WriteMsg(m *dns.Msg) error {
	var wire []byte
	var err error
	if m.IsTsig() != nil && w.status == nil {
		m.IsTsig().TimeSigned = uint64(time.Now().Unix())
		wire, w.mac, err = dns.TsigGenerate(m, groupKey.Secret, w.mac, w.timers)
	} else {
		wire, err = m.Pack()
	}
	if err == nil {
		w.sent = append(w.sent, wire)
	}
	return err
}

func (w *writer) Write(b []byte) (int, error) {
	w.sent = append(w.sent, append([]byte(nil), b...)) // the next answer is written into the same
	return len(b), nil
}

func (w *writer) LocalAddr() net.Addr   { return addrOf(w.at, w.tcp) }
func (w *writer) RemoteAddr() net.Addr  { return addrOf(w.from, w.tcp) }
func (w *writer) TsigStatus() error     { return w.status }
func (w *writer) TsigTimersOnly(b bool) { w.timers = b }
func (w *writer) Close() error          { return nil }
func (w *writer) Hijack()               {}
