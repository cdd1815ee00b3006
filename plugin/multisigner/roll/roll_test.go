package roll_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/roll"
)

// Equal arguments give equal results, nothing that was given is changed, and calling
// twice does no harm: the engine calls at every look.
func TestStepIsPure(t *testing.T) {
	seen := roll.Observation{Looked: true, Parent: roll.ParentView{Addresses: []roll.ParentAddress{{Addr: "p", State: roll.Good, Seen: start}}}}
	policy := roll.Policy{Signer: "a", Split: true, Algorithm: 13, Parent: roll.ParentScan}
	first, plan := roll.Step(roll.State{}, policy, seen, start)
	require.Len(t, plan.Generate, 2)
	before := string(first.Encode())
	for i, r := range plan.Generate {
		seen.Own = append(seen.Own, roll.OwnKey{ID: roll.KeyID{Algorithm: r.Algorithm, Tag: uint16(i + 1)}, Role: r.Role})
	}
	second, plan := roll.Step(first, policy, seen, start)
	require.Equal(t, before, string(first.Encode()), "the state that was given must stay as it was")
	require.Empty(t, plan.Generate)
	require.Len(t, plan.DNSKEY, 2)
	third, again := roll.Step(second, policy, seen, start)
	require.Equal(t, plan, again)
	require.False(t, third.Differs(second))
}

// Steps come to the same as Step, keep the State that was given, and let one alone that
// somebody holds on to when new Steps go on from it.
func TestStepsAreSteps(t *testing.T) {
	policy := roll.Policy{Signer: "a", Algorithm: 13, LifetimeKSK: 24 * time.Hour, Peers: []roll.Peer{{Name: "b"}, {Name: "c"}}}
	var want, got, kept roll.State
	var steps roll.Steps
	seen, encoded := roll.Observation{Looked: true}, ""
	for i := range 200 {
		now := start.Add(time.Duration(i) * time.Hour)
		id := roll.KeyID{Algorithm: 13, Tag: uint16(5000 + i/40), Sum: uint64(i / 40)} // b rolls its key, c comes later
		b := roll.Address{Addr: "b1", State: roll.Good, Seen: now, DNSKEY: []roll.KeyID{id}, Entry: []roll.KeyID{id}, DataSigners: []roll.KeyID{id}}
		for _, own := range seen.Own {
			b.DNSKEY = append(b.DNSKEY, own.ID)
		}
		seen.Peers = []roll.View{{Name: "b", Trusted: true, Addresses: []roll.Address{b}}}
		if i > 100 {
			c := b
			c.Addr = "c1"
			seen.Peers = append(seen.Peers, roll.View{Name: "c", Trusted: true, Addresses: []roll.Address{c}})
		}
		given, before := got, string(got.Encode())
		var plan, same roll.Plan
		want, plan = roll.Step(want, policy, seen, now)
		got, same = steps.Step(&got, &policy, &seen, now)
		require.Equal(t, plan, same)
		require.Equal(t, string(want.Encode()), string(got.Encode()))
		require.Equal(t, before, string(given.Encode()), "the state that was given must stay as it was")
		for n, r := range plan.Generate {
			seen.Own = append(seen.Own, roll.OwnKey{ID: roll.KeyID{Algorithm: r.Algorithm, Tag: uint16(10*i + n)}, Role: r.Role})
		}
		seen.Published = roll.Published{DNSKEY: plan.DNSKEY, Signers: plan.SignData, Serial: uint32(i)}
		if i == 90 {
			kept, encoded, steps = got, string(got.Encode()), roll.Steps{}
		}
	}
	require.Equal(t, encoded, string(kept.Encode()))
	require.Greater(t, len(seen.Own), 3, "there was something to do")
}

// Keys that were found are adopted and never asked to be destroyed; none is asked for
// beside them.
func TestAdoptsFoundKeys(t *testing.T) {
	own := []roll.OwnKey{{ID: roll.KeyID{Algorithm: 13, Tag: 1}, SEP: true}, {ID: roll.KeyID{Algorithm: 13, Tag: 2}}, {ID: roll.KeyID{Algorithm: 13, Tag: 3}}}
	_, plan := roll.Step(roll.State{}, roll.Policy{Signer: "a", Split: true, Algorithm: 13}, roll.Observation{Looked: true, Own: own}, start)
	require.Empty(t, plan.Generate)
	require.Empty(t, plan.Destroy)
	require.Len(t, plan.SignData, 1)
	require.Equal(t, []roll.KeyID{own[0].ID}, plan.SignDNSKEY)
}

