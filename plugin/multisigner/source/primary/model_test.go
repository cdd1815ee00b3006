package primary_test

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/source/primary"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// world is a zone at primaries that fail in all ways, second by second.
type world struct {
	rng     *rand.Rand
	latest  uint32 // the serial that an editor has written last
	soa     primary.Timers
	bad     map[uint32]bool // serials that cannot be served
	servers map[string]*server
}

type server struct {
	serial uint32
	down   bool
	broken bool          // it fails at IXFR, and hangs up
	expire time.Duration // in EDNS EXPIRE; 0: it says none
}

// answer is what a visit comes to.
func (w *world) answer(f *primary.Fetch) primary.Result {
	s := w.servers[f.Primary]
	r := primary.Result{Serial: s.serial, SOA: w.soa, Expire: s.expire, Expires: s.expire != 0}
	how := f.How(s.serial)
	switch {
	case s.down:
		return primary.Result{Why: "down"}
	case how == primary.Incremental && s.broken:
		return primary.Result{Why: "broken", Broken: true}
	case how == primary.Nothing:
		r.Outcome = primary.Same
	case how == primary.GoneBack:
		r.Outcome = primary.Older
	case how == primary.KnownBad || w.bad[s.serial]:
		r.Outcome = primary.Rejected
	default:
		r.Outcome = primary.Took
	}
	return r
}

// change lets something happen in the world.
func (w *world) change() {
	names := []string{"A", "B", "C"}
	s := w.servers[names[w.rng.IntN(len(names))]]
	switch w.rng.IntN(8) {
	case 0:
		w.latest += 1 + uint32(w.rng.IntN(3))
		w.bad[w.latest] = w.rng.IntN(4) == 0
		s.serial = w.latest
	case 1, 2:
		s.serial = w.latest
	case 3:
		s.down = !s.down
	case 4:
		s.broken = !s.broken
	case 5:
		s.expire = time.Duration(w.rng.IntN(3)*w.rng.IntN(400)) * time.Second
	case 6:
		s.serial -= uint32(w.rng.IntN(3)) // an old one was restored
	case 7:
		w.soa = primary.Timers{Refresh: uint32(w.rng.IntN(100)), Retry: uint32(w.rng.IntN(40)), Expire: uint32(w.rng.IntN(900))}
	}
}

// told is an event as the model remembers it, in seconds of a clock that is never set.
type told struct {
	at float64
	e  primary.Event
}

// model says from all that ever happened what is to be known. It asks at every second
// whether a round is to begin, and knows no moment in advance.
type model struct {
	config  primary.Config
	history []told

	round    []string // primaries of the round that have not ended
	busy     bool
	good     bool
	forced   bool
	forcing  bool
	whole    bool
	failures int
	next     float64 // of the round's own accord
	paced    float64
	notice   *primary.Notice
	noticeAt float64
}

// facts go through the history from its beginning.
type facts struct {
	has       bool
	serial    uint32
	soa       primary.Timers
	refreshed float64
	expires   float64
	rejected  map[string]uint32 // the primary that had it: at most one
	broken    map[string]uint32
	back      map[string]uint32
}

func (m *model) facts() facts {
	f := facts{rejected: map[string]uint32{}, broken: map[string]uint32{}, back: map[string]uint32{}}
	for _, h := range m.history {
		r, from := h.e.Result, h.e.From
		if h.e.Kind == primary.Retransfer {
			f.rejected = map[string]uint32{}
		}
		if h.e.Kind != primary.Ended {
			continue
		}
		delete(f.broken, from)
		switch r.Outcome {
		case primary.Failed:
			if r.Broken {
				f.broken[from] = f.serial
			}
		case primary.Same, primary.Took:
			if r.Outcome == primary.Took {
				f = facts{has: true, serial: r.Serial, rejected: map[string]uint32{}, broken: map[string]uint32{}, back: map[string]uint32{}}
			}
			f.soa, f.refreshed = r.SOA, h.at
			f.expires = max(f.expires, h.at+m.life(r).Seconds())
			delete(f.rejected, from)
			delete(f.back, from)
		case primary.Older:
			f.back = map[string]uint32{from: r.Serial}
		case primary.Rejected:
			if !contains(f.rejected, r.Serial) {
				f.rejected = map[string]uint32{from: r.Serial}
			}
		}
	}
	return f
}

func contains(m map[string]uint32, serial uint32) bool {
	for _, s := range m {
		if s == serial {
			return true
		}
	}
	return false
}

