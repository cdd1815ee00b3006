package corefile

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/coredns/caddy/caddyfile"
	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/engine"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// readAt is read for the keys of a server block.
func readAt(text string, keys ...string) ([]*Config, string) {
	d := caddyfile.NewDispenser("Corefile", strings.NewReader(strings.TrimSpace(text)))
	return readIn(&d, keys)
}

const withCatalog = `
multisigner {
	state st
	signer a 192.0.2.53
	parent 192.0.2.3
	hook bin/tell {zone}
	catalog Cat.Example {
		primary 192.0.2.1 key xfr-key.
		primary-refresh 10s 20s
		members customers.example ORG
		group gold {
			file zones/db.{zone}
			keys csk
			lifetime ksk 90d
		}
		group default {
			primary 192.0.2.2
			parent none
		}
		remove-after 2h
	}
}`

// A group has the settings of the block around it, and its own in their place; each member
// has those of its group, with its name where it belongs.
func TestCatalog(t *testing.T) {
	blocks, faults := readAt(withCatalog, ".:53")
	require.Empty(t, faults)
	require.Empty(t, blocks[0].Build("/root", secrets), "the block has no zones of its own")
	sites := blocks[0].BuildCatalogs("/root", secrets)
	require.Len(t, sites, 1)
	require.Equal(t, "/root/st", sites[0].Dir)
	c := sites[0].Listen([]netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:53")}).Config
	require.Equal(t, zone.MustName("cat.example."), c.Zone.Apex)
	require.Equal(t, "Corefile:6", c.Zone.Where)
	require.Equal(t, "192.0.2.1:53", c.Zone.Primaries[0].Addr.String())
	require.Equal(t, "xfr-key.", c.Zone.Primaries[0].TSIG.Name)
	require.Equal(t, 10*time.Second, c.Zone.RefreshMin)
	require.Equal(t, []zone.Name{zone.MustName("customers.example."), zone.MustName("org.")}, c.Suffixes)
	require.Equal(t, 2*time.Hour, c.RemoveAfter)

	of := func(group int) engine.Config { return c.Groups[group].Settings.For(zone.MustName("0/25.org.")) }
	require.Equal(t, "gold", c.Groups[0].Name)
	require.Equal(t, "/root/zones/db.0%2F25.org", of(0).File)
	require.Empty(t, of(0).Primaries)
	require.False(t, of(0).Split)
	require.Equal(t, 90*24*time.Hour, of(0).LifetimeKSK)
	require.Equal(t, engine.ParentServers, of(0).Parent.Mode)
	require.Equal(t, []string{"/root/bin/tell", "0%2F25.org"}, of(0).Hook)
	require.Equal(t, "a", of(0).Signer)
	require.Equal(t, "127.0.0.1:53", of(0).Listens[0].String())
	require.Equal(t, "default", c.Groups[1].Name)
	require.Equal(t, "192.0.2.2:53", of(1).Primaries[0].Addr.String())
	require.Empty(t, of(1).File)
	require.True(t, of(1).Split)
	require.Equal(t, engine.ParentNone, of(1).Parent.Mode)

	blocks, faults = readAt("multisigner {\nparent none\ncatalog cat.example {\nprimary 192.0.2.1\ngroup default {\nfile db.{zone}\n}\n}\n}", "example.:53")
	require.Empty(t, faults)
	require.Equal(t, []zone.Name{zone.MustName("example.")}, blocks[0].BuildCatalogs("", nil)[0].Config.Suffixes, "only for those do questions come")
	blocks, faults = readAt("multisigner example.org {\nparent none\nfile db.{zone}\ncatalog cat.example {\nprimary 192.0.2.1\ngroup default {\n}\n}\n}", ".:53")
	require.Empty(t, faults)
	require.Len(t, blocks[0].Build("", nil), 1, "zones may stand beside a catalog, and share its settings")
}

// What is wrong with a catalog is told with its line and the cure.
func TestCatalogFaults(t *testing.T) {
	for _, tc := range []struct{ name, text, faults string }{
		{"nothing in it", "multisigner {\ncatalog cat {\n}\n}", `Corefile:2: catalog cat. has no primary: add primary ADDRESS..., a server that has the catalog zone
Corefile:2: catalog cat. has no group: add group default { ... }, with what its zones have in common`},
		{"no block", "multisigner {\ncatalog cat\nparent none\n}", `Corefile:2: catalog needs a block, with its brace on the same line: write catalog NAME {`},
		{"no name", "multisigner {\ncatalog a..b {\nprimary 192.0.2.1\ngroup default {\nfile db.{zone}\nparent none\n}\n}\n}", `Corefile:2: "a..b" is no zone name`},
		{"groups", `
multisigner {
	catalog cat {
		primary 192.0.2.1 key other-key.
		primary 192.0.2.1
		group a {
			file db
			state elsewhere
			catalog more {
			}
		}
		group a {
			primary 192.0.2.9 key third-key.
			lifetime zks 3d
		}
		members
		remove-after soon
	}
	catalog cat {
		primary 192.0.2.1
		group default {
			file db.{zone}
			parent 192.0.2.3
			signer x
			peer y {
				address 192.0.2.4
				trust ds 12345 13 2 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f
			}
		}
	}
	members org
}`, `Corefile:3: no secret for key other-key.: add tsig { secret other-key. SECRET } to this server block
Corefile:4: primary 192.0.2.1:53 stands at Corefile:3 already: keep one of them
Corefile:5: no parent: add parent ADDRESS..., parent resolver, or parent none if the zone has no DS and shall get none
Corefile:6: one file for all zones of a group: put {zone} where their names differ, as in db.{zone}
Corefile:7: state stands in the multisigner block around the catalog: all its zones have the same
Corefile:8: unknown directive "catalog"`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, faults := readAt(tc.text, ".:53")
			if tc.name != "groups" {
				require.Equal(t, tc.faults, faults)
				return
			}
			require.Contains(t, faults, tc.faults)
			for _, more := range []string{
				"Corefile:11: group a stands at Corefile:5 already: keep one of them", "Corefile:12: no secret for key third-key.", "Corefile:13: lifetime zks: it is ksk or zsk",
				"Corefile:15: write members SUFFIX...", `Corefile:16: remove-after: "soon" is no duration`, "Corefile:18: catalog cat. stands at Corefile:2 already",
				"Corefile:24: peer y: trust ds is for one zone, and a group has many", `Corefile:30: unknown directive "members": it belongs in the block of a catalog`,
			} {
				require.Contains(t, faults, more)
			}
		})
	}
	_, faults := readAt("multisigner {\ncatalog cat.org {\nprimary 192.0.2.1\nmembers net\ngroup default {\nfile db.{zone}\nparent none\n}\n}\n}", "example.:53")
	require.Equal(t, `Corefile:2: catalog cat.org. is not in example., so that no NOTIFY for it comes to this server block
Corefile:4: members net: it is not in example., so that no question for it comes to this server block`, faults)
}

