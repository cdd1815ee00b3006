package multisigner

import (
	"bytes"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coredns/caddy"
	"github.com/coredns/caddy/caddyfile"
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/miekg/dns"
	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/ask"
	"github.com/multisigner/multisigner/plugin/multisigner/catalog"
	"github.com/multisigner/multisigner/plugin/multisigner/corefile"
	"github.com/multisigner/multisigner/plugin/multisigner/source"
	"github.com/multisigner/multisigner/plugin/multisigner/xfr"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"

	_ "github.com/coredns/coredns/plugin/errors"
	_ "github.com/coredns/coredns/plugin/log"
)

// repository is its root, seen from here.
const repository = "../.."

// fence finds the Corefiles of a README, those in lists too, which are indented.
var fence = regexp.MustCompile("(?ms)^ *(?:~~~|```) *corefile$(.*?)^ *(?:~~~|```)$")

// Every Corefile that a README shows starts, and answers for its zones. The zone
// files that it names are made up.
func TestReadmeCorefiles(t *testing.T) {
	var readmes []string
	for _, pattern := range []string{"README.md", "plugin/multisigner/README.md", "docs/*.md", "corefile-examples/*/README.md"} {
		found, err := filepath.Glob(filepath.Join(repository, pattern))
		require.NoError(t, err)
		readmes = append(readmes, found...)
	}
	require.NotEmpty(t, readmes)
	shown := make(map[string]int)
	for _, readme := range readmes {
		text, err := os.ReadFile(readme)
		require.NoError(t, err)
		for i, corefile := range fence.FindAllSubmatch(text, -1) {
			name := filepath.ToSlash(readme[len(repository)+1:])
			shown[name]++
			t.Run(fmt.Sprintf("%s %d", name, i+1), func(t *testing.T) {
				h := newHome(t)
				t.Chdir(h.dir)
				writeFile(t, "Corefile", string(corefile[1]))
				otherPorts(t, []string{"Corefile"})
				text, err := os.ReadFile("Corefile")
				require.NoError(t, err)
				servePrimaries(t, madeUp, text)
				for _, s := range sitesOf(t, text) {
					if s.Config.File != "" {
						writeFile(t, s.Config.File, "$TTL 60\n@ SOA ns hostmaster 1 3600 600 86400 60\n@ NS ns\nns A 192.0.2.1\n")
					}
				}
				answersForAll(t, startText(t, text), text)
			})
		}
	}
	for _, readme := range []string{"README.md", "plugin/multisigner/README.md", "docs/GUIDE.md"} {
		require.NotZero(t, shown[readme], readme)
	}
}

// Every example starts as it stands, with its own zone files. Where these are at a
// server of another make, something stands in for it; the interop tests run the real one.
func TestExamples(t *testing.T) {
	folders, err := filepath.Glob(filepath.Join(repository, "corefile-examples/*"))
	require.NoError(t, err)
	require.NotEmpty(t, folders)
	for _, folder := range folders {
		t.Run(filepath.Base(folder), func(t *testing.T) {
			h := newHome(t)
			require.NoError(t, os.CopyFS(h.dir, os.DirFS(folder)))
			var corefiles []string
			require.NoError(t, filepath.WalkDir(h.dir, func(path string, d os.DirEntry, err error) error {
				if d.Name() == "Corefile" {
					corefiles = append(corefiles, path)
				}
				return err
			}))
			require.NotEmpty(t, corefiles)
			otherPorts(t, corefiles)
			texts := make([][]byte, len(corefiles))
			for i, path := range corefiles {
				texts[i], err = os.ReadFile(path)
				require.NoError(t, err)
			}
			servePrimaries(t, func(apex zone.Name) *zone.Version { return h.primarys(apex) }, texts...)
			serveCatalogs(t, func(apex zone.Name) *zone.Version {
				if apex == catalogOfExample {
					return h.catalogs()
				}
				return h.primarys(apex)
			}, texts...)
			var servers []*running
			for i, text := range texts {
				t.Chdir(filepath.Dir(corefiles[i]))
				r := startText(t, text)
				answersForAll(t, r, text)
				servers = append(servers, r)
			}
			agree(t, servers, "example.test.")
		})
	}
}

