package engine

import (
	"maps"
	"slices"
	"sync"

	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// The table of zones is read without a lock and never changed: another one takes its place.

// sorted are the zones of a table in canonical order. They are gathered and sorted when somebody asks for it:
// with many zones that takes longer than making the table.
type sorted struct {
	sort sync.Once
	of   map[zone.Name]*Zone
	all  []*Zone
}

func (e *Engine) setZones(zones map[zone.Name]*Zone) {
	e.ordered.Store(&sorted{of: zones})
	e.zones.Store(&zones)
	e.products.want()
}

// list gives the zones in canonical order; it must not be changed.
func (e *Engine) list() []*Zone {
	o := e.ordered.Load()
	o.sort.Do(func() {
		o.all = slices.Collect(maps.Values(o.of))
		slices.SortFunc(o.all, func(a, b *Zone) int { return a.apex.Compare(b.apex) })
	})
	return o.all
}

// change puts zones into the table and takes others out, beside all those that stay. It gives
// the ones that begin.
func (e *Engine) change(begin []*Config, end []zone.Name) (begun []*Zone) {
	e.commit.Lock()
	defer e.commit.Unlock()
	after := maps.Clone(*e.zones.Load())
	for _, cfg := range begin {
		z := e.newZone(cfg)
		z.joined = true
		after[cfg.Apex] = z
		begun = append(begun, z)
	}
	e.sum(begun)
	var gone []*Zone
	for _, apex := range end {
		gone = append(gone, after[apex])
		delete(after, apex)
	}
	e.setZones(after)
	for _, z := range gone {
		e.drop(z)
	}
	for _, z := range begun {
		z.ask(func(w *wants) { w.configured = true })
	}
	return begun
}

// Find gives the zone that q is in: the longest apex at or above it; nil when
// none is. It takes no lock.
func (e *Engine) Find(q zone.Name) *Zone {
	zones := *e.zones.Load()
	for {
		if z := zones[q]; z != nil {
			return z
		}
		if q == zone.Root {
			return nil
		}
		q = q.Parent()
	}
}

// At gives the zone of that name; nil when there is none. It takes no lock.
func (e *Engine) At(apex zone.Name) *Zone { return (*e.zones.Load())[apex] }
