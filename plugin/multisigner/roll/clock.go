package roll

import (
	"slices"
	"time"
)

// moment is a time on the state's own clock, in nanoseconds; 0 is never. That clock
// starts at the wall clock's time and then advances only by what the wall clock and the
// steady clock both say has passed, so that no jump of either ends a wait
// (PROTOCOL slower-clock-counts).
type moment int64

// advance moves the state's clock to now.
func (f *facts) advance(now, steady time.Time) {
	wall := now.UnixNano()
	if f.Clock == 0 {
		f.Clock = moment(wall)
	} else {
		passed := wall - f.Wall
		if !steady.IsZero() && f.Steady != 0 {
			passed = min(passed, steady.UnixNano()-f.Steady)
		}
		f.Clock += moment(max(passed, 0))
	}
	f.Wall = wall
	f.lags()
	if !steady.IsZero() {
		f.Steady = steady.UnixNano()
	}
}

// lag is how far our own time is behind the wall clock from a moment on. Only people
// need it, who look moments up in a log.
type lag struct {
	From moment `json:"from"`
	By   int64  `json:"by"`
}

// Lags that are remembered, and the least change of one that is: our choice.
const (
	lagsAtMost = 16
	lagLeast   = int64(time.Second)
)

// lags notes when the lag has changed.
func (f *facts) lags() {
	by, last := f.Wall-int64(f.Clock), int64(0)
	if n := len(f.Behind); n > 0 {
		last = f.Behind[n-1].By
	}
	if d := by - last; d < lagLeast && d > -lagLeast {
		return
	}
	// What has this moment happened before: our time may have stood still since.
	f.Behind = append(slices.Clip(f.Behind), lag{f.Clock + 1, by})
	if len(f.Behind) > lagsAtMost {
		f.Behind = f.Behind[1:]
	}
}

// at translates a wall-clock time that lies in the past; a later one is now.
func (z *step) at(wall time.Time) moment {
	if wall == z.now { // most looks are as new as they can be
		return z.t
	}
	return z.t - moment(max(z.now.Sub(wall), 0))
}

// wall translates back, for people: what the wall clock showed then, or will show if
// it runs as it should.
func (z *step) wall(m moment) time.Time {
	if m == 0 {
		return time.Time{}
	}
	lost := time.Duration(0)
	for i := len(z.f.Behind) - 1; i >= 0 && m < z.f.Behind[i].From; i-- {
		lost = time.Duration(z.f.Behind[len(z.f.Behind)-1].By)
		if i > 0 {
			lost -= time.Duration(z.f.Behind[i-1].By)
		}
	}
	return z.now.Add(time.Duration(m-z.t) - lost)
}

// horizon is for how long a TTL of someone else is expected to come back: it may be
// in force between two looks, just before the record is replaced. Our choice.
const horizon = moment(7 * 24 * time.Hour)

// peaks remembers the TTLs that records in a cache may still have: the current one and
// every larger one until the last record with it has expired; of others' TTLs, also those
// that were seen within the horizon (PROTOCOL largest-ttl-counts).
type peaks [3]peak

type peak struct {
	TTL  moment `json:"ttl"`
	Last moment `json:"last"` // it was in force until then at the latest
}

// see notes that ttl is in force now. Falling values stand in the list from the
// largest; when it is full, the two smallest become one with the worse of both.
func (p *peaks) see(ttl time.Duration, t moment) { p.note(ttl, 0, t) }

// note does so where a TTL may be in force for longer than it was seen.
func (p *peaks) note(ttl time.Duration, longer, t moment) {
	if ttl <= 0 {
		return
	}
	v := moment(ttl)
	n := 0
	for n < len(p) && p[n].TTL != 0 {
		n++
	}
	if n > 0 {
		p[n-1].Last = t // what was in force until this look
	}
	live := 0
	for i := range n {
		if p[i].TTL > v && p[i].Last+p[i].TTL+longer > t {
			p[live] = p[i]
			live++
		}
	}
	if live == len(p) {
		p[live-1] = peak{p[live-1].TTL, t}
		return
	}
	p[live] = peak{v, t}
	for i := live + 1; i < len(p); i++ {
		p[i] = peak{}
	}
}

// seeAll notes the largest TTL that any of several addresses has. When not all have
// answered, it cannot have fallen; and where nobody looks it falls later.
func (p *peaks) seeAll(ttl time.Duration, complete bool, later, t moment) {
	if !complete {
		ttl = max(ttl, time.Duration(p.current()))
	}
	p.note(ttl, horizon+later, t)
}

// current is the TTL that was seen last.
func (p *peaks) current() moment {
	v := moment(0)
	for i := range p {
		if p[i].TTL != 0 {
			v = p[i].TTL
		}
	}
	return v
}

// max is the largest TTL that a cached record may have.
func (p *peaks) max() moment { return p[0].TTL }

func larger(p, q *peaks) *peaks {
	if q.max() > p.max() {
		return q
	}
	return p
}
