package roll_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/roll"
)

// What is going to happen can be read with its dates before it does, and what each
// step waits for, down to the TTLs that the wait is made of.
func TestForecast(t *testing.T) {
	s := twoSigners(t, "peer b signs 13")
	s.tell("parent ds a1 b1")
	s.runUntil(start.Add(30 * time.Hour))
	for _, tc := range []struct {
		name  string
		order roll.Command
		want  string
	}{
		{"nothing", roll.Command{Kind: roll.Thaw}, ``},
		{"zsk", roll.Command{Kind: roll.RollKey, Role: roll.ZSK}, `
30h0m0s publish the next ZSK
32h1m0s sign the zone with the next ZSK
  to sign the zone with the next ZSK, for our own servers to publish the next ZSK [a]
  to sign the zone with the next ZSK, for every signer to publish the next ZSK [b b1]
  to sign the zone with the next ZSK, for DNSKEY RRsets without the next ZSK to leave the caches: 1h0m0s DNSKEY TTL of a + 1h0m0s margin, since 2030-01-02T06:01:00Z
32h1m0s stop signing the zone with ZSK a2
34h2m0s withdraw ZSK a2
  to withdraw ZSK a2, for all our servers to serve data without signatures by ZSK a2 [a]
  to withdraw ZSK a2, for data signed by ZSK a2 to leave the caches: 1h0m0s TTL of data + 1h0m0s margin, since 2030-01-02T08:02:00Z
`},
		{"ksk", roll.Command{Kind: roll.RollKey, Role: roll.KSK}, `
30h0m0s publish the next KSK
32h1m0s ask the parent, by CDS and CDNSKEY, for the DS of the next KSK and b's KSK b1
  to change the DS to the next KSK, for our own servers to publish the next KSK [a]
  to change the DS to the next KSK, for DNSKEY RRsets without the next KSK to leave the caches: 1h0m0s DNSKEY TTL of a + 1h0m0s margin, since 2030-01-02T06:01:00Z
32h1m0s the parent has the DS set that CDS asks for
  to ask the parent for the new DS, for our own servers to publish CDS [a]
  to ask the parent for the new DS, for every signer to publish the same CDS and CDNSKEY [b b1]
34h2m0s withdraw KSK a1
  to withdraw KSK a1, for our own servers to publish the CDS of the next KSK [a]
  to withdraw KSK a1, for every signer to publish the CDS of the next KSK [b b1]
  to withdraw KSK a1, for the parent to publish the DS of the next KSK [parent parent1]
  to withdraw KSK a1, for the parent to remove the DS of KSK a1 [parent parent1]
  to withdraw KSK a1, for DS RRsets made from CDS without the next KSK to leave the caches: 1h0m0s DS TTL of the parent + 1h0m0s margin, since 2030-01-02T08:02:00Z
`},
		{"algorithm", roll.Command{Kind: roll.RollAlgorithm, Algorithm: 15}, `
30h0m0s sign the zone with the next ZSK
32h1m0s publish the next ZSK
  to publish the keys of algorithm 15, for our own servers to sign with both algorithms [a]
  to publish the keys of algorithm 15, for every signer to sign with both algorithms (give ` + "`" + `roll algorithm` + "`" + ` there, too) [b b1]
  to publish the keys of algorithm 15, for data that is not signed with algorithm 15 to leave the caches: 1h0m0s TTL of data + 1h0m0s margin, since 2030-01-02T06:01:00Z
32h1m0s publish the next KSK
32h2m0s publish b's next KSK
32h2m0s publish b's next ZSK
34h3m0s ask the parent, by CDS and CDNSKEY, for the DS of the next KSK and b's next KSK
  to ask for the DS of algorithm 15, for our own servers to publish the next ZSK [a]
  to ask for the DS of algorithm 15, for every signer to publish the next ZSK [b b1]
  to ask for the DS of algorithm 15, for our own servers to publish the next KSK [a]
  to ask for the DS of algorithm 15, for every signer to publish the next KSK [b b1]
  to ask for the DS of algorithm 15, for every signer to publish its keys of algorithm 15 [b b1]
  to ask for the DS of algorithm 15, for our own servers to publish b's next KSK [a]
  to ask for the DS of algorithm 15, for our own servers to publish b's next ZSK [a]
  to ask for the DS of algorithm 15, for DNSKEY RRsets without b's next KSK to leave the caches: 1h0m0s DNSKEY TTL of a + 1h0m0s margin, since 2030-01-02T08:03:00Z
34h3m0s the parent has the DS set that CDS asks for
  to ask the parent for the new DS, for our own servers to publish CDS [a]
  to ask the parent for the new DS, for every signer to publish the same CDS and CDNSKEY [b b1]
36h4m0s withdraw ZSK a2
  to withdraw the keys of algorithm 13, for DS RRsets with that of b's KSK b1 to leave the caches: 1h0m0s DS TTL of the parent + 1h0m0s margin, since 2030-01-02T10:04:00Z
36h4m0s withdraw b's ZSK b2
36h4m0s withdraw b's KSK b1
36h4m0s withdraw KSK a1
38h5m0s stop signing the zone with ZSK a2
  to stop signing with algorithm 13, for every signer to withdraw its keys of algorithm 13 [a, b b1]
  to stop signing with algorithm 13, for DNSKEY RRsets with a key of algorithm 13 to leave the caches: 1h0m0s DNSKEY TTL of a + 1h0m0s margin, since 2030-01-02T12:05:00Z
`},
		{"insecure", roll.Command{Kind: roll.Insecure}, `
30h0m0s ask the parent, by CDS and CDNSKEY, to remove the DS
30h0m0s the parent has removed the DS
  to go insecure, for our own servers to ask the parent to remove the DS [a]
  to go insecure, for every signer to ask the parent to remove the DS (give ` + "`" + `insecure` + "`" + ` there, too) [b b1]
32h1m0s serve the zone unsigned
  to stop signing, for DS RRsets to leave the caches: 1h0m0s DS TTL of the parent + 1h0m0s margin, since 2030-01-02T06:01:00Z
`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			state, err := roll.Do(s.state, tc.order, s.policy, s.now)
			require.NoError(t, err)
			found, waits := roll.Forecast(state, s.policy, s.observation(), s.now, time.Minute, s.now.Add(60*time.Hour))
			require.Equal(t, strings.TrimPrefix(tc.want, "\n"), s.told(found))
			require.Empty(t, waits)
		})
	}
}

