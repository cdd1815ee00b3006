package engine_test

import (
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/ask"
	"github.com/multisigner/multisigner/plugin/multisigner/engine"
	"github.com/multisigner/multisigner/plugin/multisigner/peer"
	"github.com/multisigner/multisigner/plugin/multisigner/status"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// look has everybody look once more, while the parent stays as it is.
func (g *group) look() {
	g.Helper()
	g.clock.step(groupTTL / 2)
	g.settle()
}

// names are the alarms of a member, as they are told.
func (m *member) names() (names []string) {
	for _, a := range statusOf(m.group.T, m.e.Load()).Alarms {
		names = append(names, string(a.Name))
	}
	return names
}

// An alarm that comes while all goes as it should teaches people not to look. A group
// begins, a third signer joins, each kind of key is rolled: nobody is alarmed, but for
// the signer that has not started yet.
func TestNoAlarmInOrdinaryLife(t *testing.T) {
	t.Parallel()
	g := newGroup(t, "a b c", nil)
	a, b, c := g.signers[0], g.signers[1], g.signers[2]
	for _, m := range []*member{a, b} {
		m.cfg.Peers = m.cfg.Peers[:1]
	}
	c.cfg.Addresses = []netip.AddrPort{listenAt(t, "127.0.0.2", c, groupKey)} // it is not in the delegation yet
	logs := []*logged{a.logs(), b.logs(), c.logs()}
	g.signers = g.signers[:2]
	g.begin()

	g.signers = append(g.signers, c)
	all := [][2]*member{{a, b}, {b, a}}
	for _, each := range all {
		m, p := each[0], each[1]
		m.stop()
		m.cfg.Peers = nil
		for _, other := range []*member{p, c} {
			m.cfg.Peers = append(m.cfg.Peers, engine.Peer{Name: other.cfg.Signer, Addresses: other.cfg.Addresses, TSIG: groupKey, Via: peer.Query})
		}
		m.start()
	}
	c.start()
	g.until("c has joined", func() bool { return g.parent.set().Rdata.Len() == 3 && g.calm() })
	before := []zone.Packed{g.parent.set().Rdata, dnskeyOf(t, a.version())}
	rolled := func() bool {
		return g.parent.set().Rdata != before[0] && dnskeyOf(t, a.version()) != before[1]
	}
	a.do("roll", "zsk")
	b.do("roll", "ksk")
	g.until("the keys are rolled", func() bool { return rolled() && g.calm() })
	for i, text := range logs {
		for _, line := range text.lines("alarm begins") {
			require.Contains(t, line, "alarm=peer-not-serving", "at %s", g.signers[i].cfg.Signer)
		}
	}
}

// The whole DS set is gone at the parent: the zone is insecure, and that is told after
// one look. It ends when the set is back, and `insecure` given on purpose is no alarm.
func TestAlarmDSGone(t *testing.T) {
	t.Parallel()
	g := newGroup(t, "a b", nil)
	g.begin()
	set := g.parent.set()
	g.parent.put(zone.RRset{})
	g.look()
	for _, m := range g.signers {
		require.Equal(t, "ds-gone", m.names()[0], "%v", m.names())
	}
	g.parent.put(set)
	g.look()
	g.look()
	for _, m := range g.signers {
		require.Empty(t, m.raised("ds-gone"))
		m.do("insecure")
	}
	for range 3 {
		g.look() // until each has seen that all ask for it
	}
	g.parent.put(zone.RRset{})
	for range 6 {
		g.look()
		require.Empty(t, g.signers[0].names())
	}
	require.False(t, g.signers[0].version().Top().Has(zone.TypeDNSKEY), "it has gone insecure")
}

// Our DS alone is gone: that is told first, and what follows from it below. The key is
// there, so nobody is told that it is not.
func TestAlarmDSMissing(t *testing.T) {
	t.Parallel()
	g := newGroup(t, "a b", nil)
	g.begin()
	a, set := g.signers[0], g.parent.set()
	var others []string
	for rdata := range set.Rdata.All() {
		if tag := zone.DS(rdata).Tag(); tag > 19999 { // b's range of tags
			others = append(others, rdata)
		}
	}
	require.Len(t, others, 1)
	set.Rdata = zone.Pack(others...)
	g.parent.put(set)
	g.look()
	for tries := 0; len(a.raised("answers-bogus")) == 0 && tries < 20; tries++ {
		g.look() // the survey of all answers may come after the next look
	}
	s := statusOf(t, a.e.Load())
	require.Equal(t, status.AlarmName("ds-missing"), s.Alarms[0].Name, "%v", a.names())
	require.Empty(t, s.Alarms[0].Under)
	require.NotEmpty(t, a.raised("answers-bogus"))
	for _, bogus := range a.raised("answers-bogus") {
		require.Equal(t, status.AlarmName("ds-missing"), bogus.Under)
		require.NotContains(t, bogus.What, "no key with tag")
		require.Contains(t, bogus.What, "there is no DS of that key")
	}
}

// No address of the parent answers: that is told, and not that the parent should have
// some DS, which nobody knows.
func TestAlarmParentUnreachable(t *testing.T) {
	t.Parallel()
	g := newGroup(t, "a", nil)
	g.begin()
	a := g.signers[0]
	g.parent.away.Store(true)
	a.do("roll", "ksk")
	for range 6 {
		g.look()
	}
	s := statusOf(t, a.e.Load())
	require.Equal(t, status.AlarmName("parent-unreachable"), s.Alarms[0].Name, "%v", a.names())
	for _, follows := range s.Alarms[1:] {
		require.Equal(t, status.AlarmName("parent-unreachable"), follows.Under, "%v", a.names())
	}
	for _, w := range s.Waits {
		require.NotContains(t, w.Why, "to have the DS of")
		require.NotContains(t, w.Why, "to publish the DS of")
	}
	g.parent.away.Store(false)
	g.until("all is well", g.calm)
}

// The resolver that should find the parent does not answer: that is the cause, and what
// cannot be known of the parent follows.
func TestAlarmResolver(t *testing.T) {
	t.Parallel()
	cfg := alone(t, write(t, shortLived))
	cfg.LookBusy = 100 * time.Millisecond
	nobody := listen(t, &above{}, nil) // it knows nothing, and says so
	cfg.Parent = engine.Parent{Mode: engine.ParentResolver, Resolver: netip.AddrPortFrom(nobody.Addr(), 1)}
	e := serve(t, t.TempDir(), cfg)
	defer e.Close()
	require.Eventually(t, func() bool { return len(statusOf(t, e).Alarms) > 2 }, 20*time.Second, 10*time.Millisecond)
	s := statusOf(t, e)
	require.Equal(t, status.AlarmName("resolver-unreachable"), s.Alarms[0].Name)
	require.Contains(t, s.Alarms[0].What, "127.0.0.1:1 does not answer")
	for i, follows := range []status.AlarmName{"parent-unreachable", "keys-not-made"} {
		require.Equal(t, follows, s.Alarms[i+1].Name)
		require.Equal(t, status.AlarmName("resolver-unreachable"), s.Alarms[i+1].Under)
	}

	// One that answers, whatever it finds, is not the cause.
	cfg.Parent.Resolver = nobody
	other := serve(t, t.TempDir(), cfg)
	defer other.Close()
	require.Eventually(t, func() bool { return len(statusOf(t, other).Alarms) > 0 }, 20*time.Second, 10*time.Millisecond)
	require.NotContains(t, alarms(statusOf(t, other)), "does not answer")
}

// withForeign is a signer beside one of other software, which a test tells what to
// publish, both with a DS at the parent.
func withForeign(t *testing.T, change func(*engine.Config)) (*engine.Engine, *other, *registry) {
	var e atomic.Pointer[engine.Engine]
	ours := newStage(t, serving(&e))
	b, r := newOther(t), register(t)
	b.show(t, time.Now())
	cfg := delegated(t, r)
	cfg.Signer, cfg.File, cfg.Addresses = "a", write(t, onLoopback), []netip.AddrPort{ours.addr}
	cfg.Parent.Resolver = listen(t, &directory{}, nil)
	cfg.Peers = []engine.Peer{{Name: "b", Addresses: []netip.AddrPort{b.addr}, Foreign: true, Trust: peer.Trust{Mode: peer.TrustDS, DS: dsOf(t, b.ksk.Record)}}}
	if change != nil {
		change(&cfg)
	}
	running := serve(t, t.TempDir(), cfg)
	t.Cleanup(func() { running.Close() })
	e.Store(running)
	own, entry := b.oursAt(t, running)
	for _, k := range []zone.DNSKEY{entry, b.ksk.Record} {
		for rdata := range dsOf(t, k).Rdata.All() {
			b.cds = zone.Pack(append(unpack(b.cds), rdata)...)
		}
		b.cdnskey = zone.Pack(append(unpack(b.cdnskey), string(k))...)
	}
	b.show(t, time.Now(), own...)
	require.Eventually(t, func() bool {
		v := running.Find(apex).Serving().Version
		return v != nil && v.Top().Has(zone.TypeCDS)
	}, 20*time.Second, 10*time.Millisecond, "%+v", statusOf(t, running).Waits)
	r.be(func(r *registry) { r.ds = append(dsOf(t, entry).RRs(), dsOf(t, b.ksk.Record).RRs()...) })
	require.Eventually(t, func() bool {
		s := statusOf(t, running)
		return len(s.Waits) == 0 && len(s.Alarms) == 0
	}, 20*time.Second, 10*time.Millisecond, "%+v", statusOf(t, running))
	return running, b, r
}

func unpack(p zone.Packed) (all []string) {
	for rdata := range p.All() {
		all = append(all, rdata)
	}
	return all
}

// becomes waits until an alarm of a name is there, or none is.
func becomes(t *testing.T, e *engine.Engine, name string, there bool) status.Alarm {
	t.Helper()
	var found status.Alarm
	require.Eventually(t, func() bool {
		for _, found = range statusOf(t, e).Alarms {
			if string(found.Name) == name {
				return there
			}
		}
		return !there
	}, 20*time.Second, 10*time.Millisecond, "%s: %s", name, alarms(statusOf(t, e)))
	return found
}

// A signer of other software loses what a person has put there: our CDS and CDNSKEY, or
// one of them. Nothing waits for that, so it is told at once.
func TestAlarmForeignLosesCDS(t *testing.T) {
	t.Parallel()
	e, b, _ := withForeign(t, nil)
	own, entry := b.oursAt(t, e)
	cds, cdnskey := b.cds, b.cdnskey
	b.cdnskey = zone.Pack(string(b.ksk.Record))
	b.show(t, time.Now(), own...)
	require.Contains(t, becomes(t, e, "peer-lacks-cds", true).What, "does not publish the CDNSKEY of KSK "+tagOf(entry))
	b.cds = dsOf(t, b.ksk.Record).Rdata
	b.show(t, time.Now(), own...)
	require.Eventually(t, func() bool { return strings.Contains(alarms(statusOf(t, e)), "the CDS and CDNSKEY of") }, 20*time.Second, 10*time.Millisecond)
	b.cds, b.cdnskey = cds, cdnskey
	b.show(t, time.Now(), own...)
	becomes(t, e, "peer-lacks-cds", false)
}

func tagOf(k zone.DNSKEY) string { return strings.Fields(dsText(k))[0] }

func dsText(k zone.DNSKEY) string {
	d, _ := k.DS(apex, 2)
	return strings.TrimPrefix(zone.RRset{Name: apex, Type: zone.TypeDS, Rdata: zone.Pack(string(d))}.RRs()[0].String(), apex.String()+"\t0\tIN\tDS\t")
}

// A signer of other software goes on publishing a ZSK of ours that was rolled away. That
// is told when it has had time to take it out, and not before.
func TestAlarmForeignKeepsKey(t *testing.T) {
	t.Parallel()
	e, b, _ := withForeign(t, func(cfg *engine.Config) { cfg.AlarmAfter = 3 * time.Second })
	old, _ := b.oursAt(t, e)
	_, err := e.Do(t.Context(), apex, engine.Command{Kind: "roll", Args: []string{"zsk"}})
	require.NoError(t, err)
	withdrawn := func() bool {
		set, _ := e.Find(apex).Serving().Version.RRset(apex, zone.TypeDNSKEY)
		shown := append([]string(nil), old...)
		for _, rdata := range unpack(set.Rdata) {
			if k := zone.DNSKEY(rdata); k != b.ksk.Record && k != b.zsk.Record && rdata != old[0] && rdata != old[1] {
				shown = append(shown, rdata) // it takes ours over, and drops none
			}
		}
		if served := unpack(dnskeyOf(t, b.shown.Load())); len(shown)+2 > len(served) {
			b.show(t, time.Now(), shown...)
		}
		return !set.Rdata.Has(old[0]) || !set.Rdata.Has(old[1])
	}
	require.Eventually(t, withdrawn, 30*time.Second, 50*time.Millisecond)
	require.NotContains(t, alarms(statusOf(t, e)), "still publishes")
	a := becomes(t, e, "peer-keeps-withdrawn-key", true)
	require.Contains(t, a.About, "b "+b.addr.String()+" ZSK ")
}

func dnskeyOf(t *testing.T, v *zone.Version) zone.Packed {
	set, ok := v.RRset(apex, zone.TypeDNSKEY)
	require.True(t, ok)
	return set.Rdata
}

// Two signers answer one question with different data. That is told with both answers
// when it lasts, and not while a change comes to one before the other.
func TestAlarmContentDiffers(t *testing.T) {
	t.Parallel()
	e, b, _ := withForeign(t, nil)
	own, _ := b.oursAt(t, e)
	b.content = strings.Replace(onLoopback, "192.0.2.80", "192.0.2.81", 1)
	b.show(t, time.Now(), own...)
	a := becomes(t, e, "content-differs", true)
	require.Equal(t, "www.example.org. A", a.About)
	require.Contains(t, a.What, "192.0.2.80")
	require.Contains(t, a.What, "192.0.2.81")
	require.Contains(t, a.Cure, "updates come to all signers where")
	require.Contains(t, a.What, "b at "+b.addr.String())
	b.content = ""
	b.show(t, time.Now(), own...)
	becomes(t, e, "content-differs", false)
}

// A parent that takes UPDATE, and loses our DS again, is told again.
func TestUpdateThatIsLost(t *testing.T) {
	t.Parallel()
	r := register(t)
	cfg := delegated(t, r)
	cfg.Parent.Update = []ask.Server{{Addr: r.addr, TSIG: updateKey}}
	e := serve(t, t.TempDir(), cfg)
	defer e.Close()
	r.eventually(t, e, "the DS is there", func(r *registry) bool { return len(r.ds) == 1 })
	require.Eventually(t, func() bool { s := statusOf(t, e); return len(s.Parent.DS) == 1 && len(s.Waits) == 0 }, 20*time.Second, 10*time.Millisecond)
	r.be(func(r *registry) { r.ds = nil })
	r.eventually(t, e, "it is there again", func(r *registry) bool { return len(r.ds) == 1 })
}
