package history

import (
	"fmt"
	"iter"
	"testing"

	"github.com/miekg/dns"

	"github.com/multisigner/multisigner/plugin/multisigner/xfr"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// large is a zone of so many names, each with a signature as long as one of ECDSA, and
// the version after it, in which one address is another.
func large(names int) (before, after *zone.Version) {
	apex := zone.MustName("example.")
	sig := zone.Pack(string(make([]byte, 18)) + string(apex) + string(make([]byte, 64)))
	b := zone.NewBuilder(apex)
	soa := zone.MustVersion("example. 60 SOA ns.example. root.example. 1 2 3 4 5").SOA().WithSigs(sig)
	b.Put(soa)
	for i := range names {
		b.Put(zone.RRset{Name: zone.MustName(fmt.Sprintf("host-%06d.example.", i)), Type: zone.TypeA, TTL: 300, Rdata: zone.Pack("\xc0\x00\x02\x01"), Sigs: sig})
	}
	before = b.Version()
	edit := before.Edit()
	edit.Put(soa.WithSerial(2).WithSigs(sig))
	edit.Put(zone.RRset{Name: zone.MustName("host-000077.example."), Type: zone.TypeA, TTL: 300, Rdata: zone.Pack("\xc0\x00\x02\x02"), Sigs: sig})
	return before, edit.Version()
}

// What a history adds to a turn that changes one name of 100,000; and beside it what
// both kinds of transfer of that change take, in time and octets.
func BenchmarkHistory(b *testing.B) {
	before, after := large(100_000)
	diff := zone.Compare(before, after)
	b.Run("turn", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			c := Chronicle{}
			c.begin(before, 1)
			c.Made(before, after, diff)
			c.GoOn(after)
		}
	})
	b.Run("IXFR", func(b *testing.B) {
		c := Chronicle{}
		c.begin(before, 1)
		c.GoOn(after)
		for b.Loop() {
			chain, err := c.Since([]Sent{{1, 1}}, 1)
			if err != nil || len(chain) != 1 {
				b.Fatal(chain, err)
			}
			send(b, xfr.IXFR(60_000, chain...))
		}
	})
	b.Run("AXFR", func(b *testing.B) {
		for b.Loop() {
			send(b, xfr.AXFR(after, 60_000))
		}
	})
}

// send packs messages as they are sent.
func send(b *testing.B, answers iter.Seq[[]dns.RR]) {
	octets := 0
	for rrs := range answers {
		wire, err := (&dns.Msg{Answer: rrs}).Pack()
		if err != nil {
			b.Fatal(err)
		}
		octets += len(wire)
	}
	b.ReportMetric(float64(octets), "octets/op")
}
