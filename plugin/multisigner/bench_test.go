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

type discard struct{ writer }

func (discard) WriteMsg(*dns.Msg) error { return nil }
