package engine

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"

	"github.com/multisigner/multisigner/plugin/multisigner/clock"
	"github.com/multisigner/multisigner/plugin/multisigner/roll"
	"github.com/multisigner/multisigner/plugin/multisigner/sign"
	"github.com/multisigner/multisigner/plugin/multisigner/status"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// Signatures are renewed whatever else is wrong: with the next step, a file, the
// disk, a peer, the parent, the key directory, or with ourselves. What we have shown
// so far is safe with fresh signatures, and nothing must freeze us into expiry. And
// what an operator changes in the zone is no matter of its keys: it is signed with
// those that are shown.

// carryOn shows new content by the keys that are shown, when the next step, planned,
// could not be taken; and where that cannot be done, fresh signatures.
func (e *Engine) carryOn(ctx context.Context, z *Zone, cfg *Config, planned roll.Plan) error {
	w := z.work
	var err error
	if w.content != nil && w.signed != nil {
		if err = e.bring(ctx, z, cfg, w.state, w.shownPlan(planned), w.times.Wall(), false); err == nil {
			return nil
		}
		if errors.Is(err, errInReview) {
			err = nil
		}
	}
	renewErr := e.renew(ctx, z, cfg, planned)
	if err == nil {
		return renewErr
	}
	return joinOther(err, renewErr)
}

// mayBeUnsaved reports whether a version may be shown that could not be saved, and says
// so if not. After a crash nobody here remembers its serial, but secondaries tell; nor for
// how long caches may hold it: so that must be no longer than for what is shown.
func (w *work) mayBeUnsaved(out sign.Output) bool {
	if !out.Changed || out.Version.MaxTTL() <= w.signed.MaxTTL() {
		return true
	}
	w.alarm(status.AlarmTurn, fmt.Sprintf("content with a TTL of %d is not served until the state can be saved, because that TTL is larger than any before", out.Version.MaxTTL()),
		cureOfDisk)
	return false
}

// renew gives what is shown fresh signatures.
func (e *Engine) renew(ctx context.Context, z *Zone, cfg *Config, planned roll.Plan) error {
	w := z.work
	content := w.content
	w.content = nil
	err := e.bring(ctx, z, cfg, w.state, w.shownPlan(planned), w.times.Wall(), false)
	if w.content == nil {
		w.content = content
	}
	return err
}

// stayAsShown goes on with what an earlier process has shown, until somebody was looked at:
// no rule can tell yet what has changed meanwhile. Signatures that are due are renewed, and
// content is signed with the keys that are shown: with many zones behind a dead network
// the first look of one is minutes away.
func (e *Engine) stayAsShown(ctx context.Context, z *Zone, cfg *Config, blind roll.Plan) error {
	w := z.work
	if w.signed == nil {
		w.plan = blind
		return nil
	}
	if !w.record.Refused {
		blind.Refuse = ""
	}
	if w.content != nil || w.isDue(cfg) {
		return e.carryOn(ctx, z, cfg, blind)
	}
	w.plan = w.shownPlan(blind)
	return nil
}

// shownPlan is the plan of what is shown, with what is to be said of the next step.
// After a start it is read off the last version.
func (w *work) shownPlan(planned roll.Plan) roll.Plan {
	p := w.plan
	if len(p.SignData) == 0 && w.signed != nil {
		shown := published(w.signed, w.known)
		cds, _ := w.signed.RRset(w.signed.Apex(), zone.TypeCDS)
		p = roll.Plan{
			DNSKEY: shown.DNSKEY, CDS: shown.CDS, CDSDelete: shown.CDSDelete, DS: shown.CDS, Refuse: planned.Refuse,
			SignDNSKEY: shown.Entry, SignCDS: w.known.makers(cds.Sigs), SignData: shown.Signers,
		}
	}
	if planned.Refuse != "" { // that our answers are bogus is no step, and need not be saved
		p.Refuse, p.Feeds = planned.Refuse, planned.Feeds
	}
	p.Destroy, p.TellParent, p.Frozen = nil, nil, planned.Frozen
	p.Waits, p.Alarms, p.Keys, p.Wake, p.Busy = planned.Waits, planned.Alarms, planned.Keys, planned.Wake, planned.Busy
	return p
}

