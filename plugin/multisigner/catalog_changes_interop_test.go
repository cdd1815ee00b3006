//go:build interop

package multisigner

import (
	"fmt"
	"maps"
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

	"github.com/multisigner/multisigner/plugin/multisigner/control/client"
	"github.com/multisigner/multisigner/plugin/multisigner/status"
)

// listedZone is a member in a catalog of another server.
type listedZone struct{ id, zone, group, coo string }

// lists are the catalogs that another server has: what each lists, or the lines of one that is broken.
type lists struct {
	members map[string][]listedZone
	broken  map[string]string
}

// changing is a server of another make whose catalogs change in every way.
type changing struct {
	*hiddenPrimary
	t        *testing.T
	port, us int
	zones    map[string]standing    // its zones
	serial   int                    // of the catalogs
	base     string                 // its configuration without zones
	put      func(*changing, lists) // has the server have these catalogs
	made     bool                   // there is a database
	produced bool                   // PowerDNS makes old.example
}

// standing is what a zone has at txt, and its serial.
type standing struct {
	text   string
	serial int
}

func (z standing) file(name string) string {
	return zoneText(name, "ns", z.serial, "ns A 192.0.2.1\ntxt TXT \""+z.text+"\"\n")
}

func zoneText(name, ns string, serial int, lines string) string {
	return fmt.Sprintf("$ORIGIN %s.\n$TTL 60\n@ SOA %s h %d 1 1 86400 60\n@ NS %[2]s\n%[4]s", name, ns, serial, lines)
}

// catalog is one that is written by hand.
func (c *changing) catalog(name string, all lists) string {
	lines := "version TXT 2\n"
	for _, z := range all.members[name] {
		lines += fmt.Sprintf("%s.zones PTR %s.\ngroup.%[1]s.zones TXT %[3]s\n", z.id, z.zone, z.group)
		if z.coo != "" {
			lines += fmt.Sprintf("coo.%s.zones PTR %s.\n", z.id, z.coo)
		}
	}
	if broken := all.broken[name]; broken != "" {
		lines = broken
	}
	return zoneText(name, "invalid.", c.serial, lines)
}

func (c *changing) fill(text string) string {
	return strings.NewReplacer("{dir}", c.dir, "{port}", fmt.Sprint(c.port), "{us}", fmt.Sprint(c.us)).Replace(text)
}

// files has a server have zone files, each with a line in its configuration, and read them anew.
func files(ofCatalog, ofZone string) func(*changing, lists) {
	return func(c *changing, all lists) {
		config := c.base
		for name := range all.members {
			config += strings.ReplaceAll(ofCatalog, "{zone}", name)
			writeFile(c.t, filepath.Join(c.dir, "db."+name), c.catalog(name, all))
		}
		for name := range c.zones {
			config += strings.ReplaceAll(ofZone, "{zone}", name)
			writeFile(c.t, filepath.Join(c.dir, "db."+name), c.zones[name].file(name))
		}
		c.config = config // start writes it, too
		writeFile(c.t, filepath.Join(c.dir, "config"), c.fill(config))
		if c.cmd != nil {
			require.NoError(c.t, syscall.Kill(c.cmd.Process.Pid, syscall.SIGHUP))
		}
	}
}

// pdnsutil has PowerDNS have them, which makes the catalogs itself. A zone is in one catalog there, so that the one that
// lists it as well while it moves is written by hand.
func pdnsutil(c *changing, all lists) {
	run := func(args ...string) {
		c.t.Helper()
		out, err := exec.Command("pdnsutil", append([]string{"--config-dir=" + c.dir}, args...)...).CombinedOutput()
		require.NoError(c.t, err, "%v: %s", args, out)
	}
	load := func(name, text string) {
		path := filepath.Join(c.dir, "db."+name)
		writeFile(c.t, path, text)
		run("load-zone", name, path)
	}
	if c.cmd != nil {
		// A catalog is made of what there is at that moment: of a change that is half done, too. Its serial
		// is the second in which it was made: of two in the same second nobody would ask for the later.
		c.kill()
		made := time.Now().Unix()
		defer func() {
			require.Eventually(c.t, func() bool { return time.Now().Unix() > made }, 10*time.Second, 10*time.Millisecond)
			c.start(c.t, c.port, c.us)
		}()
	}
	if !c.made {
		c.made = true
		writeFile(c.t, filepath.Join(c.dir, "pdns.conf"), c.fill(c.hiddenPrimary.config))
		schema := exec.Command("sqlite3", filepath.Join(c.dir, "db"), ".read /usr/share/pdns-backend-sqlite3/schema/schema.sqlite3.sql")
		out, err := schema.CombinedOutput()
		require.NoError(c.t, err, string(out))
	}
	for name := range c.zones {
		load(name, c.zones[name].file(name))
		run("set-kind", name, "primary")
	}
	listed := map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(all.members)) { // new.example before old.example
		if name == "new.example" {
			load(name, c.catalog(name, all))
			run("set-kind", name, "primary")
			continue
		}
		if !c.produced {
			c.produced = true
			load(name, zoneText(name, "invalid.", c.serial, ""))
			run("set-kind", name, "producer")
		}
		for _, z := range all.members[name] {
			listed[z.zone] = true
			run("set-catalog", z.zone, name)
			run("set-option", z.zone, "producer", "unique", z.id)
			run("set-option", z.zone, "producer", "group", z.group)
			run("set-option", z.zone, "producer", "coo", z.coo)
		}
		run("increase-serial", name) // for another group it does not do so by itself
	}
	for name := range c.zones {
		if !listed[name] {
			run("set-catalog", name, "")
		}
	}
}

