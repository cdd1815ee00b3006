package e2e

import (
	"slices"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/validate"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// What caches may hold is held against each other if it was in the world at one
// time, and only then: a watch that cannot see a fault proves nothing, and one that
// sees faults where none were is of no use.
func TestCaches(t *testing.T) {
	t.Parallel()
	g := startGroup(t)
	a, b := g.Signers[0], g.Signers[1]
	now := time.Now()
	ds, err := g.chain(now)
	require.NoError(t, err)
	ours, err := fetch(a.Address, g.Zone, dns.TypeDNSKEY)
	require.NoError(t, err)
	q := question{"www", dns.TypeA, positive, dns.RcodeSuccess}
	resp, err := exchange(b.Address, q.full(), q.t)
	require.NoError(t, err)
	set, err := fetch(b.Address, "www.example.test.", dns.TypeA)
	require.NoError(t, err)
	theirs, err := validate.Signatures(set, ours, apex, now)
	require.NoError(t, err)

	// world is one where a's keys with and without b's, b's answer, and a DS RRset were seen at moments.
	at := func(n int) time.Time { return now.Add(seconds(uint32(n))) }
	const ttl = 2 * time.Second
	world := func(keys zone.RRset, keysAt int, answerAt int, ds zone.RRset, dsAt int) *caches {
		c := newCaches()
		remember(c.keys, "keys", "a", keys, ttl, at(keysAt), at(keysAt))
		remember(c.answers, "answer", "b", asked{q, resp}, ttl, at(answerAt), at(answerAt))
		remember(c.ds, "ds", "parent", ds, ttl, at(dsAt), at(dsAt))
		return c
	}
	without := ours
	without.Rdata = zone.Pack(slices.DeleteFunc(slices.Collect(ours.Rdata.All()), func(rdata string) bool {
		return slices.Contains(theirs, zone.DNSKEY(rdata))
	})...)
	other := ds
	other.Rdata = zone.Pack(slices.Collect(func(yield func(string) bool) {
		for rdata := range ds.Rdata.All() {
			another := []byte(rdata)
			another[2] = 15 // ED25519, with which nothing here is signed
			if !yield(rdata) || !yield(string(another)) {
				return
			}
		}
	})...)
	none := zone.RRset{Name: apex, Type: zone.TypeDS}
	for _, tc := range []struct {
		name   string
		c      *caches
		faults []string
	}{
		{"all is well", world(ours, 0, 0, ds, 0), nil},
		{"a signer forgot a key", world(without, 0, 0, ds, 0), []string{"DNSKEY of a under DS", "www.example.test. A at b under the keys of a"}},
		{"and it was still cached when the answer came", world(without, 0, 2, ds, 1), []string{"DNSKEY of a under DS", "www.example.test. A at b under the keys of a"}},
		{"and had left the caches when the answer came", world(without, 0, 3, ds, 1), []string{"DNSKEY of a under DS"}},
		{"the DS is younger than that", world(without, 0, 1, ds, 3), nil},
		{"no DS", world(without, 0, 0, none, 0), nil},
		{"no keys", world(zone.RRset{Name: apex, Type: zone.TypeDNSKEY}, 0, 0, ds, 0), []string{"DNSKEY of a under DS", "www.example.test. A at b under the keys of a"}},
		{"a DS of an algorithm that nobody signs with", world(ours, 0, 0, other, 0), []string{"not signed with algorithms [15] of DS", "is not signed with algorithms [15] under"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			faults := tc.c.judge(now)
			require.Len(t, faults, len(tc.faults), "%q", faults)
			for i, want := range tc.faults {
				require.Contains(t, faults[i], want)
			}
			tc.c.judge(at(9))
			require.Empty(t, tc.c.judge(at(9)), "all has left the caches")
			require.Empty(t, tc.c.entries)
			require.Empty(t, tc.c.verdicts)
		})
	}
}
