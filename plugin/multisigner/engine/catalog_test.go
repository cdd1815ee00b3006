package engine_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/clock"
	"github.com/multisigner/multisigner/plugin/multisigner/engine"
	"github.com/multisigner/multisigner/plugin/multisigner/kept"
	"github.com/multisigner/multisigner/plugin/multisigner/status"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

var catalogName = zone.MustName("cat.example.")

// catalogText is a catalog zone at a serial; members stand as "ZONE ID [GROUP [COO]]".
func catalogText(serial int, members ...string) string {
	text := fmt.Sprintf("cat.example. 0 SOA invalid. invalid. %d 3600 600 2147483646 0\ncat.example. 0 NS invalid.\nversion.cat.example. 0 TXT 2\n", serial)
	for _, m := range members {
		var at, id, group, coo string
		_, _ = fmt.Sscan(m, &at, &id, &group, &coo)
		text += fmt.Sprintf("%s.zones.cat.example. 0 PTR %s\n", id, at)
		if group != "" && group != "-" {
			text += fmt.Sprintf("group.%s.zones.cat.example. 0 TXT %s\n", id, group)
		}
		if coo != "" {
			text += fmt.Sprintf("coo.%s.zones.cat.example. 0 PTR %s\n", id, coo)
		}
	}
	return text
}

// fromFiles are the settings of a group whose zones are files, made when somebody asks for them.
type fromFiles struct {
	t    testing.TB
	dir  string
	edit func(*engine.Config)
}

func (s *fromFiles) For(member zone.Name) engine.Config {
	file := filepath.Join(s.dir, kept.FileName(member))
	if _, err := os.Stat(file); err != nil {
		text := fmt.Sprintf("$ORIGIN %s\n$TTL 300\n@ SOA ns hostmaster 1 7200 900 1209600 300\n@ NS ns\nns A 192.0.2.53\n", member)
		require.NoError(s.t, os.WriteFile(file, []byte(text), 0o644))
	}
	cfg := alone(s.t, file)
	cfg.Apex = member
	if s.edit != nil {
		s.edit(&cfg)
	}
	return cfg
}

// consuming is a catalog with the group default from p.
func consuming(t testing.TB, p *scripted) engine.CatalogConfig {
	own := alone(t, "")
	own.Apex, own.Where = catalogName, "Corefile:7"
	own.Primaries = append(own.Primaries, p.server())
	return engine.CatalogConfig{Zone: own, Groups: []engine.Group{{Name: "default", Settings: &fromFiles{t: t, dir: t.TempDir()}}}}
}

// consume opens an engine and has it consume catalogs beside zones.
func consume(t testing.TB, by clock.Clock, dir string, zones []engine.Config, catalogs ...engine.CatalogConfig) *engine.Engine {
	t.Helper()
	e, err := engine.Open(dir, engine.Options{Logger: slog.New(slog.DiscardHandler), Clock: by})
	require.NoError(t, err)
	t.Cleanup(func() { e.Close() })
	recommit(t, e, zones, catalogs...)
	return e
}

func recommit(t testing.TB, e *engine.Engine, zones []engine.Config, catalogs ...engine.CatalogConfig) {
	t.Helper()
	p, err := e.Prepare(context.Background(), zones, catalogs...)
	require.NoError(t, err)
	p.Commit()
}

// publish gives the catalog's primary another version, and has it tell. Where it is being asked
// meanwhile it tells when that has ended: whoever ends a visit after the step would wait for a second
// that never comes.
func (p *scripted) publish(e *engine.Engine, clock *manual, text string) {
	p.set(text)
	isEventually(e.CatalogsIdle)
	e.CatalogNotified(catalogName, p.addr, "", 0, false)
	clock.step(2 * time.Second)
}

// zonesOf lists the zones that are answered for.
func zonesOf(e *engine.Engine) string {
	var names []string
	for _, n := range e.Zones() {
		if z := e.At(n); z != nil && z.Open() != nil {
			names = append(names, n.String())
		}
	}
	return strings.Join(names, " ")
}

