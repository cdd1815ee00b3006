package engine

import (
	"net/netip"

	"github.com/multisigner/multisigner/plugin/multisigner/history"
	"github.com/multisigner/multisigner/plugin/multisigner/kept"
	"github.com/multisigner/multisigner/plugin/multisigner/xfr"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// Differences gives the differences that lead from the version of a serial that
// somebody has to the one that s has for his key, each beginning where the one before has ended;
// none when they are not all there, or would cost more than half of what the zone
// does, or when it is not sure which version he has.
func (z *Zone) Differences(s *Serving, from netip.Addr, key string, serial uint32) []zone.Diff {
	v, chain := s.view(z.Config(), key)
	diffs, err := chain.Since(z.marks.Of(history.Asker{Addr: from, Key: key}), serial)
	if err == nil {
		diffs, err = xfr.Condense(diffs)
	}
	if err != nil {
		z.engine.log.Error("the history of the zone is damaged; the whole zone is sent", "zone", z.apex, "error", err)
		return nil
	}
	if xfr.Octets(diffs...) > v.Size()/2 {
		return nil
	}
	return diffs
}

// Sent notes that somebody has the version that s has for his key, because it was sent to
// him: he may ask for differences from it.
func (z *Zone) Sent(s *Serving, from netip.Addr, key string) {
	if v, chain := s.view(z.Config(), key); chain != nil {
		z.marks.Put(history.Asker{Addr: from, Key: key}, chain.Version(v.Serial()))
	}
}

// historyFile is where a zone's history outlives the process, beside its snapshot.
func (e *Engine) historyFile(apex zone.Name) history.File {
	return history.File{
		Path:   e.kept.File(apex, kept.HistoryEnding),
		Before: func() error { return e.fail.pass("history-before") },
		After:  func() { e.fail.reach("history-after") },
	}
}

func (e *Engine) keepHistory(z *Zone) {
	if err := e.historyFile(z.apex).Keep(&z.work.history, &z.marks); err != nil {
		e.log.Debug("the history was not kept", "zone", z.apex, "error", err)
	}
}

// recallHistory goes on from what an earlier process has left of v, whose number is at.
func (e *Engine) recallHistory(z *Zone, v *zone.Version, at history.Lot) {
	if err := e.historyFile(z.apex).Recall(&z.work.history, &z.marks, v, at); err != nil {
		e.log.Debug("the history is forgotten", "zone", z.apex, "error", err)
	}
}
