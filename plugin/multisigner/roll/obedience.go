package roll

import (
	"slices"
	"time"
)

// obey lets our servers, the peers and the parent do what the plan asks of them, and
// reports whether anybody had to.
func (w *forecast) obey(plan Plan) bool {
	changed := w.publish(plan)
	for i := range w.seen.Peers {
		v := &w.seen.Peers[i]
		for n := range v.Addresses {
			if a := &v.Addresses[n]; a.State == Good && !a.Transfer && w.follow(v, a, plan) {
				changed = true
			}
		}
	}
	return w.delegate(plan) || changed
}

// publish lets our own servers serve the plan.
func (w *forecast) publish(plan Plan) bool {
	if len(plan.SignData) == 0 {
		return false
	}
	p := &w.seen.Published
	next := Published{MaxTTL: p.MaxTTL, Serial: p.Serial + 1}
	if !plan.Unsigned {
		next.DNSKEY, next.DNSKEYTTL, next.Entry = plan.DNSKEY, w.policy.DNSKEYTTL, plan.SignDNSKEY
		next.Signers, next.Algorithms = plan.SignData, algorithmsOf(plan.SignData)
		next.CDS, next.CDSDelete = plan.CDS, plan.CDSDelete
	}
	changed := !sameKeys(p.DNSKEY, next.DNSKEY) || !sameKeys(p.Signers, next.Signers) || !sameKeys(p.CDS, next.CDS) || p.CDSDelete != next.CDSDelete
	if changed {
		*p = next
	}
	for i := range w.seen.Self.Addresses { // they may lag behind what was published long ago
		a := &w.seen.Self.Addresses[i]
		if a.State.silent() {
			continue
		}
		if !changed && a.State == Good && a.Serial == p.Serial {
			continue
		}
		changed = true
		a.State, a.Serial = Good, p.Serial
		a.DNSKEY, a.Entry, a.DataSigners, a.Algorithms = next.DNSKEY, next.Entry, next.Signers, next.Algorithms
		a.CDS, a.CDNSKEY, a.CDSDelete = next.CDS, next.CDS, next.CDSDelete
	}
	return changed
}

func algorithmsOf(ids []KeyID) (all []uint8) {
	for _, id := range ids {
		if !slices.Contains(all, id.Algorithm) {
			all = append(all, id.Algorithm)
		}
	}
	return all
}

// follow lets an address of a peer publish our keys and our CDS beside its own, and
// take every step of an algorithm rollover with us. Of an algorithm that goes it makes
// no keys and no signatures: it may never have had any.
func (w *forecast) follow(v *View, a *Address, plan Plan) bool {
	var ours, theirs []KeyID
	for _, id := range plan.DNSKEY {
		if w.isOurs(id) {
			ours = append(ours, id)
		}
	}
	algorithms := algorithmsOf(ours)
	for _, id := range a.DNSKEY {
		if !w.isOurs(id) && (len(ours) == 0 || slices.Contains(algorithms, id.Algorithm) || !w.gone(id.Algorithm)) {
			theirs = append(theirs, id)
		}
	}
	for _, algorithm := range algorithms {
		if !hasAlgorithm(theirs, algorithm) && w.comes(algorithm) {
			theirs = append(theirs, w.makePeers(v, a, algorithm)...)
		}
	}
	next := slices.Concat(theirs, ours)
	signed := slices.DeleteFunc(algorithmsOf(plan.SignData), func(algorithm uint8) bool {
		return w.gone(algorithm) && !slices.Contains(a.Algorithms, algorithm)
	})
	changed := !sameKeys(next, a.DNSKEY) || !slices.Equal(signed, a.Algorithms)
	keep := func(id KeyID) bool { return !slices.Contains(next, id) }
	a.DNSKEY, a.Algorithms = next, signed
	a.SEP = slices.DeleteFunc(slices.Clone(a.SEP), keep)
	a.Entry = slices.DeleteFunc(slices.Clone(a.Entry), keep)
	a.DataSigners = slices.DeleteFunc(slices.Clone(a.DataSigners), keep)
	if (len(plan.CDS) > 0 || plan.CDSDelete) && (!sameKeys(a.CDS, plan.CDS) || a.CDSDelete != plan.CDSDelete) {
		a.CDS, a.CDNSKEY, a.CDSDelete, changed = plan.CDS, plan.CDS, plan.CDSDelete, true
	}
	return changed
}

// makePeers makes up a peer's keys of a new algorithm.
func (w *forecast) makePeers(v *View, a *Address, algorithm uint8) []KeyID {
	var ids []KeyID
	for _, n := range v.Addresses { // each address publishes the same
		for _, id := range n.DNSKEY {
			if !w.isOurs(id) && id.Algorithm == algorithm && w.isMade(id) {
				ids = append(ids, id)
			}
		}
	}
	for len(ids) < 2 {
		tag := w.newTag()
		ids = append(ids, KeyID{Algorithm: algorithm, Tag: tag, Sum: 1<<16 | uint64(w.made)})
		for role := Unknown; role <= CSK; role++ {
			w.names[role.String()+" "+itoa(int(tag))] = "next " + role.String()
		}
	}
	a.SEP, a.Entry = append(slices.Clone(a.SEP), ids[0]), append(slices.Clone(a.Entry), ids[0])
	a.DataSigners = append(slices.Clone(a.DataSigners), ids[1])
	return ids
}

