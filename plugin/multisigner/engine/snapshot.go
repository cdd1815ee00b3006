package engine

import (
	"sync"
	"time"
)

// A large zone is written seldom, since a change of one name writes all of it:
// our choice, half a second of writing every ten minutes at most.
const (
	smallZone     = 20_000 // records
	snapshotEvery = 10 * time.Minute
	// keptSnapshotEvery is for zones whose content a start has anyway.
	keptSnapshotEvery = 5 * time.Second
)

// keepSnapshot writes the snapshot if it is due.
func (e *Engine) keepSnapshot(z *Zone, now time.Time) error {
	w := z.work
	if len(z.Config().Updates) > 0 && w.base.version != nil && now.Before(w.snapshotAt.Add(keptSnapshotEvery)) {
		return nil // a burst of updates would write all of the zone for each
	}
	if !w.stale || w.signed == nil || w.proving.withdrawn || w.signed.Records() > smallZone && now.Before(w.snapshotAt.Add(snapshotEvery)) {
		return nil
	}
	if err := e.kept.WriteSnapshot(w.signed, w.signedOf, w.history.LotOf(w.signed)); err != nil {
		return err
	}
	w.stale, w.snapshotAt = false, now
	return nil
}

// flushers is how many zones are flushed at once: our choice, so that saves share
// a sync, and ten thousand zones end in seconds.
const flushers = 256

// flush writes what is not yet, when no turn is taken any more: how far the time
// has come, and snapshots.
func (e *Engine) flush() {
	zones := make(chan *Zone)
	var all sync.WaitGroup
	for range min(flushers, len(e.list())) {
		all.Go(func() {
			for z := range zones {
				e.flushZone(z)
			}
		})
	}
	for _, z := range e.list() {
		zones <- z
	}
	close(zones)
	all.Wait()
}

func (e *Engine) flushZone(z *Zone) {
	z.account.Lock() // somebody may ask for the status all the same
	defer z.account.Unlock()
	z.rouse()
	if err := e.saveTimes(z); err != nil {
		e.log.Warn("the time was not saved; a restart takes it for earlier", "zone", z.apex, "error", err)
	}
	defer e.keepHistory(z)
	if !z.work.stale || z.work.proving.withdrawn {
		return
	}
	if err := e.kept.WriteSnapshot(z.work.signed, z.work.signedOf, z.work.history.LotOf(z.work.signed)); err != nil {
		e.log.Warn("the last version was not kept; a restart signs anew", "zone", z.apex, "error", err)
	}
}
