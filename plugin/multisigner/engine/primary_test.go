package engine_test

import (
	"cmp"
	"context"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/ask"
	"github.com/multisigner/multisigner/plugin/multisigner/engine"
	"github.com/multisigner/multisigner/plugin/multisigner/status"
	"github.com/multisigner/multisigner/plugin/multisigner/xfr"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// scripted is a primary that serves what the test gives it.
type scripted struct {
	addr netip.AddrPort
	key  *ask.TSIG

	mu    sync.Mutex
	had   []*zone.Version // by age; the last is served
	rcode int             // what it answers to everything; 0: what it is asked
	whole bool            // it refuses IXFR
	size  int             // octets of the records in a message of a transfer; 0: 60,000
	mute  bool            // it does not answer at all
	held  chan struct{}   // it answers when this is closed; nil: at once
	asked []string        // SOA, IXFR, AXFR since the last call of questions

	// updated takes an UPDATE and says what is answered, and why not; nil: NOTIMP.
	updated func(m *dns.Msg) (rcode int, why string)
}

func newScripted(t *testing.T, key *ask.TSIG, text string) *scripted {
	p := &scripted{key: key, had: []*zone.Version{zone.MustVersion(text)}}
	p.addr = listen(t, p, key)
	return p
}

// text is the content at a serial, with another record.
func text(serial, more string) string {
	return "example.org. 300 SOA ns.example.org. hostmaster.example.org. " + serial + " 7200 900 1209600 300\n" +
		"example.org. 300 NS ns.example.org.\nns.example.org. 300 A 192.0.2.53\nwww.example.org. 300 A 192.0.2.80\n" + more + "\n"
}

func (p *scripted) set(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.had = append(p.had, zone.MustVersion(text))
}

// answers has it answer everything with rcode, or nothing.
func (p *scripted) answers(rcode int, mute bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rcode, p.mute = rcode, mute
}

// questions gives the types of what was asked since the last call.
func (p *scripted) questions() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	asked := p.asked
	p.asked = nil
	return asked
}

// visited waits until it was asked since the last call of questions, and nothing is under
// way; it gives what was asked.
func (p *scripted) visited(t *testing.T, e *engine.Engine) []string {
	t.Helper()
	eventually(t, "the primary is asked", func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		return len(p.asked) > 0
	})
	eventually(t, "nothing is under way", e.Idle)
	return p.questions()
}

// rests waits until an engine has had its first turn and nothing is under way. A step of
// the clock in the midst of a turn is one that it has not seen pass.
func rests(t *testing.T, e *engine.Engine) {
	t.Helper()
	<-e.Find(apex).Began()
	eventually(t, "nothing is under way", e.Idle)
}

func (p *scripted) server() ask.Server { return ask.Server{Addr: p.addr, TSIG: p.key} }

// update answers an UPDATE, signed where it is.
func (p *scripted) update(w dns.ResponseWriter, q *dns.Msg) {
	p.mu.Lock()
	mute := p.mute
	p.mu.Unlock()
	if mute {
		w.Close()
		return
	}
	m := new(dns.Msg).SetRcode(q, dns.RcodeNotImplemented)
	if p.updated != nil {
		var why string
		if m.Rcode, why = p.updated(q); why != "" {
			m.SetEdns0(1232, false).IsEdns0().Option = []dns.EDNS0{&dns.EDNS0_EDE{InfoCode: dns.ExtendedErrorCodeProhibited, ExtraText: why}}
		}
	}
	if t := q.IsTsig(); t != nil {
		m.SetTsig(t.Hdr.Name, t.Algorithm, 300, time.Now().Unix())
	}
	w.WriteMsg(m)
}

