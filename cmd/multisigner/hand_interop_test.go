//go:build interop

package main

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/status"
	"github.com/multisigner/multisigner/test/loopback"
)

// foreignServer is a server of other software that signs example.org.
type foreignServer struct {
	address string
	give    func(t *testing.T, lines string) // what the command printed
}

// What the command prints is what the tools of each software take: piped into them, it is
// published beside the server's own keys, and gone again when it is withdrawn.
func TestHandedOver(t *testing.T) {
	for how, start := range map[string]func(*testing.T) foreignServer{"nsupdate": startBIND, "knot": startKnot, "pdnsutil": startPowerDNS} {
		t.Run(how, func(t *testing.T) {
			server := start(t)
			own := server.published(t, func(all []string) bool { return len(all) >= 1 })
			key := new(dns.DNSKEY)
			key.Hdr = dns.RR_Header{Name: "example.org.", Rrtype: dns.TypeDNSKEY, Class: dns.ClassINET, Ttl: 300}
			key.Flags, key.Protocol, key.Algorithm = 257, 3, dns.ECDSAP256SHA256
			_, err := key.Generate(256)
			require.NoError(t, err)
			ours := []status.Record{record(key), record(key.ToDS(dns.SHA256).ToCDS()), record(key.ToCDNSKEY())}

			z := status.Zone{Zone: "example.org.", Peers: []status.Peer{{Name: "b", Foreign: true,
				Addresses: []status.Address{{Address: server.address}}, Hand: &status.Hand{TTL: 300, Records: ours, Add: ours}}}}
			said, log, code := startServer(t, z)("keys", "example.org", "--for", how, "b")
			require.Zero(t, code, log)
			server.give(t, said)
			server.published(t, func(all []string) bool { return containsAll(all, own) && containsAll(all, texts(ours)) })

			z.Peers[0].Hand = &status.Hand{TTL: 300, Remove: ours}
			said, log, code = startServer(t, z)("keys", "example.org", "--for", how, "b")
			require.Zero(t, code, log)
			server.give(t, said)
			server.published(t, func(all []string) bool {
				return containsAll(all, own) && !slices.ContainsFunc(texts(ours), func(r string) bool { return slices.Contains(all, r) })
			})
		})
	}
}

func startServer(t *testing.T, z status.Zone) func(...string) (string, string, int) {
	return start(t, &server{zones: []status.Zone{z}})
}

func record(rr dns.RR) status.Record {
	return status.Record{Type: dns.TypeToString[rr.Header().Rrtype], Rdata: strings.TrimPrefix(rr.String(), rr.Header().String())}
}

func texts(records []status.Record) []string {
	var all []string
	for _, r := range records {
		all = append(all, r.Type+" "+r.Rdata)
	}
	return all
}

func containsAll(all, some []string) bool {
	return !slices.ContainsFunc(some, func(s string) bool { return !slices.Contains(all, s) })
}

// published waits until the records at the server's apex are as they should be.
func (s foreignServer) published(t *testing.T, good func([]string) bool) []string {
	t.Helper()
	var all []string
	client := &dns.Client{Net: "tcp", Timeout: 2 * time.Second}
	require.Eventually(t, func() bool {
		all = nil
		for _, typ := range []uint16{dns.TypeDNSKEY, dns.TypeCDS, dns.TypeCDNSKEY} {
			resp, _, err := client.Exchange(new(dns.Msg).SetQuestion("example.org.", typ), s.address)
			if err != nil {
				return false
			}
			for _, rr := range resp.Answer {
				all = append(all, texts([]status.Record{record(rr)})...)
			}
		}
		return good(all)
	}, time.Minute, 200*time.Millisecond, "published: %v", &all)
	return all
}

func startBIND(t *testing.T) foreignServer {
	dir, address := t.TempDir(), loopback.Address(t).String()
	_, port, _ := net.SplitHostPort(address)
	write(t, dir, "zone", unsigned)
	write(t, dir, "conf", fmt.Sprintf(`options { directory %q; pid-file none; session-keyfile none; listen-on port %s { 127.0.0.1; }; listen-on-v6 { none; }; recursion no; notify no; };
controls { };
key "hand." { algorithm hmac-sha256; secret "NoTCJU+DMqFWywaPyxSijrDEA/eC3nK0xi3AMEZuPVk="; };
zone "example.org" { type primary; file "zone"; dnssec-policy default; inline-signing no; update-policy { grant hand. zonesub ANY; }; };
`, dir, port))
	runUntilEnd(t, "named", "-g", "-c", filepath.Join(dir, "conf"))
	return foreignServer{address, func(t *testing.T, lines string) {
		pipe(t, lines, "nsupdate", "-v", "-y", "hmac-sha256:hand.:NoTCJU+DMqFWywaPyxSijrDEA/eC3nK0xi3AMEZuPVk=")
	}}
}

