//go:build interop

package multisigner

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// producers are servers of other make with a catalog and the zones in it. Knot makes the catalog
// itself; for BIND it is written by hand.
var producers = []struct {
	hiddenPrimary
	zone    string // of the configuration, with {zone}
	catalog string // a member's line in the catalog, with {zone}; "": the server makes it
}{
	{hiddenPrimary: hiddenPrimary{program: "knotd", args: []string{"-c", "{dir}/config"}, config: `
server:
    rundir: "{dir}"
    listen: 127.0.0.1@{port}
database:
    storage: "{dir}"
remote:
  - id: signer
    address: 127.0.0.1@{us}
acl:
  - id: signer
    address: 127.0.0.1
    action: transfer
template:
  - id: default
    storage: "{dir}"
    zonefile-sync: -1
    zonefile-load: difference
    journal-content: all
    notify: signer
    acl: signer
    catalog-role: member
    catalog-zone: catalog.example
    catalog-group: gold
  - id: catalog
    storage: "{dir}"
    notify: signer
    acl: signer
    catalog-role: generate
zone:
  - domain: catalog.example
    template: catalog
`}, zone: "  - domain: {zone}\n    file: db.{zone}\n"},
	{hiddenPrimary: hiddenPrimary{program: "named", args: []string{"-g", "-c", "{dir}/config"}, config: `
options {
	directory "{dir}";
	listen-on port {port} { 127.0.0.1; };
	listen-on-v6 { none; };
	pid-file none;
	session-keyfile none;
	recursion no;
	dnssec-validation no;
	allow-transfer { 127.0.0.1; };
	notify explicit;
	also-notify { 127.0.0.1 port {us}; };
};
controls { };
zone "catalog.example" { type primary; file "{dir}/db.catalog.example"; };
`}, zone: `zone "{zone}" { type primary; file "{dir}/db.{zone}"; };` + "\n",
		catalog: "{zone}.zones PTR {zone}.\ngroup.{zone}.zones TXT gold\n"},
}

// What Knot and BIND have in a catalog is served and signed here within seconds, and when it
// is out of the catalog, no longer.
func TestCatalogOfOthers(t *testing.T) {
	for _, other := range producers {
		t.Run(other.program, func(t *testing.T) {
			h := newHome(t)
			us, l := freePort(t)
			require.NoError(t, l.Close())
			port, l := freePort(t)
			require.NoError(t, l.Close())
			p, base, serial := other.hiddenPrimary, other.hiddenPrimary.config, 0
			p.dir = t.TempDir()
			// names has the server have these zones.
			names := func(zones ...string) {
				serial++
				p.config = base
				catalog := fmt.Sprintf("$ORIGIN catalog.example.\n$TTL 0\n@ SOA invalid. invalid. %d 3600 600 86400 0\n@ NS invalid.\nversion TXT 2\n", serial)
				for _, name := range zones {
					p.config += strings.ReplaceAll(other.zone, "{zone}", name)
					catalog += strings.ReplaceAll(other.catalog, "{zone}", name)
					writeFile(t, filepath.Join(p.dir, "db."+name), fmt.Sprintf("$ORIGIN %s.\n$TTL 60\n@ SOA ns h 1 3600 600 86400 60\n@ NS ns\nns A 192.0.2.1\n", name))
				}
				if other.catalog != "" {
					writeFile(t, filepath.Join(p.dir, "db.catalog.example"), catalog)
				}
				fill := strings.NewReplacer("{dir}", p.dir, "{port}", fmt.Sprint(port), "{us}", fmt.Sprint(us))
				writeFile(t, filepath.Join(p.dir, "config"), fill.Replace(p.config))
				if p.cmd != nil {
					require.NoError(t, syscall.Kill(p.cmd.Process.Pid, syscall.SIGHUP))
				}
			}
			names("one", "two")
			p.start(t, port, us)
			r := h.start(fmt.Sprintf(".:%d {\nCOMMON\nmultisigner {\nparent none\nprimary 127.0.0.1:%d\nprimary-refresh 1s\ncatalog catalog.example {\nprimary 127.0.0.1:%[2]d\nprimary-refresh 10m\ngroup gold {\n}\n}\n}\n}", us, port))
			require.Eventually(t, func() bool { return r.signed("one.") && r.signed("two.") }, time.Minute, 50*time.Millisecond)
			names("two", "three")
			require.Eventually(t, func() bool {
				return r.signed("three.") && r.signed("two.") && r.ask("udp", query4("one.", dns.TypeSOA)).Rcode == dns.RcodeRefused
			}, time.Minute, 50*time.Millisecond, "its NOTIFY brings the change")
		})
	}
}