func (p *scripted) ServeDNS(w dns.ResponseWriter, q *dns.Msg) {
	if q.Opcode == dns.OpcodeUpdate {
		p.update(w, q)
		return
	}
	p.mu.Lock()
	t := dns.TypeToString[q.Question[0].Qtype]
	p.asked = append(p.asked, t)
	rcode, mute, held, had := p.rcode, p.mute, p.held, slices.Clone(p.had)
	p.mu.Unlock()
	if held != nil {
		<-held
	}
	now := had[len(had)-1]
	switch {
	case mute:
		w.Close()
		return
	case p.key != nil && (q.IsTsig() == nil || w.TsigStatus() != nil), p.whole && t == "IXFR":
		rcode = dns.RcodeRefused
	}
	var batches [][]dns.RR
	switch {
	case rcode != 0 || t == "SOA":
		m := new(dns.Msg).SetRcode(q, rcode)
		if m.Authoritative = true; rcode == 0 {
			m.Answer = now.SOA().RRs()
		}
		if p.key != nil && q.IsTsig() != nil {
			m.SetTsig(p.key.Name, p.key.Algorithm, 300, time.Now().Unix())
		}
		w.WriteMsg(m)
		return
	case t == "IXFR":
		at := slices.IndexFunc(had, func(v *zone.Version) bool { return v.Serial() == q.Ns[0].(*dns.SOA).Serial })
		if at >= 0 && at < len(had)-1 {
			batches = slices.Collect(xfr.IXFR(cmp.Or(p.size, 60_000), zone.Compare(had[at], now)))
			break
		}
		fallthrough
	default:
		batches = slices.Collect(xfr.AXFR(now, cmp.Or(p.size, 60_000)))
	}
	out := make(chan *dns.Envelope, len(batches))
	for _, rrs := range batches {
		out <- &dns.Envelope{RR: rrs}
	}
	close(out)
	_ = new(dns.Transfer).Out(w, q, out)
}

// behind is a zone alone that is fetched from primaries.
func behind(t *testing.T, primaries ...*scripted) engine.Config {
	cfg := alone(t, "")
	for _, p := range primaries {
		cfg.Primaries = append(cfg.Primaries, p.server())
	}
	return cfg
}

func source(e *engine.Engine) status.Source {
	s, _ := e.Status(apex)
	return s.Source
}

// eventually waits for a condition on a busy machine.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	require.Eventually(t, holds, time.Minute, 5*time.Millisecond, what)
}

// serves waits until everybody gets an answer for name.
func serves(t *testing.T, e *engine.Engine, name string) *zone.Version {
	t.Helper()
	eventually(t, name, func() bool {
		v := e.Find(apex).Open()
		return v != nil && v.Get(zone.MustName(name)) != nil
	})
	return e.Find(apex).Open()
}

func (p *scripted) notify(e *engine.Engine) {
	p.mu.Lock()
	serial := p.had[len(p.had)-1].Serial()
	p.mu.Unlock()
	e.Find(apex).PrimaryNotified(netip.AddrPortFrom(p.addr.Addr(), 4711), "", serial, true)
}

func raised(e *engine.Engine, name status.AlarmName) *status.Alarm {
	s, _ := e.Status(apex)
	for _, a := range s.Alarms {
		if a.Name == name {
			return &a
		}
	}
	return nil
}

// unsignedText is what a version has beside what the signer makes.
func unsignedText(v *zone.Version) string {
	var b strings.Builder
	for n := range v.All() {
		for s := range n.All() {
			switch s.Type {
			case zone.TypeSOA, zone.TypeDNSKEY, zone.TypeNSEC, zone.TypeCDS, zone.TypeCDNSKEY:
			default:
				b.WriteString(zone.Text(s.WithSigs("")))
			}
		}
	}
	return b.String()
}

