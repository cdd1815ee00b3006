//go:build interop

package multisigner

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/require"
)

// certbot and lego get certificates from Pebble, which stands in for a certificate authority: it asks
// our server for the TXT records that they have set by UPDATE, with a key that may set nothing
// else. A wildcard and its name need two records at one name. Afterwards these are gone, and the zone validates.
func TestCertificates(t *testing.T) {
	port, busy := freePort(t)
	busy.Close()
	h := newLoadHome(t)
	h.zone("example.org", 7, "www A 192.0.2.1")
	r := h.start(fmt.Sprintf("example.org:%d {\nroot %s\nbind 127.0.0.1\ntsig {\nsecret acme. %s\n}\nmultisigner {\nfile db.example.org\nparent none\nallow-transfer 127.0.0.1\nupdate key acme. name _acme-challenge.www type TXT\n}\n}\n", port, h.dir, keySecret))
	require.Eventually(t, func() bool { return len(r.ask("udp", query4("www.example.org.", dns.TypeA)).Answer) == 1 }, time.Minute, 50*time.Millisecond)
	authority := startPebble(t, port)

	for _, client := range []struct {
		program, args string
		env           []string
		certificate   string
	}{
		{"certbot", "certonly --non-interactive --agree-tos --email me@example.org --config-dir {dir} --work-dir {dir} --logs-dir {dir} " +
			"--server {server} --dns-rfc2136 --dns-rfc2136-credentials {dir}/credentials --dns-rfc2136-propagation-seconds 0 -d www.example.org -d *.www.example.org",
			[]string{"REQUESTS_CA_BUNDLE={ca}"}, "live/www.example.org/cert.pem"},
		{"lego", "--path {dir} --server {server} --accept-tos --email me@example.org --dns rfc2136 --dns.disable-cp --dns.resolvers 127.0.0.1:{port} --domains www.example.org --domains *.www.example.org run",
			[]string{"LEGO_CA_CERTIFICATES={ca}", "RFC2136_NAMESERVER=127.0.0.1:{port}", "RFC2136_TSIG_KEY=acme.", "RFC2136_TSIG_ALGORITHM=hmac-sha256.",
				"RFC2136_TSIG_SECRET=" + keySecret, "RFC2136_SEQUENCE_INTERVAL=1"}, "certificates/www.example.org.crt"},
	} {
		t.Run(client.program, func(t *testing.T) {
			dir := t.TempDir()
			fill := strings.NewReplacer("{dir}", dir, "{port}", fmt.Sprint(port), "{server}", authority.url, "{ca}", authority.certificate)
			writeFile(t, filepath.Join(dir, "credentials"), fill.Replace("dns_rfc2136_server = 127.0.0.1\ndns_rfc2136_port = {port}\ndns_rfc2136_name = acme.\ndns_rfc2136_algorithm = HMAC-SHA256\ndns_rfc2136_secret = "+keySecret+"\n"))
			cmd := exec.Command(client.program, strings.Fields(fill.Replace(client.args))...)
			cmd.Env = os.Environ()
			for _, e := range client.env {
				cmd.Env = append(cmd.Env, fill.Replace(e))
			}
			out, err := cmd.CombinedOutput()
			require.NoError(t, err, "%s\n%s", out, authority.said())
			text, err := os.ReadFile(filepath.Join(dir, client.certificate))
			require.NoError(t, err)
			block, _ := pem.Decode(text)
			certificate, err := x509.ParseCertificate(block.Bytes)
			require.NoError(t, err)
			require.ElementsMatch(t, []string{"www.example.org", "*.www.example.org"}, certificate.DNSNames)
			require.Empty(t, r.ask("udp", query4("_acme-challenge.www.example.org.", dns.TypeTXT)).Answer, "it cleans up")
			h.validates(t, r)
		})
	}
}

// pebble is a certificate authority for tests.
type pebble struct {
	url, certificate, log string
}

func (p pebble) said() string {
	text, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-4000):])
}

// startPebble runs one that asks the nameserver at port of this machine for everything.
func startPebble(t *testing.T, nameserver int) pebble {
	t.Helper()
	dir := t.TempDir()
	port, busy := freePort(t)
	busy.Close()
	manage, busy := freePort(t)
	busy.Close()
	p := pebble{fmt.Sprintf("https://127.0.0.1:%d/dir", port), filepath.Join(dir, "cert.pem"), filepath.Join(dir, "log")}
	key := filepath.Join(dir, "key.pem")
	out, err := exec.Command("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
		"-keyout", key, "-out", p.certificate, "-days", "2", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1").CombinedOutput()
	require.NoError(t, err, "%s", out)
	writeFile(t, filepath.Join(dir, "config.json"), fmt.Sprintf(`{"pebble": {"listenAddress": "127.0.0.1:%d", "managementListenAddress": "127.0.0.1:%d", "certificate": %q, "privateKey": %q}}`,
		port, manage, p.certificate, key))
	log, err := os.Create(p.log)
	require.NoError(t, err)
	defer log.Close()
	cmd := exec.Command("pebble", "-config", filepath.Join(dir, "config.json"), "-dnsserver", fmt.Sprintf("127.0.0.1:%d", nameserver))
	cmd.Env = append(os.Environ(), "PEBBLE_VA_NOSLEEP=1", "PEBBLE_WFE_NONCEREJECT=0")
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	roots := x509.NewCertPool()
	text, err := os.ReadFile(p.certificate)
	require.NoError(t, err)
	require.True(t, roots.AppendCertsFromPEM(text))
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}}
	t.Cleanup(client.CloseIdleConnections)
	require.Eventually(t, func() bool {
		reply, err := client.Get(p.url)
		if err != nil {
			return false
		}
		reply.Body.Close()
		return reply.StatusCode == http.StatusOK
	}, time.Minute, 100*time.Millisecond, "Pebble does not answer")
	return p
}
