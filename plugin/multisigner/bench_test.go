package multisigner

import (
	"context"
	"net"
	"testing"

	"github.com/miekg/dns"
)

// What a query costs us, without CoreDNS around it and without the socket.
func BenchmarkServeDNS(b *testing.B) {
	h := newHome(b)
	h.zone("example.org", 1, "www A 192.0.2.1")
	h.start(".:0 {\nCOMMON\nmultisigner example.org {\nfile db.{zone}\nparent none\n}\n}")
	handler := process.loads[0].handlers[0]
	for name, m := range map[string]*dns.Msg{
		"answer":   query4("www.example.org.", dns.TypeA),
		"signed":   query4("www.example.org.", dns.TypeA).SetEdns0(1232, true),
		"nxdomain": query4("nothing.example.org.", dns.TypeA).SetEdns0(1232, true),
	} {
		b.Run(name, func(b *testing.B) {
			client := &discard{writer{remote: &net.UDPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 1}}}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := handler.ServeDNS(context.Background(), client, m); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// What a query over UDP costs on the ordinary way, with CoreDNS, the library and the
// socket; acl keeps it off the fast path.
func BenchmarkOrdinaryUDP(b *testing.B) {
	h := newHome(b)
	h.zone("example.org", 1, "www A 192.0.2.1")
	r := h.start(".:0 {\nCOMMON\nacl {\nallow\n}\nmultisigner example.org {\nfile db.{zone}\nparent none\n}\n}")
	conn, err := net.Dial("udp", r.udp())
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Close()
	wire, _ := query4("www.example.org.", dns.TypeA).SetEdns0(1232, true).Pack()
	answer := make([]byte, 4096)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := conn.Write(wire); err != nil {
			b.Fatal(err)
		}
		if _, err := conn.Read(answer); err != nil {
			b.Fatal(err)
		}
	}
}

type discard struct{ writer }

func (discard) WriteMsg(*dns.Msg) error { return nil }

// What it costs a question over a connection to wait for a place that is free.
func BenchmarkPace(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		answerPace.begin().end()
	}
}
