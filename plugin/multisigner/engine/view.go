package engine

import (
	"context"
	"fmt"
	"strings"

	"github.com/multisigner/multisigner/plugin/multisigner/source"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// Views are what of a zone can be taken out as a whole: the zone as it is signed, and its
// unsigned content.
var Views = []string{"signed", "content"}

// View gives what a zone has. signed is the version that is served, or would be if
// outsiders were not refused. content is the newest content that was taken in, with what
// updates have made of it, even before it is signed. Where content is not kept, as of a
// zone file without updates, it is that of the signed version, serial and all.
func (e *Engine) View(ctx context.Context, apex zone.Name, view string) (*zone.Version, error) {
	var v *zone.Version
	switch view {
	case "signed":
		z := (*e.zones.Load())[apex]
		if z == nil {
			return nil, fmt.Errorf("zone %s is not served here", apex)
		}
		if v = z.Serving().Version; v != nil && !v.Whole() {
			return nil, fmt.Errorf("zone %s is still being signed: see status %s", apex, apex)
		}
	case "content":
		asked := &command{Command: Command{Kind: view}, done: make(chan struct{})}
		if err := e.do(ctx, apex, asked); err != nil {
			return nil, err
		}
		if v = asked.version; v != nil && asked.signed {
			v = source.Take(v).Content // beside the turns: it goes through all of the zone
		}
	default:
		return nil, fmt.Errorf("%q is none of %s", view, strings.Join(Views, " and "))
	}
	if v == nil {
		return nil, fmt.Errorf("zone %s has nothing yet: see status %s", apex, apex)
	}
	return v, nil
}

// exported gives the newest content, or the version that has it where it is not kept.
func (w *work) exported() (v *zone.Version, signed bool) {
	if v := w.newest(); v != nil {
		return v, false
	}
	return w.signed, true
}
