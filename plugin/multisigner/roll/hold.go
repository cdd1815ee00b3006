package roll

import (
	"slices"
	"strings"
	"time"
)

// hold collects what stands in the way of a step. The zero hold lets it pass.
type hold struct {
	blocked bool
	until   moment // the latest time that must come; 0: none is known
	from    string // what that time is made of
	why     string // of the gravest reason
	who     []string
	grave   int
	settled bool // one of several alternatives is good

	urgent bool // it is about a compromised key: nothing but its own reasons holds it
	hasty  bool // the cost of not waiting for caches was accepted
}

// leaving is what stands in the way of key k's going.
func (z *step) leaving(k int) hold {
	if k < 0 {
		return hold{}
	}
	return hold{urgent: z.f.Keys[k].Compromised, hasty: z.f.Keys[k].Hasty}
}

// The reasons, the gravest first: something is unknown, something is seen to be
// missing, only time must pass.
const (
	passing = iota
	missing
	unknown
)

// after holds until m.
func (h *hold) after(z *step, m moment, why string) {
	from := z.from
	z.from = ""
	if z.t >= m || h.hasty {
		return
	}
	if m > h.until {
		h.until, h.from = m, from
	}
	h.add(passing, why, "")
}

// term is a part of a wait.
type term struct {
	of     string
	signer int // whose it is; -1: nobody's
	length moment
}

// made says what the next wait is made of, for people: from which moment on, and how
// long for what. The margin is added.
func (z *step) made(since moment, terms ...term) {
	if z.p.Terse {
		return
	}
	z.from = ""
	for _, t := range append(terms, term{"margin", -1, z.margin()}) {
		if t.length == 0 {
			continue
		}
		of := t.of
		if t.signer >= 0 {
			of += z.name(t.signer)
		}
		z.from += time.Duration(t.length).String() + " " + of + " + "
	}
	z.from = strings.TrimSuffix(z.from, " + ") + ", since " + z.wall(since).UTC().Format(time.RFC3339)
}

// way is the part of a wait that a change needs to reach the last server of i.
func (z *step) way(i int) term { return term{"propagation", -1, z.propagation(i)} }

// on holds for what someone has to do, or to be seen doing.
func (h *hold) on(grave int, why, who string) { h.add(grave, why, who) }

func (h *hold) add(grave int, why, who string) {
	if !h.blocked || grave > h.grave {
		h.why, h.grave, h.who = why, grave, nil
	}
	h.blocked = true
	if grave == h.grave && who != "" && !slices.Contains(h.who, who) {
		h.who = append(h.who, who)
	}
}

// everywhere holds until no cache can hold a DNSKEY RRset of any signer without key k.
func (z *step) everywhere(h *hold, k int) {
	for i := range z.f.Signers {
		if i == 0 || z.member(i) {
			z.servedAt(h, i, k)
		}
	}
}

// servedAt holds until no cache can hold a DNSKEY RRset of signer i without key k:
// seen at all its addresses, now and for as long as the set that it replaced may live.
func (z *step) servedAt(h *hold, i, k int) {
	since := z.spread(i, k)
	if since == 0 || !z.fresh[i] {
		z.askFor(h, i, k)
		return
	}
	s := &z.f.Signers[i]
	z.made(since, term{"DNSKEY TTL of ", i, s.DNSKEYTTL.max()}, z.way(i))
	h.after(z, since+s.DNSKEYTTL.max()+z.propagation(i)+z.margin(), "DNSKEY RRsets without it to leave the caches")
}

// askFor names the addresses of signer i that were not seen to serve key k.
func (z *step) askFor(h *hold, i, k int) {
	v := z.views[i]
	if v == nil || i > 0 && len(v.Addresses) == 0 {
		h.on(unknown, "a peer to be reachable and trusted", z.name(i))
		return
	}
	if i == 0 && !contains(z.seen.Published.DNSKEY, z.f.Keys[k].ID) {
		h.on(missing, "our own servers to publish it", z.name(0))
		return
	}
	id := z.f.Keys[k].ID
	z.askEach(h, i, v, "every signer to publish it", func(a *Address) bool { return contains(a.DNSKEY, id) })
}