// A zone behind a primary is served signed, with a serial of its own. Each change comes
// by NOTIFY as a difference, and only what changed is signed anew.
func TestPrimaryIsFollowed(t *testing.T) {
	t.Parallel()
	p := newScripted(t, groupKey, text("10", ""))
	clock := newManual(moment)
	e := by(t, clock, t.TempDir(), behind(t, p))
	first := serves(t, e, "www.example.org.")
	require.Equal(t, []string{"SOA", "AXFR"}, p.visited(t, e))
	s := source(e)
	require.EqualValues(t, 10, s.Serial)
	require.Equal(t, []string{p.addr.String()}, s.Primaries)
	require.Equal(t, "AXFR", s.Method)
	require.Equal(t, moment, s.Refreshed)
	require.Equal(t, moment.Add(14*day), s.Expires)

	p.set(text("11", "new.example.org. 300 A 192.0.2.81"))
	p.notify(e)
	clock.step(2 * time.Second)
	after := serves(t, e, "new.example.org.")
	require.Equal(t, []string{"SOA", "IXFR"}, p.questions())
	eventually(t, "the status tells", func() bool { return source(e).Method == "IXFR" && source(e).Serial == 11 })
	require.Equal(t, first.Serial()+1, after.Serial())
	was, _ := first.RRset(zone.MustName("www.example.org."), zone.TypeA)
	is, _ := after.RRset(zone.MustName("www.example.org."), zone.TypeA)
	require.Equal(t, was, is)
	require.Equal(t, unsignedText(p.had[1]), unsignedText(after))
}

// A restart serves at once, whatever the primary does, and goes on by differences from
// the content's own serial.
func TestRestartBehindAPrimary(t *testing.T) {
	t.Parallel()
	p := newScripted(t, nil, text("10", ""))
	dir, clock := t.TempDir(), newManual(moment)
	e := by(t, clock, dir, behind(t, p))
	serves(t, e, "www.example.org.")
	for i, more := range []string{"a", "b", "c"} {
		p.set(text("1"+string(rune('1'+i)), more+".example.org. 300 A 192.0.2.81"))
		p.notify(e)
		clock.step(2 * time.Second)
		serves(t, e, more+".example.org.")
	}
	was := e.Find(apex).Open()
	require.NoError(t, e.Close())

	p.answers(0, true)
	p.questions()
	e = by(t, clock, dir, behind(t, p))
	again := served(t, e)
	require.Empty(t, zone.Compare(was, again).Changes)
	require.EqualValues(t, 13, source(e).Serial)
	clock.step(2 * time.Second)
	eventually(t, "the failure is told", func() bool { return source(e).Why != "" })
	p.answers(0, false)
	p.set(text("14", "d.example.org. 300 A 192.0.2.81"))
	p.questions()
	clock.step(time.Hour)
	serves(t, e, "d.example.org.")
	require.Equal(t, []string{"SOA", "IXFR"}, p.questions())
	require.NoError(t, e.Close())

	// The content that was kept is enough, too: without the snapshot it is signed anew.
	require.NoError(t, os.Remove(filepath.Join(dir, "zones", "example.org.snapshot")))
	p.answers(0, true)
	e = by(t, clock, dir, behind(t, p))
	v := serves(t, e, "d.example.org.")
	require.Equal(t, unsignedText(p.had[4]), unsignedText(v))
	require.NoError(t, e.Close())

	// And without both it is fetched whole.
	for _, name := range []string{"snapshot", "content"} {
		require.NoError(t, os.Remove(filepath.Join(dir, "zones", "example.org."+name)))
	}
	p.answers(0, false)
	p.questions()
	e = by(t, clock, dir, behind(t, p))
	serves(t, e, "d.example.org.")
	require.Equal(t, []string{"SOA", "AXFR"}, p.questions())
}