func awaitZones(t *testing.T, e *engine.Engine, want string) {
	t.Helper()
	if !isEventually(func() bool { return zonesOf(e) == want }) {
		require.Equal(t, want, zonesOf(e))
	}
}

// isEventually is eventually without a failure.
func isEventually(holds func() bool) bool {
	end := time.NewTimer(time.Minute)
	defer end.Stop()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-end.C:
			return false
		case <-tick.C:
		}
	}
	return true
}

// of gives the alarm of a name of the catalog; nil when there is none.
func catalogAlarm(e *engine.Engine, name status.AlarmName) *status.Alarm {
	s, _ := e.CatalogStatus(catalogName)
	for i, a := range s.Alarms {
		if a.Name == name {
			return &s.Alarms[i]
		}
	}
	return nil
}

func memberOf(e *engine.Engine, name string) status.CatalogMember {
	s, _ := e.CatalogStatus(catalogName)
	for _, m := range s.Members {
		if m.Zone == name {
			return m
		}
	}
	return status.CatalogMember{}
}

// Zones that a catalog names are served and signed without a hand, come and go with it, and a
// restart serves them at once, whether its primary is there or not.
func TestCatalogBringsZones(t *testing.T) {
	t.Parallel()
	p, clock, dir := newScripted(t, nil, catalogText(1, "a.test. 1", "b.test. 2")), newManual(moment), t.TempDir()
	cfg := consuming(t, p)
	e := consume(t, clock, dir, nil, cfg)
	awaitZones(t, e, "a.test. b.test.")
	v := e.At(zone.MustName("a.test.")).Open()
	require.Equal(t, 1, v.SOA().Sigs.Len())
	keys, _ := v.RRset(v.Apex(), zone.TypeDNSKEY)

	p.publish(e, clock, catalogText(2, "a.test. 1", "c.test. 3"))
	awaitZones(t, e, "a.test. c.test.")
	require.Same(t, v, e.At(zone.MustName("a.test.")).Open(), "what stays is not touched")
	s, ok := e.CatalogStatus(catalogName)
	require.True(t, ok)
	require.EqualValues(t, 2, s.Serial)
	require.Equal(t, 2, s.Named)
	require.Equal(t, 2, s.Served)
	require.Equal(t, "removed", memberOf(e, "b.test.").State)
	require.Empty(t, s.Alarms)

	require.NoError(t, e.Close())
	p.answers(0, true)
	e = consume(t, clock, dir, nil, cfg)
	require.Len(t, e.Zones(), 2, "they are there as soon as the start returns")
	awaitZones(t, e, "a.test. c.test.")
	again, _ := e.At(zone.MustName("a.test.")).Open().RRset(v.Apex(), zone.TypeDNSKEY)
	require.Equal(t, keys, again)
	eventually(t, "nothing is under way", e.CatalogsIdle)
	p.answers(0, false)
	p.set(catalogText(3, "a.test. 1", "c.test. 3", "d.test. 4"))
	clock.step(2 * time.Hour)
	awaitZones(t, e, "a.test. c.test. d.test.")
}

// What is removed keeps its keys: put back, it goes on as it was.
func TestRemovedMemberResumes(t *testing.T) {
	t.Parallel()
	p, clock := newScripted(t, nil, catalogText(1, "a.test. 1", "b.test. 2")), newManual(moment)
	cfg := consuming(t, p)
	cfg.RemoveAfter = time.Hour
	e := consume(t, clock, t.TempDir(), nil, cfg)
	awaitZones(t, e, "a.test. b.test.")
	apex := zone.MustName("a.test.")
	keys, _ := e.At(apex).Open().RRset(apex, zone.TypeDNSKEY)

	p.publish(e, clock, catalogText(2, "b.test. 2"))
	eventually(t, "it is leaving", func() bool { return memberOf(e, "a.test.").State == "leaving" })
	require.NotNil(t, e.At(apex).Open(), "it is served on for remove-after")
	clock.step(time.Hour)
	awaitZones(t, e, "b.test.")
	require.Equal(t, "removed", memberOf(e, "a.test.").State)

	p.publish(e, clock, catalogText(3, "a.test. 1", "b.test. 2"))
	awaitZones(t, e, "a.test. b.test.")
	again, _ := e.At(apex).Open().RRset(apex, zone.TypeDNSKEY)
	require.Equal(t, keys.Rdata, again.Rdata)
	eventually(t, "it is said to be served", func() bool { return memberOf(e, "a.test.").State == "served" })
}

