package roll_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/roll"
)

// We answer nobody when b, a signer of our kind, has had our keys, publishes none of those
// that sign now, and since our start shows one with a tag of ours that nobody signs with. Take any of
// that away, and it tells nothing: then a key in a peer's DNSKEY RRset takes no one off the air.
func TestOutrun(t *testing.T) {
	for _, tc := range []struct {
		name, lines string
		refuses     bool
	}{
		{"a later key of ours in the place of the present one", `
			restart
			peer b publishes ksk b1 zsk b2 copy a1 a7 c1 c2`, true},
		{"beside the present one", `
			restart
			peer b publishes ksk b1 zsk b2 copy a1 a2 a7 c1 c2`, false},
		{"with a tag of others", `
			restart
			peer b publishes ksk b1 zsk b2 copy a1 d7 c1 c2`, false},
		{"b had it before our start", `
			peer b publishes ksk b1 zsk b2 copy a1 a2 a7 c1 c2
			restart
			peer b publishes ksk b1 zsk b2 copy a1 a7 c1 c2`, false},
		{"a key of c, of other software, that b has as well", `
			restart
			peer c publishes ksk c1 zsk c2 copy a1 a2 c7=a1
			peer b publishes ksk b1 zsk b2 copy a1 c1 c2 c7=a1`, false},
		{"c, of other software, publishes it and not ours", `
			restart
			peer c publishes ksk c1 zsk c2 copy c7=a2`, false},
		{"c publishes a newcomer's, and not ours", `
			restart
			peer b publishes ksk b1 zsk b2 copy a1 a2 c1 c2 d7=a1
			peer c publishes ksk c1 zsk c2 copy d7=a1`, false},
		{"c, whose it may be, is not seen", `
			peer c is unreachable
			restart
			peer b publishes ksk b1 zsk b2 copy a1 c1 c2 c7=a1`, false},
		{"b has lost its own keys, too", `
			restart
			peer b publishes ksk b8 zsk b9 copy a1 a7 c1 c2`, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := begin(t)
			s.configure(strings.Fields("peer b"))
			s.configure(strings.Fields("peer c foreign"))
			for _, line := range []string{"peer b publishes ksk b1 zsk b2", "peer c publishes ksk c1 zsk c2", "peer b mirrors", "peer c mirrors", "parent ds"} {
				s.tell(line)
			}
			s.runUntil(start.Add(8 * time.Hour))
			s.tell("parent ds a1 b1 c1")
			s.runUntil(start.Add(40 * time.Hour))
			require.Empty(t, s.plan.Refuse)
			s.do(strings.Fields("peer b stops-mirroring"))
			s.do(strings.Fields("peer c stops-mirroring"))
			for line := range strings.Lines(strings.TrimSpace(tc.lines)) {
				s.pass(s.now.Add(10 * time.Minute))
				s.tell(line)
			}
			require.Equal(t, tc.refuses, s.plan.Refuse != "", s.plan.Refuse)
			require.Equal(t, tc.refuses, s.plan.Outrun)
			require.False(t, s.plan.Feeds)
		})
	}
}

// A peer that never had our keys tells nothing by other keys: it has not taken ours yet.
func TestOutrunByWhoNeverKnewUs(t *testing.T) {
	s := begin(t)
	s.configure(strings.Fields("parent none"))
	s.configure(strings.Fields("peer b"))
	s.tell("peer b publishes ksk b1 zsk b2 copy d7=a2")
	require.Equal(t, "a2", s.list(s.plan.SignData))
	s.step()
	require.Empty(t, s.plan.Refuse)
	// It has our KSK, and so had what signed beside it, whatever our state knows of that.
	s.tell("peer b publishes ksk b1 zsk b2 copy a1 d7=a2")
	require.True(t, s.plan.Outrun)
}

// A key of c that has a tag of ours, where the tags are not shared out, is no later one of
// ours when b goes back to a state of its time: all of us would refuse at once by that.
func TestOutrunByTheKeyOfAnother(t *testing.T) {
	s := twoSigners(t, "configure peer c", "peer c publishes ksk c1 zsk a9", "peer c mirrors")
	s.tell("parent ds a1 b1 c1")
	s.runUntil(start.Add(40 * time.Hour))
	require.Empty(t, s.plan.Refuse)
	s.tell("peer c stops-mirroring")
	s.tell("peer c publishes ksk c1 zsk c2 copy a1 a2 b1 b2")
	for range 60 {
		s.runUntil(s.now.Add(12 * time.Hour))
		s.step()
	}
	s.tell("restart")
	s.tell("peer b stops-mirroring")
	s.tell("peer b publishes ksk b1 zsk b2 copy a1 c1 a9")
	require.False(t, s.plan.Outrun)
	require.Empty(t, s.plan.Refuse)
}

// An older program did not note which keys of ours it forgot. What a peer shows, which may have
// been put back as well, is no evidence for as long as there may be backups of that time.
func TestOutrunAfterAnUpgrade(t *testing.T) {
	for _, days := range []int{88, 90} {
		s := twoSigners(t)
		s.tell("parent ds a1 b1")
		s.runUntil(start.Add(40 * time.Hour))
		old, err := roll.Decode([]byte(strings.Replace(string(s.state.Encode()), `"format":5`, `"format":4`, 1)))
		require.NoError(t, err)
		s.state = old
		s.runUntil(s.now.Add(time.Duration(days) * 24 * time.Hour))
		s.tell("restart")
		s.tell("peer b stops-mirroring")
		s.tell("peer b publishes ksk b1 zsk b2 copy a1 a7")
		require.Equal(t, days >= 90, s.plan.Outrun, "after %d days", days)
	}
}

// That our keys went on without us is known although no disk takes it; nothing else of what
// could not be saved is.
func TestOutrunIsRemembered(t *testing.T) {
	s := twoSigners(t)
	s.tell("parent ds a1 b1")
	s.runUntil(start.Add(40 * time.Hour))
	s.tell("restart")
	before := s.state
	s.command(roll.Command{Kind: roll.RollKey, Role: roll.ZSK})
	s.tell("peer b stops-mirroring")
	s.tell("peer b publishes ksk b1 zsk b2 copy a1 a7")
	require.True(t, s.plan.Outrun)
	s.state = roll.Outrun(before, s.state)
	require.True(t, s.state.Joining())
	require.True(t, s.state.Differs(before))
	require.NotContains(t, string(s.state.Encode()), `"roll_zsk"`)
	s.tell("peer b is unreachable")
	require.True(t, s.plan.Outrun)
	require.NotEmpty(t, s.plan.Refuse)
}