func clamp(seconds uint32, low, high time.Duration) time.Duration {
	return max(low, min(high, time.Duration(seconds)*time.Second))
}

func (m *model) refresh(soa primary.Timers) time.Duration {
	return clamp(soa.Refresh, m.config.RefreshMin, m.config.RefreshMax)
}

func (m *model) retry(soa primary.Timers) time.Duration {
	return clamp(soa.Retry, m.config.RetryMin, m.config.RetryMax)
}

func (m *model) life(r primary.Result) time.Duration {
	life := max(time.Duration(r.SOA.Expire)*time.Second, m.refresh(r.SOA)+m.retry(r.SOA))
	if r.Expires && r.Expire >= 2*time.Second && r.Expire < life {
		life = r.Expire
	}
	return life
}

// tell takes in an event.
func (m *model) tell(at float64, e primary.Event) {
	f := m.facts()
	switch e.Kind {
	case primary.Start:
		m.forced = m.forced || m.forcing
		m.busy, m.round, m.good, m.forcing = false, nil, false, false
		if !f.has {
			m.next = at
		}
		m.noticed(e)
	case primary.Retransfer:
		m.forced = true
	case primary.Notify:
		if f.has && !zone.SerialAfter(e.Serial, f.serial) || contains(f.rejected, e.Serial) {
			return
		}
		m.noticed(e)
	}
	m.history = append(m.history, told{at, e})
	if e.Kind == primary.Ended {
		m.round, m.busy, m.paced = m.round[1:], false, max(m.paced, at)+1
		m.end(at, e.Result)
	}
}

// noticed takes in a NOTIFY, or a start, at which one may have been missed.
func (m *model) noticed(e primary.Event) {
	n := &primary.Notice{From: e.From, Serial: e.Serial, Known: e.Known}
	if was := m.notice; was != nil && was.Known && (!n.Known || zone.SerialAfter(was.Serial, n.Serial)) {
		n.Serial, n.Known = was.Serial, true
	}
	m.notice, m.noticeAt = n, 0
}

// end is what a visit's end does to the round.
func (m *model) end(at float64, r primary.Result) {
	f := m.facts()
	m.good = m.good || r.Outcome == primary.Same || r.Outcome == primary.Took
	switch {
	case r.Outcome == primary.Took:
		m.forcing, m.whole = false, false
	case r.Outcome == primary.Rejected && m.forcing:
		m.whole = false
	}
	missing := m.notice != nil && m.notice.Known && (!f.has || zone.SerialAfter(m.notice.Serial, f.serial))
	if len(m.round) > 0 && (!m.good || missing && m.notice.Asked) {
		return
	}
	m.round, m.forcing = nil, false
	if m.good {
		wait := min(m.refresh(f.soa).Seconds(), max(m.config.RefreshMin.Seconds(), (f.expires-at)/2))
		m.failures, m.next = 0, at+m.spread(wait)
	} else if m.failures == 0 || m.next <= at {
		m.failures++
		wait := float64(5 * m.failures * m.failures)
		if f.has {
			wait = m.retry(f.soa).Seconds()
			for range m.failures - 1 {
				wait = min(2*wait, 1e9)
			}
		}
		m.next = at + m.spread(min(wait, m.config.RetryMax.Seconds()))
	}
	switch {
	case m.notice == nil || !m.notice.Asked && (missing || !m.notice.Known):
	case !missing || !m.good:
		m.notice = nil
	case m.notice.Tries == 1:
		m.notice = nil
	default:
		m.notice.Tries++
		m.noticeAt = at + m.config.RetryMin.Seconds()
	}
	m.good = false
}

func (m *model) spread(wait float64) float64 {
	h := fnv.New32a()
	h.Write([]byte(m.config.Zone))
	return wait * (1 - float64(h.Sum32())/(1<<32)/10)
}

// begins says at a second which primary is to be asked; "" for none.
func (m *model) begins(at float64) string {
	if m.busy {
		return ""
	}
	if len(m.round) == 0 {
		noticed := m.notice != nil && at >= m.paced-4 && at >= m.noticeAt
		if !m.forced && !noticed && at < m.next {
			return ""
		}
		m.whole = m.whole || m.forced
		m.round, m.forcing, m.forced = slices.Clone(m.config.Primaries), m.whole, false
		if m.notice != nil {
			m.notice.Asked = true
			if i := slices.Index(m.round, m.notice.From); i > 0 {
				m.round = slices.Insert(slices.Delete(m.round, i, i+1), 0, m.notice.From)
			}
		}
	}
	m.busy = true
	return m.round[0]
}