// Ten thousand keys of a peer are not taken over, and it is said so.
func TestLimitsAPeersKeys(t *testing.T) {
	a := roll.Address{Addr: "b1", State: roll.Good, Seen: start}
	for i := range 10000 {
		a.DNSKEY = append(a.DNSKEY, roll.KeyID{Algorithm: 13, Tag: uint16(i), Sum: 1})
	}
	a.Entry = a.DNSKEY
	policy := roll.Policy{Signer: "a", Split: true, Algorithm: 13, Peers: []roll.Peer{{Name: "b"}}}
	_, plan := roll.Step(roll.State{}, policy, roll.Observation{Looked: true, Peers: []roll.View{{Name: "b", Trusted: true, Addresses: []roll.Address{a}}}}, start)
	require.LessOrEqual(t, len(plan.DNSKEY), 12)
	require.Contains(t, alarms(plan), "more keys than one signer needs")
}

// Peers and parents come by addresses and lose them, all at once, too.
func TestAddressesComeAndGo(t *testing.T) {
	id := roll.KeyID{Algorithm: 13, Tag: 7, Sum: 7}
	view := func(name string, from, to int) roll.View {
		v := roll.View{Name: name, Trusted: true}
		for i := from; i < to; i++ {
			v.Addresses = append(v.Addresses, roll.Address{Addr: fmt.Sprint(name, i), State: roll.Good, Seen: start, DNSKEY: []roll.KeyID{id}})
		}
		return v
	}
	policy := roll.Policy{Signer: "a", Split: true, Algorithm: 13, Peers: []roll.Peer{{Name: "b"}, {Name: "c"}}}
	var state roll.State
	for _, n := range [][4]int{{0, 0, 0, 2}, {0, 6, 0, 2}, {5, 6, 0, 2}, {0, 0, 1, 2}, {0, 6, 0, 6}, {0, 1, 0, 1}} {
		seen := roll.Observation{Looked: true, Peers: []roll.View{view("b", n[0], n[1]), view("c", n[2], n[3])}}
		state, _ = roll.Step(state, policy, seen, start)
		_, err := roll.Decode(state.Encode())
		require.NoError(t, err)
	}
}

// What is not trusted, or of an algorithm with which we do not sign, changes nothing.
func TestTakesOverOnlyWhatItMay(t *testing.T) {
	for _, tc := range []struct {
		name, alarm string
		change      func(*roll.View)
	}{
		{"untrusted", "not trusted: signed by an unknown key", func(v *roll.View) { v.Trusted, v.Why = false, "signed by an unknown key" }},
		{"bogus", "", func(v *roll.View) { v.Addresses[0].State = roll.Bogus }},
		{"unsigned", "", func(v *roll.View) { v.Addresses[0].State = roll.Unsigned }},
		{"another algorithm", "with which we do not sign", func(v *roll.View) {
			v.Addresses[0].DNSKEY[0].Algorithm = 15
			v.Addresses[0].Entry[0].Algorithm = 15
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			id := roll.KeyID{Algorithm: 13, Tag: 7}
			v := roll.View{Name: "b", Trusted: true, Addresses: []roll.Address{{Addr: "b1", State: roll.Good, Seen: start, DNSKEY: []roll.KeyID{id}, Entry: []roll.KeyID{id}}}}
			tc.change(&v)
			policy := roll.Policy{Signer: "a", Split: true, Algorithm: 13, Peers: []roll.Peer{{Name: "b"}}}
			_, plan := roll.Step(roll.State{}, policy, roll.Observation{Looked: true, Peers: []roll.View{v}}, start)
			require.Empty(t, plan.DNSKEY)
			require.Contains(t, alarms(plan), tc.alarm)
		})
	}
}

// What a transfer shows is taken over, and never satisfies a gate.
func TestTransferOnlyImports(t *testing.T) {
	id := roll.KeyID{Algorithm: 13, Tag: 7}
	v := roll.View{Name: "b", Trusted: true, Addresses: []roll.Address{{Addr: "b1", State: roll.Good, Transfer: true, DNSKEY: []roll.KeyID{id}, Entry: []roll.KeyID{id}}}}
	policy := roll.Policy{Signer: "a", Split: true, Algorithm: 13, Peers: []roll.Peer{{Name: "b"}}, Parent: roll.ParentScan}
	seen := roll.Observation{Looked: true, Own: []roll.OwnKey{{ID: roll.KeyID{Algorithm: 13, Tag: 1}, SEP: true}, {ID: roll.KeyID{Algorithm: 13, Tag: 2}}}}
	var s roll.State
	var plan roll.Plan
	for now := start; now.Before(start.Add(24 * time.Hour)); now = now.Add(10 * time.Minute) {
		v.Addresses[0].Seen = now
		seen.Peers = []roll.View{v}
		seen.Parent.Addresses = []roll.ParentAddress{{Addr: "p", State: roll.Good, Seen: now}}
		seen.Published = roll.Published{DNSKEY: plan.DNSKEY, Signers: plan.SignData, Serial: 1}
		s, plan = roll.Step(s, policy, seen, now)
	}
	require.Contains(t, plan.DNSKEY, id)
	require.Empty(t, plan.CDS)
}

