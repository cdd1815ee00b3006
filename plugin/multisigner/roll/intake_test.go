package roll_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/roll"
)

// A peer that publishes many keys with the tag of our ZSK gets none of them into our
// DNSKEY RRset as long as nobody signs with them, and an alarm names some. One that signs
// is taken, for its data would be bogus to whoever has our keys; a second one is not.
// Another peer's key of that tag that signs is none the worse for the crowd.
func TestKeysOfOneTag(t *testing.T) {
	policy := roll.Policy{Signer: "a", Split: true, Algorithm: 13, Peers: []roll.Peer{{Name: "b", Foreign: true}, {Name: "c", Foreign: true}}}
	id := func(tag uint16, sum uint64) roll.KeyID { return roll.KeyID{Algorithm: 13, Tag: tag, Sum: sum} }
	own := []roll.OwnKey{{ID: id(1, 1), Role: roll.KSK, SEP: true}, {ID: id(2, 2), Role: roll.ZSK}}
	peer := func(name string, ksk, zsk roll.KeyID, more ...roll.KeyID) roll.View {
		return roll.View{Name: name, Trusted: true, Addresses: []roll.Address{{Addr: name, State: roll.Good, Seen: start,
			DNSKEY: append([]roll.KeyID{ksk, zsk}, more...), SEP: []roll.KeyID{ksk}, Entry: []roll.KeyID{ksk}, DataSigners: []roll.KeyID{ksk, zsk}}}}
	}
	var state roll.State
	step := func(b, c roll.View) roll.Plan {
		t.Helper()
		var plan roll.Plan
		state, plan = roll.Step(state, policy, roll.Observation{Looked: true, Own: own, Peers: []roll.View{b, c}}, start)
		return plan
	}
	var junk []roll.KeyID
	for n := range uint64(20) {
		junk = append(junk, id(2, 100+n))
	}
	ofTag := func(plan roll.Plan) (ids []roll.KeyID) {
		for _, k := range plan.DNSKEY {
			if k.Tag == 2 {
				ids = append(ids, k)
			}
		}
		return ids
	}
	b, c := peer("b", id(11, 11), id(12, 12), junk...), peer("c", id(21, 21), id(22, 22))
	plan := step(b, c)
	require.Equal(t, []roll.KeyID{own[1].ID}, ofTag(plan))
	require.Subset(t, plan.DNSKEY, []roll.KeyID{id(11, 11), id(12, 12), id(21, 21), id(22, 22)})
	require.Contains(t, alarms(plan), "peer b publishes keys that we do not take over, ZSK 2, ZSK 2, ZSK 2, ZSK 2 and 16 more")

	// Two of them sign: one is enough for what b serves.
	b.Addresses[0].DataSigners = append(slices.Clone(b.Addresses[0].DataSigners), junk[0], junk[1])
	plan = step(b, c)
	require.Len(t, ofTag(plan), 2)

	// c signs with a key of that tag, too.
	c = peer("c", id(21, 21), id(2, 300))
	plan = step(b, c)
	require.Len(t, ofTag(plan), 3)
	require.Contains(t, plan.DNSKEY, id(2, 300))
}

// More keys than one signer needs stay out, and what signs comes first. So it is when
// many peers publish many: the RRset stays one that others look at.
func TestKeysOfPeers(t *testing.T) {
	policy := roll.Policy{Signer: "a", Split: true, Algorithm: 13}
	seen := roll.Observation{Looked: true, Own: []roll.OwnKey{{ID: roll.KeyID{Algorithm: 13, Tag: 1, Sum: 1}, Role: roll.KSK, SEP: true}, {ID: roll.KeyID{Algorithm: 13, Tag: 2, Sum: 2}, Role: roll.ZSK}}}
	var used []roll.KeyID
	for i := range 8 {
		a := roll.Address{Addr: "x", State: roll.Good, Seen: start}
		for n := range 20 {
			a.DNSKEY = append(a.DNSKEY, roll.KeyID{Algorithm: 13, Tag: uint16(100*i + n + 100), Sum: uint64(100*i + n + 100)})
		}
		policy.Peers = append(policy.Peers, roll.Peer{Name: "p" + strings.Repeat("x", i), Foreign: true})
		last := a.DNSKEY[19]
		used = append(used, last)
		a.SEP, a.Entry, a.DataSigners = []roll.KeyID{last}, []roll.KeyID{last}, []roll.KeyID{last}
		seen.Peers = append(seen.Peers, roll.View{Name: policy.Peers[i].Name, Trusted: true, Addresses: []roll.Address{a}})
	}
	state, plan := roll.Step(roll.State{}, policy, seen, start)
	require.LessOrEqual(t, len(plan.DNSKEY), 64+len(used))
	require.Subset(t, plan.DNSKEY, used)
	for _, v := range seen.Peers {
		n := 0
		for _, k := range v.Addresses[0].DNSKEY {
			if slices.Contains(plan.DNSKEY, k) {
				n++
			}
		}
		require.LessOrEqual(t, n, 12)
	}
	_, again := roll.Step(state, policy, seen, start.Add(time.Minute))
	require.Equal(t, plan.DNSKEY, again.DNSKEY)
}

