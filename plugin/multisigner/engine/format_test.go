package engine

import (
	"bytes"
	"context"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/roll"
	"github.com/multisigner/multisigner/plugin/multisigner/store"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// What the program wrote when record and state had format 1, in the midst of a KSK
// rollover at a while b rolled its ZSK, is read by this one, which goes on from there:
// every key is published, the same ones sign, and the wait is the same.
func TestReadsFormat1(t *testing.T) {
	t.Parallel()
	ctx, apex := context.Background(), zone.MustName("example.test.")
	golden, err := os.ReadFile("testdata/format1/record.json")
	require.NoError(t, err)
	st := store.Memory()
	_, err = st.Save(ctx, recordKey(apex), bytes.TrimSpace(golden), 0)
	require.NoError(t, err)
	r, err := loadRecord(ctx, st, apex)
	require.NoError(t, err)
	state, err := r.state(apex)
	require.NoError(t, err)
	require.Equal(t, 1, r.Format)
	require.Equal(t, "a", r.Signer)
	require.Equal(t, uint32(5), r.Serial)
	require.Equal(t, time.Date(2026, 11, 25, 14, 24, 0, 0, time.UTC), r.Mark.UTC().Truncate(time.Minute))
	require.NotEmpty(t, r.Peers["b"].recall().Pins)

	names := newKnown(apex)
	tags := map[uint16]roll.KeyID{}
	for _, rdata := range r.Keys {
		id := names.learn(zone.DNSKEY(rdata))
		tags[id.Tag] = id
	}
	require.Len(t, tags, 6)
	ids := func(of ...uint16) (list []roll.KeyID) {
		for _, tag := range of {
			list = append(list, tags[tag])
		}
		return sortIDs(list)
	}
	policy := roll.Policy{
		Signer: "a", Peers: []roll.Peer{{Name: "b"}}, Split: true, Algorithm: 13, Parent: roll.ParentScan,
		DNSKEYTTL: 30 * time.Second, Margin: 5 * time.Second,
	}
	all := ids(29774, 30242, 46019, 58702, 3066, 60021)
	seen := roll.Observation{Looked: true, Steady: r.Steady.Add(time.Second), Published: roll.Published{
		DNSKEY: all, DNSKEYTTL: 30 * time.Second, MaxTTL: 30 * time.Second, Serial: 5,
		Signers: ids(30242), Entry: ids(29774, 3066), CDS: ids(29774, 58702),
	}}
	for _, tag := range []uint16{29774, 30242, 3066} {
		seen.Own = append(seen.Own, roll.OwnKey{ID: tags[tag], SEP: tag != 30242})
	}
	next, plan := roll.Step(state, policy, seen, r.Mark.Add(time.Second))
	require.Equal(t, all, sortIDs(plan.DNSKEY))
	require.Equal(t, ids(29774, 3066), sortIDs(plan.SignDNSKEY))
	require.Equal(t, ids(30242), sortIDs(plan.SignData))
	require.Equal(t, ids(29774, 58702), sortIDs(plan.CDS))
	require.Empty(t, plan.Generate)
	require.Empty(t, plan.Destroy)
	require.NotEmpty(t, plan.Waits)
	require.Equal(t, "change the DS to KSK 3066", plan.Waits[0].What)

	// What is saved from here on is of today's format, and the same state.
	r.Roll = next.Encode()
	require.NoError(t, r.save(ctx, st, apex))
	saved, err := loadRecord(ctx, st, apex)
	require.NoError(t, err)
	again, err := saved.state(apex)
	require.NoError(t, err)
	require.False(t, again.Differs(next))
	_, same := roll.Step(again, policy, seen, r.Mark.Add(time.Second))
	require.Equal(t, plan.DNSKEY, same.DNSKEY)
}
