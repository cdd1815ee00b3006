package peer

import (
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// FuzzAnswer judges whatever an address may answer, as DNSKEY RRset, as another
// RRset and as a denial: nothing of it may bring us down, and without a signature
// by a pinned key nothing of it may be believed.
func FuzzAnswer(f *testing.F) {
	key := &dns.DNSKEY{Hdr: dns.RR_Header{Name: "a.", Rrtype: dns.TypeDNSKEY, Class: dns.ClassINET}, Flags: 257, Protocol: 3, Algorithm: 13, PublicKey: "AAAA"}
	sig := &dns.RRSIG{Hdr: dns.RR_Header{Name: "a.", Rrtype: dns.TypeRRSIG, Class: dns.ClassINET}, TypeCovered: dns.TypeDNSKEY, Algorithm: 13, Labels: 1, Expiration: 3e9, KeyTag: key.KeyTag(), SignerName: "a.", Signature: "AAAA"}
	nsec := &dns.NSEC{Hdr: dns.RR_Header{Name: "a.", Rrtype: dns.TypeNSEC, Class: dns.ClassINET}, NextDomain: "b.a.", TypeBitMap: []uint16{dns.TypeSOA}}
	for _, m := range []*dns.Msg{
		{Question: []dns.Question{{Name: "a.", Qtype: dns.TypeDNSKEY, Qclass: dns.ClassINET}}, Answer: []dns.RR{key, sig}},
		{Question: []dns.Question{{Name: "a.", Qtype: dns.TypeCDS, Qclass: dns.ClassINET}}, Ns: []dns.RR{nsec, sig}},
	} {
		wire, err := m.Pack()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(wire)
	}
	pin := zone.NewDNSKEY(257, 13, []byte{1, 2, 3, 4}) // no key of the curve: it signs nothing
	f.Fuzz(func(t *testing.T, wire []byte) {
		m := new(dns.Msg)
		if m.Unpack(wire) != nil {
			return
		}
		l := &look{Target: Target{Zone: zone.MustName("a."), Algorithms: []uint8{13}}, now: time.Unix(2e9, 0)}
		keys, fault := l.pick(m.Answer, zone.TypeDNSKEY)
		if fault == nil {
			a := Address{}
			if l.judge(&a, keys, pinned{pin}) == nil || a.Believed || len(a.Sets) > 0 {
				t.Fatalf("believed %s", zone.Text(keys))
			}
			l.judge(&a, keys, itself{})
		}
		for _, kind := range rest {
			if set, fault := l.pick(m.Answer, kind); fault == nil && set.Exists() {
				l.underOwn(set, keys, nil)
			}
			l.denied(m, kind, keys)
		}
	})
}
