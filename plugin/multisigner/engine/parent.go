package engine

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/multisigner/multisigner/plugin/multisigner/parent"
	"github.com/multisigner/multisigner/plugin/multisigner/roll"
	"github.com/multisigner/multisigner/plugin/multisigner/status"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// parentTimeout bounds one telling, with all lookups, addresses and tries.
const parentTimeout = 2 * time.Minute

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
	w := z.work
	if w.sight == nil || len(w.plan.DNSKEY) == 0 {
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
	e.jobs.Begin(z.asking(e.life), e.telling, func(ctx context.Context) {
		ctx, cancel := context.WithTimeout(ctx, parentTimeout)
		defer cancel()
		told := e.carry(ctx, t)
		z.ask(func(w *wants) {
			w.told = append(w.told, told)
			w.look = w.look || told.err == nil || errors.Is(told.err, parent.ErrChanged)
		})
	})
}

// nextErrand is the first thing owed that can be told now. The DS set is replaced as a
// whole, a stranger's as well: that waits until the operator has disowned it.
func (w *work) nextErrand(cfg *Config) (errand, bool) {
	strangers := len(w.strangers()) > 0
	for _, o := range w.record.Owed {
		if strangers && o.What == roll.TellCDS.String() {
			continue
		}
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

// strangers are the DS records at the parent that belong to no known key, unless the
// operator has disowned them.
func (w *work) strangers() []string {
	if w.sight == nil || w.plan.Disowned {
		return nil
	}
	var all []string
	for _, a := range w.sight.parent.Addresses {
		if a.Status != parent.Good {
			continue
		}
		for rdata := range a.DS.Rdata.All() {
			if _, ours := w.known.of(zone.DS(rdata)); !ours && !slices.Contains(all, rdata) {
				all = append(all, rdata)
			}
		}
	}
	return all
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
