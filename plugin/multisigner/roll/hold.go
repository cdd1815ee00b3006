package roll

import (
	"strings"
	"time"
)

// leaving is what stands in the way of key k's going.
func (z *step) leaving(k int) hold {
	if k < 0 {
		return hold{}
	}
	return hold{urgent: z.f.Keys[k].Compromised, hasty: z.f.Keys[k].Hasty}
}

// everywhere holds until no cache can hold a DNSKEY RRset of any signer without key k:
// Ipub of RFC 7583 3.2.1, at each signer (RFC 8901 6.2; PROTOCOL dnskey-in-caches).
func (z *step) everywhere(h *hold, k int) {
	for i := range z.f.Signers {
		if i == 0 || z.member(i) {
			z.servedAt(h, i, k)
		}
	}
}

// servedAt holds until no cache can hold a DNSKEY RRset of signer i without key k: seen
// at all its addresses, now and for as long as the set that it replaced may live. It is
// Ipub of RFC 7583 3.2.1 (PROTOCOL dnskey-in-caches). The look must be fresh
// (PROTOCOL look-is-fresh).
func (z *step) servedAt(h *hold, i, k int) {
	since := z.spread(i, k)
	z.firstSight(h, i)
	if since == 0 || !z.fresh[i] {
		z.askFor(h, i, k)
	}
	if since == 0 || z.fresh[i] {
		z.pass(h, dnskeyInCaches, k, since, z.keyTTL(i), z.way(i))
	}
}

// firstSight holds until no cache can hold what signer i served before we first saw it,
// or, of us, what the zone was before we served it: with TTLs that nobody saw, and that
// may have been lowered just for our coming (PROTOCOL first-look-passed, earlier-ttl).
func (z *step) firstSight(h *hold, i int) {
	z.beforeMet(h, firstLookPassed, z.f.Signers[i].Met, z.way(i))
}

func (z *step) beforeMet(h *hold, w cacheWait, met moment, way term) {
	if earlier := moment(z.p.EarlierTTL); earlier != 0 && met != 0 {
		z.pass(h, w, noKey, met, plain(earlierTTL, earlier), way)
	}
}

// firstDS holds until no cache can hold a DS RRset from before we first saw the parent.
func (z *step) firstDS(h *hold) {
	z.beforeMet(h, parentFirstLookPassed, z.f.ParentMet, term{})
}

// askFor names the addresses of signer i that were not seen to serve key k.
func (z *step) askFor(h *hold, i, k int) {
	if z.enough(h) {
		return
	}
	if i == 0 && !contains(z.seen.Published.DNSKEY, z.f.Keys[k].ID) {
		h.on(missing, z.about("our own servers to publish ", k, ""), z.name(0))
		return
	}
	id := z.f.Keys[k].ID
	who := "every signer"
	if i == 0 {
		who = "our own servers"
	}
	z.askEach(h, i, z.about(who+" to publish ", k, ""), func(a *Address) bool { return contains(a.DNSKEY, id) })
}

// askEach names the addresses of signer i that were not seen to have something, and
// which of them cannot be seen.
func (z *step) askEach(h *hold, i int, why string, has func(*Address) bool) {
	v := z.views[i]
	if v == nil || i > 0 && len(v.Addresses) == 0 {
		h.on(unknown, "a peer to be reachable and trusted", z.name(i))
		return
	}
	named := false
	for n := range v.Addresses {
		a := &v.Addresses[n]
		switch {
		case a.Transfer:
			continue
		case z.unseen(h, i, a):
		case !has(a):
			h.on(missing, why, z.whereIs(i, a))
		default:
			continue
		}
		named = true
	}
	switch {
	case named:
	case !v.Trusted && i > 0:
		h.on(unknown, "a peer to be reachable and trusted", z.name(i))
	default:
		h.on(missing, why, z.name(i))
	}
}

// unseen holds for an address of signer i that cannot be seen now, and reports that.
func (z *step) unseen(h *hold, i int, a *Address) bool {
	switch {
	case a.State != Good:
		h.on(unknown, "every address of every signer to answer", z.whereIs(i, a))
	case z.t-z.at(a.Seen) > 2*moment(z.p.interval()):
		h.on(unknown, "a new look at every signer", z.whereIs(i, a))
	default:
		return false
	}
	return true
}

func (z *step) name(i int) string { return z.f.Signers[i].Name }

// parentLooked holds until every address of the parent has answered.
func (z *step) parentLooked(h *hold) {
	if z.p.Parent == ParentNone || z.parentFresh {
		return
	}
	h.blocked = true
	if len(z.seen.Parent.Addresses) == 0 {
		h.on(unknown, "the parent to be asked", "parent")
	}
	for n := range z.seen.Parent.Addresses {
		a := &z.seen.Parent.Addresses[n]
		if a.State != Good {
			h.on(unknown, "every address of the parent to answer", z.whereParent(a))
		} else if z.t-z.at(a.Seen) > 2*moment(z.p.interval()) {
			h.on(unknown, "a new look at the parent", z.whereParent(a))
		}
	}
}

