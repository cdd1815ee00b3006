package engine

import (
	"slices"
	"time"

	"github.com/multisigner/multisigner/plugin/multisigner/peer"
)

// trust is what is known of whether a peer is believed. One that does not answer is
// neither believed nor disbelieved: it is as it was.
type trust struct {
	believed, silent, told bool
	reached                time.Time
}

// silent reports whether no address of a peer answers.
func silent(r peer.Report) bool {
	asked := false
	for _, a := range r.Addresses {
		if a.TransferFrom {
			continue
		}
		if asked = true; a.Status != peer.Unreachable {
			return false
		}
	}
	return asked
}

// weigh takes in whether a peer answers and is believed, and says in a line when that
// changes.
func (e *Engine) weigh(w *work, cfg *Config, name string, r peer.Report, at time.Time) {
	was := w.trusts[name]
	is := trust{believed: r.Trusted, silent: silent(r), told: true, reached: was.reached}
	if is.silent {
		// After a start, who has pins was believed before it.
		is.believed = was.believed || !was.told && len(w.memory(name).Pins) > 0
	}
	if !slices.ContainsFunc(r.Addresses, func(a peer.Address) bool { return a.Status == peer.Unreachable }) {
		is.reached = at
	}
	w.trusts[name] = is
	switch {
	case was.told && was.believed == is.believed && was.silent == is.silent:
	case is.silent:
		e.log.Warn("peer does not answer", "zone", cfg.Apex, "peer", name, "why", r.Why)
	case is.believed:
		e.log.Info("peer is believed", "zone", cfg.Apex, "peer", name)
	default:
		e.log.Warn("peer is not believed", "zone", cfg.Apex, "peer", name, "why", r.Why)
	}
}