// A plan begins with what is served, and nothing is going to happen to a zone at rest:
// one that is insecure, one with a standby key that signs CDS alone, and one that
// refuses because its state was lost.
func TestForecastAtRest(t *testing.T) {
	for _, tc := range []struct {
		name  string
		lines []string
		at    func(s *story)
		want  string
	}{
		{"insecure", []string{"order insecure", "parent ds"}, func(s *story) { s.published.Serial = s.serial }, ""},
		{"insecure, and secure again", []string{"order insecure", "parent ds"}, func(s *story) {
			s.published.Serial = s.serial
			s.command(roll.Command{Kind: roll.Secure})
		}, `
100h0m0s serve the zone signed
102h1m0s ask the parent, by CDS and CDNSKEY, for the DS of CSK a1
  to publish CDS and CDNSKEY for all signers, for our own servers to publish CSK a1 [a]
  to publish CDS and CDNSKEY for all signers, for DNSKEY RRsets without CSK a1 to leave the caches: 1h0m0s DNSKEY TTL of a + 1h0m0s margin, since 2030-01-05T04:01:00Z
102h1m0s the parent has the DS set that CDS asks for
  to ask the parent for the new DS, for our own servers to publish CDS [a]
`},
		{"a standby key signs CDS", nil, func(s *story) { s.published.Signers = s.plan.SignCDS }, ""},
		{"the state was lost", []string{"lose state"}, func(*story) {}, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := begin(t)
			s.configure([]string{"keys", "csk"})
			s.configure([]string{"standby"})
			for at, line := range append([]string{"parent ds", "parent ds a1"}, tc.lines...) {
				s.runUntil(start.Add(time.Duration(at) * 24 * time.Hour))
				s.tell(line)
			}
			s.runUntil(start.Add(100 * time.Hour))
			tc.at(s)
			found, _ := roll.Forecast(s.state, s.policy, s.observation(), s.now, time.Minute, s.now.Add(60*time.Hour))
			require.Equal(t, strings.TrimPrefix(tc.want, "\n"), s.told(found))
		})
	}
}

