package player

import (
	"context"
	"net/netip"
	"sync"
	"time"

	"github.com/coredns/coredns/plugin/tsig"
	"github.com/miekg/dns"

	"github.com/multisigner/multisigner/plugin/multisigner/answer"
	"github.com/multisigner/multisigner/plugin/multisigner/ask"
	"github.com/multisigner/multisigner/plugin/multisigner/xfr"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// secondary is a nameserver of other software that transfers the zone from a signer
// and answers with what it has.
type secondary struct {
	w    *world
	name string
	addr netip.Addr
	of   *signer

	mu      sync.Mutex
	version *zone.Version
	poke    chan struct{}
	lag     time.Duration // between a NOTIFY and its transfer
	asleep  time.Time     // it transfers nothing before
}

func newSecondary(w *world, name string, addr netip.Addr, of *signer) *secondary {
	return &secondary{w: w, name: name, addr: addr, of: of, poke: make(chan struct{}, 1), lag: time.Second}
}

// run transfers what is new until the world ends.
func (s *secondary) run(ctx context.Context) {
	client := &ask.Client{Dial: s.w.network.dialer(s.addr), Tries: 2}
	refresh := time.Minute // before it has the zone
	for {
		timer := time.NewTimer(refresh)
		select {
		case <-s.poke:
			s.mu.Lock()
			lag := s.lag
			s.mu.Unlock()
			pass(ctx, lag)
		case <-timer.C:
		case <-ctx.Done():
		}
		timer.Stop()
		if ctx.Err() != nil {
			return
		}
		s.mu.Lock()
		asleep := time.Until(s.asleep)
		s.mu.Unlock()
		pass(ctx, asleep)
		v, _, err := xfr.Collect(apexName, client.Transfer(ctx, ask.Server{Addr: netip.AddrPortFrom(s.of.addr, 53)}, apex, ask.Limit{}))
		if err != nil {
			refresh = 10 * time.Minute
			continue
		}
		refresh = time.Hour
		s.mu.Lock()
		take := s.version == nil || zone.SerialAfter(v.Serial(), s.version.Serial())
		if take {
			s.version = v
		}
		s.mu.Unlock()
		if take {
			s.poll()
		}
	}
}

// pass lets a time pass, unless the world ends before.
func pass(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

func (s *secondary) poll() { s.w.caches.gives(s.name, everything(s, s.w.caches, s.name)) }

// sleep has it transfer nothing for a while.
func (s *secondary) sleep(d time.Duration) {
	s.w.note("%s transfers nothing for %s", s.name, d)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asleep = time.Now().Add(d)
}

// serve implements server. Whoever asks with the group's key gets signed answers.
func (s *secondary) serve(from netip.AddrPort, tcp bool, wire []byte) [][]byte {
	signs := &tsig.TSIGServer{Zones: []string{"."}, Next: transferred{s, tcp}}
	return respond(signs, netip.AddrPortFrom(s.addr, 53), from, tcp, wire)
}

// transferred answers from what a secondary has.
type transferred struct {
	*secondary
	tcp bool
}

// Name implements plugin.Handler.
func (transferred) Name() string { return "secondary" }

// ServeDNS implements plugin.Handler.
func (s transferred) ServeDNS(_ context.Context, w dns.ResponseWriter, q *dns.Msg) (int, error) {
	s.mu.Lock()
	v := s.version
	s.mu.Unlock()
	reply := new(dns.Msg).SetRcode(q, dns.RcodeServerFailure)
	switch name, err := zone.ParseName(q.Question[0].Name); {
	case err != nil:
	case q.Opcode == dns.OpcodeNotify:
		reply.SetReply(q)
		select {
		case s.poke <- struct{}{}:
		default:
		}
	case v != nil:
		var r answer.Response
		r.Plan(v, answer.Question{Name: name, Type: zone.Type(q.Question[0].Qtype), DO: true})
		reply = r.Msg(q, 4096, s.tcp)
	}
	return dns.RcodeSuccess, w.WriteMsg(reply)
}

func pack(m *dns.Msg) [][]byte {
	wire, err := m.Pack()
	if err != nil {
		panic(err)
	}
	return [][]byte{wire}
}