// Catalogs that stand in several places must agree, be no zones, and share a state directory.
func TestCatalogSites(t *testing.T) {
	build := func(change ...string) CatalogSite {
		blocks, faults := readAt(strings.NewReplacer(change...).Replace(withCatalog), ".:53")
		require.Empty(t, faults)
		return blocks[0].BuildCatalogs("", secrets)[0]
	}
	same := func(change ...string) error {
		var s Sites
		require.Empty(t, s.AddCatalogs(build()))
		return s.AddCatalogs(build(change...)).Err()
	}
	require.NoError(t, same())
	require.NoError(t, same("multisigner {", "\n\n\nmultisigner {"), "elsewhere")
	for _, change := range [][]string{{"2h", "3h"}, {"customers", "others"}, {"192.0.2.1", "192.0.2.7"}, {"90d", "91d"}, {"group gold", "group golden"}} {
		require.ErrorContains(t, same(change...), "catalog cat.example. has other settings at Corefile:6: make both alike, or remove one", change)
	}
	require.ErrorContains(t, same("Cat.Example", "other.example", "state st", "state elsewhere"), "give all catalogs the same")
	var s Sites
	zones, faults := readAt("multisigner cat.example {\nfile db\nparent none\n}", ".:53")
	require.Empty(t, faults)
	require.Empty(t, s.Add(zones[0].Build("", nil)...))
	require.ErrorContains(t, s.AddCatalogs(build()).Err(), "catalog cat.example. is a zone at Corefile:1")
}

// What a reload makes of the catalogs of a Corefile leaves them as they are: engines read them meanwhile.
func TestCatalogSitesStay(t *testing.T) {
	blocks, faults := readAt(withCatalog, ".:53")
	require.Empty(t, faults)
	at := []netip.AddrPort{netip.MustParseAddrPort("192.0.2.9:53")}
	site := blocks[0].BuildCatalogs("", secrets)[0].Listen(at)
	for range 3 {
		var s Sites
		require.Empty(t, s.AddCatalogs(site, site))
		require.Len(t, s.Catalogs[0].Config.Groups[0].Settings.For(anyMember).Listens, 2)
	}
	require.Equal(t, at, site.Config.Zone.Listens)
	require.Equal(t, at, site.Config.Groups[0].Settings.For(anyMember).Listens)
}

