package engine

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/multisigner/multisigner/plugin/multisigner/parent"
	"github.com/multisigner/multisigner/plugin/multisigner/roll"
	"github.com/multisigner/multisigner/plugin/multisigner/status"
)

// The rules plan once that the parent is told, with the step after which it may be.
// What is owed to it is saved with that step and shown before it is told: a crash in
// between loses nothing, and a parent that cannot be reached is tried again.

// owed is something that the parent is still to be told.
type owed struct {
	What string       `json:"what"`         // CDS, CSYNC
	DS   []roll.KeyID `json:"ds,omitempty"` // with CDS: the keys whose DS it asks for; none: it is to go
}

// tellAtLeast is how often at the least a parent is tried again that could not be
// told: our choice, as parents that scan do so about as often.
const tellAtLeast = time.Hour

// telling is how it stands with telling the parent.
type telling struct {
	underway bool
	tries    int       // since something was last owed
	due      time.Time // of the next one
	last     *status.Told
}

// owe adds what plan wants the parent to be told to what is saved.
func (r *record) owe(plan roll.Plan) {
	for _, tell := range plan.TellParent {
		o := owed{What: tell.String()}
		if tell == roll.TellCDS {
			o.DS = plan.CDS
		}
		rest := slices.DeleteFunc(slices.Clone(r.Owed), func(other owed) bool { return other.What == o.What })
		r.Owed = append(rest, o)
	}
}

// tells reports whether there is a way to tell the parent of what.
func (p Parent) tells(what string) bool {
	if p.Mode == ParentNone || p.Manual {
		return false
	}
	return !p.Silent || p.pushes(what)
}

// pushes reports whether the parent gets it by UPDATE.
func (p Parent) pushes(what string) bool { return what == roll.TellCDS.String() && len(p.Update) > 0 }

// settle forgets what need not be told any more: the parent has it, or it is no
// longer wanted.
func (w *work) settle(cfg *Config) {
	left := slices.DeleteFunc(slices.Clone(w.record.Owed), func(o owed) bool {
		if !cfg.Parent.tells(o.What) {
			return true
		}
		if o.What != roll.TellCDS.String() {
			return false
		}
		return !slices.Equal(o.DS, w.plan.CDS) || w.plan.CDSDelete != (len(o.DS) == 0) || w.parentHas(o.DS)
	})
	if len(left) != len(w.record.Owed) {
		w.record.Owed, w.dirty = left, true
	}
	if len(left) == 0 {
		w.telling.tries, w.telling.due = 0, time.Time{}
		if w.telling.last != nil {
			w.telling.last.Again = time.Time{}
		}
	}
}

// parentHas reports whether every address of the parent was seen to have exactly
// the DS of these keys.
func (w *work) parentHas(keys []roll.KeyID) bool {
	if w.sight == nil || len(w.sight.parent.Addresses) == 0 {
		return false
	}
	for _, a := range w.sight.parent.Addresses {
		ids, unknown := w.known.find(a.DS.Rdata)
		if a.Status != parent.Good || unknown > 0 || !slices.Equal(sortIDs(ids), sortIDs(slices.Clone(keys))) {
			return false
		}
	}
	return true
}

// heard takes in what came of telling. A NOTIFY that was taken is done with; an
// UPDATE is when a look shows it.
func (w *work) heard(e *Engine, cfg *Config, all []told, now time.Time) {
	for _, t := range all {
		w.telling.underway = false
		w.telling.tries++
		again := now.Add(min(cfg.LookBusy<<min(w.telling.tries, 16), max(tellAtLeast, cfg.LookBusy)))
		w.telling.due = again
		if errors.Is(t.err, parent.ErrChanged) && w.telling.tries == 1 {
			// Of signers that push the same set one is the first; the look shows it.
			e.log.Info("the parent has changed meanwhile: looking", "zone", cfg.Apex, "error", t.Error)
			continue
		}
		w.telling.last = &t.Told
		switch {
		case t.none:
			w.paid(t.owed)
			e.log.Info("the parent has no DSYNC record: it is not told, and looks by itself", "zone", cfg.Apex, "of", t.What)
		case t.err != nil:
			t.Again = again
			w.postpone(t.owed)
			e.log.Warn("the parent was not told", "zone", cfg.Apex, "of", t.What, "by", t.How, "error", t.Error)
		default:
			e.log.Info("told the parent", "zone", cfg.Apex, "of", t.What, "by", t.How, "to", t.To)
			if t.How == "NOTIFY" {
				w.paid(t.owed)
			}
		}
	}
}

// postpone lets everything else that is owed come before o, which failed.
func (w *work) postpone(o owed) {
	var first, last []owed
	for _, other := range w.record.Owed {
		if other.What == o.What {
			last = append(last, other)
		} else {
			first = append(first, other)
		}
	}
	w.record.Owed = append(first, last...)
}

func (w *work) paid(o owed) {
	left := slices.DeleteFunc(slices.Clone(w.record.Owed), func(other owed) bool {
		return other.What == o.What && slices.Equal(other.DS, o.DS)
	})
	if len(left) != len(w.record.Owed) {
		w.record.Owed, w.dirty = left, true
		w.telling.tries, w.telling.due = 0, time.Time{}
	}
}

// reportTold is what came of telling the parent last.
func (w *work) reportTold() *status.Told {
	if w.telling.last == nil {
		return nil
	}
	last := *w.telling.last // the status is not changed once it is made
	return &last
}

// alarmOfTelling is for a person: what is configured does not work, and nobody else
// tells the parent. A DSYNC record that leads nowhere may be the parent's matter.
func (w *work) alarmOfTelling(cfg *Config) []alarm {
	last := w.telling.last
	if last == nil || last.Error == "" || len(w.record.Owed) == 0 || w.telling.tries < 2 {
		return nil
	}
	cure := "it is tried again. Name the address where the parent takes NOTIFY in `parent-notify`, or write `parent-notify none`; or put the lines of `ds` in place by hand"
	if last.How == "UPDATE" {
		cure = "mend `parent-update` or its key, here or at the parent; it is tried again. Or put the lines of `ds` in place by hand"
	}
	return []alarm{newAlarm(status.AlarmNotTold, "parent "+last.What, fmt.Sprintf("the parent could not be told of new %s by %s: %s", last.What, last.How, last.Error), cure)}
}
