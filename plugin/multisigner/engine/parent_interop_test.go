//go:build interop

package engine_test

import (
	"bytes"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/ask"
	"github.com/multisigner/multisigner/plugin/multisigner/engine"
)

// With BIND as the parent the first DS comes by UPDATE, and so does the next at a KSK
// rollover; the old key leaves only after the look has shown it.
func TestBINDIsUpdated(t *testing.T) {
	dir := t.TempDir()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	addr := l.Addr().(*net.TCPAddr).AddrPort()
	require.NoError(t, l.Close())
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
	program, err := exec.LookPath("named")
	if err != nil {
		program = "/usr/sbin/named"
	}
	var out bytes.Buffer
	named := exec.Command(program, "-g", "-c", filepath.Join(dir, "conf"))
	named.Stdout, named.Stderr = &out, &out
	require.NoError(t, named.Start(), "make interop installs it")
	t.Cleanup(func() {
		named.Process.Signal(os.Interrupt)
		named.Wait()
		if t.Failed() {
			t.Log(out.String())
		}
	})

	cfg := delegated(t, &registry{addr: addr})
	cfg.Parent.Servers = []netip.AddrPort{addr}
	cfg.Parent.Update = []ask.Server{{Addr: addr, TSIG: updateKey}}
	e := serve(t, t.TempDir(), cfg)
	defer e.Close()
	inStep := func(not []string) bool {
		s := statusOf(t, e)
		return len(s.Waits) == 0 && len(s.Parent.DS) == 1 && slices.Equal(s.Parent.DS, s.DS) && !slices.Equal(s.DS, not)
	}
	require.Eventually(t, func() bool { return inStep(nil) }, time.Minute, 50*time.Millisecond, "%+v", statusOf(t, e))
	first := statusOf(t, e).DS
	_, err = e.Do(t.Context(), apex, engine.Command{Kind: "roll", Args: []string{"ksk"}})
	require.NoError(t, err)
	require.Eventually(t, func() bool { return inStep(first) }, time.Minute, 50*time.Millisecond)
	require.Equal(t, "UPDATE", statusOf(t, e).Parent.Told.How)
}
