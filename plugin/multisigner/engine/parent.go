package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/multisigner/multisigner/plugin/multisigner/parent"
	"github.com/multisigner/multisigner/plugin/multisigner/roll"
	"github.com/multisigner/multisigner/plugin/multisigner/status"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// The rules plan once that the parent is told, with the step after which it may be.
// What is owed to it is saved with that step and shown before it is told: a crash in
// between loses nothing, and a parent that cannot be reached is tried again.

// owed is something that the parent is still to be told.
type owed struct {
	What string       `json:"what"`         // CDS, CSYNC
	DS   []roll.KeyID `json:"ds,omitempty"` // with CDS: the keys whose DS it asks for; none: it is to go
}

// parentTimeout bounds one telling, with all lookups, addresses and tries.
const parentTimeout = 2 * time.Minute

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

// errand is one telling, with all that it needs: it runs beside the turns.
type errand struct {
	owed   owed
	apex   zone.Name
	to     Parent
	where  parent.Where
	change parent.Change // what UPDATE is to do
}

// tellParent begins to tell the parent the first thing that is owed, if it is time.
func (e *Engine) tellParent(z *Zone, cfg *Config, now time.Time) {
	w := &z.work
	if len(w.plan.DNSKEY) == 0 {
		return // nothing was decided since the start: what is owed is not known to be wanted
	}
	w.settle(cfg)
	if len(w.record.Owed) == 0 || w.telling.underway || now.Before(w.telling.due) || w.plan.Frozen {
		return
	}
	t, ok := w.nextErrand(cfg)
	if !ok {
		w.telling.due = time.Time{} // the next look may show more, and brings a turn
		return
	}
	e.fail.reach("tell-parent")
	w.telling.underway = true
	e.background.Go(func() {
		select {
		case e.telling <- struct{}{}:
			defer func() { <-e.telling }()
		case <-e.life.Done():
			return
		}
		ctx, cancel := context.WithTimeout(e.life, parentTimeout)
		defer cancel()
		told := e.carry(ctx, t)
		z.ask(func(w *wants) {
			w.told = append(w.told, told)
			w.look = w.look || told.err == nil || errors.Is(told.err, parent.ErrChanged)
		})
	})
}

// nextErrand is the first thing owed that can be told now.
func (w *work) nextErrand(cfg *Config) (errand, bool) {
	for _, o := range w.record.Owed {
		t := errand{owed: o, apex: cfg.Apex, to: cfg.Parent, where: *whereParent(cfg)}
		if !cfg.Parent.pushes(o.What) {
			return t, true
		}
		var ok bool
		if t.change, ok = w.change(cfg, o.DS); ok {
			return t, true
		}
	}
	return errand{}, false
}

// change is what UPDATE is to do, by what was seen of the parent. Where its servers
// differ, or one was not seen, it is not known what would be replaced.
func (w *work) change(cfg *Config, keys []roll.KeyID) (parent.Change, bool) {
	if w.sight == nil || w.sight.parent.Zone == "" || len(w.sight.parent.Addresses) == 0 {
		return parent.Change{}, false
	}
	seen := w.sight.parent.Addresses[0].DS
	ttl := seen.TTL
	for _, a := range w.sight.parent.Addresses {
		if a.Status != parent.Good || a.DS.Rdata != seen.Rdata {
			return parent.Change{}, false
		}
		ttl = max(ttl, a.DS.TTL)
	}
	if !seen.Exists() {
		ttl = uint32(cfg.DNSKEYTTL / time.Second)
	}
	rdata, err := w.known.cds(keys)
	if err != nil {
		return parent.Change{}, false // it stands in the alarms: CDS cannot be made either
	}
	return parent.Change{
		Parent: w.sight.parent.Zone, Child: cfg.Apex, Seen: seen,
		DS: zone.RRset{Name: cfg.Apex, Type: zone.TypeDS, TTL: ttl, Rdata: rdata},
	}, true
}

// told is what came of an errand.
type told struct {
	owed owed
	status.Told
	err  error
	none bool // there is nobody to tell
}

// carry tells the parent and says what came of it.
func (e *Engine) carry(ctx context.Context, t errand) told {
	out := told{owed: t.owed, Told: status.Told{What: t.owed.What, How: "NOTIFY"}}
	if t.to.pushes(t.owed.What) {
		out.How = "UPDATE"
		out.To, out.err = e.push(ctx, t)
	} else {
		out.To, out.err = e.notifyParent(ctx, t)
	}
	out.none = errors.Is(out.err, parent.ErrNoEndpoint)
	if out.At = e.clock.Now(); out.err != nil {
		out.Error = out.err.Error()
	}
	return out
}

// push replaces the DS RRset at the first server that takes it.
func (e *Engine) push(ctx context.Context, t errand) (to string, err error) {
	var errs []error
	for _, s := range t.to.Update {
		err := parent.Update(ctx, e.client, s, t.change)
		if err == nil || errors.Is(err, parent.ErrChanged) {
			return s.String(), err
		}
		errs = append(errs, err)
	}
	return "", errors.Join(errs...)
}

// notifyParent sends NOTIFY to where it is configured, or the DSYNC record says.
func (e *Engine) notifyParent(ctx context.Context, t errand) (to string, err error) {
	addrs, what := t.to.Notify, zone.TypeCDS
	if t.owed.What != roll.TellCDS.String() {
		what = zone.TypeCSYNC
	}
	if len(addrs) == 0 {
		endpoint, err := parent.Discover(ctx, e.client, t.where, t.apex, what, e.clock.Now())
		if err != nil {
			return "", err
		}
		if addrs, err = parent.Addresses(ctx, e.client, t.where, endpoint); err != nil {
			return "", err
		}
		to = endpoint.String() + " "
	}
	s, err := parent.Notify(ctx, e.client, servers(addrs, nil), t.apex, what)
	if err != nil {
		return "", err
	}
	return to + s.String(), nil
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
func (w *work) alarmOfTelling(cfg *Config) []status.Alarm {
	last := w.telling.last
	if last == nil || last.Error == "" || len(w.record.Owed) == 0 || w.telling.tries < 2 {
		return nil
	}
	cure := "it is tried again; the lines of `ds` can be put in place by hand, and parent-notify says where it listens, or none"
	if last.How == "UPDATE" {
		cure = "mend parent-update or its key, here or at the parent; it is tried again, and the lines of `ds` can be put in place by hand"
	}
	return []status.Alarm{{What: fmt.Sprintf("the parent could not be told of new %s by %s: %s", last.What, last.How, last.Error), Cure: cure}}
}
