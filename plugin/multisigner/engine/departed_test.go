package engine_test

import (
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/engine"
	"github.com/multisigner/multisigner/plugin/multisigner/status"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// delegating is a parent test. that has no DS, and delegates every zone to its own ns, or none.
type delegating struct{ none, silent atomic.Bool }

func (d *delegating) ServeDNS(w dns.ResponseWriter, q *dns.Msg) {
	m := new(dns.Msg).SetReply(q)
	name := q.Question[0].Name
	soa := record("test. 60 SOA ns.test. h.test. 1 3600 600 86400 60")
	switch {
	case d.silent.Load():
		m.Rcode = dns.RcodeServerFailure
	case q.Question[0].Qtype == dns.TypeNS && !d.none.Load():
		m.Ns = []dns.RR{record(name + " 60 NS ns." + name)}
	case d.none.Load():
		m.Authoritative, m.Rcode, m.Ns = true, dns.RcodeNameError, []dns.RR{soa}
	default:
		m.Authoritative, m.Ns = true, []dns.RR{soa}
	}
	w.WriteMsg(m)
}

// A zone that is in the catalog no more while its parent delegates it here is told of, and nothing of it is
// removed. When the parent has let go of it, its keys are retired after thirty days.
func TestRemovedZoneStillDelegated(t *testing.T) {
	t.Parallel()
	parent := &delegating{}
	p, clock, dir := newScripted(t, nil, catalogText(1, "a.test. 1", "b.test. 2")), newManual(moment), t.TempDir()
	cfg := consuming(t, p)
	at := listen(t, parent, nil)
	cfg.Groups[0].Settings = &fromFiles{t: t, dir: t.TempDir(), edit: func(c *engine.Config) {
		c.Parent.Mode, c.Parent.Servers = engine.ParentServers, append(c.Parent.Servers, at)
		c.LookBusy, c.LookIdle = time.Hour, time.Hour
	}}
	e := consume(t, clock, dir, nil, cfg)
	awaitZones(t, e, "a.test. b.test.")
	p.publish(e, clock, catalogText(2, "b.test. 2"))
	eventually(t, "alarm", func() bool { return catalogAlarm(e, status.AlarmRemovedDelegated) != nil })
	require.Equal(t, "1 zones are in the catalog no more, and their parents still delegate them here: a.test.", catalogAlarm(e, status.AlarmRemovedDelegated).What)
	awaitZones(t, e, "b.test.")

	keys := filepath.Join(dir, "keys", "a.test")
	held := func() int {
		files, err := filepath.Glob(filepath.Join(keys, "*.private"))
		require.NoError(t, err)
		return len(files)
	}
	require.Equal(t, 2, held())
	idle := func() bool { return e.CatalogsIdle() && !e.LooksAtParents() }
	for range 2 {
		eventually(t, "nothing is under way", idle)
		clock.step(20 * 24 * time.Hour)
	}
	eventually(t, "nothing is under way", idle)
	require.Equal(t, 2, held(), "while it is delegated here nothing goes")
	require.Equal(t, "removed", memberOf(e, "a.test.").State)

	parent.none.Store(true)
	hour := func() { clock.step(time.Hour) }
	eventually(t, "no alarm", func() bool { hour(); return catalogAlarm(e, status.AlarmRemovedDelegated) == nil })
	eventually(t, "the keys are retired", func() bool { hour(); return held() == 0 })
	eventually(t, "it is forgotten", func() bool { return memberOf(e, "a.test.").Zone == "" })
	retired, err := filepath.Glob(filepath.Join(keys, "retired", "*.private"))
	require.NoError(t, err)
	require.Len(t, retired, 2, "a catalog destroys no key")
	left, err := filepath.Glob(filepath.Join(dir, "zones", "a.test.*"))
	require.NoError(t, err)
	require.Empty(t, left)
	files, err := filepath.Glob(filepath.Join(dir, "keys", "b.test", "*.private"))
	require.NoError(t, err)
	require.Len(t, files, 2)
	require.DirExists(t, dir)
	_, err = os.Stat(filepath.Join(dir, "zones", "b.test.snapshot"))
	require.NoError(t, err)

	p.publish(e, clock, catalogText(3, "a.test. 1", "b.test. 2"))
	awaitZones(t, e, "a.test. b.test.")
	require.Equal(t, 2, held(), "it comes back as a new zone")
}

// Days in which no process ran do not count, and a restart does not begin anew.
func TestKeptDaysAreCounted(t *testing.T) {
	t.Parallel()
	p, clock, dir := newScripted(t, nil, catalogText(1, "a.test. 1", "b.test. 2")), newManual(moment), t.TempDir()
	cfg := consuming(t, p)
	e := consume(t, clock, dir, nil, cfg)
	awaitZones(t, e, "a.test. b.test.")
	p.publish(e, clock, catalogText(2, "b.test. 2"))
	awaitZones(t, e, "b.test.")
	quiet := func() {
		eventually(t, "nothing is under way", func() bool { return e.CatalogsIdle() && !e.LooksAtParents() })
	}
	quiet()
	clock.step(16 * 24 * time.Hour)
	eventually(t, "the days are counted", func() bool { return e.KeptFor(zone.MustName("a.test.")) >= 15*24*time.Hour })
	quiet()
	require.NoError(t, e.Close())
	clock.step(365 * 24 * time.Hour)
	e = consume(t, clock, dir, nil, cfg)
	quiet()
	require.Equal(t, "removed", memberOf(e, "a.test.").State)
	require.Less(t, e.KeptFor(zone.MustName("a.test.")), 17*24*time.Hour)
	eventually(t, "it is forgotten", func() bool { clock.step(24 * time.Hour); return memberOf(e, "a.test.").Zone == "" })
}

// A zone is removed before this process has shown it, as after a crash between what a catalog said and what
// was done about it. That its parent delegates it here is found out all the same, or else its
// keys would be retired.
func TestRemovedBeforeItWasShown(t *testing.T) {
	t.Parallel()
	p, clock, dir := newScripted(t, nil, catalogText(1, "a.test. 1", "b.test. 2")), newManual(moment), t.TempDir()
	cfg, at, signer := consuming(t, p), listen(t, &delegating{}, nil), ""
	cfg.Groups[0].Settings = &fromFiles{t: t, dir: t.TempDir(), edit: func(c *engine.Config) {
		c.Parent.Mode, c.Parent.Servers = engine.ParentServers, append(c.Parent.Servers, at)
		c.LookBusy, c.LookIdle = time.Hour, time.Hour
		if signer != "" && c.Apex == zone.MustName("a.test.") {
			c.Signer = signer
		}
	}}
	e := consume(t, clock, dir, nil, cfg)
	awaitZones(t, e, "a.test. b.test.")
	require.NoError(t, e.Close())

	signer = "another" // so that it is not shown
	e = consume(t, clock, dir, nil, cfg)
	awaitZones(t, e, "b.test.")
	p.publish(e, clock, catalogText(2, "b.test. 2"))
	eventually(t, "alarm", func() bool { return catalogAlarm(e, status.AlarmRemovedDelegated) != nil })
}

// What a parent said weeks ago, and says no more, is no reason to retire keys.
func TestRemovedZoneWhoseParentIsSilent(t *testing.T) {
	t.Parallel()
	parent := &delegating{}
	p, clock, dir := newScripted(t, nil, catalogText(1, "a.test. 1", "b.test. 2")), newManual(moment), t.TempDir()
	cfg, at := consuming(t, p), listen(t, parent, nil)
	cfg.Groups[0].Settings = &fromFiles{t: t, dir: t.TempDir(), edit: func(c *engine.Config) {
		c.Parent.Mode, c.Parent.Servers = engine.ParentServers, append(c.Parent.Servers, at)
		c.LookBusy, c.LookIdle = time.Hour, time.Hour
	}}
	e := consume(t, clock, dir, nil, cfg)
	awaitZones(t, e, "a.test. b.test.")
	parent.none.Store(true)
	p.publish(e, clock, catalogText(2, "b.test. 2"))
	a := zone.MustName("a.test.")
	idle := func() bool { return e.CatalogsIdle() && !e.LooksAtParents() }
	hour := func() { eventually(t, "nothing is under way", idle); clock.step(time.Hour) }
	eventually(t, "the parent was seen not to delegate it", func() bool { hour(); return e.SeenClear(a) })

	parent.silent.Store(true)
	eventually(t, "that is not known any more", func() bool { hour(); return !e.SeenClear(a) })
	for range 3 {
		eventually(t, "nothing is under way", idle)
		clock.step(20 * 24 * time.Hour)
	}
	hour()
	eventually(t, "nothing is under way", idle)
	require.Equal(t, "removed", memberOf(e, "a.test.").State)

	parent.silent.Store(false)
	eventually(t, "it is forgotten", func() bool { hour(); return memberOf(e, "a.test.").Zone == "" })
}

// The keys of a removed zone cannot all be retired, or a process died in the midst of it, and the zone
// comes back: it begins anew, with the keys that are there, and waits for none of the others.
func TestRemovedZoneComesBackHalfForgotten(t *testing.T) {
	t.Parallel()
	p, clock, dir := newScripted(t, nil, catalogText(1, "a.test. 1", "b.test. 2")), newManual(moment), t.TempDir()
	e := consume(t, clock, dir, nil, consuming(t, p))
	awaitZones(t, e, "a.test. b.test.")
	keys := filepath.Join(dir, "keys", "a.test")
	private := func() []string {
		files, err := filepath.Glob(filepath.Join(keys, "*.private"))
		require.NoError(t, err)
		return files
	}
	require.Len(t, private(), 2)
	for _, kind := range []string{"private", "key"} { // nothing can be put there
		require.NoError(t, os.MkdirAll(filepath.Join(keys, "retired", strings.TrimSuffix(filepath.Base(private()[1]), "private")+kind, "in the way"), 0o700))
	}
	p.publish(e, clock, catalogText(2, "b.test. 2"))
	awaitZones(t, e, "b.test.")
	eventually(t, "one is retired", func() bool { clock.step(12 * time.Hour); return len(private()) == 1 })
	require.Equal(t, "removed", memberOf(e, "a.test.").State)

	eventually(t, "it is told of again", func() bool {
		p.publish(e, clock, catalogText(3, "a.test. 1", "b.test. 2"))
		return zonesOf(e) == "a.test. b.test."
	})
	is, _ := e.Status(zone.MustName("a.test."))
	require.Empty(t, is.Alarms)
}