// signersThere are the private keys of the plan that are there. Where one is missing,
// DNSKEY and CDS keep the signatures they have, and data is signed by the others:
// the guard sees whether that is enough.
func (w *work) signersThere(plan roll.Plan, apex []zone.RRset) (keys sign.Keys, err error) {
	awake := wakened{}
	there := func(ids []roll.KeyID) (found []sign.Key, missing error) {
		for _, id := range ids {
			each, err := w.privateKeys([]roll.KeyID{id}, awake)
			missing = errors.Join(missing, err)
			found = append(found, each...)
		}
		return found, missing
	}
	keep := func(types ...zone.Type) {
		for i := range apex {
			for _, t := range types {
				if was, ok := w.signed.RRset(apex[i].Name, t); ok && apex[i].Type == t && was.SameData(apex[i]) {
					apex[i].Sigs, apex[i].TTL = was.Sigs, was.TTL
				}
			}
		}
	}
	if keys.Data, err = there(plan.SignData); len(keys.Data) == 0 {
		return keys, err
	}
	if keys.DNSKEY, err = there(plan.SignDNSKEY); err != nil {
		keys.DNSKEY = nil
		keep(zone.TypeDNSKEY)
	}
	if keys.CDS, err = there(plan.SignCDS); err != nil {
		keys.CDS = nil
		keep(zone.TypeCDS, zone.TypeCDNSKEY)
	}
	return keys, nil
}

// renewFrozen renews the signatures of a zone that is frozen. When that breaks an
// invariant, too, it is not tried again: the zone is served until they end.
func (e *Engine) renewFrozen(ctx context.Context, z *Zone, cfg *Config) {
	w := z.work
	if w.stuck || !w.loaded {
		return
	}
	w.alarms = nil
	defer func() {
		if broken := recover(); broken != nil {
			w.stuck = true
			w.fault = fmt.Sprintf("%s; its signatures cannot be renewed: %v", w.fault, broken)
			e.log.Error("internal error: signatures cannot be renewed", "zone", z.apex, "error", broken, "stack", string(debug.Stack()))
		}
	}()
	err := e.renew(ctx, z, cfg, w.plan)
	if w.failed = err != nil; w.failed && ctx.Err() == nil {
		w.alarm(status.AlarmInternal, err.Error(), "restart the server, and report this with the log")
	}
}

// showFrozen shows what a frozen zone has, also when it froze at the start, before
// it was known what is to be done: unless outsiders were refused before.
func (z *Zone) showFrozen() {
	w := z.work
	switch {
	case w.signed == nil, z.expire():
	case w.lapsed(z.Config()) != "":
		z.refuse(w.lapsed(z.Config()))
	case w.plan.Refuse != "":
		z.refuse(w.plan.Refuse)
	case w.record.Refused && len(w.plan.SignData) == 0:
		z.refuse("internal error")
	default:
		z.refuse("")
	}
}

// noticeOverdue raises an alarm as soon as signatures that were due have not been
// renewed: that is a refresh interval before the first of them ends.
func (e *Engine) noticeOverdue(z *Zone, cfg *Config) {
	w := z.work
	if w.overdue = w.isDue(cfg); !w.overdue {
		return
	}
	end, _ := w.ends()
	w.alarm(status.AlarmOverdue, "signatures were due for renewal and have not been renewed; the first ends at "+clock.Stamp(end),
		"see the other alarms for what keeps them from it")
}

// isDue reports whether a signature is due for renewal, in whole seconds: package sign
// leaves it until the second in which it is due has passed.
func (w *work) isDue(cfg *Config) bool {
	end, signed := w.ends()
	return signed && end.Unix() < w.times.Latest().Add(cfg.Refresh).Unix()
}
