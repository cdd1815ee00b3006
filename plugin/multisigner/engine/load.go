package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/multisigner/multisigner/plugin/multisigner/caches"
	"github.com/multisigner/multisigner/plugin/multisigner/clock"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// loadZone reads what there is of a zone that was not read yet. shown says that the last
// version is shown now, and that all else is for another turn, when the other zones have
// come so far.
func (e *Engine) loadZone(ctx context.Context, z *Zone, cfg *Config, asked wants, now time.Time) (shown bool, err error) {
	w := z.work
	if !w.opened {
		if err := e.load(ctx, z, cfg, now); err != nil {
			return false, err
		}
		if z.summed && asked.nothingElse() && z.showAtOnce(cfg) {
			z.postpone()
			return true, nil
		}
	}
	if !w.loaded {
		if z.postponed.Swap(false) { // whatever comes of it is told
			_, leave := e.share.Place() // it is answered from already: queries come first
			defer leave()
		}
		return false, e.loadRest(z, cfg)
	}
	return false, nil
}

// load reads what can be shown of what an earlier process left: the record and the last
// signed version. loadRest reads what is needed to decide anything. An error of either
// leaves the disk as it is; the next turn tries again.
func (e *Engine) load(ctx context.Context, z *Zone, cfg *Config, now time.Time) error {
	w := z.work
	r, err := loadRecord(ctx, e.store, cfg.Apex)
	if err != nil {
		return err
	}
	if r.Signer != "" && r.Signer != cfg.Signer {
		return fmt.Errorf("the state directory holds %s as signer %s, the configuration says %s: a signer keeps its name", cfg.Apex, r.Signer, cfg.Signer)
	}
	w.record = r
	if w.record.Steady.IsZero() {
		w.record.Steady = now
	}
	w.times = clock.Begin(r.Mark, now, e.clock.Steady())
	w.steadyFrom = w.times.Steady()
	if w.overlay, err = loadOverlay(ctx, e.store, cfg.Apex); err != nil {
		return err
	}
	e.loadSnapshot(z, cfg)
	w.opened = true
	return nil
}

// loadRest reads the state of the keys and the private keys, and has verified what was read
// of the last version.
func (e *Engine) loadRest(z *Zone, cfg *Config) error {
	w := z.work
	state, err := w.record.state(cfg.Apex)
	if err != nil {
		return err
	}
	for _, k := range w.record.Keys {
		w.known.learn(zone.DNSKEY(k))
	}
	if e.readKeys(z); len(w.keyFaults) > 0 && state.Empty() {
		return errors.Join(w.keyFaults...) // a new key beside one that cannot be read might be one too many
	}
	w.state, w.saved, w.record.Roll = state, state, nil
	w.caches, w.record.Held = caches.Recall(w.record.Held, w.steady()), nil
	if v := w.signed; v != nil {
		if dnskey, ok := v.RRset(cfg.Apex, zone.TypeDNSKEY); ok {
			w.known.learnAll(dnskey.Rdata)
		}
		if !w.keeps(cfg) {
			w.files.remember(cfg.File, w.signedOf)
		}
		e.prove(z, cfg, v)
		w.proving.good = nil
	}
	w.loaded = true
	return nil
}

// postpone has the zone's first turn taken once more, behind those of all other zones.
func (z *Zone) postpone() {
	z.postponed.Store(true)
	z.mu.Lock()
	defer z.mu.Unlock()
	if z.wants == nil {
		z.wants = &wants{}
	}
	z.wants.configured = true
}

// loadSnapshot takes over the version that was served last. One that cannot be
// read is made anew from the zone file: that loses signatures, and nothing else.
func (e *Engine) loadSnapshot(z *Zone, cfg *Config) {
	w := z.work
	v, stamp, at, err := e.kept.ReadSnapshot(cfg.Apex)
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
}

// showAtOnce shows what an earlier process has shown before anything is decided, when
// many zones begin together: that takes a tenth of the time in which all of them are
// decided about. It gives false where there is none, or where more than that must be known.
func (z *Zone) showAtOnce(cfg *Config) bool {
	w := z.work
	v := w.signed
	switch {
	case v == nil || v.Serial() != w.record.Serial:
		return false // the version that was shown last is another
	case w.record.Refused || len(cfg.Peers)+len(cfg.Secondaries)+len(cfg.Primaries) > 0 || len(w.overlay.entries) > 0:
		return false
	}
	z.show(cfg)
	return z.Serving().Refuse == ""
}

func laterSerial(a, b uint32) uint32 {
	if zone.SerialAfter(b, a) {
		return b
	}
	return a
}