// consumers are servers of other make that read a catalog from here. Debian's NSD (4.6) reads none: NSD does from 4.9 on.
var consumers = []struct {
	hiddenPrimary
	first string // what a shell does before, in its directory
	more  string // a line of ours
}{
	{hiddenPrimary: hiddenPrimary{program: "knotd", args: []string{"-c", "{dir}/config"}, config: `
server:
    rundir: "{dir}"
    listen: 127.0.0.1@{port}
database:
    storage: "{dir}"
key:
  - id: xfr-key.
    algorithm: hmac-sha256
    secret: ` + keySecret + `
remote:
  - id: signer
    address: 127.0.0.1@{us}
    key: xfr-key.
acl:
  - id: signer
    key: xfr-key.
    action: notify
template:
  - id: default
    storage: "{dir}"
    master: signer
    acl: signer
zone:
  - domain: catalog.example
    catalog-role: interpret
    catalog-template: default
`}},
	{hiddenPrimary: hiddenPrimary{program: "named", args: []string{"-g", "-c", "{dir}/config"}, config: `
key "xfr-key." { algorithm hmac-sha256; secret "` + keySecret + `"; };
options {
	directory "{dir}";
	listen-on port {port} { 127.0.0.1; };
	listen-on-v6 { none; };
	pid-file none;
	session-keyfile none;
	recursion no;
	dnssec-validation no;
	allow-notify { key "xfr-key."; };
	catalog-zones {
		zone "catalog.example" default-primaries { 127.0.0.1 port {us} key "xfr-key."; } min-update-interval 1;
	};
};
controls { };
zone "catalog.example" {
	type secondary;
	file "{dir}/catalog";
	primaries { 127.0.0.1 port {us} key "xfr-key."; };
};
`}},
	{hiddenPrimary: hiddenPrimary{program: "pdns_server", args: []string{"--config-dir={dir}"}, config: `
launch=gsqlite3
gsqlite3-database={dir}/db
gsqlite3-dnssec=yes
local-address=127.0.0.1
local-port={port}
socket-dir={dir}
secondary=yes
xfr-cycle-interval=1
query-cache-ttl=0
cache-ttl=0
negquery-cache-ttl=0
zone-cache-refresh-interval=0
guardian=no
daemon=no
disable-syslog=yes
`}, first: `
sqlite3 db ".read /usr/share/pdns-backend-sqlite3/schema/schema.sqlite3.sql"
pdnsutil --config-dir=. create-secondary-zone catalog.example 127.0.0.1:{us}
pdnsutil --config-dir=. set-kind catalog.example consumer
pdnsutil --config-dir=. import-tsig-key xfr-key hmac-sha256 ` + keySecret + `
pdnsutil --config-dir=. activate-tsig-key catalog.example xfr-key consumer
`, more: "allow-transfer 127.0.0.1"}, // it uses the key for the catalog alone
}

// What stands in a catalog that is made here is served by its secondaries, each zone with our signatures; they are
// told of one more, of one less, and of one that is put back.
func TestCatalogForOthers(t *testing.T) {
	for _, other := range consumers {
		t.Run(other.program, func(t *testing.T) {
			h := newHome(t)
			h.zone("one.test", 1)
			h.zone("two.test", 1)
			us, l := freePort(t)
			require.NoError(t, l.Close())
			port, l := freePort(t)
			require.NoError(t, l.Close())
			p := other.hiddenPrimary
			p.dir = t.TempDir()
			if other.first != "" {
				fill := strings.NewReplacer("{dir}", p.dir, "{port}", fmt.Sprint(port), "{us}", fmt.Sprint(us))
				writeFile(t, filepath.Join(p.dir, "pdns.conf"), fill.Replace(p.config))
				cmd := exec.Command("sh", "-e", "-c", fill.Replace(other.first))
				cmd.Dir = p.dir
				out, err := cmd.CombinedOutput()
				require.NoError(t, err, string(out))
			}
			p.start(t, port, us)
			corefile := func(zones, group string) string {
				return fmt.Sprintf(".:%d {\nCOMMON\ntsig {\nsecret xfr-key. %s\n}\nmultisigner %s {\nfile db.{zone}\nparent none\nsecondary 127.0.0.1:%d key xfr-key.\ncatalog-member catalog.example %s\n%s\n}\n}", us, keySecret, zones, port, group, other.more)
			}
			r := h.start(corefile("one.test", ""))
			// has waits until it answers for these zones with signatures, and for no other.
			has := func(names ...string) {
				t.Helper()
				is := func(name string) bool {
					c := &dns.Client{Timeout: time.Second, UDPSize: 4096}
					got, _, err := c.Exchange(query4(name, dns.TypeSOA).SetEdns0(1232, true), fmt.Sprintf("127.0.0.1:%d", port))
					if err != nil {
						return !slices.Contains(names, name)
					}
					return (got.Authoritative && len(got.Answer) == 2) == slices.Contains(names, name)
				}
				if !assert.Eventually(t, func() bool { return is("one.test.") && is("two.test.") }, 2*time.Minute, 50*time.Millisecond) {
					log, _ := os.ReadFile(filepath.Join(p.dir, "log"))
					t.Fatalf("not these zones are there: %v\n%s", names, log)
				}
			}
			change := func(zones, group string) {
				t.Helper()
				require.NoError(t, r.restart(h.corefile(corefile(zones, group))))
			}
			has("one.test.")
			change("one.test two.test", "")
			has("one.test.", "two.test.")
			change("one.test two.test", "gold")
			has("one.test.", "two.test.")
			change("two.test", "gold")
			has("two.test.")
			change("one.test two.test", "gold")
			has("one.test.", "two.test.")
		})
	}
}
