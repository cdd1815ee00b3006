//go:build interop

package e2e

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/test/lab"
)

// verifiers are other people's checks of a whole signed zone, given its file.
func verifiers(keys string) [][]string {
	if keys == "csk" {
		// dnssec-verify wants a key without the SEP flag unless told not to, and
		// kzonecheck wants every CSK to sign everything, which no signer of a group can do.
		return [][]string{{"dnssec-verify", "-q", "-z", "-o", "example.test"}, {"ldns-verify-zone"}}
	}
	return [][]string{{"dnssec-verify", "-q", "-o", "example.test"}, {"ldns-verify-zone"}, {"kzonecheck", "-v", "-d", "on", "-o", "example.test."}}
}

// verify transfers the zone from a signer and has it checked as a whole: answers
// one by one would not show a chain of denial that is not closed.
func verify(t *testing.T, s lab.Signer, keys string) {
	path := filepath.Join(t.TempDir(), "signed")
	transfer(t, s.Address, path)
	for _, v := range verifiers(keys) {
		out, err := exec.CommandContext(t.Context(), v[0], append(v[1:], path)...).CombinedOutput()
		require.NoError(t, err, "%s of the zone of signer %s\n%s", v[0], s.Name, out)
	}
}

// transfer writes the zone as an ordinary secondary would get it.
func transfer(t *testing.T, address, path string) {
	envelopes, err := new(dns.Transfer).In(new(dns.Msg).SetAxfr("example.test."), address)
	require.NoError(t, err)
	file, err := os.Create(path)
	require.NoError(t, err)
	out := bufio.NewWriter(file)
	soas := 0
	for e := range envelopes {
		require.NoError(t, e.Error)
		for _, rr := range e.RR {
			if rr.Header().Rrtype == dns.TypeSOA {
				soas++
			}
			if soas < 2 {
				// The library writes CLASS1 with types that it does not know, and Knot does not read it.
				_, err := out.WriteString(strings.Replace(rr.String(), "\tCLASS1\t", "\tIN\t", 1) + "\n")
				require.NoError(t, err)
			}
		}
	}
	require.Equal(t, 2, soas, "a transfer begins and ends with the SOA")
	require.NoError(t, out.Flush())
	require.NoError(t, file.Close())
}
