package multisigner

import (
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/prometheus/common/expfmt"
	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/ask"
	"github.com/multisigner/multisigner/plugin/multisigner/catalog"
	"github.com/multisigner/multisigner/plugin/multisigner/control/client"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// producer is a primary that has a catalog and the zones in it.
type producer struct {
	addr netip.AddrPort

	mu     sync.Mutex
	serial uint32
	zones  map[zone.Name]catalog.Product
}

const producedCatalog = "catalog.example."

func newProducer(t *testing.T) *producer {
	port, l := freePort(t)
	require.NoError(t, l.Close())
	p := &producer{addr: netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), uint16(port)), zones: map[zone.Name]catalog.Product{}}
	serveZones(t, ask.Server{Addr: p.addr}, nil, p.content)
	return p
}

func (p *producer) content(apex zone.Name) *zone.Version {
	p.mu.Lock()
	defer p.mu.Unlock()
	if apex == zone.MustName(producedCatalog) {
		v, _ := catalog.Make(apex, p.serial, p.zones)
		return v
	}
	return zone.MustVersion(strings.ReplaceAll("@ 60 SOA ns.@ h.@ 1 3600 600 86400 60\n@ 60 NS ns.@\nns.@ 60 A 192.0.2.1\nsub.@ 60 NS ns.sub.@\nns.sub.@ 60 A 192.0.2.2\n", "@", apex.String()))
}

// set has the catalog name these zones, and tells the server.
func (p *producer) set(t *testing.T, r *running, names ...string) {
	t.Helper()
	p.mu.Lock()
	p.serial++
	p.zones = map[zone.Name]catalog.Product{}
	for _, name := range names {
		p.zones[zone.MustName(name)] = catalog.Product{ID: strings.TrimSuffix(strings.ReplaceAll(name, ".", "-"), "-")}
	}
	p.mu.Unlock()
	if r != nil {
		require.Equal(t, dns.RcodeSuccess, r.ask("udp", new(dns.Msg).SetNotify(producedCatalog)).Rcode)
	}
}

// signed reports whether the SOA of a zone comes with a signature.
func (r *running) signed(name string) bool {
	m := r.ask("udp", query4(name, dns.TypeSOA).SetEdns0(1232, true))
	return m.Authoritative && len(m.Answer) == 2
}

func (p *producer) corefile(port int, more string) string {
	return fmt.Sprintf(".:%d {\nCOMMON\nmultisigner {\nparent none\nlook 100ms 1s\nprimary %s\ncatalog catalog.example {\nprimary %[2]s\nprimary-refresh 1s\nmembers test example\ngroup default {\n}\n}\n}\n%s\n}\n", port, p.addr, more)
}