var secretLine = regexp.MustCompile(`secret (\S+) (\S+)`)

// madeUp is what a zone has whose content nobody shows.
func madeUp(apex zone.Name) *zone.Version {
	return zone.MustVersion(strings.ReplaceAll("@ 60 SOA ns.@ hostmaster.@ 1 3600 600 86400 60\n@ 60 NS ns.@\nns.@ 60 A 192.0.2.1\n", "@", apex.String()))
}

// primarys is the zone that the example's primary has.
func (h home) primarys(apex zone.Name) *zone.Version {
	h.t.Helper()
	content, err := source.ReadFile(filepath.Join(h.dir, "primary", "db."+strings.TrimSuffix(apex.String(), ".")), apex)
	require.NoError(h.t, err)
	require.Empty(h.t, content.Problems)
	return content.Version
}

// catalogOfExample is the catalog that Knot makes of its zones in the example.
var catalogOfExample = zone.MustName("catalog.test.")

// catalogs is that catalog, made of the zone files that the example's primary has.
func (h home) catalogs() *zone.Version {
	h.t.Helper()
	files, err := filepath.Glob(filepath.Join(h.dir, "primary", "db.*"))
	require.NoError(h.t, err)
	products := map[zone.Name]catalog.Product{}
	for i, file := range files {
		products[zone.MustName(strings.TrimPrefix(filepath.Base(file), "db.")+".")] = catalog.Product{ID: fmt.Sprint(i)}
	}
	v, ok := catalog.Make(catalogOfExample, 1, products)
	require.True(h.t, ok)
	return v
}

// servePrimaries stands in for the primaries that Corefiles name, for each once.
func servePrimaries(t *testing.T, content func(apex zone.Name) *zone.Version, corefiles ...[]byte) {
	t.Helper()
	secrets := map[string]string{}
	for _, text := range corefiles {
		for _, m := range secretLine.FindAllSubmatch(text, -1) {
			secrets[string(m[1])] = string(m[2])
		}
	}
	serving := map[netip.AddrPort]bool{}
	for _, text := range corefiles {
		for _, s := range sitesOf(t, text) {
			for _, p := range s.Config.Primaries {
				if !serving[p.Addr] {
					servePrimary(t, p, content(s.Config.Apex), secrets)
				}
				serving[p.Addr] = true
			}
		}
	}
}

func servePrimary(t *testing.T, p ask.Server, content *zone.Version, secrets map[string]string) {
	t.Helper()
	serveZones(t, p, secrets, func(zone.Name) *zone.Version { return content })
}

// serveZones has a primary give what content has for each zone.
func serveZones(t *testing.T, p ask.Server, secrets map[string]string, content func(apex zone.Name) *zone.Version) {
	t.Helper()
	l, err := net.Listen("tcp", p.Addr.String())
	require.NoError(t, err)
	s := &dns.Server{Listener: l, TsigSecret: secrets, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		content := content(zone.MustName(q.Question[0].Name))
		records := make(chan *dns.Envelope, 1)
		records <- &dns.Envelope{RR: content.SOA().RRs()}
		if q.Question[0].Qtype == dns.TypeAXFR {
			<-records
			for rrs := range xfr.AXFR(content, 60_000) {
				records <- &dns.Envelope{RR: rrs}
			}
		}
		close(records)
		if p.TSIG == nil || q.IsTsig() != nil && w.TsigStatus() == nil {
			_ = new(dns.Transfer).Out(w, q, records)
		}
	})}
	go s.ActivateAndServe()
	t.Cleanup(func() { s.Shutdown() })
}