// Peers make no keys of an algorithm that goes: after recover our key store may give us
// one back that the group gave up long ago.
func TestForecastAfterRecover(t *testing.T) {
	s := twoSigners(t, "peer b signs 13")
	s.tell("parent ds a1 b1")
	s.own = append(s.own, roll.OwnKey{ID: s.id("old1@15"), Role: roll.KSK, SEP: true}, roll.OwnKey{ID: s.id("old2@15"), Role: roll.ZSK})
	s.tell("lose state")
	s.tell("order recover")
	found, waits := roll.Forecast(s.state, s.policy, s.observation(), s.now, time.Minute, s.now.Add(200*time.Hour))
	require.Empty(t, waits)
	told := s.told(found)
	require.NotContains(t, told, "b's next")
	require.Contains(t, told, "stop signing the zone with ZSK old2@15")
}

func (s *story) told(found []roll.Happening) string {
	var out strings.Builder
	for _, h := range found {
		out.WriteString(h.At.Sub(start).String() + " " + s.named(h.What) + "\n")
		for _, w := range h.Ended {
			out.WriteString("  to " + s.named(w.What) + ", for " + s.named(w.Why))
			if len(w.Holding) > 0 {
				out.WriteString(" [" + strings.Join(w.Holding, ", ") + "]")
			}
			if w.From != "" {
				out.WriteString(": " + w.From)
			}
			out.WriteString("\n")
		}
	}
	return out.String()
}

// A plan goes on with what has begun: when our own servers were last seen before they
// had the new key, and when the last look of before a restart is some while ago.
func TestForecastGoesOn(t *testing.T) {
	id := func(tag uint16) roll.KeyID { return roll.KeyID{Algorithm: 13, Tag: tag} }
	policy := roll.Policy{Signer: "a", Split: true, Algorithm: 13, DNSKEYTTL: time.Hour, Margin: time.Hour, LifetimeKSK: 365 * 24 * time.Hour, Interval: time.Minute}
	seen := roll.Observation{Looked: true, Own: []roll.OwnKey{{ID: id(1), Role: roll.KSK, SEP: true}, {ID: id(2), Role: roll.ZSK}}}
	publish := func(plan roll.Plan, serial uint32) {
		seen.Published = roll.Published{DNSKEY: plan.DNSKEY, DNSKEYTTL: time.Hour, MaxTTL: time.Hour, Serial: serial, Signers: plan.SignData, Entry: plan.SignDNSKEY}
	}
	look := func(at time.Time) {
		p := seen.Published
		seen.Self.Addresses = []roll.Address{{Addr: "a1", State: roll.Good, Seen: at, DNSKEY: p.DNSKEY, DNSKEYTTL: time.Hour, Entry: p.Entry, DataSigners: p.Signers, Serial: p.Serial}}
	}
	state, plan := roll.Step(roll.State{}, policy, seen, start)
	publish(plan, 1)
	look(start)
	state, _ = roll.Step(state, policy, seen, start)
	state, err := roll.Do(state, roll.Command{Kind: roll.RollKey, Role: roll.ZSK}, policy, start)
	require.NoError(t, err)
	seen.Own = append(seen.Own, roll.OwnKey{ID: id(3), Role: roll.ZSK})
	state, plan = roll.Step(state, policy, seen, start)
	require.Len(t, plan.DNSKEY, 3)
	publish(plan, 2)

	// The look is older than what is published now.
	found, _ := roll.Forecast(state, policy, seen, start, time.Minute, start.Add(24*time.Hour))
	require.Equal(t, "sign the zone with ZSK 3", found[0].What)
	require.Equal(t, start.Add(time.Minute+2*time.Hour), found[0].At)

	// The last look was five seconds ago, as after a restart; the wait goes on.
	look(start.Add(30 * time.Second))
	state, _ = roll.Step(state, policy, seen, start.Add(30*time.Second))
	found, _ = roll.Forecast(state, policy, seen, start.Add(35*time.Second), time.Minute, start.Add(24*time.Hour))
	require.Equal(t, start.Add(30*time.Second+2*time.Hour), found[0].At)
}

