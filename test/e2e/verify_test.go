//go:build interop

package e2e

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/test/lab"
)

// verifiers are other people's checks of a whole signed zone, given its file.
var verifiers = [][]string{
	{"dnssec-verify", "-q", "-o", "example.test"},
	{"ldns-verify-zone"},
	{"kzonecheck", "-d", "on", "-o", "example.test."},
}

// verify transfers the zone from a signer and has it checked as a whole: answers
// one by one would not show a chain of denial that is not closed.
func verify(t *testing.T, s lab.Signer) {
	path := filepath.Join(t.TempDir(), "signed")
	transfer(t, s.Address, path)
	for _, v := range verifiers {
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
				_, err := out.WriteString(rr.String() + "\n")
				require.NoError(t, err)
			}
		}
	}
	require.Equal(t, 2, soas, "a transfer begins and ends with the SOA")
	require.NoError(t, out.Flush())
	require.NoError(t, file.Close())
}