// Zones may stand in a catalog that is made here, which somebody can transfer, and which is in one
// place.
func TestCatalogMember(t *testing.T) {
	blocks, faults := readAt("multisigner example.org {\nfile db\nparent none\nsecondary 192.0.2.1 key xfr-key.\ncatalog-member Cat.Example gold\n}", ".:53")
	require.Empty(t, faults)
	site := blocks[0].Build("", secrets)[0]
	require.Equal(t, engine.Produced{Catalog: zone.MustName("cat.example."), Group: "gold"}, site.Config.Produced)
	long := strings.Repeat("a", 63) + "."
	for _, tc := range []struct{ lines, faults string }{
		{"catalog-member cat.example", "Corefile:4: catalog-member cat.example.: nobody may transfer the catalog: add secondary ADDRESS key NAME (or tls); it is given to nobody without a key"},
		{"secondary 192.0.2.1\ncatalog-member cat.example", "Corefile:5: catalog-member cat.example.: nobody may transfer the catalog"},
		{"allow-transfer key xfr-key.\ncatalog-member example.org", "Corefile:5: catalog-member example.org.: it is a zone of this block"},
		{"catalog-member a..b", `Corefile:4: "a..b" is no zone name`},
		{"catalog-member " + long + long + long + long[30:] + "example.org", "the name is too long for a catalog"},
		{"allow-transfer key xfr-key.\ncatalog-member cat " + strings.Repeat("g", 256), "the name of a group has at most 255 octets"},
	} {
		_, faults := readAt("multisigner example.org {\nfile db\nparent none\n"+tc.lines+"\n}", ".:53")
		require.Contains(t, faults, tc.faults)
	}
	_, faults = readAt("multisigner {\nfile db\nparent none\nallow-transfer key xfr-key.\ncatalog-member cat.net\n}", "example.org.:53")
	require.Equal(t, "Corefile:5: catalog-member cat.net.: it is not in example.org., so that no transfer of it comes to this server block", faults)

	var s Sites
	require.Empty(t, s.Add(site))
	other, cfg := site, *site.Config
	cfg.Apex = zone.MustName("example.net.")
	other.Config, other.Dir = &cfg, "/elsewhere"
	require.ErrorContains(t, s.Add(other).Err(), "catalog-member cat.example.: zone example.org. of it (Corefile:1) has another state directory")
	consumed, faults := readAt(withCatalog, ".:53")
	require.Empty(t, faults)
	require.ErrorContains(t, s.AddCatalogs(consumed[0].BuildCatalogs("", secrets)...).Err(), "catalog cat.example. is made here, of zone example.org. (Corefile:1) and others")

	// Whichever comes first in the Corefile.
	s = Sites{}
	require.Empty(t, s.AddCatalogs(consumed[0].BuildCatalogs("", secrets)...))
	require.ErrorContains(t, s.Add(site).Err(), "catalog-member cat.example.: that catalog is consumed at Corefile:6: make one of another name")
	named := cfg
	named.Apex, named.Produced = site.Config.Produced.Catalog, engine.Produced{}
	s = Sites{}
	require.Empty(t, s.Add(site))
	require.ErrorContains(t, s.Add(Site{Dir: site.Dir, Config: &named}).Err(), "zone cat.example. is a catalog that is made here at Corefile:1")
	s = Sites{}
	require.Empty(t, s.Add(Site{Dir: site.Dir, Config: &named}))
	require.ErrorContains(t, s.Add(site).Err(), "catalog-member cat.example.: it is a zone at Corefile:1: a catalog is a zone of its own")
}

// A catalog cannot be made of its own members.
func TestCatalogOfItself(t *testing.T) {
	blocks, faults := readAt(strings.Replace(withCatalog, "group gold {", "group gold {\nallow-transfer key xfr-key.\ncatalog-member Cat.Example", 1), ".:53")
	require.Empty(t, faults)
	var s Sites
	require.ErrorContains(t, s.AddCatalogs(blocks[0].BuildCatalogs("", secrets)...).Err(), "catalog-member cat.example.: that catalog is consumed at Corefile:6: make one of another name")
}
