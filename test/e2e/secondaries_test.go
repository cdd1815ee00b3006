//go:build interop

package e2e

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/test/lab"
)

const (
	secret  = "NoTCJU+DMqFWywaPyxSijrDEA/eC3nK0xi3AMEZuPVk="
	changes = 5 // of the zone, each told by NOTIFY
)

// secondary is another server that has the zone from us.
type secondary struct {
	program string
	args    []string // with %s for the configuration's path
	config  string   // with {dir}, {host}, {port}, {primary}, {primaryport}
}

var secondaries = []secondary{
	{"nsd", []string{"-d", "-c", "%s"}, `
server:
	ip-address: {host}@{port}
	username: ""
	chroot: ""
	zonesdir: "{dir}"
	database: ""
	pidfile: ""
	xfrdfile: "{dir}/xfrd.state"
	xfrdir: "{dir}"
	zonelistfile: "{dir}/zone.list"
	server-count: 1
remote-control:
	control-enable: no
key:
	name: "xfr-key."
	algorithm: hmac-sha256
	secret: "` + secret + `"
zone:
	name: "example.test"
	zonefile: "{dir}/zone"
	request-xfr: AXFR {primary}@{primaryport} xfr-key.
	allow-notify: {primary} xfr-key.
`},
	{"knotd", []string{"-c", "%s"}, `
server:
    rundir: "{dir}"
    listen: {host}@{port}
database:
    storage: "{dir}"
key:
  - id: xfr-key.
    algorithm: hmac-sha256
    secret: ` + secret + `
remote:
  - id: primary
    address: {primary}@{primaryport}
    key: xfr-key.
acl:
  - id: told
    key: xfr-key.
    action: notify
zone:
  - domain: example.test
    storage: "{dir}"
    master: primary
    acl: told
`},
	{"named", []string{"-g", "-c", "%s"}, `
options {
	directory "{dir}";
	listen-on port {port} { {host}; };
	listen-on-v6 { none; };
	pid-file none;
	session-keyfile none;
	recursion no;
	dnssec-validation no;
};
controls { };
key "xfr-key." { algorithm hmac-sha256; secret "` + secret + `"; };
zone "example.test" {
	type secondary;
	file "{dir}/zone";
	primaries { {primary} port {primaryport} key "xfr-key."; };
	allow-notify { key "xfr-key."; };
};
`},
}

// NSD, Knot and BIND take the zone from us, are told of each change, and serve
// what we serve: the same serial, and answers that validate.
func TestSecondaries(t *testing.T) {
	dir := t.TempDir()
	signer := lab.Signer{Name: "a", Address: freeAddress(t), State: "state", Corefile: "Corefile"}
	host, port, err := net.SplitHostPort(signer.Address)
	require.NoError(t, err)
	g := &group{dir: dir}
	g.Zone, g.Signers = "example.test.", []lab.Signer{signer}

	addresses := make([]string, len(secondaries))
	var lines strings.Builder
	for i := range secondaries {
		addresses[i] = freeAddress(t)
		fmt.Fprintf(&lines, "        secondary %s key xfr-key.\n", addresses[i])
	}
	zonePath := filepath.Join(dir, "db")
	text := "$ORIGIN example.test.\n$TTL 2\n@ SOA ns hostmaster 1 3600 60 86400 2\n@ NS ns\nns A 127.0.0.1\n*.wild TXT made\nsub NS ns.sub\nsub DS 1 13 2 e2d3c916f6deeac73294e8268fb5885044a833fc5459588f4a9184cfc41a5766\nns.sub A 127.0.0.9\n"
	require.NoError(t, os.WriteFile(zonePath, []byte(text), 0o644))
	require.NoError(t, os.Mkdir(filepath.Join(dir, signer.Name), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(dir, signer.Name, "log"), nil, 0o644))
	corefile := fmt.Sprintf("example.test:%s {\n    bind %s\n    errors\n    tsig {\n        secret xfr-key. %s\n    }\n    multisigner {\n        file %q\n        state %q\n        denial nsec3\n        parent none\n%s    }\n}\n",
		port, host, secret, zonePath, filepath.Join(dir, signer.State), lines.String())
	require.NoError(t, os.WriteFile(filepath.Join(dir, signer.Corefile), []byte(corefile), 0o600))
	g.restart(t, &g.Signers[0])
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(g.logs())
		}
	})
	require.Eventually(t, func() bool { _, err := serial(signer); return err == nil }, patience, 100*time.Millisecond)

	for i, s := range secondaries {
		s.run(t, addresses[i], host, port)
	}
	for change := range changes {
		added := fmt.Sprintf("added-%d", change)
		text += added + " A 192.0.2.1\n"
		require.NoError(t, os.WriteFile(zonePath, []byte(text), 0o644))
		for i, s := range secondaries {
			require.Eventually(t, func() bool {
				_, err := fetch(addresses[i], added+".example.test.", dns.TypeA)
				return err == nil
			}, patience, 50*time.Millisecond, "%s does not have change %d", s.program, change)
		}
	}
	want, err := serial(signer)
	require.NoError(t, err)
	for i, s := range secondaries {
		got, err := serial(lab.Signer{Address: addresses[i]})
		require.NoError(t, err)
		require.Equal(t, want, got, s.program)
	}
}

func (s secondary) run(t *testing.T, address, primary, primaryPort string) {
	dir := t.TempDir()
	host, port, err := net.SplitHostPort(address)
	require.NoError(t, err)
	text := strings.NewReplacer("{dir}", dir, "{host}", host, "{port}", port, "{primary}", primary, "{primaryport}", primaryPort).Replace(s.config)
	config := filepath.Join(dir, "config")
	require.NoError(t, os.WriteFile(config, []byte(text), 0o644))
	args := make([]string, len(s.args))
	for i, a := range s.args {
		args[i] = strings.Replace(a, "%s", config, 1)
	}
	runServer(t, filepath.Join(dir, "log"), s.program, args...)
}
