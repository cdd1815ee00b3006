//go:build interop

package engine_test

import (
	"bytes"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/ask"
	"github.com/multisigner/multisigner/plugin/multisigner/engine"
	"github.com/multisigner/multisigner/test/loopback"
)

// startBIND serves org., signed, and takes the DS of example.org. by UPDATE.
func startBIND(t *testing.T) netip.AddrPort {
	dir := t.TempDir()
	addr := loopback.Address(t)
	write := func(name, text string) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	write("org", "$TTL 1\n@ SOA ns hostmaster 1 3600 600 86400 1\n@ NS ns\nns A 127.0.0.1\nexample NS ns.example.net.\n")
	write("conf", fmt.Sprintf(`options { directory %q; pid-file none; session-keyfile none; listen-on port %d { 127.0.0.1; }; listen-on-v6 { none; };
	recursion no; dnssec-validation no; notify no; };
controls { };
key %q { algorithm hmac-sha256; secret %q; };
zone "org" { type primary; file "org"; dnssec-policy default; inline-signing no; update-policy { grant %s name example.org. DS; }; };
`, dir, addr.Port(), updateKey.Name, updateKey.Secret, updateKey.Name))
	runServer(t, "named", "-g", "-c", filepath.Join(dir, "conf"))
	return addr
}

// runServer runs a program until the test ends. Debian keeps servers in sbin.
func runServer(t *testing.T, program string, args ...string) {
	path, err := exec.LookPath(program)
	if err != nil {
		path = "/usr/sbin/" + program
	}
	var out bytes.Buffer
	cmd := exec.Command(path, args...)
	cmd.Stdout, cmd.Stderr = &out, &out
	require.NoError(t, cmd.Start(), "make interop installs it")
	t.Cleanup(func() {
		cmd.Process.Signal(os.Interrupt)
		cmd.Wait()
		if t.Failed() {
			t.Log(out.String())
		}
	})
}

// startUnbound resolves org., and validates it by the key that BIND has made.
func startUnbound(t *testing.T, named netip.AddrPort) (resolver netip.AddrPort, anchor string) {
	client := &ask.Client{Timeout: time.Second}
	require.Eventually(t, func() bool {
		m, err := client.Exchange(t.Context(), ask.Server{Addr: named}, ask.Question("org.", dns.TypeDNSKEY))
		if err != nil {
			return false
		}
		for _, rr := range m.Answer {
			if k, ok := rr.(*dns.DNSKEY); ok {
				anchor = strings.Join(strings.Fields(k.ToDS(dns.SHA256).String()), " ")
			}
		}
		return anchor != ""
	}, time.Minute, 100*time.Millisecond)
	dir := t.TempDir()
	resolver = loopback.Address(t)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "conf"), fmt.Appendf(nil, `server:
	interface: 127.0.0.1@%d
	do-daemonize: no
	chroot: ""
	username: ""
	directory: %q
	pidfile: ""
	use-syslog: no
	logfile: ""
	do-ip6: no
	do-not-query-localhost: no
	trust-anchor: %q
remote-control:
	control-enable: no
stub-zone:
	name: org.
	stub-addr: 127.0.0.1@%d
`, resolver.Port(), dir, anchor, named.Port()), 0o600))
	runServer(t, "unbound", "-d", "-c", filepath.Join(dir, "conf"))
	return resolver, anchor
}

// With BIND as the parent the first DS comes by UPDATE, and so does the next at a KSK
// rollover; the old key leaves only after the look has shown it. The parent is believed
// as it is, or validated through Unbound: by its word, or by an anchor.
func TestBINDIsUpdated(t *testing.T) {
	for _, way := range []string{"configured", "resolver", "anchor"} {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			updated(t, way)
		})
	}
}

func updated(t *testing.T, way string) {
	addr := startBIND(t)
	cfg := delegated(t, &registry{addr: addr})
	cfg.Parent.Servers = []netip.AddrPort{addr}
	cfg.Parent.Update = []ask.Server{{Addr: addr, TSIG: updateKey}}
	if way != "configured" {
		var anchor string
		cfg.Parent.Mode = engine.ParentResolver
		cfg.Parent.Resolver, anchor = startUnbound(t, addr)
		if way == "anchor" {
			cfg.Parent.Anchor = filepath.Join(t.TempDir(), "anchor")
			require.NoError(t, os.WriteFile(cfg.Parent.Anchor, []byte(anchor+"\n"), 0o600))
		}
	}
	e := serve(t, t.TempDir(), cfg)
	defer e.Close()
	inStep := func(not []string) bool {
		s := statusOf(t, e)
		return len(s.Waits) == 0 && len(s.Parent.DS) == 1 && slices.Equal(s.Parent.DS, s.DS) && !slices.Equal(s.DS, not)
	}
	require.Eventually(t, func() bool { return inStep(nil) }, time.Minute, 50*time.Millisecond, "%+v", statusOf(t, e))
	first := statusOf(t, e).DS
	_, err := e.Do(t.Context(), apex, engine.Command{Kind: "roll", Args: []string{"ksk"}})
	require.NoError(t, err)
	require.Eventually(t, func() bool { return inStep(first) }, time.Minute, 50*time.Millisecond)
	require.Equal(t, "UPDATE", statusOf(t, e).Parent.Told.How)

	// Going insecure, the DS is removed in the same way, and comes back with the keys.
	_, err = e.Do(t.Context(), apex, engine.Command{Kind: "insecure"})
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		s := statusOf(t, e)
		return s.Insecure && len(s.Parent.DS) == 0
	}, time.Minute, 50*time.Millisecond)
	_, err = e.Do(t.Context(), apex, engine.Command{Kind: "secure"})
	require.NoError(t, err)
	require.Eventually(t, func() bool { return inStep(nil) }, time.Minute, 50*time.Millisecond)
}
