//go:build interop

package multisigner

import (
	"fmt"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// BIND, as a secondary that knows us by our certificate and us alone, follows a zone over
// TLS, by differences too; dig is refused in the clear and served over TLS.
func TestBINDTransfersOverTLS(t *testing.T) {
	h := newHome(t)
	h.zone("example.org", 7, "www A 192.0.2.1")
	h.certificate()
	ports := freePorts(t, 3)
	clear, secure, port := ports[0], ports[1], ports[2]
	h.startTLS(secured(clear, secure))
	require.Eventually(t, answersAt(clear, "www.example.org."), time.Minute, 10*time.Millisecond)
	named := &hiddenPrimary{program: "named", args: []string{"-g", "-c", "{dir}/config"}, dir: t.TempDir(), config: fmt.Sprintf(`
options {
	directory "{dir}";
	listen-on port {port} { 127.0.0.1; };
	listen-on-v6 { none; };
	pid-file none;
	session-keyfile none;
	recursion no;
	dnssec-validation no;
};
controls { };
tls signer { ca-file "%s/cert.pem"; remote-hostname "ns.example.org"; };
key "xfr-key." { algorithm hmac-sha256; secret "%s"; };
zone "example.org" {
	type secondary;
	file "copy";
	min-refresh-time 1;
	primaries { 127.0.0.1 port {us} key "xfr-key." tls signer; };
};
`, h.dir, keySecret)}
	named.start(t, port, secure)
	require.Eventually(t, answersAt(port, "www.example.org."), time.Minute, 50*time.Millisecond)

	transfer := func(more ...string) string {
		args := append([]string{"@127.0.0.1", "-y", "hmac-sha256:xfr-key.:" + keySecret, "example.org", "AXFR"}, more...)
		out, _ := exec.Command("dig", args...).CombinedOutput()
		return string(out)
	}
	require.Contains(t, transfer("-p", fmt.Sprint(secure), "+tls"), "www.example.org.")
	require.NotContains(t, transfer("-p", fmt.Sprint(clear)), "www.example.org.")
	require.Contains(t, transfer("-p", fmt.Sprint(clear)), "Transfer failed")
}