// Without a primary the content ends: from half of its time on an alarm says so, and then
// outsiders are refused. Signatures are renewed all the time. When a primary is back all
// is as it was. Who prefers old content to none is served it.
func TestContentExpires(t *testing.T) {
	t.Parallel()
	for _, serve := range []bool{false, true} {
		p := newScripted(t, nil, text("10", ""))
		clock := newManual(moment)
		cfg := behind(t, p)
		cfg.ServeExpired = serve
		dir := t.TempDir()
		e := by(t, clock, dir, cfg)
		serves(t, e, "www.example.org.")
		p.answers(dns.RcodeServerFailure, false)
		until := func(days int) {
			for range days {
				p.questions()
				clock.step(day)
				p.visited(t, e)
			}
		}
		until(6)
		require.Nil(t, raised(e, status.AlarmPrimary))
		until(2)
		a := raised(e, status.AlarmPrimary)
		require.NotNil(t, a)
		require.Contains(t, a.What, "SERVFAIL")
		require.Equal(t, serve, a.By.IsZero())
		require.NotNil(t, e.Find(apex).Open())

		require.NoError(t, e.Close()) // a restart does not begin the time anew
		e = by(t, clock, dir, cfg)
		rests(t, e)
		until(7)
		eventually(t, "expired", func() bool { return source(e).Expired })
		require.Equal(t, serve, e.Find(apex).Open() != nil)
		if !serve {
			require.NotNil(t, raised(e, status.AlarmExpired))
			require.Contains(t, e.Find(apex).Serving().Refuse, "the content has expired at 2026-12-07T12:0")
		}
		until(20) // signatures last for 14 days
		end, _ := e.Find(apex).Serving().Version.Earliest()
		require.Greater(t, end, clock.Now().Add(4*day))

		p.answers(0, false)
		clock.step(time.Hour)
		serves(t, e, "www.example.org.")
		eventually(t, "over", func() bool { return raised(e, status.AlarmPrimary) == nil && raised(e, status.AlarmExpired) == nil })
	}
}

// What secondaries are told by EDNS EXPIRE is what is left until the content ends here: over
// a restart, while the clock is set forward and back, and anew when a primary has the same.
// Content that does not end has no such time.
func TestLeft(t *testing.T) {
	t.Parallel()
	p := newScripted(t, nil, text("10", ""))
	dir, clock, cfg := t.TempDir(), newManual(moment), behind(t, p)
	e := by(t, clock, dir, cfg)
	serves(t, e, "www.example.org.")
	p.visited(t, e)
	left := func(want time.Duration) {
		t.Helper()
		eventually(t, "left", func() bool {
			is, ok := e.Find(apex).Left()
			return ok && is > want-time.Minute && is <= want
		})
	}
	left(14 * day)
	p.answers(dns.RcodeServerFailure, false)
	for range 6 {
		p.questions()
		clock.step(day)
		p.visited(t, e)
	}
	left(8 * day)
	for _, set := range []time.Duration{30 * day, -60 * day, 30 * day} {
		clock.set(set)
		_, err := e.Do(t.Context(), apex, engine.Command{Kind: "look"})
		require.NoError(t, err)
		left(8 * day)
	}
	clock.step(time.Hour)
	left(8*day - time.Hour)
	require.NoError(t, e.Close())

	p.questions()
	e = by(t, clock, dir, cfg)
	served(t, e)
	p.visited(t, e)
	left(8*day - time.Hour)
	clock.step(9 * day)
	left(0)
	p.visited(t, e)
	p.answers(0, false)
	clock.step(time.Hour)
	left(14 * day)
	require.NoError(t, e.Close())

	cfg.ServeExpired = true
	e = by(t, clock, dir, cfg)
	served(t, e)
	_, ends := e.Find(apex).Left()
	require.False(t, ends)
	require.NoError(t, e.Close())
	e = by(t, clock, dir, alone(t, write(t, content)))
	served(t, e)
	_, ends = e.Find(apex).Left()
	require.False(t, ends)
}

