package roll_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
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

// Serials may be set back (RFC 1982): by two steps they come to any number. What signed
// before is waited for all the same, and what signed after that, too.
func TestServedWhenSerialsAreSetBack(t *testing.T) {
	s := begin(t)
	s.maxTTL = 24 * time.Hour
	s.serial = 4000000000
	s.tell("parent ds")
	s.runUntil(start.Add(30 * time.Hour))
	s.tell("parent ds a1")
	s.runUntil(start.Add(60 * time.Hour))
	for _, serial := range []uint32{s.serial + 1<<31 - 2, 5} {
		s.serial = serial
		s.publish()
		s.step()
	}
	for n, names := range [][2]string{{"a2", "a3"}, {"a3", "a4"}} {
		s.tell("roll zsk")
		signs := time.Time{}
		for range 200 {
			s.runUntil(s.now.Add(time.Hour))
			s.step()
			if signs.IsZero() && s.list(s.plan.SignData) == names[1] {
				signs = s.now
			}
			if !contains(s.plan.DNSKEY, s.id(names[0])) {
				break
			}
		}
		require.False(t, signs.IsZero(), n)
		require.NotContains(t, s.list(s.plan.DNSKEY), names[0])
		require.GreaterOrEqual(t, s.now.Sub(signs), 25*time.Hour-time.Hour, "the %d. rollover", n+1)
	}
}

// A zone whose largest TTL changes all the time ends its rollovers.
func TestServedWhenTTLsChangeOften(t *testing.T) {
	s := rolled(t, func(s *story, hour int) { s.maxTTL = time.Duration(23+hour%2) * time.Hour })
	require.Equal(t, "a3", s.list(s.plan.SignData))
	require.NotContains(t, s.list(s.plan.DNSKEY), "a2")
}
