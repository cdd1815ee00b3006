package roll_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/roll"
)

// A state from the midst of a KSK rollover asks for the DS of the old key, which is withdrawn by
// now: the parent has that of the new one, so that our CDS is behind, and is taken back.
func TestCDSThatTheParentHasOvertaken(t *testing.T) {
	s := begin(t)
	s.tell("parent ds")
	s.runUntil(start.Add(8 * time.Hour))
	s.tell("parent ds a1")
	s.runUntil(start.Add(40 * time.Hour))
	s.tell("roll ksk")
	s.runUntil(start.Add(42 * time.Hour))
	require.Equal(t, "a3", s.list(s.plan.CDS))
	cds := func(key string) string { return `"cds":["` + s.id(key).String() + `"]` }
	require.Contains(t, string(s.state.Encode()), cds("a3"))
	state, err := roll.Decode([]byte(strings.Replace(string(s.state.Encode()), cds("a3"), cds("a1"), 1)))
	require.NoError(t, err)
	s.state = state
	s.do(strings.Fields("parent ds a3"))
	state, plan := roll.Step(s.state, s.policy, s.observation(), s.now)
	require.NotContains(t, s.list(plan.CDS), "a1")
	require.Contains(t, alarms(plan), "our CDS is withdrawn")
	_, err = roll.Decode(state.Encode())
	require.NoError(t, err)
}

// What an address shows that nobody trusts takes back no CDS of ours: anybody could write it. What a trusted
// one shows does, if it signs its DNSKEY RRset with no key that our CDS names.
func TestUntrustedTakesNoCDSBack(t *testing.T) {
	for _, trusted := range []bool{false, true} {
		s := begin(t)
		s.plays("peer b\n\nat 0s peer b publishes ksk b1 zsk b2\nat 0s peer b mirrors\nat 0s parent ds\nat 8h parent ds a1 b1\nat 20h peer b is-looked-at\n")
		require.Equal(t, "a1 b1", s.list(s.plan.CDS))
		s.do(strings.Fields("peer b publishes ksk b3 zsk b4"))
		s.peers["b"].view.Trusted = trusted
		s.step()
		require.Equal(t, map[bool]string{false: "a1 b1", true: ""}[trusted], s.list(s.plan.CDS))
	}
}
