package engine

import (
	"time"

	"github.com/multisigner/multisigner/plugin/multisigner/roll"
)

// signRestored is how often all is signed anew while an old state is refused, or every
// few looks where these are quicker: our choice. Nobody else gets anything meanwhile,
// and each time may be the one that peers take for new.
const signRestored = 5 * time.Minute

// signAgain has all signed anew now and then while an older state is refused. Peers take
// for a replay what was signed before what they have seen of us, and the mark that was
// restored is behind, too: it catches up by and by.
func (w *work) signAgain(cfg *Config, plan roll.Plan) {
	now := w.times.Steady()
	switch {
	case !plan.Outrun:
		w.signedAnew = 0
	case w.signedAnew == 0 || now-w.signedAnew >= min(signRestored, 5*cfg.LookBusy):
		w.signedAnew, w.resign = now, true
	}
}