// A catalog that is broken changes nothing, is said to be, is kept for who mends it, and is
// not fetched in a loop. Nothing expires.
func TestBrokenCatalogChangesNothing(t *testing.T) {
	t.Parallel()
	p, clock, dir := newScripted(t, nil, catalogText(1, "a.test. 1")), newManual(moment), t.TempDir()
	cfg := consuming(t, p)
	e := consume(t, clock, dir, nil, cfg)
	awaitZones(t, e, "a.test.")

	p.publish(e, clock, catalogText(2, "b.test. 2", "b.test. 3"))
	eventually(t, "alarm", func() bool { return catalogAlarm(e, status.AlarmCatalogBroken) != nil })
	require.Contains(t, catalogAlarm(e, status.AlarmCatalogBroken).What, "catalog cat.example. is broken: b.test. is named twice")
	require.Equal(t, "a.test.", zonesOf(e))
	rejected, err := os.ReadFile(filepath.Join(dir, "zones", "cat.example.rejected"))
	require.NoError(t, err)
	require.Contains(t, string(rejected), "; cat.example.: catalog cat.example. is broken")
	eventually(t, "nothing is under way", e.CatalogsIdle)
	p.questions()
	for range 3 {
		clock.step(2 * time.Hour)
		eventually(t, "it is asked again", func() bool {
			p.mu.Lock()
			defer p.mu.Unlock()
			return len(p.asked) > 0
		})
		eventually(t, "nothing is under way", e.CatalogsIdle)
		require.Equal(t, []string{"SOA"}, p.questions())
	}

	require.NoError(t, e.Close())
	e = consume(t, clock, dir, nil, cfg)
	awaitZones(t, e, "a.test.")
	eventually(t, "nothing is under way", e.CatalogsIdle)
	p.answers(dns.RcodeServerFailure, false)
	clock.step(100 * 365 * 24 * time.Hour)
	eventually(t, "alarm", func() bool { return catalogAlarm(e, status.AlarmCatalogFailing) != nil })
	require.Len(t, e.Zones(), 1)

	p.answers(0, false)
	p.set(catalogText(3, "a.test. 1", "b.test. 2"))
	clock.step(2 * time.Hour)
	eventually(t, "the next good one is taken", func() bool { return len(e.Zones()) == 2 })
	eventually(t, "no alarm", func() bool { return catalogAlarm(e, status.AlarmCatalogBroken) == nil })
}

