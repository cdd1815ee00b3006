package roll_test

import (
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/roll"
)

// A state that an older program wrote in the midst of a ZSK rollover is gone on from: the
// old key goes when the data that it signed has left the caches, and not before, whether all
// our servers were past that data already or not.
func TestReadsFormat3(t *testing.T) {
	golden, err := os.ReadFile("testdata/formats/3.json")
	require.NoError(t, err)
	for _, tc := range []struct {
		name, from, to string
		behind         bool // a server of ours serves what the old key signed until hour 45
		goes           time.Duration
	}{
		{"format 3", "", "", false, 44 * time.Hour},
		{"format 2", `"format":3`, `"format":2`, false, 44 * time.Hour},
		{"a server lags", `"stopped":1893607200000000000,`, "", true, 47 * time.Hour},
	} {
		t.Run(tc.name, func(t *testing.T) {
			state, err := roll.Decode([]byte(strings.Replace(string(golden), tc.from, tc.to, 1)))
			require.NoError(t, err)
			s := begin(t)
			s.tell("parent ds a1")
			s.now, s.state, s.serial = start.Add(42*time.Hour+10*time.Minute), state, 9
			for i, role := range []roll.Role{roll.KSK, roll.ZSK, roll.ZSK} {
				s.own = append(s.own, roll.OwnKey{ID: s.id([]string{"a1", "a2", "a3"}[i]), Role: role, SEP: role == roll.KSK})
			}
			s.published = roll.Published{DNSKEY: s.ids([]string{"a1", "a2", "a3"}), DNSKEYTTL: time.Hour, MaxTTL: time.Hour, Serial: 9, Signers: s.ids([]string{"a3"})}
			s.self = []roll.Address{{Addr: "own", State: roll.Good, Since: start, Serial: 9, DNSKEY: s.published.DNSKEY, DNSKEYTTL: time.Hour}}
			if tc.behind {
				s.self[0].Serial = 8
			}
			for ; s.now.Before(start.Add(60 * time.Hour)); s.pass(s.now.Add(10 * time.Minute)) {
				s.self[0].Seen = s.now
				s.state, s.plan = roll.Step(s.state, s.policy, s.observation(), s.now)
				if at := s.now.Sub(start); !contains(s.plan.DNSKEY, s.id("a2")) {
					require.GreaterOrEqual(t, at, tc.goes)
					require.LessOrEqual(t, at, tc.goes+30*time.Minute)
					return
				}
				s.publish()
				if s.self[0].DNSKEY = s.published.DNSKEY; !tc.behind || s.now.Sub(start) >= 45*time.Hour {
					s.self[0].Serial = s.published.Serial
				}
			}
			t.Fatalf("the old key never goes: %v\n%s", s.plan.Waits, s.state.Encode())
		})
	}
}

// What was shown is remembered from the moment on at which it was about to be.
func TestShown(t *testing.T) {
	s := begin(t)
	s.tell("parent ds")
	s.runUntil(start.Add(8 * time.Hour))
	s.tell("parent ds a1")
	s.runUntil(start.Add(40 * time.Hour))
	// The TTL of the data rises to a day in a version that is lost in a crash, and is an
	// hour again in the next.
	before := s.published
	raised := before
	raised.Serial, raised.MaxTTL = before.Serial+1, 24*time.Hour
	s.state, s.serial = roll.Shown(s.state, raised), raised.Serial
	s.step() // the version before it is served once more
	s.tell("roll zsk")
	s.runUntil(start.Add(43 * time.Hour))
	require.Equal(t, "a3", s.list(s.plan.SignData))
	s.runUntil(start.Add(64 * time.Hour))
	require.Contains(t, s.list(s.plan.DNSKEY), "a2")
	s.runUntil(start.Add(70 * time.Hour))
	require.NotContains(t, s.list(s.plan.DNSKEY), "a2")
}