// A state of a newer program, a damaged one and an unknown field are refused: guessing
// about keys is how zones become bogus.
func TestDecodeRefuses(t *testing.T) {
	good, _ := roll.Step(roll.State{}, roll.Policy{Signer: "a"}, roll.Observation{Looked: true}, start)
	text := string(good.Encode())
	for _, tc := range []struct{ name, text, want string }{
		{"newer", strings.Replace(text, `"format":5`, `"format":6`, 1), "run the newer program"},
		{"no format", strings.Replace(text, `"format":5`, `"format":0`, 1), "no format number"},
		{"unknown field", strings.Replace(text, `"facts":{`, `"facts":{"magic":1,`, 1), "magic"},
		{"cut off", text[:len(text)/2], "decode"},
		{"empty", "", "decode"},
		{"spread", strings.Replace(text, `"facts":{`, `"facts":{"spread":[1],`, 1), "moments for"},
		{"owner", strings.Replace(text, `"facts":{`, `"facts":{"keys":[{"id":"13/1/0000000000000000","role":1,"owner":9,"created":1}],"spread":[0],`, 1), "owner or role"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := roll.Decode([]byte(tc.text))
			require.ErrorContains(t, err, tc.want)
		})
	}
}

// Orders that cannot be carried out are refused with a reason.
func TestDoRefuses(t *testing.T) {
	p := roll.Policy{Signer: "a", Split: true, Algorithm: 13}
	_, err := roll.Do(roll.State{}, roll.Command{Kind: roll.RollKey, Role: roll.ZSK}, p, start)
	require.ErrorContains(t, err, "first turn")
	s, _ := roll.Step(roll.State{}, p, roll.Observation{Looked: true}, start)
	_, err = roll.Do(s, roll.Command{Kind: roll.RollKey, Role: roll.CSK}, p, start)
	require.ErrorContains(t, err, "keys split")
	_, err = roll.Do(s, roll.Command{Kind: roll.Compromised, Key: roll.KeyID{Tag: 9}}, p, start)
	require.ErrorContains(t, err, "is not known")
}

// An algorithm is on its way from the order on, and no longer than its last signature:
// the step that ends it leaves nothing for the next one to find out.
func TestAlgorithmOnItsWay(t *testing.T) {
	s := begin(t)
	s.tell("parent ds")
	s.runUntil(start.Add(8 * time.Hour))
	s.tell("parent ds a1")
	s.runUntil(start.Add(30 * time.Hour))
	s.command(roll.Command{Kind: roll.RollAlgorithm, Algorithm: 15})
	insecure := roll.Command{Kind: roll.Insecure}
	_, err := roll.Do(s.state, insecure, s.policy, s.now)
	require.ErrorContains(t, err, "algorithm 15 is on its way")
	s.step()
	s.runUntil(start.Add(35 * time.Hour))
	s.tell("parent ds a4@15")
	old := func() bool {
		return slices.ContainsFunc(s.plan.SignData, func(id roll.KeyID) bool { return id.Algorithm == 13 })
	}
	for range 10 {
		_, err = roll.Do(s.state, insecure, s.policy, s.now)
		require.ErrorContains(t, err, "algorithm 13 is on its way")
		s.pass(s.plan.Wake)
		s.state, s.plan = roll.Step(s.state, s.policy, s.observation(), s.now)
		if !old() {
			break
		}
		s.step()
	}
	require.False(t, old())
	_, err = roll.Do(s.state, insecure, s.policy, s.now)
	require.NoError(t, err)
}

