package e2e

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/status"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
	"github.com/multisigner/multisigner/test/lab"
)

// A ZSK rollover at one signer, a KSK rollover at another and the third looking on:
// at every moment of it every answer validates under every signer's keys, and in
// the end the old keys are gone everywhere. A copy at a peer is no evidence: with
// three signers, keys that each copied from the others would circulate for ever.
func TestWithdrawnKeysVanish(t *testing.T) {
	t.Parallel()
	g := startGroup(t, "--signers", "3")
	before := g.tags(t)
	w := startWatch(t, g)
	g.roll(t, g.Signers[0], "zsk")
	g.roll(t, g.Signers[1], "ksk")

	rounds := 0
	done := func() bool {
		require.NoError(t, g.matrix(g.Signers...), "round %d", rounds)
		rounds++
		for _, tags := range g.tags(t) {
			old := 0
			for tag := range tags {
				if before[0][tag] {
					old++
				}
			}
			if len(tags) != len(before[0]) || old != len(before[0])-2 {
				return false
			}
		}
		return true
	}
	deadline := time.Now().Add(patience)
	for !done() {
		require.True(t, time.Now().Before(deadline), "the old keys are still there: %v, before %v\n%s", g.tags(t), before, g.logs())
	}
	require.Greater(t, rounds, 3, "the rollovers were looked at while they went on")

	// Nobody brings an old key back: every signer looks several times more.
	for range 5 {
		require.NoError(t, g.matrix(g.Signers...))
		require.True(t, done())
	}
	ds, err := g.chain(time.Now())
	require.NoError(t, err)
	require.Equal(t, 3, ds.Rdata.Len(), "one entry key of each signer")
	w.stop(t)
	t.Logf("%d rounds, %d answers verified", w.rounds, w.verified)
}

// tags are those of the keys that each signer publishes.
func (g *group) tags(t *testing.T) []map[uint16]bool {
	var all []map[uint16]bool
	for _, s := range g.Signers {
		set, err := fetch(s.Address, g.Zone, dns.TypeDNSKEY)
		require.NoError(t, err)
		tags := map[uint16]bool{}
		for rdata := range set.Rdata.All() {
			tags[zone.DNSKEY(rdata).Tag()] = true
		}
		all = append(all, tags)
	}
	return all
}

// roll tells a signer to begin a rollover, as its operator would, and sees that it
// has made the new key.
func (g *group) roll(t *testing.T, s lab.Signer, role string) {
	c := g.client(s)
	_, err := c.Do(context.Background(), g.Zone, "roll", role)
	require.NoError(t, err)
	z, err := c.Zone(context.Background(), g.Zone)
	require.NoError(t, err)
	made := slices.DeleteFunc(inUse(z), func(k status.Key) bool { return k.Role != role })
	require.Len(t, made, 2, "the key in use and its successor")
}

// inUse are the keys that a signer has made and that it publishes, will publish or
// still signs with.
func inUse(z status.Zone) []status.Key {
	return slices.DeleteFunc(slices.Clone(z.Keys), func(k status.Key) bool {
		used := len(k.Signs) > 0 || slices.Contains([]string{"generated", "published", "ready", "active", "retired"}, k.State)
		return !k.Own || !used
	})
}
