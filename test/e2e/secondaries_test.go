//go:build interop

package e2e

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/status"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
	"github.com/multisigner/multisigner/test/lab"
	"github.com/multisigner/multisigner/test/loopback"
)

const secret = "NoTCJU+DMqFWywaPyxSijrDEA/eC3nK0xi3AMEZuPVk="

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
	name: "{key}"
	algorithm: hmac-sha256
	secret: "` + secret + `"
zone:
	name: "example.test"
	zonefile: "{dir}/zone"
	request-xfr: {primary}@{primaryport} {key}
	allow-notify: {primary} {key}
	provide-xfr: 127.0.0.0/8 NOKEY
`},
	{"knotd", []string{"-c", "%s"}, `
server:
    rundir: "{dir}"
    listen: {host}@{port}
database:
    storage: "{dir}"
key:
  - id: {key}
    algorithm: hmac-sha256
    secret: ` + secret + `
remote:
  - id: primary
    address: {primary}@{primaryport}
    key: {key}
acl:
  - id: told
    key: {key}
    action: notify
  - id: looked
    address: 127.0.0.0/8
    action: transfer
zone:
  - domain: example.test
    storage: "{dir}"
    master: primary
    acl: [told, looked]
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
key "{key}" { algorithm hmac-sha256; secret "` + secret + `"; };
zone "example.test" {
	type secondary;
	file "{dir}/zone";
	primaries { {primary} port {primaryport} key "{key}"; };
	allow-notify { key "{key}"; };
	allow-transfer { 127.0.0.0/8; };
};
`},
}

// changes of the zone, each told by NOTIFY; in the long form a thousand.
func changes() int {
	if all {
		return 1000
	}
	return 120
}

// NSD, Knot and BIND take the zone from us, are told of each change, and go along by
// IXFR, while a key rolls as well: at the end each has what we have, record by record, and
// it validates as a whole.
func TestSecondaries(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	signer := lab.Signer{Name: "a", Address: loopback.Address(t).String(), State: "state", Corefile: "Corefile"}
	host, port, err := net.SplitHostPort(signer.Address)
	require.NoError(t, err)
	g := &group{dir: dir}
	g.Zone, g.Signers = "example.test.", []lab.Signer{signer}

	addresses := make([]string, len(secondaries))
	var told, keys strings.Builder
	for i := range secondaries {
		addresses[i] = loopback.Address(t).String()
		fmt.Fprintf(&told, "        secondary %s key %s\n", addresses[i], secondaries[i].key())
		fmt.Fprintf(&keys, "        secret %s %s\n", secondaries[i].key(), secret)
	}
	zonePath, metrics := filepath.Join(dir, "db"), loopback.Address(t).String()
	names := make([]string, 300)
	write := func() {
		text := "$ORIGIN example.test.\n$TTL 2\n@ SOA ns hostmaster 1 3600 60 86400 2\n@ NS ns\nns A 127.0.0.1\n*.wild TXT made\nsub NS ns.sub\nsub DS 1 13 2 e2d3c916f6deeac73294e8268fb5885044a833fc5459588f4a9184cfc41a5766\nns.sub A 127.0.0.9\n"
		for i, data := range names {
			if data != "" {
				text += fmt.Sprintf("name-%d %s\n", i, data)
			}
		}
		require.NoError(t, os.WriteFile(zonePath, []byte(text), 0o644))
	}
	for i := range names {
		names[i] = fmt.Sprintf("A 192.0.2.%d", i%250)
	}
	write()
	require.NoError(t, os.Mkdir(filepath.Join(dir, signer.Name), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(dir, signer.Name, "log"), nil, 0o644))
	corefile := fmt.Sprintf("example.test:%s {\n    bind %s\n    errors\n    prometheus %s\n    tsig {\n%s    }\n    multisigner {\n        file %q\n        state %q\n        denial nsec3\n        keys split\n        ttl dnskey 2s\n        margin 1s\n        earlier-ttl 2s\n        propagation 1s\n        look 1s 2s\n        parent none\n        allow-transfer 127.0.0.0/8\n%s    }\n}\n",
		port, host, metrics, keys.String(), zonePath, filepath.Join(dir, signer.State), told.String())
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
	level := func(what string) {
		t.Helper()
		for i, s := range secondaries {
			require.Eventually(t, func() bool {
				want, err := serial(signer)
				got, errThere := serial(lab.Signer{Address: addresses[i]})
				return err == nil && errThere == nil && got == want
			}, patience, 50*time.Millisecond, "%s, %s", s.program, what)
		}
	}
	level("the first version")
	r := rand.New(rand.NewPCG(1, 0))
	var before zone.RRset
	rolled := func() bool {
		now, err := fetch(signer.Address, "example.test.", dns.TypeDNSKEY)
		return err == nil && before.Exists() && now.Rdata.Len() == before.Rdata.Len() && now.Rdata != before.Rdata
	}
	deadline := time.Now().Add(3 * patience)
	for change := 0; change < changes() || !rolled(); change++ {
		require.True(t, change < changes() || time.Now().Before(deadline), "the rollover of the ZSK does not end")
		for range 1 + r.IntN(3) {
			names[r.IntN(len(names))] = []string{"", "A 192.0.2.1", "7 A 192.0.2.1", "TXT \"Some Text\"", "MX 10 ns", "NS ns"}[r.IntN(6)]
		}
		write()
		g.do(t, signer, "reload")
		if change%7 == 0 || change > changes() {
			level(fmt.Sprintf("change %d", change))
		}
		if change == changes()*3/4 { // some go along while it lasts, and whoever was away gets all
			before, err = fetch(signer.Address, "example.test.", dns.TypeDNSKEY)
			require.NoError(t, err)
			g.roll(t, signer, "zsk")
			deadline = time.Now().Add(3 * patience)
		}
		if change == changes()/2 { // some take several at once, others find that they have been away
			g.kill(t, &g.Signers[0])
			g.restart(t, &g.Signers[0])
			require.Eventually(t, func() bool { _, err := serial(signer); return err == nil }, patience, 100*time.Millisecond)
		}
	}
	level("the last change")
	// Each goes along by differences to the end. NSD takes all of the zone when it is told of a
	// version while it still loads the one before: then the next change has to show it.
	for last := 0; ; last++ {
		require.Less(t, last, 20, "some take all of the zone, change after change: %v", g.transfers(t, signer))
		names[0] = fmt.Sprintf("TXT last-%d", last)
		write()
		g.do(t, signer, "reload")
		level("after the rollover")
		is, err := serial(signer)
		require.NoError(t, err)
		var took []status.Transfer
		await(t, patience, func() bool { // it is told a moment after the last message
			took = g.transfers(t, signer)
			return !slices.ContainsFunc(took, func(x status.Transfer) bool { return x.Serial != is })
		}, "the status to tell of the transfers of serial %d", is)
		if !slices.ContainsFunc(took, func(x status.Transfer) bool { return x.Result != "incremental" && x.Result != "current" }) {
			break
		}
	}

	want := filepath.Join(dir, "want")
	transfer(t, signer.Address, want)
	last, err := serial(signer)
	require.NoError(t, err)
	for i, s := range secondaries {
		path := filepath.Join(dir, s.program)
		// NSD's old process still takes connections, and gives what it has, when the new one
		// answers over UDP.
		var records []dns.RR
		require.Eventually(t, func() bool {
			records, err = axfr(addresses[i])
			return err == nil && records[0].(*dns.SOA).Serial == last
		}, patience, 50*time.Millisecond, "%s transfers serial %d", s.program, last)
		put(t, records, path)
		ours, copied := lines(t, want), lines(t, path)
		for line := range ours {
			require.True(t, copied[line], "%s lacks %s", s.program, line)
		}
		for line := range copied {
			require.True(t, ours[line], "%s has %s", s.program, line)
		}
		out, err := exec.CommandContext(t.Context(), "ldns-verify-zone", path).CombinedOutput()
		require.NoError(t, err, "the copy of %s\n%s", s.program, out)
	}
	text := scrape(t, metrics)
	counted := func(result string) (n int) {
		for _, m := range regexp.MustCompile(`coredns_multisigner_transfers_total\{[^}]*result="`+result+`"[^}]*\} (\d+)`).FindAllStringSubmatch(text, -1) {
			more, err := strconv.Atoi(m[1])
			require.NoError(t, err)
			n += more
		}
		return n
	}
	t.Logf("%d transfers of differences, %d of the whole zone", counted("incremental"), counted("full"))
	require.Greater(t, counted("incremental"), changes()/10)
}

// transfers are the last of each secondary, as the status tells of them.
func (g *group) transfers(t *testing.T, signer lab.Signer) (last []status.Transfer) {
	t.Helper()
	z, ok := g.see(signer)
	require.True(t, ok)
	for _, s := range z.Secondaries {
		require.NotNil(t, s.Transfer)
		last = append(last, *s.Transfer)
	}
	return last
}

func scrape(t *testing.T, address string) string {
	resp, err := http.Get("http://" + address + "/metrics")
	require.NoError(t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return string(text)
}

// lines are the records of a zone in a file.
func lines(t *testing.T, path string) map[string]bool {
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	all := map[string]bool{}
	for line := range strings.SplitSeq(string(text), "\n") {
		all[line] = true
	}
	return all
}

// key is a name of its own for each, so that the status tells them apart.
func (s secondary) key() string { return s.program + "-key." }

func (s secondary) run(t *testing.T, address, primary, primaryPort string) {
	dir := t.TempDir()
	host, port, err := net.SplitHostPort(address)
	require.NoError(t, err)
	text := strings.NewReplacer("{dir}", dir, "{host}", host, "{port}", port, "{primary}", primary, "{primaryport}", primaryPort, "{key}", s.key()).Replace(s.config)
	config := filepath.Join(dir, "config")
	require.NoError(t, os.WriteFile(config, []byte(text), 0o644))
	args := make([]string, len(s.args))
	for i, a := range s.args {
		args[i] = strings.Replace(a, "%s", config, 1)
	}
	runServer(t, filepath.Join(dir, "log"), s.program, args...)
}

// BIND takes the zone over TLS, and insists on the ALPN token of RFC 9103 7.1; it is
// told of a change in the clear, and takes that by IXFR over TLS, too.
func TestSecondaryOverTLS(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	signer := lab.Signer{Name: "a", Address: loopback.Address(t).String(), State: "state", Corefile: "Corefile"}
	host, port, err := net.SplitHostPort(signer.Address)
	require.NoError(t, err)
	secure, metrics, address := loopback.Address(t).String(), loopback.Address(t).String(), loopback.Address(t).String()
	secureHost, securePort, err := net.SplitHostPort(secure)
	require.NoError(t, err)
	g := &group{dir: dir}
	g.Zone, g.Signers = "example.test.", []lab.Signer{signer}
	cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	out, err := exec.CommandContext(t.Context(), "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
		"-keyout", key, "-out", cert, "-days", "2", "-subj", "/CN=ns.example.test", "-addext", "subjectAltName=DNS:ns.example.test").CombinedOutput()
	require.NoError(t, err, "%s", out)
	zonePath := filepath.Join(dir, "db")
	text := "$ORIGIN example.test.\n$TTL 2\n@ SOA ns hostmaster 1 3600 60 86400 2\n@ NS ns\nns A 127.0.0.1\n"
	for i := range 50 {
		text += fmt.Sprintf("name-%d A 192.0.2.1\n", i)
	}
	require.NoError(t, os.WriteFile(zonePath, []byte(text), 0o644))
	require.NoError(t, os.Mkdir(filepath.Join(dir, signer.Name), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(dir, signer.Name, "log"), nil, 0o644))
	block := fmt.Sprintf("    errors\n    prometheus %s\n    tsig {\n        secret named-key. %s\n    }\n    multisigner {\n        file %q\n        state %q\n        parent none\n        secondary %s key named-key.\n    }\n}\n",
		metrics, secret, zonePath, filepath.Join(dir, signer.State), address)
	corefile := fmt.Sprintf("example.test:%s {\n    bind %s\n%stls://example.test:%s {\n    bind %s\n    tls %s %s\n%s", port, host, block, securePort, secureHost, cert, key, block)
	require.NoError(t, os.WriteFile(filepath.Join(dir, signer.Corefile), []byte(corefile), 0o600))
	g.restart(t, &g.Signers[0])
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(g.logs())
		}
	})
	require.Eventually(t, func() bool { _, err := serial(signer); return err == nil }, patience, 100*time.Millisecond)
	named := secondaries[len(secondaries)-1]
	require.Equal(t, "named", named.program)
	named.config = strings.Replace(named.config, "primaries { {primary} port {primaryport} key \"{key}\"; };",
		"primaries { {primary} port {primaryport} key \"{key}\" tls primary; };", 1) +
		fmt.Sprintf("tls primary { ca-file %q; remote-hostname \"ns.example.test\"; };\n", cert)
	named.run(t, address, secureHost, securePort)
	level := func(what string) {
		t.Helper()
		require.Eventually(t, func() bool {
			want, err := serial(signer)
			got, errThere := serial(lab.Signer{Address: address})
			return err == nil && errThere == nil && got == want
		}, patience, 50*time.Millisecond, what)
	}
	level("the first version")
	require.NoError(t, os.WriteFile(zonePath, []byte(text+"new A 192.0.2.1\n"), 0o644))
	g.do(t, signer, "reload")
	level("a change")
	counted := scrape(t, metrics)
	for _, result := range []string{"full", "incremental"} {
		require.Regexp(t, `coredns_multisigner_transfers_total\{[^}]*result="`+result+`"[^}]*server="tls://[^}]*\} 1|coredns_multisigner_transfers_total\{[^}]*server="tls://[^}]*result="`+result+`"[^}]*\} 1`, counted)
	}
}