// A new key never gets a tag that any key in sight has, nor one that it or they would
// have when revoked.
func TestAvoidsTags(t *testing.T) {
	id := roll.KeyID{Algorithm: 13, Tag: 7}
	v := roll.View{Name: "b", Trusted: true, Addresses: []roll.Address{{Addr: "b1", State: roll.Good, Seen: start, DNSKEY: []roll.KeyID{id}, Entry: []roll.KeyID{id}}}}
	policy := roll.Policy{Signer: "a", Split: true, Algorithm: 13, Peers: []roll.Peer{{Name: "b"}}}
	_, plan := roll.Step(roll.State{}, policy, roll.Observation{Looked: true, Peers: []roll.View{v}}, start)
	require.Len(t, plan.Generate, 2)
	require.Subset(t, plan.Generate[0].Avoid, []uint16{7, 135, 65415})
}

// A key's name survives text and back, and nonsense does not become one.
func TestKeyIDText(t *testing.T) {
	id := roll.KeyID{Algorithm: 13, Tag: 4711, Sum: 1<<56 | 2<<48 | 3<<40}
	var again roll.KeyID
	require.NoError(t, again.UnmarshalText([]byte(id.String())))
	require.Equal(t, id, again)
	for _, text := range []string{"", "13/1", "300/1/0000000000000000", "13/70000/0000000000000000", "13/1/00"} {
		require.Error(t, again.UnmarshalText([]byte(text)), text)
	}
}

func alarms(p roll.Plan) string {
	var text strings.Builder
	for _, a := range p.Alarms {
		text.WriteString(a.What + "\n")
	}
	return text.String()
}

// A zone may have had any number of peers by name: those that never became members make room.
// Members are not forgotten, and where there is no room for another one nothing is done, for
// nobody looks at it.
func TestSignersHaveALimit(t *testing.T) {
	own := []roll.OwnKey{{ID: roll.KeyID{Algorithm: 13, Tag: 1, Sum: 1}, Role: roll.KSK, SEP: true}, {ID: roll.KeyID{Algorithm: 13, Tag: 2, Sum: 2}, Role: roll.ZSK}}
	var state roll.State
	step := func(trusted bool, n int) roll.Plan {
		name := fmt.Sprint("peer", n)
		id := roll.KeyID{Algorithm: 13, Tag: uint16(100 + n), Sum: uint64(100 + n)}
		v := roll.View{Name: name, Trusted: trusted, Addresses: []roll.Address{{Addr: name, State: roll.Good, Seen: start, DNSKEY: []roll.KeyID{id}, Entry: []roll.KeyID{id}, SEP: []roll.KeyID{id}, DataSigners: []roll.KeyID{id}}}}
		policy := roll.Policy{Signer: "a", Split: true, Algorithm: 13, Peers: []roll.Peer{{Name: name}}}
		var plan roll.Plan
		state, plan = roll.Step(state, policy, roll.Observation{Looked: true, Own: own, Peers: []roll.View{v}}, start)
		again, err := roll.Decode(state.Encode())
		require.NoError(t, err)
		state = again
		return plan
	}
	for n := range 100 {
		step(false, n)
	}
	for n := range 31 {
		plan := step(true, 100+n)
		require.Contains(t, plan.DNSKEY, roll.KeyID{Algorithm: 13, Tag: uint16(200 + n), Sum: uint64(200 + n)}, "the %dth member", n)
		require.NotContains(t, alarms(plan), "cannot be counted")
	}
	require.Contains(t, alarms(step(true, 300)), "peer peer300 cannot be counted")
	require.NotContains(t, alarms(step(true, 130)), "cannot be counted")
}

// A state whose record of a KSK's successor is lost, in whatever way, knows of no key of ours that is to have a DS. The old KSK
// stays, and CDS goes on to name it, until another one is made and has a DS (PROTOCOL never-the-last-ksk).
func TestSuccessorIsLost(t *testing.T) {
	s := twoSigners(t)
	s.tell("parent ds a1 b1")
	entry := regexp.MustCompile(`"entry_on":(\d+)`)
	require.Regexp(t, entry, string(s.state.Encode()))
	state, err := roll.Decode(entry.ReplaceAll(s.state.Encode(), []byte(`"entry_on":$1,"out":$1`)))
	require.NoError(t, err)
	_, plan := roll.Step(state, s.policy, s.observation(), s.now)
	require.Contains(t, s.list(plan.DNSKEY), "a1")
	require.Equal(t, "a1 b1", s.list(plan.CDS))

	s.state = state
	s.step()
	s.runUntil(start.Add(20 * time.Hour))
	s.tell("parent ds a3 b1")
	s.runUntil(start.Add(40 * time.Hour))
	require.NotContains(t, s.list(s.plan.DNSKEY), "a1")
	require.Equal(t, "a3 b1", s.list(s.plan.CDS))
}
