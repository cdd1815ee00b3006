package engine_test

import (
	"fmt"
	"net/netip"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/catalog"
	"github.com/multisigner/multisigner/plugin/multisigner/engine"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// missing are settings of zones whose file is not there yet, and whose parent does not answer, so that
// no keys are made: they are zones of the process, and refuse.
type missing struct{ t testing.TB }

func (s missing) For(member zone.Name) engine.Config {
	cfg := alone(s.t, "/nonexistent")
	cfg.Apex = member
	cfg.Parent.Mode, cfg.Parent.Servers = engine.ParentServers, []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:1")}
	cfg.LookBusy, cfg.LookIdle = time.Hour, time.Hour
	return cfg
}

// bigCatalog has n members below test., and is at a serial.
func bigCatalog(t testing.TB, serial uint32, n int) *zone.Version {
	return bigCatalogOf(t, catalogName, serial, n)
}

func bigCatalogOf(t testing.TB, name zone.Name, serial uint32, n int) *zone.Version {
	return bigCatalogIn(t, name, serial, n, "")
}

func bigCatalogIn(t testing.TB, name zone.Name, serial uint32, n int, group string) *zone.Version {
	members := map[zone.Name]catalog.Product{}
	for i := range n {
		members[zone.MustName(fmt.Sprintf("z%06d.test.", i))] = catalog.Product{ID: fmt.Sprintf("i%06d", i), Group: group}
	}
	v, ok := catalog.Make(name, serial, members)
	require.True(t, ok)
	return v
}

// Ten thousand zones come with one catalog, begin in steps, and one more costs one more; a restart has all of
// them in the table at once.
func TestTenThousandMembers(t *testing.T) {
	const n = 10_000
	p, clock, dir := newScripted(t, nil, catalogText(1)), newManual(moment), t.TempDir()
	p.had = []*zone.Version{bigCatalog(t, 1, n)}
	cfg := consuming(t, p)
	cfg.Groups[0].Settings = missing{t}
	e := consume(t, clock, dir, nil, cfg)
	eventually(t, "all are there", func() bool { return len(e.Zones()) == n })
	first := e.At(zone.MustName("z000000.test."))
	p.mu.Lock()
	p.had = append(p.had, bigCatalog(t, 2, n+1))
	p.mu.Unlock()
	e.CatalogNotified(catalogName, p.addr, "", 0, false)
	clock.step(2 * time.Second)
	eventually(t, "one more", func() bool { return len(e.Zones()) == n+1 })
	require.Same(t, first, e.At(zone.MustName("z000000.test.")))
	p.set(catalogText(3))
	e.CatalogNotified(catalogName, p.addr, "", 0, false)
	clock.step(2 * time.Second)
	eventually(t, "it waits", func() bool { return e.Catalogs()[0].Waiting == n+1 })
	require.Len(t, e.Zones(), n+1)
	require.NoError(t, e.Close())
	e = consume(t, clock, dir, nil, cfg)
	require.Len(t, e.Zones(), n+1)
}

// Two catalogs that name the same zones, more than a turn acts on, do not take them from each other: each zone is
// whose it was first.
func TestManyMembersOfTwoCatalogs(t *testing.T) {
	t.Parallel()
	const n = 1500
	var cfgs []engine.CatalogConfig
	for _, name := range []zone.Name{catalogName, zone.MustName("dog.example.")} {
		p := newScripted(t, nil, catalogText(1))
		p.had = []*zone.Version{bigCatalogOf(t, name, 1, n)}
		cfg := consuming(t, p)
		cfg.Zone.Apex, cfg.Groups[0].Settings = name, missing{t}
		cfg.Suffixes = []zone.Name{zone.MustName("none.")}
		cfgs = append(cfgs, cfg)
	}
	e := consume(t, newManual(moment), t.TempDir(), nil, cfgs...)
	eventually(t, "both are there", func() bool {
		all := e.Catalogs()
		return all[0].Named == n && all[1].Named == n
	})
	require.Empty(t, e.Zones())
	for i := range cfgs {
		cfgs[i].Suffixes = nil
	}
	recommit(t, e, nil, cfgs...)
	eventually(t, "all are there", func() bool { return len(e.Zones()) == n })
	eventually(t, "nothing is under way", e.CatalogsIdle)
	all := e.Catalogs()
	require.Equal(t, []int{1000, 500}, []int{all[0].Served, all[1].Served}, "a turn acts on a thousand of each")
}

// BenchmarkMembers is what a catalog takes until all its members are zones of the process, what one more takes then
// and one less, a restart, another group for all of them, and the removal of all: of processor time and of memory, each
// for a member in all and in parts, and how long it takes. The zones have no content, for that is measured elsewhere. find is how long
// a query waits for its zone while they begin: the longest of all, and the median.
func BenchmarkMembers(b *testing.B) {
	for _, n := range []int{10_000, 100_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			p := &scripted{had: []*zone.Version{bigCatalog(b, 1, n)}}
			p.addr = listen(b, p, nil)
			cfg := consuming(b, p)
			cfg.Groups[0].Settings = missing{b}
			cfg.Groups = append(cfg.Groups, engine.Group{Name: "gold", Settings: missing{b}})
			for b.Loop() {
				dir := b.TempDir()
				p.had = p.had[:1]
				var e *engine.Engine
				// measure has something done, and waits for what must come of it.
				measure := func(what string, of int, do func(), holds func() bool) {
					var before, after runtime.MemStats
					runtime.ReadMemStats(&before)
					used, begun := processorTime(b), time.Now()
					do()
					for !holds() || !e.Idle() {
						<-time.After(min(500*time.Millisecond, time.Duration(n)*10*time.Microsecond)) // to list so many zones is work itself
					}
					b.ReportMetric(time.Since(begun).Seconds(), what+"-s")
					b.ReportMetric(float64((processorTime(b)-used).Microseconds())/float64(of), what+"-cpu-µs")
					runtime.ReadMemStats(&after)
					b.ReportMetric(float64(after.TotalAlloc-before.TotalAlloc)/float64(of), what+"-B")
				}
				publish := func(serial uint32, n int, group string) func() {
					return func() {
						p.mu.Lock()
						p.had = append(p.had, bigCatalogIn(b, catalogName, serial, n, group))
						p.mu.Unlock()
						e.CatalogNotified(catalogName, p.addr, "", 0, false)
					}
				}
				last := zone.MustName(fmt.Sprintf("z%06d.test.", n))
				all := func() bool { return len(e.Zones()) == n }
				stop, waits := make(chan struct{}), make(chan []time.Duration)
				measure("all", n, func() {
					e = consume(b, nil, dir, nil, cfg)
					go finds(e, stop, waits)
				}, all)
				close(stop)
				found := <-waits
				slices.Sort(found)
				b.ReportMetric(float64(found[len(found)-1].Nanoseconds())/1000, "find-longest-µs")
				b.ReportMetric(float64(found[len(found)/2].Nanoseconds())/1000, "find-median-µs")
				var held runtime.MemStats
				runtime.GC()
				runtime.ReadMemStats(&held)
				b.ReportMetric(float64(held.HeapAlloc)/float64(n), "held-B")
				measure("one-more", 1, publish(2, n+1, ""), func() bool { return e.At(last) != nil })
				measure("one-less", 1, publish(3, n, ""), func() bool { return e.At(last) == nil })
				require.NoError(b, e.Close())
				measure("restart", n, func() { e = consume(b, nil, dir, nil, cfg) }, all)
				measure("regrouped", n, publish(4, n, "gold"), func() bool {
					z := e.At(zone.MustName("z000000.test."))
					return z.Config().Member.Group == "gold" && e.CatalogsIdle()
				})
				measure("removed", n, func() {
					publish(5, 0, "")()
					for _, err := e.AcceptCatalog(catalogName); err != nil; _, err = e.AcceptCatalog(catalogName) {
						<-time.After(50 * time.Millisecond)
					}
				}, func() bool { return len(e.Zones()) == 0 && e.CatalogsIdle() })
				require.NoError(b, e.Close())
			}
		})
	}
}

