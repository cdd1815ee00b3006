package denial_test

import (
	"strings"
	"testing"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/denial"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// The hash is the one that everybody else computes, whatever octets a label has.
func TestHashedName(t *testing.T) {
	apex := zone.MustName("example.")
	for _, name := range []string{"example.", "a.example.", "*.w.example.", `\000\255.example.`, strings.Repeat("x", 63) + ".example."} {
		want := strings.ToLower(dns.HashName(name, dns.SHA1, 0, "")) + ".example."
		require.Equal(t, want, denial.HashedName(zone.MustName(name), apex).String())
		require.Len(t, denial.HashName(zone.MustName(name)), 20)
	}
}