// A key that nobody signs with and that was taken over goes again when a key of ours signs
// that has its tag: both were made in one moment.
func TestUnusedKeyMakesRoom(t *testing.T) {
	policy := roll.Policy{Signer: "a", Split: true, Algorithm: 13, Peers: []roll.Peer{{Name: "b", Foreign: true}}}
	id := func(tag uint16, sum uint64) roll.KeyID { return roll.KeyID{Algorithm: 13, Tag: tag, Sum: sum} }
	b := roll.View{Name: "b", Trusted: true, Addresses: []roll.Address{{Addr: "b", State: roll.Good, Seen: start,
		DNSKEY: []roll.KeyID{id(11, 11), id(2, 100)}, SEP: []roll.KeyID{id(11, 11)}, Entry: []roll.KeyID{id(11, 11)}, DataSigners: []roll.KeyID{id(11, 11)}}}}
	seen := roll.Observation{Looked: true, Own: []roll.OwnKey{{ID: id(1, 1), Role: roll.KSK, SEP: true}}, Peers: []roll.View{b}}
	state, plan := roll.Step(roll.State{}, policy, seen, start)
	require.Contains(t, plan.DNSKEY, id(2, 100))
	seen.Own = append(seen.Own, roll.OwnKey{ID: id(2, 2), Role: roll.ZSK})
	state, _ = roll.Step(state, policy, seen, start)
	_, plan = roll.Step(state, policy, seen, start)
	require.Equal(t, []roll.KeyID{id(2, 2)}, plan.SignData)
	require.NotContains(t, plan.DNSKEY, id(2, 100))
}

// A key that nobody signs with makes no room for one that does not fit all the same: its
// peer has as many keys in use already as we take over.
func TestNothingMakesRoomInVain(t *testing.T) {
	policy := roll.Policy{Signer: "a", Split: true, Algorithm: 13, Peers: []roll.Peer{{Name: "b", Foreign: true}, {Name: "c", Foreign: true}}}
	id := func(tag uint16, sum uint64) roll.KeyID { return roll.KeyID{Algorithm: 13, Tag: tag, Sum: sum} }
	own := []roll.OwnKey{{ID: id(1, 1), Role: roll.KSK, SEP: true}, {ID: id(2, 2), Role: roll.ZSK}}
	peer := func(name string, first uint16, used int, more ...roll.KeyID) roll.View {
		a := roll.Address{Addr: name, State: roll.Good, Seen: start}
		for n := range used {
			a.DNSKEY = append(a.DNSKEY, id(first+uint16(n), uint64(first)+uint64(n)))
		}
		a.SEP, a.Entry, a.DataSigners = a.DNSKEY[:1], a.DNSKEY[:1], a.DNSKEY
		a.DNSKEY = append(slices.Clone(a.DNSKEY), more...)
		return roll.View{Name: name, Trusted: true, Addresses: []roll.Address{a}}
	}
	var state roll.State
	step := func(b, c roll.View) (plan roll.Plan) {
		state, plan = roll.Step(state, policy, roll.Observation{Looked: true, Own: own, Peers: []roll.View{b, c}}, start)
		return plan
	}
	idle, next := id(50, 50), id(50, 51)
	require.Contains(t, step(peer("b", 11, 2, idle), peer("c", 21, 12, idle)).DNSKEY, idle) // whose it is is not known yet
	c := peer("c", 21, 12, idle, next)
	c.Addresses[0].Entry = []roll.KeyID{c.Addresses[0].Entry[0], idle} // it is the thirteenth of c
	c.Addresses[0].DataSigners = append(slices.Clone(c.Addresses[0].DataSigners), next)
	plan := step(peer("b", 11, 2), c)
	require.NotContains(t, plan.DNSKEY, next)
	require.Contains(t, plan.DNSKEY, idle)
}
