package engine

import (
	"context"
	"time"

	"github.com/multisigner/multisigner/plugin/multisigner/peer"
	"github.com/multisigner/multisigner/plugin/multisigner/validate"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// readClocks begins a turn: the zone's dates move with a wall clock that was set.
func (e *Engine) readClocks(z *Zone, now time.Time) {
	w := z.work
	set := w.times.Advance(now, e.clock.Steady())
	if set == 0 {
		return
	}
	for _, date := range []*time.Time{&w.lookAt, &w.sightAt, &w.snapshotAt, &w.telling.due, &w.proving.next} {
		if !date.IsZero() {
			*date = date.Add(set)
		}
	}
}

// saveTimes makes it durable how far the time has come. It writes the record of no zone whose state
// was not read, or cannot be: that stays on the disk as it is, for whoever mends it.
func (e *Engine) saveTimes(z *Zone) error {
	w := z.work
	if !w.loaded || w.record.revision == 0 {
		return nil // or nothing was saved yet
	}
	w.times.Advance(e.clock.Now(), e.clock.Steady())
	next := w.record
	next.Mark, next.Steady, next.Held = w.times.Mark(), w.steady(), w.caches.Save()
	if next.Roll == nil {
		next.Roll = w.saved.Encode()
	}
	return e.saveRecord(context.Background(), z.apex, &next, nil)
}

// bearWitness takes in when others have signed what was seen at them: the DNSKEY RRset,
// or the SOA, which each change has signed anew.
func (w *work) bearWitness(r peer.Report) {
	for _, a := range r.Addresses {
		if !a.Believed {
			continue
		}
		w.times.Witness(zone.Time(a.Inception))
		soa := a.Sets[zone.TypeSOA]
		for sig := range soa.Sigs.All() {
			at := zone.Time(zone.RRSIG(sig).Inception())
			if !at.After(w.times.Mark()) {
				continue
			}
			// Each by itself: a signature that is wrong lends its time to none.
			if _, err := validate.Signatures(soa.WithSigs(zone.Pack(sig)), a.Sets[zone.TypeDNSKEY], w.known.apex, a.At); err == nil {
				w.times.Witness(at)
			}
		}
	}
}