// A server without any zone in its Corefile serves what a catalog names, on every way that a
// question can take, and no longer when it is removed; and of the catalog it tells nothing.
func TestCatalog(t *testing.T) {
	for _, way := range []string{"fast path", "CoreDNS"} {
		t.Run(way, func(t *testing.T) {
			h, p := newHome(t), newProducer(t)
			p.set(t, nil, "one.test.", "sub.one.test.")
			port, more := 0, ""
			if way == "fast path" {
				free, l := freePort(t)
				require.NoError(t, l.Close())
				port = free
			}
			r := h.start(p.corefile(port, more))
			require.Eventually(t, func() bool { return r.signed("one.test.") && r.signed("sub.one.test.") }, 20*time.Second, 20*time.Millisecond)
			if way == "fast path" {
				before, _, _ := r.front(port).Stats()
				require.True(t, r.signed("one.test."))
				after, _, _ := r.front(port).Stats()
				require.Greater(t, after, before, "it is not CoreDNS that answers")
			}
			ds := r.ask("udp", query4("sub.one.test.", dns.TypeDS).SetEdns0(1232, true))
			require.Equal(t, "one.test.", ds.Ns[0].Header().Name, "the DS is the parent's, which the catalog has brought, too")
			require.Equal(t, dns.RcodeSuccess, ds.Rcode)
			require.Equal(t, dns.RcodeRefused, r.ask("udp", query4("two.test.", dns.TypeSOA)).Rcode)
			for _, m := range []*dns.Msg{query4(producedCatalog, dns.TypeSOA), query4("version."+producedCatalog, dns.TypeTXT), axfr(producedCatalog, ""), query4(producedCatalog, dns.TypeDNSKEY)} {
				got := r.ask("tcp", m)
				require.Equal(t, dns.RcodeRefused, got.Rcode)
				require.Empty(t, got.Answer)
			}
			require.Equal(t, dns.RcodeRefused, r.ask("udp", query4("x.zones."+producedCatalog, dns.TypePTR)).Rcode)

			p.set(t, r, "one.test.", "two.test.")
			require.Eventually(t, func() bool {
				return r.signed("two.test.") && r.ask("udp", query4("ns.sub.one.test.", dns.TypeA)).Authoritative == false
			}, 20*time.Second, 20*time.Millisecond)
			require.True(t, r.signed("one.test."))

			c := client.New(h.state())
			all, err := c.Catalogs(t.Context())
			require.NoError(t, err)
			require.Len(t, all, 1)
			require.Equal(t, 2, all[0].Served)
			one, err := c.Catalog(t.Context(), "Catalog.Example")
			require.NoError(t, err)
			states := map[string]string{}
			for _, m := range one.Members {
				states[m.Zone] = m.State
			}
			require.Equal(t, map[string]string{"one.test.": "served", "two.test.": "served", "sub.one.test.": "removed"}, states)
			_, err = c.Catalog(t.Context(), "other.example")
			require.EqualError(t, err, "other.example. is no catalog here; these are: catalog.example.")
			_, err = c.DoCatalog(t.Context(), "catalog.example", "accept")
			require.EqualError(t, err, "catalog catalog.example.: no removal waits for a person")
			done, err := c.DoCatalog(t.Context(), "catalog.example", "retransfer")
			require.NoError(t, err)
			require.Contains(t, done, "whatever its serial")
			got, err := testutil.CollectAndFormat(collector{process}, expfmt.TypeTextPlain, "coredns_multisigner_catalog_members")
			require.NoError(t, err)
			require.Contains(t, string(got), `coredns_multisigner_catalog_members{catalog="catalog.example.",signer="self",state="served"} 2`)
			zones, err := c.Zones(t.Context())
			require.NoError(t, err)
			require.Len(t, zones, 2)

			require.NoError(t, r.restart(h.corefile(p.corefile(port, "nsid x"))))
			require.True(t, r.signed("one.test."), "a reload leaves them running")
			r.stop()
			r = h.start(p.corefile(port, more))
			require.Eventually(t, func() bool { return r.signed("two.test.") }, 20*time.Second, 20*time.Millisecond)
		})
	}
}

// NOTIFYs for a catalog are taken of its primaries alone.
func TestCatalogNotify(t *testing.T) {
	h, p := newHome(t), newProducer(t)
	p.set(t, nil, "one.test.")
	r := h.start(strings.ReplaceAll(p.corefile(0, ""), "COMMON", "bind 127.0.0.1 127.0.0.2\nroot "+h.dir))
	m := new(dns.Msg).SetNotify(producedCatalog)
	wire, err := m.Pack()
	require.NoError(t, err)
	require.Equal(t, dns.RcodeNotAuth, r.exchangeFrom("127.0.0.9", "udp", wire).Rcode)
	require.Equal(t, dns.RcodeSuccess, r.exchangeFrom("127.0.0.1", "udp", wire).Rcode)
	m.SetNotify("version." + producedCatalog)
	require.Equal(t, dns.RcodeRefused, r.ask("udp", m).Rcode)
}