// serveCatalogs stands in for the primaries of catalogs, and of their members.
func serveCatalogs(t *testing.T, content func(apex zone.Name) *zone.Version, corefiles ...[]byte) {
	t.Helper()
	for _, text := range corefiles {
		for _, b := range blocksIn(t, text) {
			for _, c := range b.BuildCatalogs(".", nil) {
				for _, p := range c.Config.Zone.Primaries {
					secrets := map[string]string{}
					for _, m := range secretLine.FindAllSubmatch(text, -1) {
						secrets[string(m[1])] = string(m[2])
					}
					serveZones(t, p, secrets, content)
				}
			}
		}
	}
}

func startText(t *testing.T, text []byte) *running {
	t.Helper()
	port := dnsserver.Port
	dnsserver.Port = "0"
	defer func() { dnsserver.Port = port }()
	inst, err := caddy.Start(caddy.CaddyfileInput{Filepath: "Corefile", Contents: text, ServerTypeName: "dns"})
	require.NoError(t, err)
	r := &running{t: t, inst: inst, index: 1}
	t.Cleanup(r.stop)
	return r
}

// sitesOf reads what the multisigner blocks of a Corefile want, as setup does.
func sitesOf(t *testing.T, text []byte) (sites []corefile.Site) {
	t.Helper()
	for _, b := range blocksIn(t, text) {
		sites = append(sites, b.Build(".", nil)...)
	}
	return sites
}

func blocksIn(t *testing.T, text []byte) (all []*corefile.Config) {
	t.Helper()
	blocks, err := caddyfile.Parse("Corefile", bytes.NewReader(text), nil)
	require.NoError(t, err)
	for _, b := range blocks {
		d := caddyfile.NewDispenserTokens("Corefile", b.Tokens[name])
		configs, faults := corefile.Parse(&d, b.Keys)
		require.NoError(t, faults.Err())
		all = append(all, configs...)
	}
	return all
}

// answersForAll asks for the SOA of each zone. Where no parent is waited for, it
// comes signed; else the answer may be that the zone is not ready.
func answersForAll(t *testing.T, r *running, text []byte) {
	t.Helper()
	for _, s := range sitesOf(t, text) {
		m := query4(s.Config.Apex.String(), dns.TypeSOA).SetEdns0(1232, true)
		if strings.Contains(string(text), "parent none") {
			require.Eventually(t, func() bool { return len(r.ask("udp", m).Answer) == 2 }, 10*time.Second, 50*time.Millisecond, "SOA of %s and its signature", s.Config.Apex)
			continue
		}
		got := r.ask("udp", m)
		require.Contains(t, []int{dns.RcodeSuccess, dns.RcodeServerFailure}, got.Rcode)
	}
}

// agree waits until all servers publish the keys of all, and no others.
func agree(t *testing.T, servers []*running, apex string) {
	t.Helper()
	var sets []string
	require.Eventually(t, func() bool {
		sets = sets[:0]
		for _, r := range servers {
			keys := answers(r.ask("tcp", query4(apex, dns.TypeDNSKEY)))
			if len(keys) != 2*len(servers) {
				return false
			}
			sets = append(sets, strings.Join(slices.Sorted(slices.Values(keys)), "\n"))
		}
		return len(slices.Compact(slices.Clone(sets))) == 1
	}, 30*time.Second, 50*time.Millisecond, "the DNSKEY RRsets: %v", sets)
}

// otherPorts puts free ports in place of those that Corefiles name, the same ones
// in all: on this machine, somebody may be trying the example.
func otherPorts(t *testing.T, corefiles []string) {
	t.Helper()
	var from, to []string
	port := regexp.MustCompile(`:(\d+)\b`)
	for _, path := range corefiles {
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		text = port.ReplaceAllFunc(text, func(old []byte) []byte {
			at := slices.Index(from, string(old))
			if at < 0 {
				free, busy := freePort(t)
				defer busy.Close()
				from, to = append(from, string(old)), append(to, fmt.Sprintf(":%d", free))
				at = len(from) - 1
			}
			return []byte(to[at])
		})
		require.NoError(t, os.WriteFile(path, text, 0o644))
	}
}