// Another id has the content taken anew, whatever its serial, and no key changes. The
// same id from another catalog changes nothing at all.
func TestAnotherIDResetsContent(t *testing.T) {
	t.Parallel()
	content := newScripted(t, nil, "a.test. 300 SOA ns.a.test. h.a.test. 9 7200 900 1209600 300\na.test. 300 NS ns.a.test.\nns.a.test. 300 A 192.0.2.53\n")
	p, clock := newScripted(t, nil, catalogText(1, "a.test. 1")), newManual(moment)
	cfg := consuming(t, p)
	cfg.Groups[0].Settings = &fromFiles{t: t, dir: t.TempDir(), edit: func(c *engine.Config) {
		c.File, c.Primaries = "", append(c.Primaries, content.server())
	}}
	e := consume(t, clock, t.TempDir(), nil, cfg)
	awaitZones(t, e, "a.test.")
	apex := zone.MustName("a.test.")
	keys, _ := e.At(apex).Open().RRset(apex, zone.TypeDNSKEY)
	before := e.At(apex).Open().Serial()

	content.set("a.test. 300 SOA ns.a.test. h.a.test. 3 7200 900 1209600 300\na.test. 300 NS ns.a.test.\nns.a.test. 300 A 192.0.2.54\n")
	p.publish(e, clock, catalogText(2, "a.test. 2"))
	eventually(t, "the older serial is taken", func() bool {
		v := e.At(apex).Open()
		return strings.Contains(zone.Text(must(v.RRset(zone.MustName("ns.a.test."), zone.TypeA))), "192.0.2.54")
	})
	after := e.At(apex).Open()
	require.True(t, zone.SerialAfter(after.Serial(), before))
	again, _ := after.RRset(apex, zone.TypeDNSKEY)
	require.Equal(t, keys, again)
}

// A member whose group is not known waits for a person, and is named. A new group in the Corefile
// lets it go on. A zone of the Corefile is no catalog's.
func TestHeldMembers(t *testing.T) {
	t.Parallel()
	p, clock := newScripted(t, nil, catalogText(1, "a.test. 1 gold", "b.test. 2 tin", "c.test. 3 gold")), newManual(moment)
	cfg := consuming(t, p)
	cfg.Groups[0].Name = "gold"
	static := (&fromFiles{t: t, dir: t.TempDir()}).For(zone.MustName("c.test."))
	static.Where = "Corefile:3"
	e := consume(t, clock, t.TempDir(), []engine.Config{static}, cfg)
	awaitZones(t, e, "a.test. c.test.")
	eventually(t, "alarm", func() bool { return catalogAlarm(e, status.AlarmCatalogHeld) != nil })
	require.Equal(t, "b.test.", catalogAlarm(e, status.AlarmCatalogHeld).About)
	require.Contains(t, catalogAlarm(e, status.AlarmCatalogHeld).What, `its group "tin" is not known, and there is no group default`)
	require.Equal(t, "ignored", memberOf(e, "c.test.").State)
	require.Equal(t, "it is served from elsewhere: Corefile:3", memberOf(e, "c.test.").Why)
	require.Empty(t, e.At(zone.MustName("c.test.")).Config().Member)

	two := cfg
	two.Groups = append(two.Groups[:1:1], engine.Group{Name: "default", Settings: &fromFiles{t: t, dir: t.TempDir(), edit: func(c *engine.Config) { c.Split = false }}})
	recommit(t, e, []engine.Config{static}, two)
	awaitZones(t, e, "a.test. b.test. c.test.")
	require.False(t, e.At(zone.MustName("b.test.")).Config().Split)
	eventually(t, "no alarm", func() bool { return catalogAlarm(e, status.AlarmCatalogHeld) == nil })

	recommit(t, e, nil, two)
	awaitZones(t, e, "a.test. b.test. c.test.")
	require.Equal(t, catalogName, e.At(zone.MustName("c.test.")).Config().Member.Catalog)
	recommit(t, e, []engine.Config{static})
	awaitZones(t, e, "c.test.")
}

