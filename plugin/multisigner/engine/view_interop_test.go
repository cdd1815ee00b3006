//go:build interop

package engine_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/denial"
)

// BIND's and Knot's checkers read what is exported, and ldns finds it whole and signed.
func TestViewsElsewhere(t *testing.T) {
	for _, how := range []denial.Mode{denial.NSEC, denial.NSEC3, denial.NSEC3OptOut} {
		cfg := alone(t, write(t, content+"Printer._ipp TXT \"a \\\" b\" \"; c\"\n*.wild MX 10 www\nsub NS ns.sub\nns.sub A 192.0.2.99\nhttps HTTPS 1 . alpn=\"h2,h3\" port=8443\nx CAA 0 issue \"ca.example\"\n"))
		cfg.Denial = how
		e := serve(t, t.TempDir(), cfg)
		defer e.Close()
		served(t, e)
		for _, which := range []string{"signed", "content"} {
			path := filepath.Join(t.TempDir(), which)
			require.NoError(t, os.WriteFile(path, []byte(view(t, e, which)), 0o600))
			checks := [][]string{{"named-checkzone", "example.org.", path}, {"kzonecheck", "-o", "example.org.", path}}
			if which == "signed" {
				checks = append(checks, []string{"ldns-verify-zone", path})
			}
			for _, check := range checks {
				out, err := exec.Command(check[0], check[1:]...).CombinedOutput()
				require.NoError(t, err, "%s %s: %s", check[0], how, out)
			}
		}
	}
}
