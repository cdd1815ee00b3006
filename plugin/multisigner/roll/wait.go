package roll

import (
	"slices"
	"time"
)

// waitKind tells waits apart by their step, so that each has a beginning. They are
// saved as numbers.
type waitKind uint8

const (
	waitDataKey waitKind = iota + 1
	waitEntryKey
	waitRemoval
	waitCDS
	waitParent
	waitJoin
	waitAlgorithm
	waitInsecure
	waitPaste
	waitNewKeys
	waitNewDS
	waitOldKeys
	waitOldSignatures
	waitDS
	waitUnsigned
	waitAlone
	waitLifetime
)

// wait puts h into the plan, when it holds anything, and raises an alarm when it has
// waited for someone for too long (PROTOCOL time-ends-no-wait-for-others). Time that only
// has to pass may be longer.
func (z *step) wait(kind waitKind, k int, h *hold) {
	if !h.blocked {
		return
	}
	z.wakeAt(h.until)
	if z.f.Unsigned { // there is nothing to see that it could wait for, and nothing to be late for
		return
	}
	now := z.waiting(kind, z.idAt(k))
	what := z.stepText(kind, k)
	w := Wait{What: what, Key: now.Key, Since: z.wall(now.Since)}
	z.tellWait(w, h, &h.reason)
	for i := range h.also {
		z.tellWait(w, h, &h.also[i])
	}
	switch {
	case h.grave == passing:
		z.passes(&now, what, h)
	case kind == waitLifetime: // the rollover that it waits for has waits of its own, and alarms by them
	case now.Held == 0:
		now.Held = z.t
	case z.t-now.Held > moment(z.p.bound()):
		z.late(what, h, now.Held)
	}
	z.f.Waiting = append(z.f.Waiting, now)
}

// tellWait puts one reason of h into the plan.
func (z *step) tellWait(w Wait, h *hold, r *reason) {
	w.Why, w.Holding = z.gateText(r), z.holders(r)
	switch {
	case h.grave > passing && len(r.who) == 0: // nobody's: what follows is not known
	case h.grave == passing || h.until >= h.least:
		w.Earliest, w.From = z.wall(h.until), z.spanText(h.of)
	default:
		w.Earliest, w.From = z.wall(h.least), z.spanText(h.then)
	}
	z.out.Waits = append(z.out.Waits, w)
}

// anewAtLeast is how often a wait begins anew before that is no accident: our choice.
const anewAtLeast = 3

// passes takes in that only time has to pass for a wait, and alarms when its end has
// moved for too long. Whatever could have happened unseen between two looks begins it
// anew, and with a peer that always looks so that would go on for ever.
func (z *step) passes(now *waiting, what string, h *hold) {
	if now.Held != 0 {
		now.Due += z.t - now.Held
		now.Held = 0
	}
	if z.p.Terse {
		return
	}
	if of := z.about(&h.reason); now.For != h.gate || now.Of != of {
		now.For, now.Of, now.Due, now.End, now.Anew = h.gate, of, h.until, h.until, 0
	}
	if h.until > now.End {
		now.End, now.Anew = h.until, now.Anew+1
	}
	if now.Anew < anewAtLeast || h.until-now.Due <= moment(z.p.bound()) {
		return
	}
	step := what
	what += " waits anew again and again for " + z.gateText(&h.reason) + ": that should have ended at " + z.wall(now.Due).UTC().Format(time.RFC3339)
	cure := "see which looks at the peers and the parent are lost, or find what was not there before"
	for i := range z.f.Addresses {
		if a := &z.f.Addresses[i]; a.Signer > 0 && a.Anew != 0 && z.t-a.Anew > moment(z.p.bound()) {
			what += "; " + z.name(int(a.Signer)) + " " + a.Addr + " signs its DNSKEY RRset anew at each look"
			cure = "see why it does; if it signs whenever it is asked, write `online` into its block"
		}
	}
	z.alarm(AlarmAnew, step, what, cure)
}

// late tells that a step has waited for somebody since a moment that is long ago.
func (z *step) late(what string, h *hold, since moment) {
	who := z.holders(&h.reason)
	z.raise(Alarm{
		Name: AlarmWait, About: what, Since: z.wall(since), Holding: who,
		What: "to " + what + " waits for " + z.gateText(&h.reason) + z.heldBy(who), Cure: "see to what holds it up; nothing goes on by itself",
	})
}

// waits reports whether a step of key k has been found to wait.
func (z *step) waits(kind waitKind, k int) bool {
	id := z.idAt(k)
	return slices.ContainsFunc(z.f.Waiting, func(w waiting) bool { return w.What == kind && w.Key == id })
}

// waiting is what is remembered of a wait, which may begin now.
func (z *step) waiting(kind waitKind, id KeyID) waiting {
	for i := range z.waited {
		if z.waited[i].What == kind && z.waited[i].Key == id {
			return z.waited[i]
		}
	}
	return waiting{What: kind, Key: id, Since: z.t}
}