// A version that removes many waits for a person, over restarts, and what it adds does not.
func TestMassRemovalWaits(t *testing.T) {
	t.Parallel()
	var many []string
	for i := range 12 {
		many = append(many, fmt.Sprintf("z%02d.test. i%d", i, i))
	}
	p, clock, dir := newScripted(t, nil, catalogText(1, many...)), newManual(moment), t.TempDir()
	cfg := consuming(t, p)
	e := consume(t, clock, dir, nil, cfg)
	eventually(t, "all are served", func() bool { return len(strings.Fields(zonesOf(e))) == 12 })
	p.publish(e, clock, catalogText(2, "new.test. 1"))
	eventually(t, "alarm", func() bool { return catalogAlarm(e, status.AlarmCatalogMass) != nil })
	require.Contains(t, catalogAlarm(e, status.AlarmCatalogMass).What, "serial 2 removes or resets 12 of 12 members, and waits for a person: z00.test., z01.test.")
	eventually(t, "what is added is served", func() bool { return len(strings.Fields(zonesOf(e))) == 13 })
	require.Equal(t, "waiting", memberOf(e, "z00.test.").State)

	require.NoError(t, e.Close())
	e = consume(t, clock, dir, nil, cfg)
	eventually(t, "all are served", func() bool { return len(strings.Fields(zonesOf(e))) == 13 })
	eventually(t, "alarm", func() bool { return catalogAlarm(e, status.AlarmCatalogMass) != nil })
	text, err := e.AcceptCatalog(catalogName)
	require.NoError(t, err)
	require.Contains(t, text, "12 members are removed or reset, as serial 2 of the catalog says")
	awaitZones(t, e, "new.test.")
	eventually(t, "no alarm", func() bool { return catalogAlarm(e, status.AlarmCatalogMass) == nil })
	_, err = e.AcceptCatalog(catalogName)
	require.EqualError(t, err, "catalog cat.example.: no removal waits for a person")
	_, err = e.AcceptCatalog(zone.MustName("other.example."))
	require.ErrorIs(t, err, engine.ErrNoCatalog)
}

// What a person has accepted is what a version removes by the settings of then: with others it
// could remove more.
func TestAcceptedForTheSettingsOfThen(t *testing.T) {
	t.Parallel()
	var all, left []string
	for i := range 12 {
		left = append(left, fmt.Sprintf("y%02d.left. y%d", i, i))
		all = append(all, fmt.Sprintf("z%02d.test. z%d", i, i))
	}
	p, clock, dir := newScripted(t, nil, catalogText(1, append(all, left...)...)), newManual(moment), t.TempDir()
	cfg := consuming(t, p)
	e := consume(t, clock, dir, nil, cfg)
	served := func(n int) {
		t.Helper()
		eventually(t, fmt.Sprint(n, " are served"), func() bool { return len(strings.Fields(zonesOf(e))) == n })
	}
	served(24)
	p.publish(e, clock, catalogText(2, left...))
	eventually(t, "alarm", func() bool { return catalogAlarm(e, status.AlarmCatalogMass) != nil })
	_, err := e.AcceptCatalog(catalogName)
	require.NoError(t, err)
	served(12)
	require.NoError(t, e.Close())
	e = consume(t, clock, dir, nil, cfg)
	served(12)

	cfg.Suffixes = []zone.Name{zone.MustName("test.")}
	recommit(t, e, nil, cfg)
	eventually(t, "alarm", func() bool { return catalogAlarm(e, status.AlarmCatalogMass) != nil })
	served(12)
}

// Who accepts in the moment after a reload accepts what the alarm has named, not what the new settings would
// remove besides: he is told to look again, and nothing goes until he has.
func TestAcceptedRightAfterAReload(t *testing.T) {
	t.Parallel()
	var all, left []string
	for i := range 12 {
		left = append(left, fmt.Sprintf("y%02d.left. y%d", i, i))
		all = append(all, fmt.Sprintf("z%02d.test. z%d", i, i))
	}
	p, clock := newScripted(t, nil, catalogText(1, append(all, left...)...)), newManual(moment)
	cfg := consuming(t, p)
	e := consume(t, clock, t.TempDir(), nil, cfg)
	served := func(n int) {
		t.Helper()
		eventually(t, fmt.Sprint(n, " are served"), func() bool { return len(strings.Fields(zonesOf(e))) == n })
	}
	served(24)
	p.publish(e, clock, catalogText(2, left...))
	waits := func(what string) {
		t.Helper()
		eventually(t, what, func() bool {
			a := catalogAlarm(e, status.AlarmCatalogMass)
			return a != nil && strings.Contains(a.What, what)
		})
	}
	waits("removes or resets 12 of 24 members")
	narrow := cfg
	narrow.Suffixes = []zone.Name{zone.MustName("test.")}
	reload, err := e.Prepare(context.Background(), nil, narrow)
	require.NoError(t, err)
	_, err = reload.CommitAndAccept(catalogName)
	require.ErrorContains(t, err, "the Corefile was just reloaded")
	waits("removes or resets 24 of 24 members")
	served(24)
	text, err := e.AcceptCatalog(catalogName)
	require.NoError(t, err)
	require.Contains(t, text, "24 members are removed or reset")
	served(0)
}

