package registry

import (
	"context"
	"crypto"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/miekg/dns"

	"github.com/multisigner/multisigner/plugin/multisigner/answer"
	"github.com/multisigner/multisigner/plugin/multisigner/keystore"
	"github.com/multisigner/multisigner/plugin/multisigner/sign"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// serve answers for the parent zone and looks at the child until ctx ends.
func serve(ctx context.Context, c Config, stdout io.Writer) error {
	log := slog.New(slog.NewTextHandler(stdout, nil))
	delegation, serial, err := recall(c)
	if err != nil {
		return err
	}
	p := &publisher{config: c, serial: serial, now: time.Now}
	if p.apex, err = zone.ParseName(c.Zone); err != nil {
		return err
	}
	if p.key, err = openKey(c); err != nil {
		return err
	}
	if err := p.adopt(delegation); err != nil {
		return err
	}
	notified := make(chan struct{}, 1)
	h := &handler{publisher: p, notified: notified, notifies: newLimiter(c.calm(), time.Now)}
	stop, err := h.listen(c.Address)
	if err != nil {
		return err
	}
	defer stop()
	if err := writeAnchors(c, p); err != nil {
		return err
	}
	log.Info("serving", "zone", c.Zone, "address", c.Address, "ds", tags(delegation.DS))
	s := &scanner{config: c, delegation: delegation, log: log, now: time.Now, adopt: p.adopt}
	s.between = func() {
		if err := p.renew(); err != nil {
			s.say("renew signatures: " + err.Error())
		}
	}
	s.run(ctx, notified)
	return nil
}

// openKey opens the zone's only key, a CSK, or makes it at the first start.
func openKey(c Config) (sign.Key, error) {
	dir, err := keystore.Open(filepath.Join(c.Dir, "keys"))
	if err != nil {
		return sign.Key{}, err
	}
	keys, faults := dir.List(c.Zone)
	if len(faults) > 0 {
		return sign.Key{}, faults[0]
	}
	if len(keys) > 0 {
		return signer(keys[0]), nil
	}
	const csk = 257
	k, err := dir.Create(c.Zone, dns.ECDSAP256SHA256, csk, func(uint16) bool { return true })
	return signer(k), err
}

func signer(k keystore.Key) sign.Key {
	return sign.Key{Record: zone.DNSKEY(k.Rdata), Signer: crypto.Signer(k.Signer)}
}

// writeAnchors writes the DS records by which the zone is to be trusted.
func writeAnchors(c Config, p *publisher) error {
	ds, err := p.key.Record.DS(p.apex, uint8(dns.SHA256))
	if err != nil {
		return err
	}
	set := zone.RRset{Name: p.apex, Type: zone.TypeDS, TTL: c.TTL, Rdata: zone.Pack(string(ds))}
	var b strings.Builder
	for _, rr := range set.RRs() {
		fmt.Fprintf(&b, "%s IN DS %s\n", c.Zone, strings.TrimPrefix(rr.String(), rr.Header().String()))
	}
	path := filepath.Join(c.Dir, AnchorsFile)
	if err := os.WriteFile(path+".new", []byte(b.String()), 0o644); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// handler answers queries and hears NOTIFY.
type handler struct {
	publisher *publisher
	notified  chan<- struct{}
	notifies  *limiter
}

// listen serves address over UDP and TCP; stop ends both.
func (h *handler) listen(address string) (stop func(), err error) {
	udp, err := net.ListenPacket("udp", address)
	if err != nil {
		return nil, err
	}
	tcp, err := net.Listen("tcp", address)
	if err != nil {
		return nil, err
	}
	servers := []*dns.Server{{PacketConn: udp, Handler: h}, {Listener: tcp, Handler: h}}
	for _, s := range servers {
		go s.ActivateAndServe() // ends with stop
	}
	return func() {
		for _, s := range servers {
			_ = s.Shutdown() // the process ends
		}
	}, nil
}

func (h *handler) ServeDNS(w dns.ResponseWriter, req *dns.Msg) {
	from, err := netip.ParseAddrPort(w.RemoteAddr().String())
	if err != nil {
		return // no address that a server could listen at
	}
	_, tcp := w.RemoteAddr().(*net.TCPAddr)
	_ = w.WriteMsg(h.answer(req, from.Addr(), tcp)) // whoever asked asks again
}

func (h *handler) answer(req *dns.Msg, from netip.Addr, tcp bool) *dns.Msg {
	if len(req.Question) != 1 || req.Question[0].Qclass != dns.ClassINET {
		return new(dns.Msg).SetRcode(req, dns.RcodeFormatError)
	}
	q := req.Question[0]
	switch req.Opcode {
	case dns.OpcodeNotify:
		return h.notify(req, q, from)
	case dns.OpcodeQuery:
	default:
		return new(dns.Msg).SetRcode(req, dns.RcodeNotImplemented)
	}
	name, err := zone.ParseName(q.Name)
	if err != nil || !name.Under(h.publisher.apex) {
		return new(dns.Msg).SetRcode(req, dns.RcodeRefused)
	}
	size, do := dns.MinMsgSize, false
	if opt := req.IsEdns0(); opt != nil {
		size, do = max(dns.MinMsgSize, min(int(opt.UDPSize()), 1232)), opt.Do()
	}
	if tcp {
		size = dns.MaxMsgSize
	}
	var r answer.Response
	r.Plan(h.publisher.version.Load(), answer.Question{Name: name, Type: zone.Type(q.Qtype), DO: do})
	return r.Msg(req, size, tcp)
}

// notify takes a hint that CDS or CSYNC of the child changed (RFC 9859). Whoever
// gives it, all it can do is make the next look sooner. Looks are bounded by the
// scanner, NOTIFYs of one source by the limiter; only those that are taken count.
func (h *handler) notify(req *dns.Msg, q dns.Question, from netip.Addr) *dns.Msg {
	resp := new(dns.Msg).SetReply(req)
	resp.Authoritative = true
	if !strings.EqualFold(q.Name, h.publisher.config.Child) || q.Qtype != dns.TypeCDS && q.Qtype != dns.TypeCSYNC {
		return resp.SetRcode(req, dns.RcodeNotAuth)
	}
	if !h.notifies.take(from) {
		return resp.SetRcode(req, dns.RcodeRefused)
	}
	select {
	case h.notified <- struct{}{}:
	default:
	}
	return resp
}