// A moment that is shown stays where it was when the process was down in between, or
// the clock was wrong: an operator looks it up in a log.
func TestMomentsStay(t *testing.T) {
	own := []roll.OwnKey{{ID: roll.KeyID{Algorithm: 13, Tag: 1}, Role: roll.CSK, SEP: true}}
	policy := roll.Policy{Signer: "a", Algorithm: 13}
	steady := start
	state, _ := roll.Step(roll.State{}, policy, roll.Observation{Looked: true, Own: own, Steady: steady}, start)
	for _, tc := range []struct{ wall, steady time.Duration }{{time.Hour, time.Hour}, {25 * time.Hour, time.Hour}, {26 * time.Hour, 2 * time.Hour}, {49 * time.Hour, 2*time.Hour + time.Second}, {40 * time.Hour, 3 * time.Hour}} {
		var plan roll.Plan
		state, plan = roll.Step(state, policy, roll.Observation{Looked: true, Own: own, Steady: steady.Add(tc.steady)}, start.Add(tc.wall))
		require.WithinDuration(t, start, plan.Keys[0].Since, time.Second, "at %s", tc.wall)
	}
}

// What an emergency costs is said before it begins. A standby key that every cache
// knows makes it cheaper; what the old key signed is in the caches all the same.
func TestCost(t *testing.T) {
	for _, tc := range []struct {
		name          string
		standby       bool
		zsk, ksk      time.Duration
		zskBogus, how int
	}{
		{"without a standby key", false, 4 * time.Hour, 4 * time.Hour, 2, 2},
		{"with one", true, 2 * time.Hour, 2 * time.Hour, 1, 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := begin(t)
			s.policy.Standby = tc.standby
			s.tell("parent ds")
			s.runUntil(start.Add(8 * time.Hour))
			s.tell("parent ds a1")
			s.runUntil(start.Add(30 * time.Hour))
			zsk, err := roll.Cost(s.state, s.policy, s.published.Signers[0])
			require.NoError(t, err)
			require.Equal(t, tc.zsk, zsk.Waiting)
			require.Len(t, zsk.Bogus, tc.zskBogus)
			ksk, err := roll.Cost(s.state, s.policy, s.id("a1"))
			require.NoError(t, err)
			require.Equal(t, tc.ksk, ksk.Waiting)
			require.Len(t, ksk.Bogus, tc.how)
		})
	}
	// What a peer's key has signed stays for the largest TTL of data.
	peers, err := roll.Cost(twoSigners(t, "configure ttl 1h 6h").state, roll.Policy{Margin: time.Hour}, begin(t).id("b2"))
	require.NoError(t, err)
	require.Equal(t, 7*time.Hour, peers.Waiting)
	require.Len(t, peers.Bogus, 1)
	_, err = roll.Cost(roll.State{}, roll.Policy{}, roll.KeyID{Tag: 1})
	require.ErrorContains(t, err, "is not known")
}

// A key says besides its state that it stands by, or is compromised; one that was
// removed is not rolled again, and costs nothing.
func TestStandbyAndCompromisedAreShown(t *testing.T) {
	s := begin(t)
	s.policy.Standby = true
	do := func(at time.Duration, what string) {
		s.runUntil(start.Add(at))
		s.tell(what)
	}
	shown := func() string {
		var all []string
		for _, k := range s.plan.Keys {
			line := s.names[k.ID] + " " + k.State
			if k.Standby {
				line += ", standby"
			}
			if k.Compromised {
				line += ", compromised"
			}
			all = append(all, line)
		}
		return strings.Join(all, "; ")
	}
	do(0, "parent ds")
	do(8*time.Hour, "parent ds a1")
	do(9*time.Hour, "begin")
	require.Equal(t, "a1 active; a2 active; a3 ready, standby; a4 ready, standby", shown())
	do(10*time.Hour, "order compromised a2")
	require.Equal(t, "a1 active; a2 retired, compromised; a3 ready, standby; a4 active; a5 published, standby", shown())
	do(11*time.Hour, "order compromised a1")
	do(11*time.Hour, "begin")
	require.Equal(t, "a1 retired, compromised; a2 retired, compromised; a3 active; a4 active; a5 published, standby; a6 published, standby", shown())
	do(30*time.Hour, "begin")
	require.Contains(t, shown(), "a2 removed, compromised")
	_, err := roll.Cost(s.state, s.policy, s.id("a2"))
	require.ErrorContains(t, err, "was removed already")
	_, err = roll.Do(s.state, roll.Command{Kind: roll.Compromised, Key: s.id("a2")}, s.policy, s.now)
	require.ErrorContains(t, err, "was removed already")
}