// askEach names the addresses of signer i that were not seen to have something, and
// which of them cannot be seen.
func (z *step) askEach(h *hold, i int, v *View, why string, has func(*Address) bool) {
	h.blocked = true
	for n := range v.Addresses {
		a := &v.Addresses[n]
		switch {
		case a.Transfer:
		case a.State != Good:
			h.on(unknown, "every address of every signer to answer", z.whereIs(i, a))
		case z.t-z.at(a.Seen) > 2*moment(z.p.interval()):
			h.on(unknown, "a new look at every signer", z.whereIs(i, a))
		case !has(a):
			h.on(missing, why, z.whereIs(i, a))
		}
	}
	switch {
	case h.why != "":
	case !v.Trusted && i > 0:
		h.on(unknown, "a peer to be reachable and trusted", z.name(i))
	default:
		h.on(missing, why, z.name(i))
	}
}

// whereIs is an address as a person finds it.
func (z *step) whereIs(i int, a *Address) string {
	if z.p.Terse {
		return a.Addr
	}
	if a.State == Good {
		return z.name(i) + " " + a.Addr
	}
	return z.name(i) + " " + a.Addr + " (" + a.State.String() + ")"
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
			h.on(unknown, "every address of the parent to answer", "parent "+a.Addr+" ("+a.State.String()+")")
		} else if z.t-z.at(a.Seen) > 2*moment(z.p.interval()) {
			h.on(unknown, "a new look at the parent", "parent "+a.Addr)
		}
	}
}

// dsEverywhere holds until no cache can hold a DS RRset without key k's.
func (z *step) dsEverywhere(h *hold, k int) {
	if z.p.Parent == ParentNone {
		return
	}
	z.parentLooked(h)
	if since := z.f.Keys[k].DSSince; since == 0 {
		h.on(missing, "the parent to publish its DS", "parent")
	} else {
		z.made(since, term{"DS TTL of the parent", -1, z.f.DSTTL.max()})
		h.after(z, since+z.f.DSTTL.max()+z.margin(), "DS RRsets without it to leave the caches")
	}
}

// dsNowhere holds until no cache can hold a DS RRset with key k's.
func (z *step) dsNowhere(h *hold, k int) {
	if z.p.Parent == ParentNone {
		return
	}
	z.parentLooked(h)
	if since := z.f.Keys[k].DSGone; since == 0 {
		h.on(missing, "the parent to remove its DS", "parent")
	} else {
		z.made(since, term{"DS TTL of the parent", -1, z.f.DSTTL.max()})
		h.after(z, since+z.f.DSTTL.max()+z.margin(), "DS RRsets with it to leave the caches")
	}
}

// noDS reports whether no cache can hold any DS of the zone: it is insecure, and has
// been for long enough.
func (z *step) noDS() bool {
	return z.parentFresh && z.f.NoDS != 0 && (!z.f.Secured || z.t >= z.f.NoDS+z.f.DSTTL.max()+z.margin())
}

// signaturesGone holds until no cache can hold data signed by key k, one of ours.
func (z *step) signaturesGone(h *hold, k int) {
	key := &z.f.Keys[k]
	switch {
	case key.DataOn == 0:
	case key.Stopped == 0:
		h.on(missing, "all our servers to serve data without its signatures", z.name(0))
	default:
		z.made(key.Stopped, term{"TTL of data", -1, z.f.Signers[0].MaxTTL.max()}, z.way(0))
		h.after(z, key.Stopped+z.f.Signers[0].MaxTTL.max()+z.propagation(0)+z.margin(), "data signed by it to leave the caches")
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

// alarm tells a person. Equal alarms are told once.
func (z *step) alarm(what, cure string) {
	for i := range z.out.Alarms {
		if z.out.Alarms[i].What == what {
			return
		}
	}
	z.out.Alarms = append(z.out.Alarms, Alarm{what, cure})
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
// waited for someone for too long. Time that only has to pass may be longer.
func (z *step) wait(kind waitKind, id KeyID, what string, h *hold) {
	if !h.blocked {
		return
	}
	z.wakeAt(h.until)
	now := z.waiting(kind, id)
	w := Wait{What: what, Why: h.why, Key: id, Since: z.wall(now.Since), Holding: h.who}
	switch {
	case h.grave == passing:
		w.Earliest, w.From = z.wall(h.until), h.from
		now.Held = 0
	case now.Held == 0:
		now.Held = z.t
	case z.t-now.Held > moment(z.p.bound()):
		z.alarm(what+" has waited for "+h.why+" since "+z.wall(now.Held).UTC().Format(time.RFC3339), "see to what holds it up; nothing goes on by itself")
	}
	z.out.Waits = append(z.out.Waits, w)
	z.f.Waiting = append(z.f.Waiting, now)
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
