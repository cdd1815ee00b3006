//go:build interop

package e2e

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

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
	t.Helper()
	records, err := axfr(address)
	if closed(err) {
		records, err = axfr(address)
	}
	require.NoError(t, err, "transfer from %s", address)
	put(t, records, path)
}

// put writes records to a file.
func put(t *testing.T, records []dns.RR, path string) {
	t.Helper()
	var out strings.Builder
	for _, rr := range records {
		// The library writes CLASS1 with types that it does not know, and Knot does not read it.
		out.WriteString(strings.Replace(rr.String(), "\tCLASS1\t", "\tIN\t", 1) + "\n")
	}
	require.NoError(t, os.WriteFile(path, []byte(out.String()), 0o644))
}

// axfr gives the records of a transfer of the whole zone, without the closing SOA.
func axfr(address string) (records []dns.RR, err error) {
	x := &dns.Transfer{DialTimeout: time.Minute, ReadTimeout: time.Minute} // the library's own are two seconds
	envelopes, err := x.In(new(dns.Msg).SetAxfr("example.test."), address)
	if err != nil {
		return nil, err
	}
	for e := range envelopes {
		if err == nil { // the library wants all to be taken
			records, err = append(records, e.RR...), e.Error
		}
	}
	if err != nil {
		return nil, err
	}
	last := len(records) - 1
	if last < 1 || records[last].Header().Rrtype != dns.TypeSOA {
		return nil, errors.New("the transfer does not end with the SOA")
	}
	return records[:last], nil
}