// Keys that are made up have tags of their own: no two of them yield to each other, so
// that a third one would have to be made.
func TestForecastMakesEachKeyOnce(t *testing.T) {
	s := begin(t)
	s.configure([]string{"peer", "b"})
	s.configure([]string{"standby"})
	for _, line := range []string{"peer b publishes csk b1", "peer b mirrors", "peer b signs 13", "parent ds"} {
		s.tell(line)
	}
	s.runUntil(start.Add(8 * time.Hour))
	s.tell("parent ds a1 b1")
	s.runUntil(start.Add(30 * time.Hour))
	s.command(roll.Command{Kind: roll.RollAlgorithm, Algorithm: 15})
	found, _ := roll.Forecast(s.state, s.policy, s.observation(), s.now, time.Minute, s.now.Add(60*time.Hour))
	told := s.told(found)
	for _, want := range []string{"publish the next ZSK\n", "publish the next KSK\n", "publish the next ZSK (2)\n", "publish the next KSK (2)\n"} {
		require.Contains(t, told, " "+want)
	}
	require.NotContains(t, told, "(3)")
}

// A plan that ends because a peer is not seen names it and what follows when it is, and
// no date: that would be reckoned from the end of the plan.
func TestForecastEndsWithWhoIsNotSeen(t *testing.T) {
	s := twoSigners(t)
	s.tell("parent ds a1 b1")
	s.runUntil(start.Add(30 * time.Hour))
	s.tell("peer b is unreachable")
	s.command(roll.Command{Kind: roll.RollKey, Role: roll.ZSK})
	found, waits := roll.Forecast(s.state, s.policy, s.observation(), s.now, time.Minute, s.now.Add(60*time.Hour))
	require.Equal(t, "30h0m0s publish the next ZSK\n", s.told(found))
	require.Len(t, waits, 1)
	require.Equal(t, "every address of every signer to answer", waits[0].Why)
	require.Equal(t, []string{"b b1 (unreachable)"}, waits[0].Holding)
	require.Equal(t, "1h0m0s DNSKEY TTL of b + 1h0m0s margin, after that", waits[0].From)
	require.Zero(t, waits[0].Earliest)
}

// One address of a peer does not answer: what the others say stands for it no more than
// it does for the step, which has no date either.
func TestForecastHasNoDateForWhoIsSilent(t *testing.T) {
	s := twoSigners(t)
	s.tell("parent ds a1 b1")
	s.runUntil(start.Add(30 * time.Hour))
	seen := s.observation()
	silent := roll.Address{Addr: "b2", State: roll.Unreachable, Seen: s.now}
	seen.Peers[0].Addresses = append(slices.Clone(seen.Peers[0].Addresses), silent)
	s.command(roll.Command{Kind: roll.RollKey, Role: roll.ZSK})
	found, waits := roll.Forecast(s.state, s.policy, seen, s.now, time.Minute, s.now.Add(60*time.Hour))
	require.Equal(t, "30h0m0s publish the next ZSK\n", s.told(found))
	require.Len(t, waits, 1)
	require.Equal(t, []string{"b b2 (unreachable)"}, waits[0].Holding)

	silent.State = roll.Stale // it answers, and will be mended
	seen.Peers[0].Addresses[len(seen.Peers[0].Addresses)-1] = silent
	found, _ = roll.Forecast(s.state, s.policy, seen, s.now, time.Minute, s.now.Add(60*time.Hour))
	require.Contains(t, s.told(found), "sign the zone with the next ZSK")
}