// dsEverywhere holds until no cache can hold a DS RRset without key k's: Iret of RFC 7583
// 3.3.1, in which seeing it at every address takes the place of DprpP
// (PROTOCOL ds-in-caches).
func (z *step) dsEverywhere(h *hold, k int) {
	if z.p.Parent == ParentNone {
		return
	}
	z.parentLooked(h)
	z.firstDS(h)
	since := z.f.Keys[k].DSSince
	if since == 0 {
		id := z.f.Keys[k].ID
		z.onParent(h, z.about("the parent to publish the DS of ", k, ""), func(a *ParentAddress) bool { return !contains(a.DS, id) || contains(a.UnevenDS, id) })
	}
	z.pass(h, dsInCaches, k, since, z.dsTTL())
}

// dsNowhere holds until no cache can hold a DS RRset with key k's (RFC 7583 3.3.1;
// PROTOCOL ds-out-of-caches).
func (z *step) dsNowhere(h *hold, k int) {
	if z.p.Parent == ParentNone {
		return
	}
	z.parentLooked(h)
	z.firstDS(h)
	since := z.f.Keys[k].DSGone
	if since == 0 {
		id := z.f.Keys[k].ID
		z.onParent(h, z.about("the parent to remove the DS of ", k, ""), func(a *ParentAddress) bool { return contains(a.DS, id) })
	}
	z.pass(h, dsOutOfCaches, k, since, z.dsTTL())
}

// neverDS reports whether the parent was seen without a DS and never with one, but for
// those of before the zone went insecure by order. A DS set that is gone without an order
// may be back tomorrow, as it was (PROTOCOL vanished-ds-may-return).
func (z *step) neverDS() bool { return z.parentFresh && z.f.NoDS != 0 && !z.f.Secured }

// noDS reports whether no cache can hold any DS of the zone: it is insecure, and has
// been for long enough.
func (z *step) noDS() bool {
	return z.parentFresh && z.f.NoDS != 0 && (!z.f.Secured || z.t >= z.ends(z.f.NoDS, z.dsTTL()))
}

// onThose holds for those addresses of signer i that still do not do something.
func (z *step) onThose(h *hold, i int, why string, late func(*Address) bool) {
	named := false
	for n := range z.addresses(i) {
		if a := &z.views[i].Addresses[n]; late(a) {
			h.on(missing, why, z.whereIs(i, a))
			named = true
		}
	}
	if !named {
		h.on(missing, why, z.name(i))
	}
}

// wakeAt asks for a call of Step at m, if that is to come.
func (z *step) wakeAt(m moment) {
	if m <= z.t {
		return
	}
	if w := z.wall(m); z.out.Wake.IsZero() || w.Before(z.out.Wake) {
		z.out.Wake = w
	}
}

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
)

// wait puts h into the plan, when it holds anything, and raises an alarm when it has
// waited for someone for too long (PROTOCOL time-ends-no-wait-for-others). Time that only
// has to pass may be longer.
func (z *step) wait(kind waitKind, id KeyID, what string, h *hold) {
	if !h.blocked {
		return
	}
	z.wakeAt(h.until)
	if z.f.Unsigned { // there is nothing to see that it could wait for, and nothing to be late for
		return
	}
	now := z.waiting(kind, id)
	w := Wait{What: what, Key: id, Since: z.wall(now.Since)}
	z.tellWait(w, h, &h.reason)
	for i := range h.also {
		z.tellWait(w, h, &h.also[i])
	}
	switch {
	case h.grave == passing:
		z.passes(&now, what, h)
	case now.Held == 0:
		now.Held = z.t
	case z.t-now.Held > moment(z.p.bound()):
		z.late(what, h, now.Held)
	}
	z.f.Waiting = append(z.f.Waiting, now)
}

// tellWait puts one reason of h into the plan.
func (z *step) tellWait(w Wait, h *hold, r *reason) {
	w.Why, w.Holding = r.why, r.who
	switch {
	case h.grave > passing && len(r.who) == 0: // nobody's: what follows is not known
	case h.grave == passing || h.until >= h.least:
		w.Earliest, w.From = z.wall(h.until), h.from
	default:
		w.Earliest, w.From = z.wall(h.least), h.then
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
	if now.For != h.reason.wait || now.Of != h.key {
		now.For, now.Of, now.Due, now.End, now.Anew = h.reason.wait, h.key, h.until, h.until, 0
	}
	if h.until > now.End {
		now.End, now.Anew = h.until, now.Anew+1
	}
	if now.Anew < anewAtLeast || h.until-now.Due <= moment(z.p.bound()) {
		return
	}
	step := what
	what += " waits anew again and again for " + h.why + ": that should have ended at " + z.wall(now.Due).UTC().Format(time.RFC3339)
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
	z.raise(Alarm{
		Name: AlarmWait, About: what, Since: z.wall(since), Holding: h.who,
		What: "to " + what + " waits for " + h.why + z.heldBy(h.who), Cure: "see to what holds it up; nothing goes on by itself",
	})
}

// heldBy names who holds something up, for people.
func (z *step) heldBy(who []string) string {
	if z.p.Terse || len(who) == 0 {
		return ""
	}
	return " (" + strings.Join(who, ", ") + ")"
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
