package main

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"sync"

	"github.com/miekg/dns"
)

// feed is the hidden primary of a zone: it makes changes as fast as it is told to, and gives
// them by IXFR and the whole by AXFR, over TCP. It is not what is measured.
type feed struct {
	addr    string
	hosts   []*dns.A // of names of their own: each change gives one another address
	records []dns.RR // of the zone file, without the SOA

	mu      sync.Mutex
	soa     *dns.SOA // of the zone file
	changes []change // each is a serial of its own
	udp     net.PacketConn
	servers []*dns.Server
}

// change is one RRset that was another one before.
type change struct{ old, new *dns.A }

// newFeed reads a zone file and serves it.
func newFeed(z *benchZone, port int) (*feed, error) {
	file, err := os.Open(z.unsigned())
	if err != nil {
		return nil, err
	}
	defer file.Close()
	f := &feed{addr: fmt.Sprintf("127.0.0.1:%d", port)}
	parser := dns.NewZoneParser(bufio.NewReader(file), z.apex, z.unsigned())
	for rr, ok := parser.Next(); ok; rr, ok = parser.Next() {
		if soa, ok := rr.(*dns.SOA); ok {
			f.soa = soa
			continue
		}
		if a, ok := rr.(*dns.A); ok && dns.CountLabel(a.Hdr.Name) == 3 && a.Hdr.Name[0] == 'h' {
			f.hosts = append(f.hosts, a)
		}
		f.records = append(f.records, rr)
	}
	if err := parser.Err(); err != nil {
		return nil, err
	}
	if f.soa == nil || len(f.hosts) == 0 {
		return nil, fmt.Errorf("zone %s has no SOA or no host with an address", z.name)
	}
	return f, f.serve()
}

func (f *feed) serve() error {
	l, err := net.Listen("tcp", f.addr)
	if err != nil {
		return err
	}
	if f.udp, err = net.ListenPacket("udp", f.addr); err != nil {
		return err
	}
	f.servers = []*dns.Server{{Listener: l, Handler: f, MaxTCPQueries: -1}, {PacketConn: f.udp, Handler: f}}
	for _, s := range f.servers {
		go func() { _ = s.ActivateAndServe() }() // until stop
	}
	return nil
}

func (f *feed) stop() {
	for _, s := range f.servers {
		_ = s.Shutdown()
	}
}

// at is the SOA after n changes.
func (f *feed) at(n int) *dns.SOA {
	soa := *f.soa
	soa.Serial += uint32(n)
	return &soa
}

// change takes another address for one name, as a new serial, and gives what the answer to a
// question for it is from then on.
func (f *feed) change() (name, address string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := len(f.changes)
	old := f.hosts[n%len(f.hosts)]
	if before := n - len(f.hosts); before >= 0 {
		old = f.changes[before].new
	}
	next := &dns.A{Hdr: old.Hdr, A: net.IPv4(198, 51, byte(n>>8), byte(n)).To4()}
	f.changes = append(f.changes, change{old, next})
	return next.Hdr.Name, next.A.String()
}

// notify tells a server that there is something new. Nobody waits for its answer.
func (f *feed) notify(port int) error {
	f.mu.Lock()
	soa := f.at(len(f.changes))
	f.mu.Unlock()
	m := new(dns.Msg).SetNotify(f.soa.Hdr.Name)
	m.Answer = []dns.RR{soa}
	wire, err := m.Pack()
	if err != nil {
		return err
	}
	conn, err := net.Dial("udp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return err
	}
	defer conn.Close()
	_, err = conn.Write(wire)
	return err
}

// ServeDNS answers SOA, IXFR and AXFR.
func (f *feed) ServeDNS(w dns.ResponseWriter, q *dns.Msg) {
	f.mu.Lock()
	changes, soa := f.changes, f.at(len(f.changes))
	f.mu.Unlock()
	if len(q.Question) != 1 || q.Opcode != dns.OpcodeQuery {
		_ = w.WriteMsg(new(dns.Msg).SetRcode(q, dns.RcodeNotImplemented)) // or it asks again
		return
	}
	records := make(chan *dns.Envelope, 16)
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = new(dns.Transfer).Out(w, q, records) // or it asks again
		for range records {
		}
	}()
	defer func() { close(records); <-done }()
	first := f.asked(q, len(changes))
	switch {
	case q.Question[0].Qtype == dns.TypeSOA, q.Question[0].Qtype == dns.TypeIXFR && first == len(changes):
		records <- &dns.Envelope{RR: []dns.RR{soa}}
	case q.Question[0].Qtype == dns.TypeIXFR && first >= 0:
		f.incremental(records, changes, first, soa)
	case q.Question[0].Qtype == dns.TypeIXFR, q.Question[0].Qtype == dns.TypeAXFR:
		f.whole(records, changes, soa)
	}
}

// asked is how many changes the asker has, or -1 where it does not say.
func (f *feed) asked(q *dns.Msg, most int) int {
	if len(q.Ns) == 1 {
		if soa, ok := q.Ns[0].(*dns.SOA); ok {
			if n := int(int32(soa.Serial - f.soa.Serial)); n >= 0 && n <= most {
				return n
			}
		}
	}
	return -1
}

// inMessage is how many records a message has at most.
const inMessage = 200

func (f *feed) incremental(records chan<- *dns.Envelope, changes []change, first int, soa *dns.SOA) {
	batch := []dns.RR{soa}
	for i := first; i < len(changes); i++ {
		batch = append(batch, f.at(i), changes[i].old, f.at(i+1), changes[i].new)
		if len(batch) >= inMessage {
			records <- &dns.Envelope{RR: batch}
			batch = nil
		}
	}
	records <- &dns.Envelope{RR: append(batch, soa)}
}

func (f *feed) whole(records chan<- *dns.Envelope, changes []change, soa *dns.SOA) {
	now := map[string]dns.RR{}
	for _, c := range changes {
		now[c.new.Hdr.Name] = c.new
	}
	batch := []dns.RR{soa}
	for _, rr := range f.records {
		if a, ok := rr.(*dns.A); ok && now[a.Hdr.Name] != nil {
			rr = now[a.Hdr.Name]
		}
		if batch = append(batch, rr); len(batch) >= inMessage {
			records <- &dns.Envelope{RR: batch}
			batch = nil
		}
	}
	records <- &dns.Envelope{RR: append(batch, soa)}
}
