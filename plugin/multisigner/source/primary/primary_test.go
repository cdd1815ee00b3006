package primary_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/source/primary"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

var (
	begin = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	soa   = primary.Timers{Refresh: 3600, Retry: 600, Expire: 864000}
)

// player plays one zone: a clock, a state, and what was last to be done.
type player struct {
	t      *testing.T
	config primary.Config
	now    time.Time
	state  primary.State
	fetch  *primary.Fetch // under way
	until  time.Time
}

// play starts a zone with these primaries.
func play(t *testing.T, primaries ...string) *player {
	p := &player{t: t, now: begin, config: primary.Config{Zone: zone.MustName("example.org."), Primaries: primaries}}
	p.tell(primary.Event{Kind: primary.Start})
	return p
}

func (p *player) tell(e primary.Event) {
	p.t.Helper()
	before, err := json.Marshal(p.state)
	require.NoError(p.t, err)
	next, action := primary.Next(p.state, p.config, e, p.now)
	after, err := json.Marshal(p.state)
	require.NoError(p.t, err)
	require.Equal(p.t, string(before), string(after), "the state before is not changed")
	// It is saved and read again each time.
	saved, err := json.Marshal(next)
	require.NoError(p.t, err)
	p.state = primary.State{}
	require.NoError(p.t, json.Unmarshal(saved, &p.state))
	if action.Fetch != nil {
		require.Nil(p.t, p.fetch, "one fetch at a time")
		p.fetch = action.Fetch
	}
	require.True(p.t, action.Until.After(p.now), "time that has come is no wait")
	p.until = action.Until
}

// pass lets time go by, with ticks as they were asked for.
func (p *player) pass(d time.Duration) {
	p.t.Helper()
	end := p.now.Add(d)
	for p.until.Before(end) && p.fetch == nil {
		p.now = p.until
		p.tell(primary.Event{})
	}
	if p.now.Before(end) {
		p.now = end
		p.tell(primary.Event{})
	}
}

// idle passes the time until a fetch is begun, and gives how long that was.
func (p *player) idle() time.Duration {
	p.t.Helper()
	from := p.now
	for range 100 {
		if p.fetch != nil {
			return p.now.Sub(from)
		}
		p.now = p.until
		p.tell(primary.Event{})
	}
	p.t.Fatal("nothing is asked any more")
	return 0
}

// asks says which primary is being asked, and how it would be fetched at that serial.
func (p *player) asks(of string, serial uint32, how primary.How) {
	p.t.Helper()
	require.NotNil(p.t, p.fetch, "nobody is asked")
	require.Equal(p.t, of, p.fetch.Primary)
	require.Equal(p.t, how, p.fetch.How(serial))
}

func (p *player) quiet() {
	p.t.Helper()
	require.Nil(p.t, p.fetch, "somebody is asked")
}

func (p *player) ends(r primary.Result) {
	p.t.Helper()
	require.NotNil(p.t, p.fetch, "nobody is asked")
	from := p.fetch.Primary
	p.fetch = nil
	if r.SOA == (primary.Timers{}) {
		r.SOA = soa
	}
	p.tell(primary.Event{Kind: primary.Ended, From: from, Result: r})
}

func (p *player) took(serial uint32) {
	p.t.Helper()
	p.ends(primary.Result{Outcome: primary.Took, Serial: serial})
}

func (p *player) fails() {
	p.t.Helper()
	p.ends(primary.Result{Outcome: primary.Failed, Why: "timeout"})
}

func (p *player) notify(from string, serial uint32) {
	p.t.Helper()
	p.tell(primary.Event{Kind: primary.Notify, From: from, Serial: serial, Known: serial != 0})
}

// A zone is fetched at the start, asked after as its SOA says, and fetched again when
// that has moved.
func TestRefresh(t *testing.T) {
	p := play(t, "A")
	p.asks("A", 7, primary.Full)
	p.took(7)
	p.quiet()
	require.Equal(t, begin.Add(864000*time.Second), p.state.Expires)
	wait := p.idle()
	require.InDelta(t, 3420, wait.Seconds(), 181, "an hour less up to a tenth")
	p.asks("A", 7, primary.Nothing)
	p.ends(primary.Result{Outcome: primary.Same, Serial: 7})
	require.Equal(t, wait, p.idle(), "it is always the same")
	p.asks("A", 8, primary.Incremental)
	p.took(8)
	require.Equal(t, uint32(8), p.state.Serial)
}