// changingProducers are the servers, and how they are changed.
var changingProducers = []struct {
	hiddenPrimary
	put func(*changing, lists)
}{
	{hiddenPrimary{program: "knotd", args: []string{"-c", "{dir}/config"}, config: `
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
    zonefile-load: whole
    journal-content: none
    notify: signer
    acl: signer
  - id: catalog
    storage: "{dir}"
    zonefile-sync: -1
    zonefile-load: difference
    journal-content: changes
    notify: signer
    acl: signer
zone:
`}, files("  - domain: {zone}\n    file: db.{zone}\n    template: catalog\n", "  - domain: {zone}\n    file: db.{zone}\n")},
	{hiddenPrimary{program: "named", args: []string{"-g", "-c", "{dir}/config"}, config: `
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
`}, files(`zone "{zone}" { type primary; file "{dir}/db.{zone}"; ixfr-from-differences yes; };`+"\n", `zone "{zone}" { type primary; file "{dir}/db.{zone}"; };`+"\n")},
	{hiddenPrimary{program: "pdns_server", args: []string{"--config-dir={dir}"}, config: `
launch=gsqlite3
gsqlite3-database={dir}/db
local-address=127.0.0.1
local-port={port}
socket-dir={dir}
primary=yes
also-notify=127.0.0.1:{us}
only-notify=
allow-axfr-ips=127.0.0.1
xfr-cycle-interval=1
query-cache-ttl=0
cache-ttl=0
negquery-cache-ttl=0
zone-cache-refresh-interval=0
guardian=no
daemon=no
disable-syslog=yes
`}, pdnsutil},
}