// A server without zones is ready when its catalog was there.
func TestReadyWithCatalog(t *testing.T) {
	t.Parallel()
	p, clock := newScripted(t, nil, catalogText(1, "a.test. 1")), newManual(moment)
	p.answers(0, true)
	e := consume(t, clock, t.TempDir(), nil, consuming(t, p))
	ready, why := e.Ready()
	require.False(t, ready)
	require.Equal(t, "catalog cat.example. has not been transferred yet", why)
	eventually(t, "nothing is under way", e.CatalogsIdle)
	p.answers(0, false)
	clock.step(10 * time.Minute)
	eventually(t, "ready", func() bool { ready, _ := e.Ready(); return ready && zonesOf(e) != "" })
}

// A catalog whose primary has an older serial changes nothing until a person says so.
func TestCatalogWentBack(t *testing.T) {
	t.Parallel()
	p, clock := newScripted(t, nil, catalogText(9, "a.test. 1", "b.test. 2")), newManual(moment)
	e := consume(t, clock, t.TempDir(), nil, consuming(t, p))
	awaitZones(t, e, "a.test. b.test.")
	p.publish(e, clock, catalogText(3, "a.test. 1"))
	eventually(t, "alarm", func() bool { return catalogAlarm(e, status.AlarmCatalogBack) != nil })
	require.Equal(t, "a.test. b.test.", zonesOf(e))
	_, err := e.RetransferCatalog(catalogName)
	require.NoError(t, err)
	awaitZones(t, e, "a.test.")
	eventually(t, "no alarm", func() bool { return catalogAlarm(e, status.AlarmCatalogBack) == nil })
}

// ticking is a clock of which no two readings are the same, as of real ones.
type ticking struct{ *manual }

func (c ticking) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(time.Nanosecond)
	return c.now
}

// What a person has accepted does not count against what a later version removes, although it was
// carried out after it was accepted; over a restart, too.
func TestAcceptedRemovalsCountNoMore(t *testing.T) {
	t.Parallel()
	var all []string
	for i := range 40 {
		all = append(all, fmt.Sprintf("z%02d.test. z%d", i, i))
	}
	p, clock, dir := newScripted(t, nil, catalogText(1, all...)), newManual(moment), t.TempDir()
	cfg := consuming(t, p)
	e := consume(t, ticking{clock}, dir, nil, cfg)
	served := func(n int) {
		t.Helper()
		eventually(t, fmt.Sprint(n, " are served"), func() bool { return len(strings.Fields(zonesOf(e))) == n })
	}
	served(40)
	p.publish(e, clock, catalogText(2, all[20:]...))
	eventually(t, "alarm", func() bool { return catalogAlarm(e, status.AlarmCatalogMass) != nil })
	_, err := e.AcceptCatalog(catalogName)
	require.NoError(t, err)
	served(20)
	p.publish(e, clock, catalogText(3, all[22:]...))
	served(18)
	require.NoError(t, e.Close())
	e = consume(t, ticking{clock}, dir, nil, cfg)
	served(18)
	p.publish(e, clock, catalogText(4, all[24:]...))
	served(16)
	p.publish(e, clock, catalogText(5, all[31:]...))
	eventually(t, "alarm", func() bool { return catalogAlarm(e, status.AlarmCatalogMass) != nil })
	served(16)
}