// No answer that says nothing of the zone puts its end off: SERVFAIL and REFUSED do not.
func TestExpire(t *testing.T) {
	p := play(t, "A")
	p.took(7)
	for range 2000 {
		if p.idle(); p.state.Expired(p.now) {
			break
		}
		p.fails()
	}
	require.True(t, p.state.Expired(p.now))
	require.Equal(t, begin.Add(864000*time.Second), p.state.Expires)
	p.ends(primary.Result{Outcome: primary.Same, Serial: 7})
	require.False(t, p.state.Expired(p.now), "it is good again")
}

// Half of the time before the end somebody is told; at both moments there is a tick.
func TestHalfTime(t *testing.T) {
	p := play(t, "A")
	p.took(7)
	for !p.state.HalfGone(p.now) {
		p.idle()
		p.fails()
		for p.fetch == nil && !p.state.HalfGone(p.now) {
			p.now = p.until
			p.tell(primary.Event{})
		}
	}
	require.False(t, p.state.Expired(p.now))
	require.Equal(t, begin.Add(432000*time.Second), p.now)
}

// EDNS EXPIRE shortens what the SOA says, and is asked after in time; it never takes
// away what another primary has said.
func TestExpireOption(t *testing.T) {
	p := play(t, "A", "B")
	p.ends(primary.Result{Outcome: primary.Took, Serial: 7, Expire: 1000 * time.Second, Expires: true})
	require.Equal(t, begin.Add(1000*time.Second), p.state.Expires)
	require.Less(t, p.idle(), 501*time.Second)
	p.ends(primary.Result{Outcome: primary.Same, Serial: 7, Expire: 100 * time.Second, Expires: true})
	require.Equal(t, begin.Add(1000*time.Second), p.state.Expires)
	p.idle()
	p.ends(primary.Result{Outcome: primary.Same, Serial: 7, Expire: time.Second, Expires: true})
	require.Equal(t, p.now.Add(864000*time.Second), p.state.Expires, "less than 2 s is not meant")
}

// Primaries are asked in order until one is good; when none is, the wait grows.
func TestSeveralPrimaries(t *testing.T) {
	p := play(t, "A", "B", "C")
	p.asks("A", 7, primary.Full)
	p.fails()
	p.asks("B", 7, primary.Full)
	p.fails()
	p.asks("C", 7, primary.Full)
	p.took(7)
	p.quiet()
	p.idle()
	var waits []time.Duration
	for range 6 {
		for range 3 {
			p.fails()
		}
		waits = append(waits, p.idle())
	}
	for i, wait := range waits {
		require.InDelta(t, min(600*float64(int(1)<<i), 3600)*0.95, wait.Seconds(), min(600*float64(int(1)<<i), 3600)*0.051)
	}
	require.Equal(t, 6, p.state.Failures)
	p.ends(primary.Result{Outcome: primary.Same, Serial: 7})
	require.Zero(t, p.state.Failures)
}

// Without content it is asked again soon, and less and less often.
func TestNoContentYet(t *testing.T) {
	p := play(t, "A")
	last := time.Duration(0)
	for n := 1; n < 40; n++ {
		p.fails()
		wait := p.idle()
		most := min(time.Duration(5*n*n)*time.Second, time.Hour)
		require.LessOrEqual(t, wait, most)
		require.GreaterOrEqual(t, wait, most*9/10)
		require.GreaterOrEqual(t, wait, last)
		last = wait
	}
}