// A primary that went back gives nothing until an operator says that it is meant; our
// serial does not go back with it.
func TestPrimaryWentBack(t *testing.T) {
	t.Parallel()
	p := newScripted(t, nil, text("10", "new.example.org. 300 A 192.0.2.81"))
	clock := newManual(moment)
	dir := t.TempDir()
	e := by(t, clock, dir, behind(t, p))
	before := serves(t, e, "new.example.org.")
	p.set(text("7", "old.example.org. 300 A 192.0.2.7"))
	clock.step(3 * time.Hour)
	eventually(t, "alarm", func() bool { return raised(e, status.AlarmPrimaryBack) != nil })
	require.Contains(t, raised(e, status.AlarmPrimaryBack).What, "went back from serial 10 to 7")
	require.Same(t, before, e.Find(apex).Open())
	require.Equal(t, []string{"SOA", "AXFR", "SOA"}, p.questions())
	said, err := e.Do(context.Background(), apex, engine.Command{Kind: "retransfer"})
	require.NoError(t, err)
	require.Contains(t, said, "whatever its serial")
	after := serves(t, e, "old.example.org.")
	require.Nil(t, after.Get(zone.MustName("new.example.org.")))
	require.Equal(t, before.Serial()+1, after.Serial())
	eventually(t, "the status tells", func() bool { return source(e).Serial == 7 })
	eventually(t, "no alarm", func() bool { return raised(e, status.AlarmPrimaryBack) == nil })

	// It is not forgotten because the primary is down for longer than a round, nor by a restart.
	p.answers(dns.RcodeServerFailure, false)
	_, err = e.Do(context.Background(), apex, engine.Command{Kind: "retransfer"})
	require.NoError(t, err)
	eventually(t, "the round has failed", func() bool { return source(e).Why != "" && e.Idle() })
	require.True(t, source(e).Retransfer)
	p.set(text("6", "older.example.org. 300 A 192.0.2.6"))
	p.questions()
	clock.step(3 * time.Hour)
	require.Equal(t, []string{"SOA"}, p.visited(t, e))
	require.True(t, source(e).Retransfer)
	require.NoError(t, e.Close())
	p.answers(0, false)
	e = by(t, clock, dir, behind(t, p))
	rests(t, e)
	clock.step(3 * time.Hour)
	serves(t, e, "older.example.org.")
	eventually(t, "it is done", func() bool { return source(e).Serial == 6 && !source(e).Retransfer })

	_, err = serve(t, t.TempDir(), alone(t, write(t, content))).Do(context.Background(), apex, engine.Command{Kind: "retransfer"})
	require.ErrorContains(t, err, "has no primary: give `reload`")
}

// Content that cannot be served replaces nothing, is kept to be looked at, and is not
// fetched again; the next serial is.
func TestBadContentIsRefused(t *testing.T) {
	t.Parallel()
	p := newScripted(t, nil, text("10", ""))
	clock := newManual(moment)
	dir := t.TempDir()
	e := by(t, clock, dir, behind(t, p))
	before := serves(t, e, "www.example.org.")
	p.set(text("11", "www.example.org. 300 CNAME ns.example.org."))
	p.notify(e)
	clock.step(2 * time.Second)
	eventually(t, "alarm", func() bool { return raised(e, status.AlarmRejected) != nil })
	require.Contains(t, raised(e, status.AlarmRejected).What, "serial 11 of the primary "+p.addr.String()+" was refused: www.example.org.: a CNAME stands beside")
	require.Same(t, before, e.Find(apex).Open())
	require.True(t, source(e).Refused)
	kept, err := os.ReadFile(filepath.Join(dir, "zones", "example.org.rejected"))
	require.NoError(t, err)
	require.Contains(t, string(kept), "; www.example.org.: a CNAME stands beside")
	require.Contains(t, string(kept), "www.example.org.\t300\tIN\tCNAME\tns.example.org.\n")

	p.questions()
	clock.step(3 * time.Hour)
	require.Equal(t, []string{"SOA"}, p.visited(t, e))
	require.NoError(t, e.Close()) // nor after a restart
	e = by(t, clock, dir, behind(t, p))
	rests(t, e)
	clock.step(2 * time.Second)
	require.Equal(t, []string{"SOA"}, p.visited(t, e))
	require.NotNil(t, raised(e, status.AlarmRejected))

	p.set(text("12", "new.example.org. 300 A 192.0.2.81"))
	p.notify(e)
	clock.step(2 * time.Second)
	serves(t, e, "new.example.org.")
	eventually(t, "no alarm", func() bool { return raised(e, status.AlarmRejected) == nil })
	require.NoFileExists(t, filepath.Join(dir, "zones", "example.org.rejected"), "what was wrong is mended")
}

