package clock

import (
	"fmt"
	"time"
)

// Times is what a zone knows of the time, beside what the wall clock shows. That may be
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
type Times struct {
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
	// setSlack is what the wall clock may differ from the steady one without having
	// been set: our choice, more than what adjusting it bit by bit amounts to.
	setSlack  = time.Second
	slewShare = 1000 // and besides this share of the time, twice what NTP does
	// stepLasts is how long the wall clock must keep a step forward until signatures
	// are judged by it: our choice, in which somebody has noticed a wrong one.
	stepLasts = 24 * time.Hour
	// reach is how far from the mark the wall clock is followed when signatures are
	// dated and judged: their times are compared modulo 136 years (RFC 4034 3.1.5).
	reach = 60 * 365 * 24 * time.Hour
)

// Begin starts from the mark that was saved, the zero time if there is none, and from what
// the clocks show.
func Begin(mark, wall time.Time, steady time.Duration) Times {
	if mark.IsZero() {
		mark = wall
	}
	return Times{wall: wall, steady: steady, mark: Later(mark, written), run: wall}
}

// Advance takes in what the clocks show now. It gives by how much the wall clock has
// been set since the last reading; 0 when it went as it should.
func (t *Times) Advance(wall time.Time, steady time.Duration) (set time.Duration) {
	passed := max(steady-t.steady, 0)
	slack := setSlack + passed/slewShare
	set = wall.Sub(t.wall) - passed
	t.wall, t.steady = wall, steady
	t.mark = t.mark.Add(passed)
	t.run = t.run.Add(passed)
	if set > slack {
		t.setAt = steady
	}
	if steady-t.setAt >= stepLasts || wall.Sub(t.run) <= slack {
		t.run = wall
	}
	if set >= -slack && set <= slack {
		return 0
	}
	return set
}

// Witness takes in that somebody else has dated something by that moment. It raises
// the mark no further than the wall clock: both must agree.
func (t *Times) Witness(at time.Time) {
	if at.After(t.wall) {
		at = t.wall
	}
	t.mark = Later(t.mark, at)
}

// Wall is what the wall clock showed at the last reading.
func (t *Times) Wall() time.Time { return t.wall }

// Steady is what the steady clock showed at the last reading.
func (t *Times) Steady() time.Duration { return t.steady }

// Mark is a moment that has come for sure.
func (t *Times) Mark() time.Time { return t.mark }

// Judged is the time by which it is judged whether a signature has ended.
func (t *Times) Judged() time.Time { return Later(t.mark, t.withinReach(t.run)) }

// Latest is the time by which signatures are renewed, and from which they last.
func (t *Times) Latest() time.Time { return Later(t.mark, t.Dated()) }

// Dated is what the wall clock shows, within reach of the mark.
func (t *Times) Dated() time.Time { return t.withinReach(t.wall) }

func (t *Times) withinReach(at time.Time) time.Time {
	if last := t.mark.Add(reach); at.After(last) {
		return last
	}
	return Later(at, t.mark.Add(-reach))
}

// Alarm says what is wrong with the wall clock; "" when nothing is.
func (t *Times) Alarm() string {
	switch {
	case t.mark.Sub(t.wall) > Tolerance:
		return fmt.Sprintf("the clock shows %s, but %s has already passed", Stamp(t.wall), Stamp(t.mark))
	case t.wall.Sub(t.run) > Tolerance:
		return fmt.Sprintf("the clock was set forward, to %s, and no signature of another server confirms that time", Stamp(t.wall))
	}
	return ""
}

// Tolerance is by how much the clock must be wrong for a person to see to it: our
// choice, validators' clocks differ as much.
const Tolerance = 5 * time.Minute

// Stamp writes a moment as messages have it.
func Stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// Until is when the wall clock will show that at has come by what is judged.
func (t *Times) Until(at time.Time) time.Time { return t.wall.Add(at.Sub(t.Judged())) }

// Later is the later of two moments.
func Later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