func startKnot(t *testing.T) foreignServer {
	dir, address := t.TempDir(), loopback.Address(t).String()
	write(t, dir, "zone", unsigned)
	write(t, dir, "conf", fmt.Sprintf(`
server:
    rundir: %[1]s
    listen: %[2]s
database:
    storage: %[1]s
policy:
  - id: beside
    dnskey-management: incremental
    delete-delay: 3600
    cds-cdnskey-publish: always
zone:
  - domain: example.org
    file: %[1]s/zone
    zonefile-sync: -1
    zonefile-load: difference
    journal-content: all
    dnssec-signing: on
    dnssec-policy: beside
`, dir, strings.Replace(address, ":", "@", 1)))
	runUntilEnd(t, "knotd", "-c", filepath.Join(dir, "conf"))
	return foreignServer{address, func(t *testing.T, lines string) { pipe(t, lines, "knotc", "-c", filepath.Join(dir, "conf")) }}
}

func startPowerDNS(t *testing.T) foreignServer {
	dir, address := t.TempDir(), loopback.Address(t).String()
	_, port, _ := net.SplitHostPort(address)
	write(t, dir, "zone", unsigned)
	write(t, dir, "pdns.conf", fmt.Sprintf(`launch=gsqlite3
gsqlite3-database=%[1]s/db
gsqlite3-dnssec=yes
direct-dnskey=yes
local-address=127.0.0.1
local-port=%[2]s
socket-dir=%[1]s
cache-ttl=0
query-cache-ttl=0
negquery-cache-ttl=0
`, dir, port))
	powerDNSTools(t, dir)
	pipe(t, "pdnsutil load-zone example.org "+dir+"/zone\npdnsutil secure-zone example.org\npdnsutil set-publish-cds example.org\n", "sh", "-e")
	runUntilEnd(t, "pdns_server", "--config-dir="+dir)
	return foreignServer{address, func(t *testing.T, lines string) { pipe(t, lines, "sh", "-e") }}
}

// powerDNSTools makes an empty database in a directory, and has pdnsutil take its
// configuration from there.
func powerDNSTools(t *testing.T, dir string) {
	t.Helper()
	schema, err := os.ReadFile("/usr/share/pdns-backend-sqlite3/schema/schema.sqlite3.sql")
	if err != nil {
		schema, err = os.ReadFile("/usr/share/doc/pdns-backend-sqlite3/schema.sqlite3.sql")
	}
	require.NoError(t, err)
	pipe(t, string(schema), "sqlite3", filepath.Join(dir, "db"))
	// The lines name no directory: an operator's server has its configuration in /etc.
	real, err := exec.LookPath("pdnsutil")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "pdnsutil"), []byte("#!/bin/sh\nexec "+real+" --config-dir="+dir+" \"$@\"\n"), 0o755))
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
}

const unsigned = "$ORIGIN example.org.\n$TTL 60\n@ SOA ns hostmaster 1 3600 600 86400 60\n@ NS ns\nns A 127.0.0.1\n"

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644))
}

// pipe runs a program on what it reads, and has it succeed.
func pipe(t *testing.T, text, program string, args ...string) {
	t.Helper()
	cmd := exec.Command(program, args...)
	cmd.Stdin = strings.NewReader(text)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s\n%s", text, out)
}

// runUntilEnd runs a server until the test ends.
func runUntilEnd(t *testing.T, program string, args ...string) {
	t.Helper()
	var out bytes.Buffer
	cmd := exec.Command(program, args...)
	cmd.Stdout, cmd.Stderr = &out, &out
	require.NoError(t, cmd.Start(), "make interop installs it")
	t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		_ = cmd.Wait()
		if t.Failed() {
			t.Log(out.String())
		}
	})
}
