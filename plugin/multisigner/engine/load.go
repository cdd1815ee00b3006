package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/multisigner/multisigner/plugin/multisigner/keystore"
	"github.com/multisigner/multisigner/plugin/multisigner/peer"
	"github.com/multisigner/multisigner/plugin/multisigner/roll"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// load reads what an earlier process left: the record, the private keys and the
// last signed version. An error leaves the disk as it is; the next turn tries again.
func (e *Engine) load(ctx context.Context, z *Zone, cfg *Config, now time.Time) error {
	w := &z.work
	r, state, err := loadRecord(ctx, e.store, cfg.Apex)
	if err != nil {
		return err
	}
	if r.Signer != "" && r.Signer != cfg.Signer {
		return fmt.Errorf("the state directory holds %s as signer %s, the configuration says %s: a signer keeps its name", cfg.Apex, r.Signer, cfg.Signer)
	}
	w.record, w.state, w.saved = r, state, state
	w.own, w.roles = map[roll.KeyID]keystore.Key{}, map[roll.KeyID]roll.Role{}
	w.memories, w.trusts, w.repinned = map[string]peer.Memory{}, map[string]trust{}, map[string]bool{}
	for _, k := range r.Keys {
		w.known.learn(zone.DNSKEY(k))
	}
	if e.readKeys(z); len(w.keyFaults) > 0 && state.Empty() {
		return errors.Join(w.keyFaults...) // a new key beside one that cannot be read might be one too many
	}
	if w.record.Steady.IsZero() {
		w.record.Steady = now
	}
	w.times = beginTimes(r.Mark, now, e.clock.Steady())
	w.steadyFrom = w.times.steady
	w.recall(r.Held, w.steady())
	if w.overlay, err = loadOverlay(ctx, e.store, cfg.Apex); err != nil {
		return err
	}
	e.loadSnapshot(z, cfg)
	if w.signed != nil {
		e.prove(z, cfg, w.signed)
		w.proving.good = nil
	}
	w.loaded = true
	return nil
}

// loadSnapshot takes over the version that was served last. One that cannot be
// read is made anew from the zone file: that loses signatures, and nothing else.
func (e *Engine) loadSnapshot(z *Zone, cfg *Config) {
	w := &z.work
	v, stamp, at, err := e.readSnapshot(cfg.Apex)
	if err != nil {
		e.log.Warn("the last version of the zone could not be read", "zone", cfg.Apex, "error", err)
		return
	}
	if v == nil {
		return
	}
	w.signed, w.signedOf = v, stamp
	e.recallHistory(z, v, at)
	w.record.Serial = laterSerial(w.record.Serial, v.Serial())
	if dnskey, ok := v.RRset(cfg.Apex, zone.TypeDNSKEY); ok {
		w.known.learnAll(dnskey.Rdata)
	}
	if !w.keeps(cfg) {
		w.files.remember(cfg.File, stamp)
	}
}

func laterSerial(a, b uint32) uint32 {
	if zone.SerialAfter(b, a) {
		return b
	}
	return a
}
