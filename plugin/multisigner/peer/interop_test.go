//go:build interop

package peer_test

import (
	"bytes"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/ask"
	"github.com/multisigner/multisigner/plugin/multisigner/peer"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
	"github.com/multisigner/multisigner/test/loopback"
)

// Other people's signers are seen for what they are: their keys over TSIG, who
// signs what, that they have CDS or prove that they have none, and their zone by a
// transfer that each signs in its own way (NSD every 96th message).
func TestOthersSigners(t *testing.T) {
	for _, tc := range []struct {
		name, program string
		config        func(dir string, port int) string
		args          []string
		names         int // NSD signs every 96th message of 16 KiB; BIND signs a large zone slowly
		cds           bool
	}{
		{"Knot", "knotd", knotConf, []string{"-c"}, 12_000, true},
		{"BIND", "named", bindConf, []string{"-g", "-c"}, 50, false},
		{"NSD", "nsd", nsdConf, []string{"-d", "-c"}, 12_000, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir := t.TempDir()
			port := int(loopback.Address(t).Port())
			text := unsigned(tc.names)
			if tc.name == "NSD" {
				text = presigned(t, text)
			}
			require.NoError(t, os.WriteFile(filepath.Join(dir, "zone"), []byte(text), 0o600))
			require.NoError(t, os.WriteFile(filepath.Join(dir, "conf"), []byte(tc.config(dir, port)), 0o600))
			start(t, tc.program, append(tc.args, filepath.Join(dir, "conf"))...)

			server := ask.Server{Addr: addrPort(port), TSIG: tsig}
			target := peer.Target{Zone: zone.MustName(apex), Servers: []ask.Server{server}, Via: peer.AXFR}
			var r peer.Report
			if !assert.Eventually(t, func() bool {
				r = peer.Look(t.Context(), &ask.Client{Timeout: time.Second, Tries: 2}, target, time.Now())
				return r.Trusted && r.Addresses[0].Status == peer.Good && r.Digest != peer.Digest{}
			}, time.Minute, 200*time.Millisecond) {
				t.Fatalf("%s %s %+v", r.Why, r.TransferErr, r.Addresses)
			}
			a, transferred := r.Addresses[0], r.Addresses[1]
			require.NotEmpty(t, a.Entry)
			require.NotEmpty(t, a.DataSigners)
			require.Equal(t, tc.cds, a.Sets[zone.TypeCDS].Exists())
			require.Equal(t, !tc.cds, a.Absent[zone.TypeCDS])
			require.True(t, a.Absent[zone.TypeCSYNC])
			require.Equal(t, peer.Good, transferred.Status, transferred.Err)
			require.Equal(t, a.Entry, transferred.Entry)
			require.Subset(t, transferred.DataSigners, a.DataSigners)
			require.Equal(t, peer.Sum(zone.MustVersion(unsigned(tc.names))), r.Digest, "it serves the content that it was given")

			// The next look finds what this one remembers.
			target.Memory = r.Memory
			r = peer.Look(t.Context(), &ask.Client{Timeout: time.Second}, target, time.Now())
			require.Equal(t, peer.Good, r.Addresses[0].Status, r.Addresses[0].Err)
			require.Nil(t, r.Transfer)

			other := *tsig
			other.Secret = "bm90IHRoZSBzYW1lIHNlY3JldCBhcyBiZWZvcmUgISE="
			_, err := (&ask.Client{Timeout: time.Second, Tries: 2}).Exchange(t.Context(), ask.Server{Addr: server.Addr, TSIG: &other}, ask.Question(apex, dns.TypeSOA))
			require.ErrorIs(t, err, ask.ErrTSIG)
			require.ErrorContains(t, err, "BADSIG")
		})
	}
}

// unsigned is a zone file; 12,000 names are more than a hundred messages of 16 KiB.
func unsigned(names int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s 3600 IN SOA ns.%s root.%s 1 3600 600 86400 300\n%s 3600 IN NS ns.%s\nns.%s 60 IN A 192.0.2.1\n", apex, apex, apex, apex, apex, apex)
	for i := range names {
		fmt.Fprintf(&b, "n%d.%s 60 IN TXT \"%s\"\n", i, apex, strings.Repeat("x", 150))
	}
	return b.String()
}

// presigned adds what a signer puts at the apex.
func presigned(t *testing.T, text string) string {
	_, rest, ok := strings.Cut(text, "\n") // without its SOA and NS
	_, rest, ok2 := strings.Cut(rest, "\n")
	require.True(t, ok && ok2)
	var b strings.Builder
	for _, rrs := range usual(newKSK(), newZSK()).sets() {
		for _, rr := range rrs {
			b.WriteString(rr.String() + "\n")
		}
	}
	return b.String() + rest
}

func addrPort(port int) netip.AddrPort {
	return netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), uint16(port))
}

// start runs a server until the test ends.
func start(t *testing.T, program string, args ...string) {
	path, err := exec.LookPath(program)
	if err != nil {
		path = "/usr/sbin/" + program
	}
	cmd := exec.Command(path, args...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		cmd.Process.Signal(os.Interrupt)
		cmd.Wait()
		if t.Failed() {
			t.Log(out.String())
		}
	})
}

func knotConf(dir string, port int) string {
	return fmt.Sprintf(`
server:
  listen: 127.0.0.1@%[1]d
  rundir: %[2]s
log:
  - target: stderr
    any: info
database:
  storage: %[2]s
key:
  - id: group-key
    algorithm: hmac-sha256
    secret: %[3]s
acl:
  - id: xfr
    key: group-key
    action: transfer
policy:
  - id: p
    algorithm: ecdsap256sha256
    cds-cdnskey-publish: always
zone:
  - domain: %[4]s
    file: %[2]s/zone
    zonefile-sync: -1
    zonefile-load: difference
    journal-content: all
    dnssec-signing: on
    dnssec-policy: p
    acl: xfr
`, port, dir, tsig.Secret, apex)
}

func bindConf(dir string, port int) string {
	return fmt.Sprintf(`
key group-key { algorithm hmac-sha256; secret "%[3]s"; };
controls {};
options { dnssec-validation no; directory "%[2]s"; pid-file none; session-keyfile none; listen-on port %[1]d { 127.0.0.1; }; listen-on-v6 { none; }; recursion no; };
zone "%[4]s" { type primary; file "zone"; dnssec-policy default; inline-signing yes; allow-transfer { key group-key; }; };
`, port, dir, tsig.Secret, apex)
}

func nsdConf(dir string, port int) string {
	return fmt.Sprintf(`
server:
  ip-address: 127.0.0.1
  port: %[1]d
  username: ""
  zonesdir: "%[2]s"
  pidfile: ""
  xfrdfile: ""
  zonelistfile: "%[2]s/list"
  logfile: ""
remote-control:
  control-enable: no
key:
  name: group-key
  algorithm: hmac-sha256
  secret: "%[3]s"
zone:
  name: %[4]s
  zonefile: zone
  provide-xfr: 127.0.0.1 group-key
`, port, dir, tsig.Secret, apex)
}
