package registry

import (
	"encoding/binary"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A source gets a burst through and then one in each span, whatever others do; and a
// flood of sources does not make the memory grow.
func TestLimiter(t *testing.T) {
	at := now
	l := newLimiter(time.Second, func() time.Time { return at })
	a, b := netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("127.0.0.2")
	taken := func(source netip.Addr, tries int) (n int) {
		for range tries {
			if l.take(source) {
				n++
			}
		}
		return n
	}
	require.Equal(t, burst, taken(a, 100))
	require.Equal(t, burst, taken(b, 100))
	at = at.Add(time.Second)
	require.Equal(t, 1, taken(a, 100))
	at = at.Add(time.Hour)
	require.Equal(t, burst, taken(a, 100), "a quiet hour saves no more than a burst")

	for i := range uint32(2 * maxSources) {
		l.take(netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, 10<<24|i))))
	}
	require.Len(t, l.free, maxSources)
	require.False(t, l.take(netip.MustParseAddr("192.0.2.1")))
	at = at.Add(time.Minute)
	require.True(t, l.take(netip.MustParseAddr("192.0.2.1")))
}