func (w *forecast) isOurs(id KeyID) bool {
	return slices.ContainsFunc(w.seen.Own, func(o OwnKey) bool { return o.ID == id })
}

// isMade reports whether a key is only made up.
func (w *forecast) isMade(id KeyID) bool { return id.Sum>>16 == 1 }

// comes reports whether an algorithm is on its way in, so that peers take it in, too.
func (w *forecast) comes(algorithm uint8) bool {
	f := &w.state.f
	return algorithm == f.Moving && f.Moving == f.Orders.Algorithm
}

// gone reports whether we have withdrawn our keys of an algorithm, so that peers do, too.
func (w *forecast) gone(algorithm uint8) bool {
	f := &w.state.f
	return algorithm == f.Moving && f.Moving != f.Orders.Algorithm
}

// delegate lets the parent do what CDS asks for.
func (w *forecast) delegate(plan Plan) bool {
	if w.policy.Parent == ParentNone || len(plan.CDS) == 0 && !plan.CDSDelete {
		return false
	}
	changed := false
	for i := range w.seen.Parent.Addresses {
		if a := &w.seen.Parent.Addresses[i]; a.State == Good && !sameKeys(a.DS, plan.CDS) {
			a.DS, changed = plan.CDS, true
		}
	}
	if changed {
		what := "the parent has the DS set that CDS asks for"
		if plan.CDSDelete {
			what = "the parent has removed the DS"
		}
		w.found = append(w.found, Happening{At: w.now, What: what})
	}
	return changed
}

// compare notes what a plan does that the one before did not. A plan without a key
// that signs is not carried out: what was served before stays.
func (w *forecast) compare(after Plan) {
	before := w.shown
	defer w.end(after.Waits)
	if len(after.SignData) == 0 && !after.Unsigned {
		return
	}
	switch {
	case after.Unsigned != before.Unsigned:
		w.note(map[bool]string{true: "serve the zone unsigned", false: "serve the zone signed"}[after.Unsigned])
	case !after.Unsigned:
		w.differ("publish ", before.DNSKEY, after.DNSKEY, after.Keys)
		w.differ("withdraw ", after.DNSKEY, before.DNSKEY, before.Keys)
		w.differ("sign the zone with ", before.SignData, after.SignData, after.Keys)
		w.differ("stop signing the zone with ", after.SignData, before.SignData, before.Keys)
	}
	if !sameKeys(before.CDS, after.CDS) && len(after.CDS) > 0 {
		w.note("ask the parent, by CDS and CDNSKEY, for the DS of " + w.labels(after.CDS, after.Keys))
	}
	if after.CDSDelete && !before.CDSDelete {
		w.note("ask the parent, by CDS and CDNSKEY, to remove the DS")
	}
	if before.Refuse != "" && after.Refuse == "" {
		w.note("answer everyone")
	}
	w.shown = after
}

func (w *forecast) note(what string) { w.found = append(w.found, Happening{At: w.now, What: what}) }

// differ notes the keys of b that a does not have.
func (w *forecast) differ(what string, a, b []KeyID, keys []KeyStatus) {
	for _, id := range b {
		if !contains(a, id) {
			w.note(what + w.labels([]KeyID{id}, keys))
		}
	}
}

// labels names keys as people know them.
func (w *forecast) labels(ids []KeyID, keys []KeyStatus) string {
	text := ""
	for i, id := range ids {
		name := "key " + itoa(int(id.Tag))
		for _, k := range keys {
			if k.ID != id {
				continue
			}
			name = k.Role.String() + " " + itoa(int(id.Tag))
			if !k.Ours {
				name = k.Owner + "'s " + name
				if w.isMade(id) {
					name = k.Owner + "'s next " + k.Role.String()
				}
			}
		}
		if i > 0 {
			text += " and "
		}
		text += name
	}
	return text
}

// end takes in what is waited for now, and tells of each thing that has happened since
// the last plan what was waited for before it.
func (w *forecast) end(now []Wait) {
	for i := 0; i < len(w.waits); {
		over := w.waits[i]
		if slices.ContainsFunc(now, func(n Wait) bool { return n.What == over.What }) {
			i++
			continue
		}
		w.waits = slices.Delete(w.waits, i, i+1)
		w.ended(over)
	}
	for _, n := range now {
		if len(n.Holding) > 0 {
			n.Earliest, n.From = time.Time{}, "" // what has to pass then has a wait of its own
		}
		same := func(o Wait) bool { return o.What == n.What && o.Why == n.Why }
		if i := slices.IndexFunc(w.waits, same); i < 0 {
			w.waits = append(w.waits, n)
		} else {
			w.waits[i].Earliest, w.waits[i].From = n.Earliest, n.From
		}
	}
	w.told = len(w.found)
}

// ended puts a wait that is over with what it was for, or with what happened first.
func (w *forecast) ended(over Wait) {
	found := w.found[w.told:]
	if len(found) == 0 {
		return
	}
	i := max(0, slices.IndexFunc(found, func(h Happening) bool { return h.What == over.What }))
	found[i].Ended = append(found[i].Ended, over)
}
