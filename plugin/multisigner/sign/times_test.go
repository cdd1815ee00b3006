package sign_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/denial"
	"github.com/multisigner/multisigner/plugin/multisigner/sign"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// Signatures are renewed before they have Refresh left, some at a time, and in
// rounds: a year of turns keeps every signature good and takes few of them.
func TestRefresh(t *testing.T) {
	in := input(t, content(t, "nasty.zone"), 15, denial.NSEC)
	out := must(t, in)
	total, rounds, most := out.Signed, 0, 0
	require.Greater(t, total, 80)
	in.Content = nil
	for end := now.Add(365 * 24 * time.Hour); in.Now.Before(end); {
		require.True(t, out.Refresh.After(in.Now))
		in.Old, in.Serial, in.Now = out.Version, in.Serial+1, out.Refresh.Add(-time.Second)
		require.False(t, must(t, in).Changed, "nothing is due before its time")
		in.Now = out.Refresh
		was := in.Old
		out = must(t, in)
		require.True(t, out.Changed)
		require.Equal(t, in.Serial, out.Version.Serial())
		earliest, _ := out.Version.Earliest()
		require.False(t, earliest.Before(in.Now.Add(sign.Default.Refresh)))
		require.NotEqual(t, was, out.Version)
		rounds++
		most = max(most, out.Signed)
	}
	require.Less(t, rounds, 600, "a round takes in what is due within hours")
	require.Less(t, most, total/2, "not all at once")
	t.Logf("%d RRsets, %d rounds in a year, at most %d RRsets in one", total, rounds, most)
}

// A clock that was set back a year makes no signature that the world takes for
// expired; one that was set forward, none that the world takes for not yet good.
func TestMark(t *testing.T) {
	in := input(t, content(t, "nasty.zone"), 15, denial.NSEC)
	for _, wrong := range []time.Duration{-365 * 24 * time.Hour, 365 * 24 * time.Hour} {
		in.Mark, in.Now = now, now.Add(wrong)
		v := must(t, in).Version
		each(v, func(_ *zone.Node, s zone.RRset) {
			for sig := range s.Sigs.All() {
				r := zone.RRSIG(sig)
				require.True(t, zone.Time(r.Inception()).Before(now.Add(-59*time.Minute)))
				require.True(t, zone.Time(r.Expiration()).After(now.Add(9*24*time.Hour)))
			}
		})
	}
}

// Signatures from a clock that was ahead are of no use until its time comes: they
// are made anew as soon as the clock is right.
func TestClockWasAhead(t *testing.T) {
	in := input(t, content(t, "nasty.zone"), 15, denial.NSEC)
	in.Now = now.Add(24 * time.Hour)
	ahead := must(t, in)
	in.Old, in.Content, in.Serial, in.Now = ahead.Version, nil, 101, now
	out := must(t, in)
	require.Equal(t, ahead.Signed, out.Signed)
	each(out.Version, func(_ *zone.Node, s zone.RRset) {
		for sig := range s.Sigs.All() {
			require.False(t, zone.Time(zone.RRSIG(sig).Inception()).After(now))
		}
	})
}

// Serials only go forward, whatever the policy and the content say.
func TestNextSerial(t *testing.T) {
	const max32 = 1<<32 - 1
	for _, tc := range []struct {
		policy              sign.SerialPolicy
		last, content, want uint32
	}{
		{sign.Increment, 0, 42, 42},
		{sign.Increment, 0, 0, 1},
		{sign.Increment, 0, max32, max32},
		{sign.Increment, 42, 42, 43},
		{sign.Increment, 42, 41, 43},
		{sign.Increment, 42, 50, 50},
		{sign.Increment, max32, 42, 42},
		{sign.Increment, max32, max32, 1},
		{sign.Increment, max32 - 1, 3, 3},
		{sign.UnixTime, 42, 0, uint32(now.Unix())},
		{sign.UnixTime, uint32(now.Unix()), 0, uint32(now.Unix()) + 1},
		{sign.UnixTime, 2026112300, 0, 2026112301}, // after a change of policy the seconds are behind
		{sign.Date, 42, 0, 2026112300},
		{sign.Date, 2026112300, 0, 2026112301},
		{sign.Date, 2026112399, 0, 2026112400},
		{sign.Date, 2027010100, 0, 2027010101},
	} {
		require.Equal(t, tc.want, sign.NextSerial(tc.policy, tc.last, tc.content, now), "%v", tc)
	}
}