// A primary that goes back to what we have takes what was refused with it: nothing of it is
// told any more.
func TestBadContentIsTakenBack(t *testing.T) {
	t.Parallel()
	p := newScripted(t, nil, text("10", ""))
	clock := newManual(moment)
	dir := t.TempDir()
	e := by(t, clock, dir, behind(t, p))
	serves(t, e, "www.example.org.")
	p.set(text("11", "www.example.org. 300 CNAME ns.example.org."))
	clock.step(3 * time.Hour)
	eventually(t, "alarm", func() bool { return raised(e, status.AlarmRejected) != nil })
	require.NotEmpty(t, source(e).Problems)
	p.set(text("10", ""))
	clock.step(3 * time.Hour)
	eventually(t, "no alarm", func() bool { return raised(e, status.AlarmRejected) == nil })
	require.Empty(t, source(e).Problems)
	require.NoFileExists(t, filepath.Join(dir, "zones", "example.org.rejected"))
}

// The second primary serves when the first does not, and a key that is not right is told.
func TestPrimariesInTheirOrder(t *testing.T) {
	t.Parallel()
	one, two := newScripted(t, groupKey, text("10", "one.example.org. 300 A 192.0.2.1")), newScripted(t, nil, text("10", "two.example.org. 300 A 192.0.2.2"))
	cfg := behind(t, one, two)
	cfg.Primaries[0].TSIG = &ask.TSIG{Name: groupKey.Name, Algorithm: groupKey.Algorithm, Secret: "d3Jvbmc="}
	e := by(t, newManual(moment), t.TempDir(), cfg)
	serves(t, e, "two.example.org.")
	eventually(t, "the status tells", func() bool { return source(e).Primary == two.addr.String() })
}

// The content moves from a file to a primary and back by a reload of the Corefile: what is
// served stays until the other has something.
func TestSourceIsChanged(t *testing.T) {
	t.Parallel()
	p := newScripted(t, nil, text("10", "new.example.org. 300 A 192.0.2.81"))
	dir, clock := t.TempDir(), newManual(moment)
	file := alone(t, write(t, content))
	e := by(t, clock, dir, file)
	first := served(t, e)
	change := func(cfg engine.Config) {
		prepared, err := e.Prepare(context.Background(), []engine.Config{cfg})
		require.NoError(t, err)
		prepared.Commit()
	}
	p.answers(0, true)
	change(behind(t, p))
	eventually(t, "failing", func() bool { return source(e).Why != "" })
	require.Same(t, first, e.Find(apex).Open())
	p.answers(0, false)
	clock.step(time.Minute)
	v := serves(t, e, "new.example.org.")
	require.Empty(t, source(e).File)
	require.FileExists(t, filepath.Join(dir, "zones", "example.org.content"))

	change(file)
	eventually(t, "the file again", func() bool { return e.Find(apex).Open().Get(zone.MustName("new.example.org.")) == nil })
	require.True(t, zone.SerialAfter(e.Find(apex).Open().Serial(), v.Serial()))
	require.NoFileExists(t, filepath.Join(dir, "zones", "example.org.content"))
	eventually(t, "the status tells", func() bool { return source(e).File != "" })
}

// What a primary gives after it has left the Corefile is not taken: it may have left because
// it has another zone, and those that stay could never give an older serial.
func TestPrimaryIsRemovedInTheMiddle(t *testing.T) {
	t.Parallel()
	one, two := newScripted(t, nil, text("20", "one.example.org. 300 A 192.0.2.81")), newScripted(t, nil, text("10", "two.example.org. 300 A 192.0.2.82"))
	one.mu.Lock()
	clock := newManual(moment)
	e := by(t, clock, t.TempDir(), behind(t, one))
	eventually(t, "asking", func() bool { return source(e).Busy == one.addr.String() })
	prepared, err := e.Prepare(context.Background(), []engine.Config{behind(t, two)})
	require.NoError(t, err)
	prepared.Commit()
	eventually(t, "configured", func() bool { return slices.Equal(source(e).Primaries, []string{two.addr.String()}) })
	one.mu.Unlock()
	eventually(t, "ended", func() bool { return source(e).Busy == "" })
	clock.step(time.Second)
	v := serves(t, e, "two.example.org.")
	require.Nil(t, v.Get(zone.MustName("one.example.org.")))
}