// What Next knows and does is what a model says that goes through all that ever happened,
// second by second, whatever primaries, clocks and processes do. And at the end, when all
// is well for a while, we have what the primaries have.
func TestAgainstModel(t *testing.T) {
	seeds, first := 1000, 1
	if s, err := strconv.Atoi(os.Getenv("PRIMARY_SEED")); err == nil {
		seeds, first = 1, s
	}
	for seed := first; seed < first+seeds; seed++ {
		run(t, uint64(seed))
		if t.Failed() {
			t.Fatalf("PRIMARY_SEED=%d shows it again", seed)
		}
	}
}

func run(t *testing.T, seed uint64) {
	rng := rand.New(rand.NewPCG(seed, 1))
	config := primary.Config{
		Zone:      zone.MustName(fmt.Sprintf("z%d.example.", seed)),
		Primaries: []string{"A", "B", "C"}[:1+rng.IntN(3)], RefreshMin: 20 * time.Second, RefreshMax: 60 * time.Second,
		RetryMin: 5 * time.Second, RetryMax: 50 * time.Second,
	}
	w := &world{rng: rng, latest: uint32(rng.IntN(2)) * (1<<32 - 5), bad: map[uint32]bool{}, servers: map[string]*server{},
		soa: primary.Timers{Refresh: 30, Retry: 10, Expire: 300}}
	for _, name := range []string{"A", "B", "C"} {
		w.servers[name] = &server{serial: w.latest, down: rng.IntN(4) == 0}
	}
	m := &model{config: config}
	var s primary.State
	var fetch *primary.Fetch
	offset := 0.0 // how far the clock was set back
	var until time.Time
	ends := 0.0
	const last, calm = 800, 450
	restart := false
	for at := 0.0; at < last; at++ {
		now := begin.Add(time.Duration((at - offset) * float64(time.Second)))
		var events []primary.Event
		if at == 0 || restart {
			events, restart, fetch = append(events, primary.Event{Kind: primary.Start}), false, nil
		}
		if at < calm && rng.IntN(8) == 0 {
			w.change()
		}
		if at == calm {
			w.latest++
			w.soa = primary.Timers{Refresh: 30, Retry: 10, Expire: 300}
			for _, s := range w.servers {
				*s = server{serial: w.latest}
			}
		}
		if rng.IntN(20) == 0 && at < calm {
			from := []string{"A", "B", "C", ""}[rng.IntN(4)]
			serial := w.latest + uint32(rng.IntN(2)*rng.IntN(3)) - uint32(rng.IntN(2))
			events = append(events, primary.Event{Kind: primary.Notify, From: from, Serial: serial, Known: true})
		}
		if rng.IntN(150) == 0 && at < calm {
			events = append(events, primary.Event{Kind: primary.Retransfer})
		}
		if fetch != nil && at >= ends {
			events = append(events, primary.Event{Kind: primary.Ended, From: fetch.Primary, Result: w.answer(fetch)})
			fetch = nil
		}
		if !until.After(now) && len(events) == 0 {
			events = append(events, primary.Event{})
		}
		for _, e := range events {
			if e.Kind == primary.Ended {
				check(t, s, m, e, w)
			}
			var a primary.Action
			was := s
			s, a = primary.Next(s, config, e, now)
			saved, err := json.Marshal(s)
			require.NoError(t, err)
			s = primary.State{}
			require.NoError(t, json.Unmarshal(saved, &s))
			m.tell(at, e)
			until = a.Until
			want := m.begins(at)
			got := ""
			if a.Fetch != nil {
				got = a.Fetch.Primary
				fetch, ends = a.Fetch, at+float64(rng.IntN(4))
			}
			if !same(t, want, got, "seed %d, second %v: who is asked, after %+v of %+v", seed, at, e, was) {
				return
			}
			if !agree(t, s, m, now, at) {
				t.Logf("seed %d, second %v, after %+v", seed, at, e)
				return
			}
			if a.Fetch != nil && !plans(t, m, a.Fetch) {
				t.Logf("seed %d, second %v", seed, at)
				return
			}
		}
		// The model would begin now, and nobody has told Next: Until was too late.
		if want := m.begins(at); !same(t, "", want, "seed %d, second %v: nobody was to be asked until %s, it is %s", seed, at, until, now) {
			return
		}
		if rng.IntN(100) == 0 && at < calm {
			// The clock is set back. What has passed since the last call would not be known.
			s, _ = primary.Next(s, config, primary.Event{}, now)
			back := float64(rng.IntN(1000))
			offset += back
			var a primary.Action
			s, a = primary.Next(s, config, primary.Event{}, now.Add(-time.Duration(back*float64(time.Second))))
			until = a.Until
			if a.Fetch != nil || !agree(t, s, m, now.Add(-time.Duration(back*float64(time.Second))), at) {
				t.Errorf("seed %d, second %v: the clock was set back", seed, at)
				return
			}
		}
		restart = rng.IntN(200) == 0 && at < calm
	}
	require.Equal(t, w.latest, s.Serial, "seed %d: all has been well for long, and we have not what they have", seed)
	require.False(t, s.Expired(s.Seen))
	require.Nil(t, s.Rejected)
	require.Zero(t, s.Failures)
}