// Nothing is decided before anybody was looked at: neither in a zone that is met for the
// first time nor in the midst of a rollover, whose next step would be due.
func TestBlind(t *testing.T) {
	s := begin(t)
	_, plan := roll.Step(roll.State{}, s.policy, roll.Observation{}, start)
	require.True(t, plan.Blind)
	require.Empty(t, plan.Generate)
	s.tell("parent ds")
	s.runUntil(start.Add(8 * time.Hour))
	s.tell("parent ds a1")
	s.runUntil(start.Add(40 * time.Hour))
	s.tell("roll zsk")
	s.runUntil(start.Add(42*time.Hour - time.Minute))
	seen := s.observation()
	seen.Looked, seen.Self, seen.Peers, seen.Parent = false, roll.View{}, nil, roll.ParentView{}
	state, plan := roll.Step(s.state, s.policy, seen, start.Add(50*time.Hour))
	require.True(t, plan.Blind)
	require.NotEmpty(t, plan.Refuse)
	s.state = state
	s.now = start.Add(50 * time.Hour)
	s.step()
	require.Equal(t, "a3", s.list(s.plan.SignData))
}

// A state of format 4 knew a wait by the hash of its sentence. It is gone on from: the wait ends
// when it would have, and is known by itself from then on.
func TestReadsFormat4(t *testing.T) {
	golden, err := os.ReadFile("testdata/formats/4.json")
	require.NoError(t, err)
	require.Contains(t, string(golden), `"why":`)
	state, err := roll.Decode(golden)
	require.NoError(t, err)
	require.NotContains(t, string(state.Encode()), `"why":`)
	s := begin(t)
	s.tell("parent ds a1")
	s.now, s.state, s.serial = start.Add(40*time.Hour+30*time.Minute), state, 8
	for i, role := range []roll.Role{roll.KSK, roll.ZSK, roll.ZSK} {
		s.own = append(s.own, roll.OwnKey{ID: s.id([]string{"a1", "a2", "a3"}[i]), Role: role, SEP: role == roll.KSK})
	}
	s.published = roll.Published{DNSKEY: s.ids([]string{"a1", "a2", "a3"}), DNSKEYTTL: time.Hour, MaxTTL: time.Hour, Serial: 8, Signers: s.ids([]string{"a2"})}
	s.state, s.plan = roll.Step(s.state, s.policy, s.observation(), s.now)
	require.Len(t, s.plan.Waits, 1)
	require.Equal(t, start.Add(40*time.Hour), s.plan.Waits[0].Since)
	require.Equal(t, start.Add(42*time.Hour), s.plan.Waits[0].Earliest)
	require.Contains(t, string(s.state.Encode()), `"for":1,"of":"13/25725/f46dd28a5499d8ef"`)
	s.now = start.Add(42 * time.Hour)
	s.state, s.plan = roll.Step(s.state, s.policy, s.observation(), s.now)
	require.Equal(t, s.ids([]string{"a3"}), s.plan.SignData)
}

// A state of format 5 may say of keys that nobody is seen to own no more than that they were met. They are
// published for as long as if they were met with the next step, which comes 25 hours later here.
func TestKeysOfNobodyFromBefore(t *testing.T) {
	s := begin(t)
	s.plays(`peer b
peer c
at 0s peer b publishes ksk b1 zsk b2
at 0s peer c publishes ksk c1 zsk c2
at 0s peer b mirrors
at 0s peer c mirrors
at 0s parent ds
at 8h parent ds a1 b1 c1
at 20h peer b stops-mirroring
at 20h peer b publishes ksk b1 zsk b2 copy a1 a2 c1 c2 x1
`)
	require.Contains(t, string(s.state.Encode()), `"given":`)
	before := regexp.MustCompile(`,"(unseen|given)":[0-9]+`).ReplaceAll(s.state.Encode(), nil)
	var err error
	s.state, err = roll.Decode(before)
	require.NoError(t, err)
	s.plays(`at 60h begin
at 100h begin
`)
	require.Contains(t, s.out.String(), "at 60h begin\n> 70h40m0s  dnskey: a1 a2 b1 b2 c1 c2\n")
}
