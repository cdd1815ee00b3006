package clock

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// When the keys are away and nothing can be renewed, an end must be noticed by the
// time that is right as far as anybody can know: a step of the clock that nobody
// bears witness to takes no signature away, and one that lasts is believed.
func TestWhatIsJudgedBy(t *testing.T) {
	t.Parallel()
	began := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	const day = 24 * time.Hour
	for _, tc := range []struct {
		name           string
		saved          time.Duration // of the mark, from the beginning; 1: none
		run            func(pass func(d, set time.Duration), witness func(time.Duration))
		judged, latest time.Duration // from the beginning
	}{
		{"the clock runs", 1, func(pass func(d, set time.Duration), _ func(time.Duration)) { pass(day, 0) }, day, day},
		{"it is adjusted bit by bit", 1, func(pass func(d, set time.Duration), _ func(time.Duration)) {
			for range 100 {
				pass(10*time.Minute, 300*time.Millisecond)
			}
		}, 1000*time.Minute + 30*time.Second, 1000*time.Minute + 30*time.Second},
		{"a year forward", 1, func(pass func(d, set time.Duration), _ func(time.Duration)) {
			pass(day, 0)
			pass(time.Hour, 365*day)
		}, 25 * time.Hour, 25*time.Hour + 365*day},
		{"a year forward, and it lasts", 1, func(pass func(d, set time.Duration), _ func(time.Duration)) {
			pass(time.Hour, 365*day)
			pass(day, 0)
		}, 366*day + time.Hour, 366*day + time.Hour},
		{"a year forward and back", 1, func(pass func(d, set time.Duration), _ func(time.Duration)) {
			pass(time.Hour, 365*day)
			pass(time.Hour, -365*day)
		}, 2 * time.Hour, 2 * time.Hour},
		{"that lasted, and back", 1, func(pass func(d, set time.Duration), _ func(time.Duration)) {
			pass(time.Hour, 365*day)
			pass(day, 0)
			pass(time.Hour, -365*day)
		}, 26 * time.Hour, 26 * time.Hour},
		{"a year back", 1, func(pass func(d, set time.Duration), _ func(time.Duration)) {
			pass(time.Hour, -365*day)
			pass(30*day, 0)
		}, 30*day + time.Hour, 30*day + time.Hour},
		{"three weeks down", -21 * day, func(pass func(d, set time.Duration), _ func(time.Duration)) { pass(time.Hour, 0) }, time.Hour, time.Hour},
		{"started with a clock that is a year ahead, and corrected", -day, func(pass func(d, set time.Duration), _ func(time.Duration)) {
			pass(time.Hour, -365*day)
		}, -day + time.Hour, -day + time.Hour},
		{"a year forward, and a peer has signed four days before", 1, func(pass func(d, set time.Duration), witness func(time.Duration)) {
			pass(time.Hour, 365*day)
			witness(361 * day)
		}, 361 * day, 365*day + time.Hour},
		{"a peer whose clock is a year ahead", 1, func(pass func(d, set time.Duration), witness func(time.Duration)) {
			pass(time.Hour, 0)
			witness(365 * day)
		}, time.Hour, time.Hour},
		{"a peer whose clock is a year behind", 1, func(pass func(d, set time.Duration), witness func(time.Duration)) {
			pass(time.Hour, 0)
			witness(-365 * day)
		}, time.Hour, time.Hour},
	} {
		t.Run(tc.name, func(t *testing.T) {
			mark, wall, steady := began.Add(tc.saved), began, time.Duration(0)
			if tc.saved == 1 {
				mark = time.Time{}
			}
			times := Begin(mark, wall, steady)
			tc.run(func(d, set time.Duration) {
				wall, steady = wall.Add(d+set), steady+d
				times.Advance(wall, steady)
			}, func(at time.Duration) { times.Witness(began.Add(at)) })
			require.Equal(t, began.Add(tc.judged), times.Judged())
			require.Equal(t, began.Add(tc.latest), times.Latest())
		})
	}
}

// Only what is more than an adjustment counts as having been set.
func TestClockWasSet(t *testing.T) {
	t.Parallel()
	began := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	times := Begin(time.Time{}, began, time.Hour)
	require.Zero(t, times.Advance(began.Add(time.Minute+time.Second/2), time.Hour+time.Minute))
	require.Zero(t, times.Advance(began.Add(2*time.Minute), time.Hour+2*time.Minute))
	require.Equal(t, time.Hour, times.Advance(began.Add(time.Hour+3*time.Minute), time.Hour+3*time.Minute))
	require.Equal(t, -time.Hour, times.Advance(began.Add(4*time.Minute), time.Hour+4*time.Minute))
	require.Empty(t, times.Alarm())
	times.Advance(began.Add(time.Hour), time.Hour+5*time.Minute)
	require.Contains(t, times.Alarm(), "set forward")
	times.Advance(began.Add(-time.Hour), time.Hour+6*time.Minute)
	require.Contains(t, times.Alarm(), "has already passed")
}

// A step forward lasts from any moment on, from the steady clock's zero as well.
func TestStepAtZero(t *testing.T) {
	wall := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	clock := Begin(time.Time{}, wall, 0)
	require.Equal(t, time.Hour, clock.Advance(wall.Add(time.Hour), 0))
	require.Equal(t, wall, clock.Judged())
	require.Zero(t, clock.Advance(wall.Add(24*time.Hour), 23*time.Hour))
	require.Equal(t, wall.Add(23*time.Hour), clock.Judged())
	require.Zero(t, clock.Advance(wall.Add(25*time.Hour), 24*time.Hour))
	require.Equal(t, wall.Add(25*time.Hour), clock.Judged())
}

// A zone that has no mark yet begins with what the clock shows, else its signatures would begin long ago; but no
// machine starts before this program was written.
func TestMarkBegins(t *testing.T) {
	t.Parallel()
	began := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	times := Begin(time.Time{}, began, 0)
	require.Equal(t, began, times.Mark())
	times = Begin(time.Time{}, time.Unix(0, 0), 0)
	require.Equal(t, written, times.Mark())
}

// Times of signatures are compared modulo 136 years: a clock that is a century away dates and judges none by
// more than resolvers take for the same side.
func TestClockIsACenturyAway(t *testing.T) {
	t.Parallel()
	began := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	for _, years := range []int{100, -100} {
		times := Begin(time.Time{}, began, time.Hour)
		times.Advance(began.AddDate(years, 0, 0), time.Hour)
		times.Advance(began.AddDate(years, 0, 2), 49*time.Hour) // it lasts
		away := times.Dated().Sub(times.Mark())
		require.Equal(t, reach, max(away, -away))
		if years > 0 {
			require.Equal(t, times.Dated(), times.Judged())
		} else {
			require.Equal(t, times.Mark(), times.Judged())
		}
	}
}
