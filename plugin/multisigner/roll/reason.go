package roll

import "slices"

// hold collects what stands in the way of a step. The zero hold lets it pass.
type hold struct {
	blocked bool
	grave   grave    // of the gravest reasons: only these are kept
	reason           // the first of them
	also    []reason // the others
	until   moment   // the latest time that must come; 0: none is known
	of      *span    // what that time is made of; nil: nobody reads it
	least   moment   // what is missing cannot do without a time that comes after it; 0: none is known
	then    *span    // what that time is made of
	settled bool     // one of several alternatives is good

	urgent bool // it is about a compromised key: nothing but its own reasons holds it
	hasty  bool // the cost of not waiting for caches was accepted
}

// reason is a gate that is not open: for which key, by its place, and who holds it up.
type reason struct {
	gate gate
	key  int
	who  []holder
}

// needs holds for what someone has to do, or to be seen doing. Without a holder nobody is named.
func (h *hold) needs(g gate, k int, who ...holder) {
	grave := g.grave()
	if h.gate == 0 || grave > h.grave {
		h.grave, h.reason, h.also = grave, reason{gate: g, key: k}, nil
	}
	h.blocked = true
	if grave < h.grave {
		return
	}
	r := h.because(g, k)
	for _, holder := range who {
		if !slices.Contains(r.who, holder) {
			r.who = append(r.who, holder)
		}
	}
}

// because returns the reason for a gate.
func (h *hold) because(g gate, k int) *reason {
	if h.gate == g && h.key == k {
		return &h.reason
	}
	for i := range h.also {
		if h.also[i].gate == g && h.also[i].key == k {
			return &h.also[i]
		}
	}
	h.also = append(h.also, reason{gate: g, key: k})
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
		if h.passes(other.until, other.of) {
			h.reason = other.reason
		}
		return
	case other.until > h.until:
		h.until, h.of = other.until, other.of
	}
	if other.least > h.least {
		h.least, h.then = other.least, other.then
	}
	h.join(&other.reason)
	for i := range other.also {
		h.join(&other.also[i])
	}
}

func (h *hold) join(r *reason) { h.needs(r.gate, r.key, r.who...) }

// onParent holds for the addresses of the parent that still do not do something.
func (z *step) onParent(h *hold, g gate, k int, late func(*ParentAddress) bool) {
	if z.enough(h) {
		return
	}
	named, silent := false, len(z.seen.Parent.Addresses) > 0
	for n := range z.seen.Parent.Addresses {
		a := &z.seen.Parent.Addresses[n]
		if silent = silent && a.State != Good; a.State == Good && late(a) {
			h.needs(g, k, at(theParent, n))
			named = true
		}
	}
	switch {
	case silent: // what it has is not known
		z.parentLooked(h)
	case !named:
		h.needs(g, k, all(theParent))
	}
}
