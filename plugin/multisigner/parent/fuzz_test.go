package parent

import (
	"testing"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// Whatever stands in a DSYNC record, reading it ends, and what was read is what stands
// there: nothing is left over, and nothing was made up.
func FuzzDSYNC(f *testing.F) {
	f.Add([]byte{0, 59, 1, 0, 53, 1, 'a', 0})
	f.Add([]byte{0, 59, 1, 0, 53, 0})
	f.Add([]byte{0, 62, 200, 0xff, 0xff, 0xc0, 0})
	f.Fuzz(func(t *testing.T, rdata []byte) {
		d, err := readDSYNC(string(rdata))
		if err != nil {
			return
		}
		wire := append([]byte{byte(d.Type >> 8), byte(d.Type), d.Scheme, byte(d.Port >> 8), byte(d.Port)}, d.Target...)
		require.Len(t, wire, len(rdata))
		require.Equal(t, wire[:5], rdata[:5])
		again, err := readDSYNC(string(wire))
		require.NoError(t, err)
		require.Equal(t, d, again)
	})
}

// No message that answers a lookup makes us panic, run for ever, or take an endpoint
// that is none.
func FuzzAnswer(f *testing.F) {
	m := new(dns.Msg).SetQuestion("example._dsync.test.", uint16(typeDSYNC))
	m.Answer = []dns.RR{&dns.RFC3597{Hdr: dns.RR_Header{Name: "example._dsync.test.", Rrtype: uint16(typeDSYNC), Class: dns.ClassINET}, Rdata: "003b01003501610000"[:16]}}
	wire, err := m.Pack()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(wire)
	name := zone.MustName("example._dsync.test.")
	f.Fuzz(func(t *testing.T, wire []byte) {
		m := new(dns.Msg)
		if m.Unpack(wire) != nil || len(m.Answer) > maxRecords {
			return
		}
		records, err := dsyncOf(m.Answer, name)
		if err != nil {
			return
		}
		e, err := choose(records, zone.TypeCDS)
		if err == nil && (e.Port == 0 || e.Target == zone.Root) {
			t.Fatalf("%s is no endpoint", e)
		}
	})
}
