package corefile

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A zone has as many peers as a state can count, and no more: the block that is too many is named.
func TestPeersHaveALimit(t *testing.T) {
	said := func(peers int) string {
		var b strings.Builder
		b.WriteString("multisigner example.org {\n\tfile db\n\tsigner a 192.0.2.200\n\tparent none\n")
		for n := range peers {
			fmt.Fprintf(&b, "\tpeer b%d {\n\t\taddress 192.0.2.%d\n\t\ttrust ds 1 13 2 %064d\n\t}\n", n, n+1, 0)
		}
		_, faults := read(b.String() + "}")
		return fmt.Sprint(faults)
	}
	require.NotContains(t, said(20), "peers")
	require.Contains(t, said(21), "Corefile:85: 21 peers: a zone may have 20 at most")
}