// What updates have changed beside a file lies over a primary's content, too. Whoever takes
// that back after a restart gets what the primary has.
func TestOverlayOverAPrimary(t *testing.T) {
	t.Parallel()
	p := newScripted(t, nil, text("10", "one.example.org. 300 A 192.0.2.81"))
	dir, clock := t.TempDir(), newManual(moment)
	e := by(t, clock, dir, updatable(t, write(t, content)))
	served(t, e)
	require.Nil(t, send(t, e, "new 60 A 192.0.2.82"))
	require.NoError(t, e.Close())
	e = by(t, clock, dir, behind(t, p))
	serves(t, e, "one.example.org.")
	require.True(t, answersFor(t, e, "new"))
	require.NoError(t, e.Close())
	e = by(t, clock, dir, behind(t, p))
	serves(t, e, "one.example.org.")
	require.True(t, answersFor(t, e, "new"))
	_, err := e.Do(context.Background(), apex, engine.Command{Kind: "drop", Args: []string{"new.example.org.", "A"}})
	require.NoError(t, err)
	require.False(t, answersFor(t, e, "new"))
}

// The log has one line for each change, and none for the same again.
func TestLogOfAPrimary(t *testing.T) {
	t.Parallel()
	p := newScripted(t, nil, text("10", ""))
	clock := newManual(moment)
	var logs logged
	e, err := engine.Open(t.TempDir(), engine.Options{Logger: slog.New(slog.NewTextHandler(&logs, nil)), Clock: clock})
	require.NoError(t, err)
	prepared, err := e.Prepare(context.Background(), []engine.Config{behind(t, p)})
	require.NoError(t, err)
	prepared.Commit()
	serves(t, e, "www.example.org.")
	p.answers(dns.RcodeRefused, false)
	for range 5 {
		p.questions()
		clock.step(3 * time.Hour)
		p.visited(t, e)
	}
	p.answers(0, false)
	clock.step(3 * time.Hour)
	eventually(t, "asked", func() bool { return source(e).Why == "" })
	require.NoError(t, e.Close())
	for what, times := range map[string]int{
		`msg="content was transferred" zone=example.org. primary=` + p.addr.String() + ` result="serial 10 by AXFR`: 1,
		`msg="a primary does not give the zone" zone=example.org.`:                                                  1,
		`REFUSED`:                          1,
		`msg="a primary answers again"`:    1,
		`level=INFO msg="asked a primary"`: 0,
	} {
		require.Equal(t, times, strings.Count(logs.text.String(), what), "%s\n%s", what, logs.text.String())
	}
}

// What updates have changed beside a file stays when the content comes from a primary,
// and `drop` takes it back, also after a restart.
func TestUpdatesStayBehindAPrimary(t *testing.T) {
	t.Parallel()
	p := newScripted(t, nil, text("10", "other.example.org. 300 A 192.0.2.82"))
	dir, clock := t.TempDir(), newManual(moment)
	cfg := updatable(t, write(t, content))
	e := by(t, clock, dir, cfg)
	served(t, e)
	require.Nil(t, send(t, e, "new 60 A 192.0.2.81"))
	require.NoError(t, e.Close())

	e = by(t, clock, dir, behind(t, p))
	serves(t, e, "other.example.org.")
	require.True(t, answersFor(t, e, "new"))
	require.NoError(t, e.Close())

	e = by(t, clock, dir, behind(t, p))
	serves(t, e, "other.example.org.")
	eventually(t, "nothing is under way", e.Idle)
	require.True(t, answersFor(t, e, "new"))
	_, err := e.Do(context.Background(), apex, engine.Command{Kind: "drop", Args: []string{"new.example.org.", "A"}})
	require.NoError(t, err)
	require.False(t, answersFor(t, e, "new"))
}
