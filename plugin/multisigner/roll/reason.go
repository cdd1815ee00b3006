package roll

import "slices"

// hold collects what stands in the way of a step. The zero hold lets it pass.
type hold struct {
	blocked bool
	grave   int      // of the gravest reasons: only these are kept
	reason           // the first of them
	also    []reason // the others
	until   moment   // the latest time that must come; 0: none is known
	from    string   // what that time is made of
	least   moment   // what is missing cannot do without a time that comes after it; 0: none is known
	then    string   // what that time is made of
	settled bool     // one of several alternatives is good

	urgent bool // it is about a compromised key: nothing but its own reasons holds it
	hasty  bool // the cost of not waiting for caches was accepted
}

// reason is what is waited for, and for whom; or, of time alone, which wait it is, for
// which key.
type reason struct {
	why  string
	who  []string
	wait cacheWait
	key  KeyID
}

// The reasons, the gravest first: something is unknown, something is seen to be
// missing, only time must pass.
const (
	passing = iota
	missing
	unknown
)

// on holds for what someone has to do, or to be seen doing.
func (h *hold) on(grave int, why, who string) {
	if h.why == "" || grave > h.grave {
		h.grave, h.reason, h.also = grave, reason{why: why}, nil
	}
	h.blocked = true
	if grave < h.grave {
		return
	}
	if r := h.because(why); who != "" && !slices.Contains(r.who, who) {
		r.who = append(r.who, who)
	}
}

// because returns the reason of a name.
func (h *hold) because(why string) *reason {
	if h.why == why {
		return &h.reason
	}
	for i := range h.also {
		if h.also[i].why == why {
			return &h.also[i]
		}
	}
	h.also = append(h.also, reason{why: why})
	return &h.also[len(h.also)-1]
}

// enough reports whether what h has to say is enough for who reads no reasons.
func (z *step) enough(h *hold) bool { return z.p.Terse && h.blocked && h.grave > passing }

// merge adds what other holds, unless one good alternative settled it.
func (h *hold) merge(other *hold) {
	switch {
	case other.settled || !other.blocked:
		return
	case other.grave == passing:
		if h.passes(other.until, other.from) {
			h.reason = other.reason
		}
		return
	case other.until > h.until:
		h.until, h.from = other.until, other.from
	}
	if other.least > h.least {
		h.least, h.then = other.least, other.then
	}
	h.join(other.grave, &other.reason)
	for i := range other.also {
		h.join(other.grave, &other.also[i])
	}
}

func (h *hold) join(grave int, r *reason) {
	h.on(grave, r.why, "")
	for _, who := range r.who {
		h.on(grave, r.why, who)
	}
}

// about names key k in a reason, for people.
func (z *step) about(before string, k int, after string) string {
	if z.p.Terse {
		return before
	}
	key := &z.f.Keys[k]
	if key.Owner > 0 {
		before += z.name(int(key.Owner)) + "'s "
	}
	return before + label(key) + after
}

// aboutKeys names several keys in a reason, for people.
func (z *step) aboutKeys(before string, ids []KeyID, after string) string {
	if z.p.Terse {
		return before
	}
	for i, id := range ids {
		switch {
		case i > 0 && i == len(ids)-1:
			before += " and "
		case i > 0:
			before += ", "
		}
		if k := z.key(id); k >= 0 {
			before = z.about(before, k, "")
		} else {
			before += "key " + itoa(int(id.Tag))
		}
	}
	return before + after
}

// aboutAlgorithm names the algorithm on its way in a reason, for people.
func (z *step) aboutAlgorithm(before, after string) string {
	if z.p.Terse {
		return before
	}
	return before + "algorithm " + itoa(int(z.f.Moving)) + after
}

// whereIs is an address as a person finds it.
func (z *step) whereIs(i int, a *Address) string {
	if z.p.Terse {
		return a.Addr
	}
	switch {
	case a.State == Good:
		return z.name(i) + " " + a.Addr
	case a.Unclaimed && i == 0:
		return "nameserver " + a.Addr + " (" + a.State.String() + ")"
	}
	return z.name(i) + " " + a.Addr + " (" + a.State.String() + ")"
}

// whereParent is an address of the parent as a person finds it.
func (z *step) whereParent(a *ParentAddress) string {
	switch {
	case z.p.Terse:
		return a.Addr
	case a.State == Good:
		return "parent " + a.Addr
	}
	return "parent " + a.Addr + " (" + a.State.String() + ")"
}

// onParent holds for the addresses of the parent that still do not do something.
func (z *step) onParent(h *hold, why string, late func(*ParentAddress) bool) {
	if z.enough(h) {
		return
	}
	named, silent := false, len(z.seen.Parent.Addresses) > 0
	for n := range z.seen.Parent.Addresses {
		a := &z.seen.Parent.Addresses[n]
		if silent = silent && a.State != Good; a.State == Good && late(a) {
			h.on(missing, why, z.whereParent(a))
			named = true
		}
	}
	switch {
	case silent: // what it has is not known
		z.parentLooked(h)
	case !named:
		h.on(missing, why, "parent")
	}
}