// finds looks for zones as queries do until it is stopped, and says how long each took.
func finds(e *engine.Engine, stop chan struct{}, waits chan []time.Duration) {
	var all []time.Duration
	name := zone.MustName("www.z000000.test.")
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-stop:
			waits <- all
			return
		case <-tick.C:
			begun := time.Now()
			if z := e.Find(name); z != nil {
				_ = z.Serving()
			}
			all = append(all, time.Since(begun))
		}
	}
}

// Who tells of a change while the catalog is being asked for, and too late for that visit, has it asked for
// once more, at once.
func TestCatalogToldWhileItIsAskedFor(t *testing.T) {
	p, clock := newScripted(t, nil, catalogText(1, "a.test. 1")), newManual(moment)
	e := consume(t, clock, t.TempDir(), nil, consuming(t, p))
	awaitZones(t, e, "a.test.")
	eventually(t, "nothing is under way", e.CatalogsIdle)
	held := make(chan struct{})
	p.mu.Lock()
	p.held, p.asked = held, nil
	p.mu.Unlock()
	clock.step(time.Hour)
	eventually(t, "it is asked", func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		return len(p.asked) > 0
	})
	p.set(catalogText(2, "a.test. 1", "b.test. 2"))
	e.CatalogNotified(catalogName, p.addr, "", 0, false)
	p.mu.Lock()
	p.held = nil
	p.mu.Unlock()
	close(held)
	awaitZones(t, e, "a.test. b.test.")
	eventually(t, "the visits have ended", e.CatalogsIdle)
	require.Equal(t, []string{"SOA", "SOA", "IXFR"}, p.questions())
}
