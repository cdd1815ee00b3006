package engine

import (
	"time"

	"github.com/multisigner/multisigner/plugin/multisigner/sign"
	"github.com/multisigner/multisigner/plugin/multisigner/update"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// base is the unsigned content as its owner has it, wherever he keeps it. All content
// comes in by arrive, and leaves with the version that it was signed into.
type base struct {
	// version is kept only where the next one is made of it, or something is laid over it:
	// the content of a plain zone file is not held beside what was signed of it.
	version *zone.Version
	serial  uint32    // the owner's own
	at      time.Time // when it came
	// of tells it from every other, also in another process: the snapshot has it of the
	// content that it was made from, by laid.
	of string
	// torn: it was written to while it was read, and will come again.
	torn bool
}

// keepsBase reports whether the base of a zone is kept in memory.
func keepsBase(cfg *Config) bool { return len(cfg.Primaries)+len(cfg.Updates)+len(cfg.Contents) > 0 }

// arrive takes in a new base: the next turn signs what is made of it.
func (w *work) arrive(cfg *Config, b base) {
	w.base = b
	w.compose(b.version)
	if !w.keeps(cfg) {
		w.base.version, w.signedContent = nil, nil
	}
}

// compose has the base signed as the zone's content, with what updates have made of it.
func (w *work) compose(v *zone.Version) {
	w.content, w.contentOf = v, w.laid()
	if len(w.overlay.entries) > 0 {
		if !w.base.torn { // what it lacks may come yet
			w.overlay.take(update.Settle(v, w.overlay.entries))
		}
		w.lay()
	}
}

// give gives sign the content that waits, if any does. Where that is known from which
// the last version was made, their difference is found by what they do not share: a
// change of one record costs as little in a large zone as in a small one.
func (w *work) give(in *sign.Input) {
	switch {
	case w.content == nil:
	case w.signed != nil && w.signedContent != nil:
		in.Changes = zone.Compare(w.signedContent, w.content).Changes
	default:
		in.Content = w.content
	}
}

// taken notes that the content that waited is in the version now, even if that did not
// change by it.
func (w *work) taken(cfg *Config) {
	w.reviews.taken(w.content)
	if w.signedContent = nil; w.keeps(cfg) {
		w.signedContent = w.content
	}
	w.content, w.signedOf, w.stale = nil, w.contentOf, true
}
