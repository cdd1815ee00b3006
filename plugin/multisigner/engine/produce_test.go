package engine_test

import (
	"net/netip"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/ask"
	"github.com/multisigner/multisigner/plugin/multisigner/catalog"
	"github.com/multisigner/multisigner/plugin/multisigner/engine"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// told counts NOTIFYs.
type told struct{ came chan string }

func (n told) ServeDNS(w dns.ResponseWriter, q *dns.Msg) {
	select {
	case n.came <- q.Question[0].Name:
	default:
	}
	m := new(dns.Msg).SetReply(q)
	if q.IsTsig() != nil {
		m.SetTsig(groupKey.Name, groupKey.Algorithm, 300, time.Now().Unix())
	}
	w.WriteMsg(m)
}

// A catalog is made of the zones that stand in it: ids stay, serials go forward, also over a restart and when the clock is
// set back; secondaries with a key are told, and alone may have it.
func TestCatalogIsMade(t *testing.T) {
	t.Parallel()
	n := told{make(chan string, 100)}
	secondary := engine.Secondary{Server: ask.Server{Addr: listen(t, n, groupKey), TSIG: groupKey}}
	files := &fromFiles{t: t, dir: t.TempDir()}
	in := func(name, group string) engine.Config {
		cfg := files.For(zone.MustName(name))
		cfg.Produced = engine.Produced{Catalog: catalogName, Group: group}
		cfg.Secondaries = []engine.Secondary{secondary, {Server: ask.Server{Addr: netip.MustParseAddrPort("127.0.0.1:1")}}}
		cfg.AllowTransfer = []engine.Allow{{Prefix: netip.MustParsePrefix("192.0.2.0/24")}, {Key: "k."}}
		return cfg
	}
	clock, dir := newManual(moment), t.TempDir()
	e := consume(t, clock, dir, []engine.Config{in("a.test.", ""), in("b.test.", "gold"), files.For(zone.MustName("c.test."))})
	parsed := func() *catalog.Catalog {
		z := e.Product(catalogName)
		if z == nil || z.Open() == nil {
			return &catalog.Catalog{}
		}
		c, err := catalog.Parse(z.Open())
		require.NoError(t, err)
		return c
	}
	eventually(t, "it is made", func() bool { clock.step(time.Second); return len(parsed().Members) == 2 })
	first := parsed()
	require.GreaterOrEqual(t, first.Serial, uint32(moment.Unix()))
	require.Equal(t, []string{"gold"}, first.Members[zone.MustName("b.test.")].Groups)
	require.Empty(t, first.Members[zone.MustName("a.test.")].Groups)
	cfg := e.Product(catalogName).Config()
	require.Equal(t, []engine.Secondary{secondary}, cfg.Secondaries, "nobody without a key")
	require.Equal(t, []engine.Allow{{Key: "k."}}, cfg.AllowTransfer)
	eventually(t, "it is told", func() bool {
		select {
		case name := <-n.came:
			return name == "cat.example."
		default:
			return false
		}
	})

	clock.set(-time.Hour)
	recommit(t, e, []engine.Config{in("a.test.", "gold"), in("c.test.", "")})
	eventually(t, "it follows", func() bool { clock.step(time.Second); _, ok := parsed().Members[zone.MustName("c.test.")]; return ok })
	second := parsed()
	require.Len(t, second.Members, 2)
	require.Equal(t, first.Members[zone.MustName("a.test.")].ID, second.Members[zone.MustName("a.test.")].ID)
	require.Equal(t, []string{"gold"}, second.Members[zone.MustName("a.test.")].Groups)
	require.Equal(t, first.Serial+1, second.Serial)
	all := e.Catalogs()
	require.Len(t, all, 1)
	require.Equal(t, "producer", all[0].Role)
	require.Equal(t, 2, all[0].Named)
	s, ok := e.CatalogStatus(catalogName)
	require.True(t, ok)
	require.Len(t, s.Members, 2)
	_, err := e.AcceptCatalog(catalogName)
	require.ErrorContains(t, err, "is made here")

	require.NoError(t, e.Close())
	e = consume(t, clock, dir, []engine.Config{in("a.test.", "gold"), in("c.test.", "")})
	eventually(t, "it is there again", func() bool { clock.step(time.Second); return len(parsed().Members) == 2 })
	require.Equal(t, second, parsed(), "with the same ids and serial")
	recommit(t, e, []engine.Config{files.For(zone.MustName("a.test."))})
	eventually(t, "nobody stands in it", func() bool { clock.step(time.Second); return len(parsed().Members) == 0 })
	require.Equal(t, second.Serial+1, parsed().Serial, "it is a catalog still")
	require.Equal(t, []engine.Secondary{secondary}, e.Product(catalogName).Config().Secondaries, "for those who have it")
	recommit(t, e, []engine.Config{in("a.test.", "")})
	eventually(t, "a zone is there again", func() bool { clock.step(time.Second); return len(parsed().Members) == 1 })
	require.Equal(t, second.Serial+2, parsed().Serial)
	recommit(t, e, []engine.Config{files.For(catalogName)})
	eventually(t, "its name is a zone's", func() bool { clock.step(time.Second); return e.Product(catalogName) == nil })
	recommit(t, e, []engine.Config{in("a.test.", "")})
	eventually(t, "it is a catalog again", func() bool { clock.step(time.Second); return len(parsed().Members) == 1 })
	require.Equal(t, second.Serial+2, parsed().Serial, "with the zones that it had")
}

// A server that has each zone by another key may have the catalog by all of them.
func TestCatalogIsMadeForEachKey(t *testing.T) {
	t.Parallel()
	files := &fromFiles{t: t, dir: t.TempDir()}
	var zones []engine.Config
	for _, name := range []string{"a", "b"} {
		cfg := files.For(zone.MustName(name + ".test."))
		cfg.Produced = engine.Produced{Catalog: catalogName}
		key := &ask.TSIG{Name: name + "-key.", Algorithm: groupKey.Algorithm, Secret: groupKey.Secret}
		cfg.Secondaries = []engine.Secondary{{Server: ask.Server{Addr: netip.MustParseAddrPort("127.0.0.1:1"), TSIG: key}}}
		zones = append(zones, cfg)
	}
	clock := newManual(moment)
	e := consume(t, clock, t.TempDir(), zones)
	eventually(t, "it is made", func() bool { clock.step(time.Second); return e.Product(catalogName) != nil })
	require.ElementsMatch(t, append(zones[0].Secondaries, zones[1].Secondaries...), e.Product(catalogName).Config().Secondaries)
}
