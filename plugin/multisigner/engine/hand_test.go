package engine_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/engine"
	"github.com/multisigner/multisigner/plugin/multisigner/status"
)

// What is to be carried to a foreign signer follows a rollover of ours: the new key is to
// be added until it is seen there, the old one to be removed once we have withdrawn it,
// and in between and afterwards there is nothing to do. Its own keys are never touched.
func TestHand(t *testing.T) {
	t.Parallel()
	g := newGroup(t, "a b", func(cfg *engine.Config) {
		for i := range cfg.Peers {
			cfg.Peers[i].Foreign = true // b takes our keys by itself all the same
		}
	})
	for _, m := range g.signers {
		m.start()
	}
	g.settle()
	a := g.signers[0]
	see := func() status.Zone {
		s, _ := a.e.Load().Status(apex)
		return s
	}
	hand := func() status.Hand {
		if h := see().Peers[0].Hand; h != nil {
			return *h
		}
		return status.Hand{}
	}
	key := func(role string, own bool) string {
		for _, k := range see().Keys {
			if k.Role == role && k.Own == own && (k.State == "active" || !own) {
				return k.DNSKEY
			}
		}
		return ""
	}
	atRest := func() bool { return len(see().Waits) == 0 && len(hand().Records) == 4 }
	g.until("both to be at rest", atRest)
	theirs := []string{key("ksk", false), key("zsk", false)}
	old := status.Record{Type: "DNSKEY", Rdata: key("zsk", true)}
	require.Contains(t, hand().Records, old)
	require.Contains(t, hand().Records, status.Record{Type: "DNSKEY", Rdata: key("ksk", true)})
	require.Contains(t, hand().Records, status.Record{Type: "CDNSKEY", Rdata: key("ksk", true)})
	require.Empty(t, hand().Add)
	require.Empty(t, hand().Remove)

	a.do("roll", "zsk")
	var added, removed []status.Record
	g.until("the ZSK to be rolled", func() bool {
		added, removed = append(added, hand().Add...), append(removed, hand().Remove...)
		return len(removed) > 0 && len(hand().Remove) == 0 && atRest()
	})
	require.Equal(t, []status.Record{{Type: "DNSKEY", Rdata: key("zsk", true)}}, slices.Compact(added))
	require.Equal(t, []status.Record{old}, slices.Compact(removed))
	require.Empty(t, hand().Add)
	require.Empty(t, hand().Remove)
	for _, r := range slices.Concat(hand().Records, added, removed) {
		require.NotContains(t, theirs, r.Rdata)
	}
	for _, k := range see().Keys {
		if !k.Own && k.State == "published" {
			require.Equal(t, map[string][]string{"ksk": {"dnskey", "cds"}, "zsk": {"cds", "data"}}[k.Role], k.Signs, k.Role)
		}
	}

	// What cannot be seen there is not known: nothing is said rather than everything.
	g.signers[1].quiet.Store(true)
	g.until("b to be out of sight", func() bool { return see().Peers[0].Silent })
	require.Nil(t, see().Peers[0].Hand)
}
