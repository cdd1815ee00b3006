package engine

import (
	"github.com/multisigner/multisigner/plugin/multisigner/catalog"
	"github.com/multisigner/multisigner/plugin/multisigner/update"
)

// followMember sees to it that content is taken anew when a catalog names the zone by
// another id (RFC 9432 5.6): all of it, whatever its serial, and without what updates have made
// of it. What was signed of the old content is served until then. The RFC has the keys go as well; they
// stay, because a zone whose DS is at the parent would be bogus without them. The id is saved with what follows
// from it, so that a crash does it again and never leaves it out: where updates have made
// something of the zone, with the first content that is without it.
func (w *work) followMember(e *Engine, cfg *Config, asked *wants) {
	id := cfg.Member.ID
	if id == "" || string(w.record.Member) == id {
		w.reset = ""
		return
	}
	if len(w.record.Member) > 0 && w.reset != id {
		e.log.Warn("a catalog names the zone by another id: its content is taken anew, its keys stay", "zone", cfg.Apex, "catalog", cfg.Member.Catalog, "id", catalog.Text(id))
		w.reset = id
		asked.retransfer, asked.reload = len(cfg.Primaries) > 0, true
		var back []update.Edit
		for k := range w.overlay.entries {
			back = append(back, update.Edit{Key: k})
		}
		if w.overlay.take(back); len(back) > 0 && w.base.version != nil && !w.readsFile(cfg) {
			w.lay() // nobody gives this signer another base
		}
	}
	if len(w.overlay.unsaved) == 0 {
		w.record.Member, w.dirty = []byte(id), true
	}
}