// A zone of the Corefile stays its own, also where it stands under another state directory.
func TestCatalogBesideZones(t *testing.T) {
	h, p := newHome(t), newProducer(t)
	h.zone("mine.test", 1, "txt TXT file")
	p.set(t, nil, "mine.test.", "one.test.")
	r := h.start(p.corefile(0, "multisigner mine.test {\nstate other\nfile db.{zone}\nparent none\n}"))
	require.Eventually(t, func() bool { return r.signed("one.test.") }, 20*time.Second, 20*time.Millisecond)
	require.Equal(t, "file", r.served("mine.test."))
	c := client.New(h.state())
	require.Eventually(t, func() bool {
		one, err := c.Catalog(t.Context(), producedCatalog)
		require.NoError(t, err)
		return len(one.Members) == 2 && one.Members[0].State == "ignored" && strings.HasPrefix(one.Members[0].Why, "it is served from elsewhere: Corefile:")
	}, 20*time.Second, 20*time.Millisecond)
	require.Error(t, h.startError(p.corefile(0, "multisigner catalog.example {\nfile db.{zone}\nparent none\n}")))
}

// A catalog that is made of the zones here is given, with its SOA, to those who may transfer it and have a key,
// and to nobody else.
func TestCatalogMade(t *testing.T) {
	h := newLoadHome(t)
	port, l := freePort(t)
	require.NoError(t, l.Close())
	const key = "tsig {\nsecret xfr-key. " + keySecret + "\n}\n"
	r := h.start(fmt.Sprintf(".:%d {\nCOMMON\n%smultisigner example.org example.net {\nfile db.{zone}\nparent none\nallow-transfer key xfr-key.\nallow-transfer 127.0.0.0/8\ncatalog-member catalog.example gold\n}\n}", port, key))
	client := &dns.Client{Net: "tcp", TsigSecret: map[string]string{"xfr-key.": keySecret}}
	signed := func(m *dns.Msg) *dns.Msg {
		m.SetTsig("xfr-key.", dns.HmacSHA256, 300, time.Now().Unix())
		got, _, err := client.Exchange(m, r.tcp())
		require.NoError(t, err)
		return got
	}
	require.Eventually(t, func() bool { return len(signed(query4(producedCatalog, dns.TypeSOA)).Answer) == 1 }, 10*time.Second, 20*time.Millisecond)
	require.Equal(t, dns.RcodeRefused, r.ask("tcp", query4(producedCatalog, dns.TypeSOA)).Rcode)
	require.Equal(t, dns.RcodeRefused, r.ask("udp", axfr(producedCatalog, "")).Rcode)
	require.Equal(t, dns.RcodeRefused, r.ask("tcp", axfr(producedCatalog, "")).Rcode)
	require.Equal(t, dns.RcodeRefused, signed(query4(producedCatalog, dns.TypeNS)).Rcode)
	require.Equal(t, dns.RcodeRefused, signed(query4("version."+producedCatalog, dns.TypeTXT)).Rcode)
	records, err := collect(r, axfr(producedCatalog, "xfr-key."))
	require.NoError(t, err)
	require.Len(t, records, 8) // SOA, NS, version, two members, two groups, SOA

	// The last zone leaves it: it is empty, and not away, for who has it would keep the zones.
	require.NoError(t, r.restart(h.corefile(fmt.Sprintf(".:%d {\nCOMMON\n%smultisigner example.org {\nfile db.{zone}\nparent none\n}\n}", port, key))))
	require.Eventually(t, func() bool {
		records, err = collect(r, axfr(producedCatalog, "xfr-key."))
		return err == nil && len(records) == 4 // SOA, NS, version, SOA
	}, time.Minute, 20*time.Millisecond, "%v", records)
	require.Equal(t, dns.RcodeRefused, r.ask("tcp", query4(producedCatalog, dns.TypeSOA)).Rcode)

	// Its name is free: a zone of that name is answered for, and given away.
	h.zone("catalog.example", 1, "txt TXT zone")
	require.NoError(t, r.restart(h.corefile(fmt.Sprintf(".:%d {\nCOMMON\n%smultisigner example.org catalog.example {\nfile db.{zone}\nparent none\nallow-transfer key xfr-key.\n}\n}", port, key))))
	require.Eventually(t, func() bool { return r.signed(producedCatalog) }, 10*time.Second, 20*time.Millisecond)
	require.Equal(t, dns.RcodeSuccess, r.ask("tcp", query4("txt."+producedCatalog, dns.TypeTXT)).Rcode)
	records, err = collect(r, axfr(producedCatalog, "xfr-key."))
	require.NoError(t, err)
	require.Greater(t, len(records), 10, "%v", records)
}