// same is require.Equal that lets the caller stop: it is called millions of times.
func same(t *testing.T, want, got string, format string, args ...any) bool {
	if want != got {
		t.Errorf("%s: want %q, got %q", fmt.Sprintf(format, args...), want, got)
	}
	return want == got
}

// check holds what must not be, whatever a model says.
func check(t *testing.T, s primary.State, m *model, e primary.Event, w *world) {
	f := m.facts()
	if e.Result.Outcome == primary.Took && f.has && !m.forcing && !zone.SerialAfter(e.Result.Serial, f.serial) {
		t.Errorf("serial %d was taken after %d, and nobody has asked for that", e.Result.Serial, f.serial)
	}
	if e.Result.Outcome == primary.Took && w.bad[e.Result.Serial] {
		t.Error("what cannot be served was taken")
	}
	if s.Busy != e.From {
		t.Errorf("%s ends, and %q is asked", e.From, s.Busy)
	}
}

// agree compares the state with the model's facts.
func agree(t *testing.T, s primary.State, m *model, now time.Time, at float64) bool {
	f := m.facts()
	moment := func(seconds float64) string {
		return now.Add(time.Duration((seconds - at) * float64(time.Second))).Round(time.Millisecond).String()
	}
	type view struct {
		Has                bool
		Serial             uint32
		Refreshed, Expires string
		Failures           int
		Rejected, Broken   string
		Back               string
		Expired, Half      bool
		Whole              bool
	}
	want := view{Has: f.has, Serial: f.serial, Failures: m.failures, Broken: fmt.Sprint(f.broken), Back: fmt.Sprint(f.back), Rejected: "map[]", Whole: m.whole}
	for _, serial := range f.rejected {
		want.Rejected = fmt.Sprint(serial)
	}
	got := view{Has: s.Has, Serial: s.Serial, Failures: s.Failures, Broken: "map[]", Back: "map[]", Rejected: "map[]", Whole: s.Whole}
	if len(s.Broken) > 0 {
		got.Broken = fmt.Sprint(s.Broken)
	}
	if s.Back != nil {
		got.Back = fmt.Sprint(map[string]uint32{s.Back.Primary: s.Back.Serial})
	}
	if s.Rejected != nil {
		got.Rejected = fmt.Sprint(s.Rejected.Serial)
	}
	if f.has {
		want.Refreshed, want.Expires = moment(f.refreshed), moment(f.expires)
		got.Refreshed, got.Expires = s.Refreshed.Round(time.Millisecond).String(), s.Expires.Round(time.Millisecond).String()
		want.Expired, want.Half = at >= f.expires, at >= f.refreshed+(f.expires-f.refreshed)/2
		got.Expired, got.Half = s.Expired(now), s.HalfGone(now)
	}
	if want != got {
		t.Errorf("want %+v\n got %+v", want, got)
	}
	return want == got
}

// plans compares what a visit is to do.
func plans(t *testing.T, m *model, got *primary.Fetch) bool {
	f := m.facts()
	want := primary.Fetch{Primary: m.round[0], Have: f.has, Serial: f.serial, Forced: m.forcing}
	if at, ok := f.broken[m.round[0]]; ok {
		want.Whole = at == f.serial
	}
	for _, serial := range f.rejected {
		want.Bad, want.HasBad = serial, true
	}
	if want != *got {
		t.Errorf("want %+v\n got %+v", want, *got)
	}
	return want == *got
}
