package engine

import (
	"context"
	"fmt"
	"time"

	"github.com/multisigner/multisigner/plugin/multisigner/peer"
	"github.com/multisigner/multisigner/plugin/multisigner/validate"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// times is what a zone knows of the time, beside what the wall clock shows. That may be
// wrong by an hour or a year, at the start, later or for a while, and nobody tells us
// (PROTOCOL signatures-hold-by-either-clock). So there are two more readings:
//
// The mark is a moment that has come for sure. It advances as the steady clock
// does, and catches up with the wall clock only as far as signatures that others
// have made are a witness. Time in which we did not run is missing in it, as long
// as there is no witness; that does no harm.
//
// The run is what the wall clock showed when we first read it, advanced by the
// steady clock: it goes along when the wall clock is set back, and with a step
// forward only when that has lasted.
//
// Signatures begin at the earlier of wall clock and mark and end counted from the
// later, so they are good in the world whichever of the two is right. They are
// renewed by the later. Whether one has ended is judged by the mark and the run: a
// step forward that nobody bears witness to renews signatures, and takes away none.
type times struct {
	wall   time.Time
	steady time.Duration
	mark   time.Time
	run    time.Time
	setAt  time.Duration // the steady clock when the wall clock was last set forward
}

// written is a moment before which this program did not exist: machines without a
// battery start in 1970.
var written = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

const (
	// clockSlack is what the wall clock may differ from the steady one without having
	// been set: our choice, more than what adjusting it bit by bit amounts to.
	clockSlack = time.Second
	slewShare  = 1000 // and besides this share of the time, twice what NTP does
	// stepLasts is how long the wall clock must keep a step forward until signatures
	// are judged by it: our choice, in which somebody has noticed a wrong one.
	stepLasts = 24 * time.Hour
	// clockReach is how far from the mark the wall clock is followed when signatures are
	// dated and judged: their times are compared modulo 136 years (RFC 4034 3.1.5).
	clockReach = 60 * 365 * 24 * time.Hour
)

// beginTimes starts from the mark that was saved, the zero time if there is none.
func beginTimes(mark, wall time.Time, steady time.Duration) times {
	if mark.IsZero() {
		mark = wall
	}
	return times{wall: wall, steady: steady, mark: later(mark, written), run: wall}
}

// advance takes in what the clocks show now. It gives by how much the wall clock has
// been set since the last reading; 0 when it went as it should.
func (t *times) advance(wall time.Time, steady time.Duration) (set time.Duration) {
	passed := max(steady-t.steady, 0)
	slack := clockSlack + passed/slewShare
	set = wall.Sub(t.wall) - passed
	t.wall, t.steady = wall, steady
	t.mark = t.mark.Add(passed)
	t.run = t.run.Add(passed)
	if set > slack {
		t.setAt = steady
	}
	if lasted := t.setAt != 0 && steady-t.setAt >= stepLasts; lasted || wall.Sub(t.run) <= slack {
		t.run, t.setAt = wall, 0
	}
	if set >= -slack && set <= slack {
		return 0
	}
	return set
}

// witness takes in that somebody else has dated something by that moment. It raises
// the mark no further than the wall clock: both must agree.
func (t *times) witness(at time.Time) {
	if at.After(t.wall) {
		at = t.wall
	}
	t.mark = later(t.mark, at)
}

// judged is the time by which it is judged whether a signature has ended.
func (t *times) judged() time.Time { return later(t.mark, t.withinReach(t.run)) }

// latest is the time by which signatures are renewed, and from which they last.
func (t *times) latest() time.Time { return later(t.mark, t.dated()) }

// dated is what the wall clock shows, within reach of the mark.
func (t *times) dated() time.Time { return t.withinReach(t.wall) }

func (t *times) withinReach(at time.Time) time.Time {
	if last := t.mark.Add(clockReach); at.After(last) {
		return last
	}
	return later(at, t.mark.Add(-clockReach))
}

// alarm says what is wrong with the wall clock; "" when nothing is.
func (t *times) alarm() string {
	switch {
	case t.mark.Sub(t.wall) > clockAlarm:
		return fmt.Sprintf("the clock shows %s, and %s has been already", stamp(t.wall), stamp(t.mark))
	case t.wall.Sub(t.run) > clockAlarm:
		return fmt.Sprintf("the clock was set forward, to %s, and nobody bears witness to it", stamp(t.wall))
	}
	return ""
}

// clockAlarm is by how much the clock must be wrong for a person to see to it: our
// choice, validators' clocks differ as much.
const clockAlarm = 5 * time.Minute

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// until is when the wall clock will show that at has come by what is judged.
func (t *times) until(at time.Time) time.Time { return t.wall.Add(at.Sub(t.judged())) }

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// readClocks begins a turn: the zone's dates move with a wall clock that was set.
func (e *Engine) readClocks(z *Zone, now time.Time) {
	w := &z.work
	set := w.times.advance(now, e.clock.Steady())
	if set == 0 {
		return
	}
	for _, date := range []*time.Time{&w.lookAt, &w.snapshotAt, &w.telling.due, &w.proving.next} {
		if !date.IsZero() {
			*date = date.Add(set)
		}
	}
	if w.sight != nil {
		w.sight.at = w.sight.at.Add(set)
	}
}

// saveTimes makes it durable how far the time has come.
func (e *Engine) saveTimes(z *Zone) error {
	w := &z.work
	if w.record.revision == 0 {
		return nil // nothing was saved yet
	}
	w.times.advance(e.clock.Now(), e.clock.Steady())
	next := w.record
	next.Mark, next.Steady = w.times.mark, w.steady()
	return e.saveRecord(context.Background(), z.apex, &next, nil)
}

// bearWitness takes in when others have signed what was seen at them: the DNSKEY RRset,
// or the SOA, which each change has signed anew.
func (w *work) bearWitness(r peer.Report) {
	for _, a := range r.Addresses {
		if !a.Believed {
			continue
		}
		w.times.witness(zone.Time(a.Inception))
		soa := a.Sets[zone.TypeSOA]
		for sig := range soa.Sigs.All() {
			at := zone.Time(zone.RRSIG(sig).Inception())
			if !at.After(w.times.mark) {
				continue
			}
			// Each by itself: a signature that is wrong lends its time to none.
			if _, err := validate.Signatures(soa.WithSigs(zone.Pack(sig)), a.Sets[zone.TypeDNSKEY], w.known.apex, a.At); err == nil {
				w.times.witness(at)
			}
		}
	}
}