// A NOTIFY begins a round at once, with the one who sent it; what we have already does not.
func TestNotify(t *testing.T) {
	p := play(t, "A", "B")
	p.took(7)
	p.pass(time.Minute)
	p.notify("B", 7)
	p.notify("B", 6)
	p.quiet()
	p.notify("B", 8)
	p.asks("B", 8, primary.Incremental)
	p.notify("A", 9) // meanwhile
	p.took(8)
	p.pass(2 * time.Second)
	p.asks("A", 9, primary.Incremental)
	p.took(9)
	p.quiet()
	require.Nil(t, p.state.Told)
	p.pass(time.Minute)
	p.notify("A", 0)
	p.asks("A", 9, primary.Nothing)
	p.ends(primary.Result{Outcome: primary.Same, Serial: 9})
	p.quiet()
	require.Nil(t, p.state.Told)
}

// A process that starts asks each primary once: for what may have come while nobody was here.
func TestStart(t *testing.T) {
	p := play(t, "A", "B")
	p.fails()
	p.took(7)
	p.pass(10 * time.Second)
	p.quiet()
	p.fetch = nil
	p.tell(primary.Event{Kind: primary.Start})
	p.asks("A", 7, primary.Nothing)
	p.ends(primary.Result{Outcome: primary.Same, Serial: 7})
	require.Nil(t, p.state.Told)
	require.Greater(t, p.idle(), 50*time.Minute)
	p.ends(primary.Result{Outcome: primary.Same, Serial: 7})

	p.notify("B", 9) // it is being answered when the process dies
	p.asks("B", 9, primary.Incremental)
	p.fetch = nil
	p.tell(primary.Event{Kind: primary.Start})
	p.ends(primary.Result{Outcome: primary.Same, Serial: 7})
	p.asks("B", 9, primary.Incremental)
	p.took(9)
	require.Greater(t, p.idle(), 50*time.Minute)
}

// A serial that no primary turns out to have is asked after once more, and forgotten.
func TestNotifyOfNothing(t *testing.T) {
	p := play(t, "A", "B")
	p.took(7)
	p.pass(time.Minute)
	p.notify("A", 100)
	for _, of := range []string{"A", "B", "A", "B"} {
		p.idle()
		p.asks(of, 7, primary.Nothing)
		p.ends(primary.Result{Outcome: primary.Same, Serial: 7})
	}
	require.Nil(t, p.state.Told)
	require.Greater(t, p.idle(), 50*time.Minute)
}

// A round that a NOTIFY or an operator begins before its time does not put off the next
// one: who tries a mend again and again, or is sent NOTIFYs that nobody can answer, would
// else wait for an hour when the primary is back.
func TestEarlyFailures(t *testing.T) {
	p := play(t, "A")
	p.took(10)
	p.idle()
	p.fails()
	next := p.state.Next
	for range 8 {
		p.pass(10 * time.Second)
		p.notify("A", 11)
		p.fails()
	}
	p.tell(primary.Event{Kind: primary.Retransfer})
	p.fails()
	require.Equal(t, next, p.state.Next)
	require.Equal(t, 1, p.state.Failures)
	p.idle()
	p.fails()
	require.Equal(t, 2, p.state.Failures, "one that came in its time counts")
}

// A storm of NOTIFYs is one fetch a second in the long run.
func TestNotifyStorm(t *testing.T) {
	p := play(t, "A")
	p.took(7)
	fetches := 0
	for i := range 1000 {
		p.now = p.now.Add(10 * time.Millisecond)
		p.notify("A", uint32(1000+i))
		if p.fetch != nil {
			fetches++
			p.ends(primary.Result{Outcome: primary.Same, Serial: 7})
		}
	}
	require.LessOrEqual(t, fetches, 15)
	require.GreaterOrEqual(t, fetches, 13)
}

// A few changes one after the other wait for nothing.
func TestChangesOneAfterTheOther(t *testing.T) {
	p := play(t, "A")
	p.took(7)
	p.pass(5 * time.Second)
	for serial := uint32(8); serial < 13; serial++ {
		p.notify("A", serial)
		p.asks("A", serial, primary.Incremental)
		p.took(serial)
	}
	p.notify("A", 13)
	p.quiet()
	p.pass(time.Second)
	p.asks("A", 13, primary.Incremental)
}