// What others change in their catalogs is followed, as RFC 9432 says: another group, another owner, another id. Only
// that a reset takes no keys, and that many are not removed before a person says so. A catalog
// that is broken changes nothing, and is told.
func TestCatalogsOfOthersChange(t *testing.T) {
	for _, other := range changingProducers {
		t.Run(other.program, func(t *testing.T) {
			h := newHome(t)
			us, l := freePort(t)
			require.NoError(t, l.Close())
			port, l := freePort(t)
			require.NoError(t, l.Close())
			p := other.hiddenPrimary
			p.dir = t.TempDir()
			c := &changing{hiddenPrimary: &p, t: t, port: port, us: us, base: p.config, put: other.put, zones: map[string]standing{"one": {"first", 9}, "two": {"first", 9}, "three": {"first", 9}}}
			has := lists{members: map[string][]listedZone{"new.example": nil, "old.example": {{"1", "one", "gold", ""}, {"2", "two", "gold", ""}, {"3", "three", "gold", ""}}}}
			put := func() {
				t.Helper()
				c.serial++
				c.put(c, has)
			}
			put()
			p.start(t, port, us)
			groups := "group gold {\n}\ngroup silver {\ndenial nsec3\n}\n"
			r := h.start(fmt.Sprintf(".:%d {\nCOMMON\nmultisigner {\nparent none\nprimary 127.0.0.1:%d\nprimary-refresh 1s\ncatalog old.example {\nprimary 127.0.0.1:%[2]d\nprimary-refresh 1s\n%[3]s}\ncatalog new.example {\nprimary 127.0.0.1:%[2]d\nprimary-refresh 1s\n%[3]s}\n}\n}", us, port, groups))
			ask := client.New(h.state())
			see := func(name string) status.Catalog {
				s, err := ask.Catalog(t.Context(), name)
				require.NoError(t, err)
				return s
			}
			member := func(catalog, name string) status.CatalogMember {
				for _, m := range see(catalog).Members {
					if m.Zone == name+"." {
						return m
					}
				}
				return status.CatalogMember{}
			}
			becomes := func(what string, holds func() bool) {
				t.Helper()
				if !assert.Eventually(t, holds, time.Minute, 50*time.Millisecond, what) {
					log, _ := os.ReadFile(filepath.Join(p.dir, "log"))
					t.Fatalf("old: %+v\nnew: %+v\n%s", see("old.example"), see("new.example"), log[max(0, len(log)-3000):])
				}
			}
			keys := func(name string) []string {
				all := answers(r.ask("udp", query4(name+".", dns.TypeDNSKEY)))
				slices.Sort(all)
				return all
			}
			becomes("all are served", func() bool { return r.signed("one.") && r.signed("two.") && r.signed("three.") })
			before := map[string][]string{"one": keys("one"), "two": keys("two"), "three": keys("three")}
			require.Len(t, before["one"], 2)
			stays := func(name string) {
				t.Helper()
				require.Equal(t, before[name], keys(name), "its keys")
				require.True(t, r.signed(name+"."))
			}

			has.members["old.example"][0].group = "silver"
			put()
			becomes("another group", func() bool {
				return member("old.example", "one").Group == "silver" && len(r.ask("udp", query4("one.", dns.TypeNSEC3PARAM)).Answer) == 1
			})
			stays("one")

			// What the zones have now is older: it is taken because of a reset alone.
			older := func(text string) {
				for _, name := range []string{"one", "two", "three"} {
					c.zones[name] = standing{text, c.zones[name].serial - 1}
				}
			}
			older("after a reset")
			has.members["old.example"][0].id = "one-again"
			put()
			becomes("a reset", func() bool {
				return member("old.example", "one").ID == "one-again" && r.served("one.") == "after a reset"
			})
			require.Equal(t, "first", r.served("three."))
			stays("one")

			older("after moving")
			has.members["old.example"][0].coo, has.members["old.example"][1].coo = "new.example", "new.example"
			put()
			has.members["new.example"] = []listedZone{{"one-again", "one", "gold", ""}, {"two-again", "two", "gold", ""}, {"3", "three", "gold", ""}}
			put()
			becomes("another owner", func() bool {
				return member("new.example", "one").State == "served" && member("new.example", "two").State == "served" && r.served("two.") == "after moving"
			})
			becomes("no owner", func() bool { return strings.Contains(member("new.example", "three").Why, "no coo") })
			require.Equal(t, "ignored", member("old.example", "one").State)
			require.Equal(t, "after a reset", r.served("one."), "by the same id nothing is reset")
			for name := range before {
				stays(name)
			}
			has.members["old.example"] = has.members["old.example"][2:]
			has.members["new.example"] = has.members["new.example"][:2]
			put()
			becomes("the old owner to name them no more", func() bool { return len(see("old.example").Members) == 1 && len(see("new.example").Members) == 2 })
			for name := range before {
				stays(name)
			}

			alarm := func(name status.AlarmName) string {
				for _, a := range see("old.example").Alarms {
					if a.Name == name {
						return a.What
					}
				}
				return ""
			}
			for lines, why := range map[string]string{
				"version TXT 1\n":                                                         `its version is "1"`,
				"version TXT 2\nversion TXT 3\n":                                          "it has 2 versions",
				"a.zones PTR three.\n":                                                    "it has no TXT record at version.old.example",
				"version TXT 2\na.zones PTR x.\nb.zones PTR x.\n":                         "x. is named twice, by the ids a and b",
				"version TXT 2\na.zones PTR three.\na.zones PTR x.\n":                     "2 PTR records stand there",
				"version TXT 2\nx.zones PTR x.\ncoo.x.zones PTR a.\ncoo.x.zones PTR b.\n": "coo.x.zones.old.example.: 2 PTR records",
			} {
				if other.program == "pdns_server" {
					continue // what it makes is not broken
				}
				has.broken = map[string]string{"old.example": lines}
				put()
				becomes(why, func() bool { return strings.Contains(alarm(status.AlarmCatalogBroken), why) })
				stays("three")
				require.Len(t, see("old.example").Members, 1)
			}
			has.broken = nil
			for i := range 12 {
				name := fmt.Sprintf("more%02d", i)
				c.zones[name] = standing{"first", 1}
				has.members["old.example"] = append(has.members["old.example"], listedZone{name, name, "gold", ""})
			}
			put()
			served := func() (n int) {
				for name := range c.zones {
					if r.signed(name + ".") {
						n++
					}
				}
				return n
			}
			becomes("it is mended", func() bool { return alarm(status.AlarmCatalogBroken) == "" && served() == 15 })

			has.members["old.example"] = nil
			put()
			becomes("many are removed", func() bool {
				return strings.Contains(alarm(status.AlarmCatalogMass), "removes or resets 13 of 13 members")
			})
			require.Equal(t, 15, served())
			done, err := ask.DoCatalog(t.Context(), "old.example", "accept")
			require.NoError(t, err)
			require.Contains(t, done, "13 members are removed or reset")
			becomes("they are gone", func() bool { return served() == 2 && alarm(status.AlarmCatalogMass) == "" })
			stays("one")
			stays("two")
		})
	}
}
