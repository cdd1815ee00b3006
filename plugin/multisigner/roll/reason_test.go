package roll_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/roll"
)

// Of several addresses of the parent those are named that a step waits for, and no
// others: one that lags, one that does not answer.
func TestNamesAddressesOfTheParent(t *testing.T) {
	s := begin(t)
	s.do(strings.Fields("parent ds"))
	s.parent = append(s.parent, s.parent[0])
	s.parent[1].Addr = "parent2"
	s.step()
	s.runUntil(start.Add(8 * time.Hour))
	require.Equal(t, []string{"have the DS of every signer at the parent, for the parent to have the DS of KSK a1, and no other [parent parent1, parent parent2]"}, s.waits())
	s.tell("parent ds a1")
	require.Equal(t, []string{"have the DS of every signer at the parent, for the parent to have the DS of KSK a1, and no other [parent parent2]"}, s.waits())
	s.parent[1].DS = s.parent[0].DS
	s.step()
	require.Empty(t, s.waits())

	s.runUntil(start.Add(20 * time.Hour))
	s.command(roll.Command{Kind: roll.RollKey, Role: roll.KSK})
	s.step()
	s.runUntil(start.Add(30 * time.Hour))
	s.parent[0].DS = s.ids([]string{"a3"})
	s.step()
	require.Equal(t, []string{
		"withdraw KSK a1, for the parent to publish the DS of KSK a3 [parent parent2]",
		"withdraw KSK a1, for the parent to remove the DS of KSK a1 [parent parent2]",
		"have the DS of every signer at the parent, for the parent to have the DS of KSK a3, and no other [parent parent2]",
	}, s.waits())
	s.parent[1].State = roll.Unreachable
	s.step()
	require.Equal(t, "withdraw KSK a1, for every address of the parent to answer [parent parent2 (unreachable)]", s.waits()[0])
}

// A peer that answers and is not believed any more is waited for, although what it
// has been seen to publish only has to leave the caches at others.
func TestNamesWhoIsNotTrusted(t *testing.T) {
	s := twoSigners(t)
	s.tell("parent ds a1 b1")
	s.runUntil(start.Add(30 * time.Hour))
	s.command(roll.Command{Kind: roll.RollKey, Role: roll.ZSK})
	s.step()
	s.pass(start.Add(31 * time.Hour))
	s.peers["b"].view.Trusted = false
	s.step()
	require.Equal(t, []string{"sign the zone with ZSK a3, for a peer to be reachable and trusted [b]"}, s.waits())
}

// A TTL that nobody serves any more is told apart from one that is seen: caches may
// have records of before it was lowered, or of before a state was lost.
func TestNamesTTLsOfBefore(t *testing.T) {
	for _, tc := range []struct {
		name, from string
		before     []string
	}{
		{"seen", "1h0m0s DNSKEY TTL of a + 1h0m0s margin", nil},
		{"lowered", "3h0m0s DNSKEY TTL of a as it was (now 1h0m0s) + 1h0m0s margin", []string{"configure ttl 3h 3h", "configure ttl 1h 1h"}},
		{"lost", "24h0m0s DNSKEY TTL of a before `recover`, unknown (now 1h0m0s) + 1h0m0s margin", []string{"lose state", "order recover"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := begin(t)
			s.tell("parent ds")
			s.runUntil(start.Add(10 * time.Hour))
			s.tell("parent ds a1")
			for _, line := range tc.before {
				s.tell(line)
			}
			s.pass(start.Add(11 * time.Hour))
			s.command(roll.Command{Kind: roll.RollKey, Role: roll.ZSK})
			s.step()
			require.Equal(t, tc.from+", since 2030-01-01T11:00:00Z", s.plan.Waits[0].From)
		})
	}
}

// Also a wait for somebody says when it ends at the earliest: what has to pass when that
// is seen is known.
func TestNamesWhatFollows(t *testing.T) {
	s := twoSigners(t, "peer b ttl 3h")
	require.Zero(t, s.plan.Waits[0].Earliest, "the parent may do it at once, and then nothing is waited for")
	s.tell("parent ds a1 b1")
	s.runUntil(start.Add(30 * time.Hour))
	s.do(strings.Fields("peer b stops-mirroring"))
	s.command(roll.Command{Kind: roll.RollKey, Role: roll.ZSK})
	s.step()
	w := s.plan.Waits[0]
	require.Equal(t, start.Add(34*time.Hour), w.Earliest)
	require.Equal(t, "3h0m0s DNSKEY TTL of b + 1h0m0s margin, after that", w.From)
}
