package xfr_test

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/xfr"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// signedNames is a zone of names with an A, an AAAA and an NSEC record, all signed.
func signedNames(names int) *zone.Version {
	b := awkward.Edit()
	soa := awkward.SOA()
	sig := zone.RRSIG("")
	for rdata := range soa.Sigs.All() {
		sig = zone.RRSIG(rdata)
	}
	signed := func(t zone.Type) zone.Packed {
		return zone.Pack(string([]byte{byte(t >> 8), byte(t)}) + string(sig[2:]))
	}
	for i := range names {
		n := zone.MustName(fmt.Sprintf("n%07d.example.", i))
		next := zone.MustName(fmt.Sprintf("n%07d.example.", i+1))
		b.Put(zone.RRset{Name: n, Type: zone.TypeA, TTL: 60, Rdata: zone.Pack("\xc0\x00\x02\x01"), Sigs: signed(zone.TypeA)})
		b.Put(zone.RRset{Name: n, Type: zone.TypeAAAA, TTL: 60, Rdata: zone.Pack("\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01"), Sigs: signed(zone.TypeAAAA)})
		b.Put(zone.RRset{Name: n, Type: zone.TypeNSEC, TTL: 60, Rdata: zone.Pack(string(next) + "\x00\x06\x40\x00\x00\x08\x00\x03"), Sigs: signed(zone.TypeNSEC)})
	}
	return b.Version()
}

func perName(b *testing.B, names int) {
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*names), "ns/name")
}

const benchNames = 20_000

func BenchmarkWrite(b *testing.B) {
	v := signedNames(benchNames)
	var file bytes.Buffer
	for b.Loop() {
		file.Reset()
		require.NoError(b, xfr.Write(&file, v))
	}
	b.ReportMetric(float64(file.Len())/benchNames, "octets/name")
	perName(b, benchNames)
}

func BenchmarkRead(b *testing.B) {
	v := signedNames(benchNames)
	var file bytes.Buffer
	require.NoError(b, xfr.Write(&file, v))
	for b.Loop() {
		_, err := xfr.Read(bytes.NewReader(file.Bytes()))
		require.NoError(b, err)
	}
	perName(b, benchNames)
}

func BenchmarkAXFR(b *testing.B) {
	v := signedNames(benchNames)
	for b.Loop() {
		for range xfr.AXFR(v, 60_000) {
		}
	}
	perName(b, benchNames)
}

func BenchmarkPacked(b *testing.B) {
	v := signedNames(benchNames)
	for b.Loop() {
		for range xfr.Packed(v, asked(v, 1), 32<<10) {
		}
	}
	perName(b, benchNames)
}

func BenchmarkCollect(b *testing.B) {
	v := signedNames(benchNames)
	for b.Loop() {
		_, _, err := xfr.Collect(v.Apex(), messages(xfr.AXFR(v, 60_000)))
		require.NoError(b, err)
	}
	perName(b, benchNames)
}
