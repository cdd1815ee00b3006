package peer

import (
	"slices"
	"testing"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/require"
)

// Whatever stands in a CSYNC record, reading it ends; and of one that the library can
// read, the same types are read.
func FuzzCSYNC(f *testing.F) {
	f.Add([]byte{0, 0, 0, 66, 0, 3, 0, 4, 0x60, 0, 0, 8})
	f.Add([]byte{0, 0, 0, 0, 0, 1})
	f.Add([]byte{0, 0, 0, 0, 0, 1, 0})
	f.Fuzz(func(t *testing.T, rdata []byte) {
		c, ok := readCSYNC(string(rdata))
		rr, _, err := dns.UnpackRRWithHeader(dns.RR_Header{Name: ".", Rrtype: dns.TypeCSYNC, Class: dns.ClassINET, Rdlength: uint16(len(rdata))}, slices.Clone(rdata), 0)
		theirs, is := rr.(*dns.CSYNC)
		if err != nil || !is || len(rdata) < 6 {
			return
		}
		require.True(t, ok)
		require.Equal(t, theirs.Serial, c.Serial)
		require.Equal(t, theirs.Flags, c.Flags)
		require.Len(t, c.Types, len(theirs.TypeBitMap))
		for i, bit := range theirs.TypeBitMap {
			require.Equal(t, bit, uint16(c.Types[i]))
		}
	})
}
