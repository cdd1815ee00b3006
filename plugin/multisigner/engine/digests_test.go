package engine_test

import (
	"net/netip"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/engine"
	"github.com/multisigner/multisigner/plugin/multisigner/peer"
	"github.com/multisigner/multisigner/plugin/multisigner/status"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// A peer of other software publishes CDS of its own key by SHA-256 and SHA-384, and of
// ours by SHA-256. The keys are the same, so that a parent would take it; but whoever
// goes by the strongest type would find no DS for us
// (PROTOCOL digest-types-for-all-keys). The parent is told when each key has each type,
// and not before.
func TestDigestTypesOfPeer(t *testing.T) {
	t.Parallel()
	var e atomic.Pointer[engine.Engine]
	ours := newStage(t, serving(&e))
	b, r := newOther(t), register(t)
	b.show(t, time.Now())
	cfg := delegated(t, r)
	cfg.Signer, cfg.File = "a", write(t, onLoopback)
	cfg.Addresses, cfg.Parent.Notify = []netip.AddrPort{ours.addr}, []netip.AddrPort{r.addr}
	cfg.Parent.Resolver = listen(t, &directory{}, nil)
	cfg.Peers = []engine.Peer{{
		Name: "b", Addresses: []netip.AddrPort{b.addr}, Foreign: true,
		Trust: peer.Trust{Mode: peer.TrustDS, DS: dsOf(t, b.ksk.Record)},
	}}
	running := serve(t, t.TempDir(), cfg)
	defer running.Close()
	e.Store(running)
	own, entry := b.oursAt(t, running)

	publish := func(types map[zone.DNSKEY][]uint8) {
		var cds, cdnskey []string
		for k, of := range types {
			cdnskey = append(cdnskey, string(k))
			for _, digest := range of {
				ds, err := k.DS(apex, digest)
				require.NoError(t, err)
				cds = append(cds, string(ds))
			}
		}
		b.cds, b.cdnskey = zone.Pack(cds...), zone.Pack(cdnskey...)
		b.show(t, time.Now(), own...)
	}
	publish(map[zone.DNSKEY][]uint8{b.ksk.Record: {2, 4}, entry: {2}})
	require.Eventually(t, func() bool {
		return slices.ContainsFunc(statusOf(t, running).Waits, func(w status.Wait) bool {
			return w.Why == "a peer's CDS to name every key in each of its digest types" && slices.Contains(w.Holding, "b "+b.addr.String())
		})
	}, 20*time.Second, 10*time.Millisecond, "%+v", statusOf(t, running))
	require.Contains(t, alarms(statusOf(t, running)), "the CDS of b "+b.addr.String()+" lacks KSK")
	notified, _, _ := r.came()
	require.Empty(t, notified)

	publish(map[zone.DNSKEY][]uint8{b.ksk.Record: {2, 4}, entry: {2, 4}})
	r.eventually(t, running, "the parent is told", func(r *registry) bool { return len(r.notified) == 1 })
	require.NotContains(t, alarms(statusOf(t, running)), "digest type")

	// A person puts in place what only looks right.
	sha384, err := b.ksk.Record.DS(apex, 4)
	require.NoError(t, err)
	uneven := zone.RRset{Name: apex, Type: zone.TypeDS, TTL: 1, Rdata: zone.Pack(string(sha384))}
	r.be(func(r *registry) {
		r.ds = slices.Concat(dsOf(t, entry).RRs(), dsOf(t, b.ksk.Record).RRs(), uneven.RRs())
	})
	require.Eventually(t, func() bool { return len(statusOf(t, running).Parent.DS) == 3 }, 20*time.Second, 10*time.Millisecond)
	require.Contains(t, alarms(statusOf(t, running)), "the DS set at the parent "+r.addr.String()+" lacks KSK")
	require.NotEmpty(t, statusOf(t, running).Waits)
	r.be(func(r *registry) { r.ds = slices.Concat(dsOf(t, entry).RRs(), dsOf(t, b.ksk.Record).RRs()) })
	require.Eventually(t, func() bool { return len(statusOf(t, running).Waits) == 0 }, 20*time.Second, 10*time.Millisecond)
}

// oursAt gives the DNSKEY records that e publishes besides the other's, and which of
// them has the SEP flag.
func (o *other) oursAt(t *testing.T, e *engine.Engine) (own []string, entry zone.DNSKEY) {
	set := zone.RRset{}
	require.Eventually(t, func() bool {
		if v := e.Find(apex).Serving().Version; v != nil {
			set, _ = v.RRset(apex, zone.TypeDNSKEY)
		}
		return set.Exists()
	}, 20*time.Second, 10*time.Millisecond)
	for rdata := range set.Rdata.All() {
		if k := zone.DNSKEY(rdata); k != o.ksk.Record && k != o.zsk.Record {
			if own = append(own, rdata); k.SEP() {
				entry = k
			}
		}
	}
	require.Len(t, own, 2)
	return own, entry
}
