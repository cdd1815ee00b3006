package roll_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/roll"
)

// An answer of an address may come after a later one of the same address, and show what was there before. No wait
// begins by it: the DS was seen to be the old one since, and the peer to lack the key.
func TestLateAnswers(t *testing.T) {
	for _, tc := range []struct {
		name, lines, then, ends string
		late                    func(s *story, o *roll.Observation, seen time.Time)
	}{
		{"of the parent", "at 9h roll ksk\nat 15h begin\n", "at 16h parent ds a3 b1\nat 30h begin\n", "> 18h0m0s   dnskey: a2 a3 b1 b2\n",
			func(s *story, o *roll.Observation, seen time.Time) {
				p := &o.Parent.Addresses[0]
				p.Seen, p.DS = seen, s.ids([]string{"a3", "b1"})
			}},
		{"of a peer", "at 9h peer b stops-mirroring\nat 10h roll zsk\nat 15h begin\n", "at 16h peer b mirrors\nat 30h begin\n", "> 18h0m0s   signs data: a3\n",
			func(s *story, o *roll.Observation, seen time.Time) {
				a := &o.Peers[0].Addresses[0]
				a.Seen, a.DNSKEY = seen, s.published.DNSKEY
			}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := begin(t)
			s.plays("peer b\nat 0s peer b publishes ksk b1 zsk b2\nat 0s peer b mirrors\nat 0s parent ds\nat 8h parent ds a1 b1\n" + tc.lines)
			s.now = start.Add(15*time.Hour + 5*time.Minute)
			o := s.observation()
			tc.late(s, &o, start.Add(14*time.Hour+55*time.Minute))
			s.state, s.plan = roll.Step(s.state, s.policy, o, s.now)
			s.plays(tc.then)
			require.Contains(t, s.out.String(), tc.ends)
		})
	}
}
