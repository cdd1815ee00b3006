package xfr_test

import (
	"fmt"
	"testing"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/xfr"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// steps are the differences of a zone in which one address changes n times.
func steps(n int, address func(int) byte) (first, last *zone.Version, chain []zone.Diff) {
	first = zone.MustVersion("example. 60 SOA ns.example. root.example. 1 2 3 4 5")
	last = first
	for i := range n {
		b := last.Edit()
		b.Put(first.SOA().WithSerial(uint32(2 + i)))
		b.Put(zone.RRset{Name: zone.MustName(fmt.Sprintf("a%d.example.", address(i))), Type: zone.TypeA, TTL: 60, Rdata: zone.Pack("\xc0\x00\x02" + string(rune('0'+i%10)))})
		chain = append(chain, zone.Compare(last, b.Version()))
		last = b.Version()
	}
	return first, last, chain
}

// A chain is one transfer: the newest SOA first and last, and between them each
// difference with its SOAs (RFC 1995 4).
func TestIXFROfSeveral(t *testing.T) {
	_, last, chain := steps(3, func(i int) byte { return byte(i) })
	for _, size := range []int{1, 60_000} {
		var serials []uint32
		octets := 0
		for rrs := range xfr.IXFR(size, chain...) {
			for _, rr := range rrs {
				octets += dns.Len(rr)
				if soa, ok := rr.(*dns.SOA); ok {
					serials = append(serials, soa.Serial)
				}
			}
		}
		require.Equal(t, []uint32{4, 1, 2, 2, 3, 3, 4, 4}, serials)
		require.Equal(t, xfr.Octets(chain...), octets)
		require.EqualValues(t, 4, last.Serial())
	}
	for range xfr.IXFR(60_000, chain[0], chain[2]) {
		t.Error("a gap")
	}
	for range xfr.IXFR(60_000) {
		t.Error("nothing")
	}
}

// A chain in which the same record changes again and again is sent as one difference;
// one whose changes are all of use is sent as it is.
func TestCondense(t *testing.T) {
	first, last, chain := steps(9, func(int) byte { return 0 })
	got, err := xfr.Condense(chain)
	require.NoError(t, err)
	require.Equal(t, []zone.Diff{zone.Compare(first, last)}, got)

	_, _, chain = steps(2, func(i int) byte { return byte(i) })
	got, err = xfr.Condense(chain)
	require.NoError(t, err)
	require.Equal(t, chain, got)

	_, err = xfr.Condense([]zone.Diff{chain[1], chain[0]})
	require.Error(t, err)
}
