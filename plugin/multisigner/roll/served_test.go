package roll_test

import (
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/roll"
)

// rolled is a story of one signer that is to roll its ZSK, and has another serial and TTL
// before each step.
func rolled(t *testing.T, before func(s *story, hour int)) *story {
	s := begin(t)
	s.tell("parent ds")
	s.runUntil(start.Add(8 * time.Hour))
	s.tell("parent ds a1")
	s.runUntil(start.Add(40 * time.Hour))
	s.tell("roll zsk")
	for hour := 41; hour < 200; hour++ {
		before(s, hour)
		s.runUntil(start.Add(time.Duration(hour) * time.Hour))
		s.step()
	}
	return s
}

// Serials may be set back (RFC 1982): by two steps they come to any number. What has
// signed since is waited for all the same.
func TestServedWhenSerialsAreSetBack(t *testing.T) {
	s := begin(t)
	s.policy.Parent, s.policy.LifetimeZSK, s.maxTTL = roll.ParentNone, 30*24*time.Hour, 24*time.Hour
	signed, stopped, gone := map[roll.KeyID]bool{}, map[roll.KeyID]time.Time{}, map[roll.KeyID]bool{}
	for hour := range 24 * 120 {
		if hour == 100 || hour == 101 {
			s.serial += 1<<31 - 5000
		}
		s.step()
		for _, id := range s.plan.SignData {
			signed[id] = true
			delete(stopped, id)
		}
		for id := range signed {
			if !contains(s.plan.SignData, id) && stopped[id].IsZero() {
				stopped[id] = s.now
			}
			if !contains(s.plan.DNSKEY, id) && !gone[id] {
				gone[id] = true
				require.Equal(t, 25*time.Hour, s.now.Sub(stopped[id]), "%d. key", len(gone))
			}
		}
		s.pass(s.now.Add(time.Hour))
	}
	require.GreaterOrEqual(t, len(gone), 3)
}

// A zone whose largest TTL changes all the time ends its rollovers.
func TestServedWhenTTLsChangeOften(t *testing.T) {
	s := rolled(t, func(s *story, hour int) { s.maxTTL = time.Duration(23+hour%2) * time.Hour })
	require.Equal(t, "a3", s.list(s.plan.SignData))
	require.NotContains(t, s.list(s.plan.DNSKEY), "a2")
}

// A ledger that does not name a key that has signed is no proof that it never did: its
// signatures are waited for by what is known of the key itself.
func TestServedByNobodyThatIsNamed(t *testing.T) {
	s := begin(t)
	s.maxTTL, s.policy.Propagation = 24*time.Hour, 3*time.Hour
	s.tell("parent ds")
	s.runUntil(start.Add(8 * time.Hour))
	s.tell("parent ds a1")
	s.runUntil(start.Add(60 * time.Hour))
	s.tell("roll zsk")
	s.runUntil(start.Add(66 * time.Hour))
	require.Equal(t, "a3", s.list(s.plan.SignData))
	ledger := regexp.MustCompile(`"served":\[.*?\}\],`)
	require.Regexp(t, ledger, string(s.state.Encode()))
	state, err := roll.Decode(ledger.ReplaceAll(s.state.Encode(), nil))
	require.NoError(t, err)
	s.state = state
	s.runUntil(start.Add(92 * time.Hour))
	s.step()
	require.Contains(t, s.list(s.plan.DNSKEY), "a2")
	s.runUntil(start.Add(96 * time.Hour))
	require.NotContains(t, s.list(s.plan.DNSKEY), "a2")
}