// A primary that went back gives nothing, and does not put the end off; who wants its
// zone says so.
func TestOlderSerial(t *testing.T) {
	p := play(t, "A")
	p.took(7)
	p.idle()
	p.asks("A", 6, primary.GoneBack)
	p.ends(primary.Result{Outcome: primary.Older, Serial: 6})
	require.Equal(t, &primary.Backward{Primary: "A", Serial: 6, Since: p.now}, p.state.Back)
	require.Equal(t, begin.Add(864000*time.Second), p.state.Expires)
	p.tell(primary.Event{Kind: primary.Retransfer})
	p.asks("A", 6, primary.Full)
	p.took(6)
	require.Nil(t, p.state.Back)
	require.Equal(t, uint32(6), p.state.Serial)
	p.idle()
	p.asks("A", 6, primary.Nothing)
	p.asks("A", 5, primary.GoneBack)
}

// What was refused is not fetched again, but the next serial is.
func TestBadContent(t *testing.T) {
	p := play(t, "A")
	p.took(7)
	p.idle()
	p.ends(primary.Result{Outcome: primary.Rejected, Serial: 8, Why: "no NS"})
	for range 3 {
		p.notify("A", 8)
		p.quiet()
		p.idle()
		p.asks("A", 8, primary.KnownBad)
		p.ends(primary.Result{Outcome: primary.Rejected, Serial: 8, Why: "as before"})
		require.Equal(t, "no NS", p.state.Rejected.Why)
	}
	require.Equal(t, begin.Add(864000*time.Second), p.state.Expires)
	p.notify("A", 9)
	p.idle()
	p.asks("A", 9, primary.Incremental)
	p.took(9)
	require.Nil(t, p.state.Rejected)
	p.idle()
	p.ends(primary.Result{Outcome: primary.Rejected, Serial: 10})
	p.tell(primary.Event{Kind: primary.Retransfer})
	p.asks("A", 10, primary.Full)
}

// An IXFR that failed is followed by one full transfer there, and then by IXFR again.
func TestBrokenIncremental(t *testing.T) {
	p := play(t, "A", "B")
	p.took(7)
	p.idle()
	p.asks("A", 8, primary.Incremental)
	p.ends(primary.Result{Outcome: primary.Failed, Broken: true})
	p.asks("B", 8, primary.Incremental)
	p.fails()
	p.idle()
	p.asks("A", 8, primary.Full)
	p.fails()
	p.fails()
	p.idle()
	p.asks("A", 8, primary.Incremental)
}

// A clock that is set back prolongs no wait but by as much, and a process that starts
// again goes on where the one before was.
func TestClocksAndStarts(t *testing.T) {
	p := play(t, "A")
	p.took(7)
	p.pass(time.Minute)
	p.now = p.now.Add(-24 * time.Hour)
	p.tell(primary.Event{})
	require.Equal(t, p.now.Add(864000*time.Second-time.Minute), p.state.Expires)
	require.Less(t, p.idle(), time.Hour)
	p.fetch = nil // the process dies
	p.tell(primary.Event{Kind: primary.Start})
	p.asks("A", 8, primary.Incremental)
	p.fetch = nil
	p.tell(primary.Event{Kind: primary.Ended, From: "A", Result: primary.Result{Outcome: primary.Same, Serial: 7, SOA: soa}})
	require.Equal(t, p.now, p.state.Refreshed)
	// An end that nobody waits for any more is passed over.
	p.pass(time.Minute)
	p.tell(primary.Event{Kind: primary.Ended, From: "A", Result: primary.Result{Outcome: primary.Took, Serial: 9, SOA: soa}})
	require.Equal(t, uint32(7), p.state.Serial)
}

// A primary that is configured no more is asked no more, and a zone without any waits.
func TestReconfigured(t *testing.T) {
	p := play(t, "A", "B")
	p.took(7)
	p.idle()
	p.config.Primaries = []string{"C"}
	p.ends(primary.Result{Outcome: primary.Failed})
	p.idle()
	p.asks("C", 8, primary.Incremental)
	p.fails()
	p.config.Primaries = nil
	p.pass(24 * time.Hour)
	p.quiet()
}
