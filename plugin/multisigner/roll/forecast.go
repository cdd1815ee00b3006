package roll

import (
	"slices"
	"strings"
	"time"
)

// Happening is something that is going to be done.
type Happening struct {
	At    time.Time
	What  string // "publish the next ZSK", "the parent has the new DS"
	Ended []Wait // all that was waited for until then, in the order in which it was
}

// Forecast says what will happen from now until a time, if all others do at once
// what they should: it calls Step with a moving clock and obedient observations, so
// it cannot differ from what will be done. Every moment is the earliest possible.
// pace is how long a look takes to come. What an address says badly is taken to be as at
// the others of its signer. One that does not answer stays so: no step that waits for
// it has a date, and the forecast ends with what waits for it.
func Forecast(s State, p Policy, seen Observation, now time.Time, pace time.Duration, until time.Time) ([]Happening, []Wait) {
	p.Terse = false
	w := &forecast{state: s, policy: p, seen: obedient(seen), now: now, names: map[string]string{}, parent: p.Parent}
	w.shown = w.served()
	before := w.step()
	w.shown.Keys = before.Keys
	w.compare(before)
	for range turnsAtMost {
		changed := w.obey(before)
		next := before.Wake
		if changed && (next.IsZero() || next.After(w.now.Add(pace))) {
			next = w.now.Add(pace)
		}
		if next.IsZero() || next.After(until) {
			break
		}
		w.pass(next)
		plan := w.step()
		w.compare(plan)
		before = plan
		if len(w.found) >= happeningsAtMost {
			break
		}
	}
	for i := range w.found {
		w.found[i].What = w.named(w.found[i].What)
		w.found[i].Ended = w.namedAll(w.found[i].Ended)
	}
	return w.found, w.namedAll(before.Waits)
}

// How far is looked ahead at most: our choice, a year of ordinary rollovers.
const (
	turnsAtMost      = 400
	happeningsAtMost = 200
)

// forecast is a call of Forecast under way.
type forecast struct {
	steps  Steps
	state  State
	policy Policy
	seen   Observation
	now    time.Time
	made   int
	names  map[string]string // of keys that are not made yet
	parent ParentMode
	shown  Plan   // the last that could be carried out
	waits  []Wait // for what has not happened yet, those that are over included
	found  []Happening
	told   int // how many of found are from before the last plan
}

// served is what is true before anything happens, as a plan. Who has signed is no
// evidence of who signs the zone: some keys sign CDS alone.
func (w *forecast) served() Plan {
	p := w.seen.Published
	plan := Plan{DNSKEY: p.DNSKEY, CDS: p.CDS, CDSDelete: p.CDSDelete}
	for k := range w.state.f.Keys {
		if key := &w.state.f.Keys[k]; key.Owner == 0 && key.signing() && contains(p.Signers, key.ID) {
			plan.SignData = append(plan.SignData, key.ID)
		}
	}
	plan.Unsigned = len(p.DNSKEY) == 0 && p.Serial != 0
	return plan
}

// silent reports whether nothing comes from an address: nobody knows when it will.
func (s AddressState) silent() bool { return s == Unreachable || s == Unfound }

// obedient gives addresses that answer badly, or were not asked yet, what the others of
// their signer say.
func obedient(seen Observation) Observation {
	seen.Own = slices.Clone(seen.Own)
	seen.Peers = slices.Clone(seen.Peers)
	views := []*View{&seen.Self}
	for i := range seen.Peers {
		views = append(views, &seen.Peers[i])
	}
	for _, v := range views {
		v.Addresses = slices.Clone(v.Addresses)
		good := slices.IndexFunc(v.Addresses, func(a Address) bool { return a.State == Good && !a.Transfer })
		for i := range v.Addresses {
			if a := &v.Addresses[i]; good >= 0 && a.State != Good && !a.State.silent() {
				addr := a.Addr
				*a = v.Addresses[good]
				a.Addr = addr
			}
		}
	}
	seen.Parent.Addresses = slices.Clone(seen.Parent.Addresses)
	return seen
}

// pass lets time go by, in which everybody has been seen.
func (w *forecast) pass(to time.Time) {
	if !w.seen.Steady.IsZero() {
		w.seen.Steady = w.seen.Steady.Add(to.Sub(w.now))
	}
	w.now = to
	look := func(a *Address) { a.Since, a.Seen = unbroken(a.Since, a.Seen, to), to }
	for i := range w.seen.Self.Addresses {
		look(&w.seen.Self.Addresses[i])
	}
	for n := range w.seen.Peers {
		for i := range w.seen.Peers[n].Addresses {
			look(&w.seen.Peers[n].Addresses[i])
		}
	}
	for i := range w.seen.Parent.Addresses {
		a := &w.seen.Parent.Addresses[i]
		a.Since, a.Seen = unbroken(a.Since, a.Seen, to), to
	}
}

// unbroken is since when looks have followed each other, if they do so until a time.
func unbroken(since, seen, to time.Time) time.Time {
	switch {
	case !since.IsZero() && !since.After(seen):
		return since
	case !seen.IsZero():
		return seen
	}
	return to
}

// step takes a turn; keys that are asked for are made up.
func (w *forecast) step() Plan {
	for {
		state, plan := w.steps.Step(&w.state, &w.policy, &w.seen, w.now)
		w.state = state
		if len(plan.Generate) == 0 {
			return plan
		}
		for _, r := range plan.Generate {
			id := KeyID{Algorithm: r.Algorithm, Tag: w.newTag()}
			id.Sum = uint64(w.made)
			w.names[r.Role.String()+" "+itoa(int(id.Tag))] = w.nextName(r.Role)
			w.seen.Own = append(w.seen.Own, OwnKey{ID: id, Role: r.Role, SEP: r.Role.Entry()})
		}
	}
}

// newTag is the tag of a key that is made up. No other key has it, made up or not: such
// two would yield to each other.
func (w *forecast) newTag() uint16 {
	for {
		w.made++
		if tag := uint16(w.made); !slices.ContainsFunc(w.state.f.Keys, func(k key) bool { return k.ID.Tag&^128 == tag&^128 }) { // RFC 5011: REVOKE adds 128
			return tag
		}
	}
}

// nextName tells apart keys that do not exist yet: the next ZSK, and the one after it.
func (w *forecast) nextName(role Role) string {
	name := "the next " + role.String()
	n := 1
	for _, other := range w.names {
		if other == name || strings.HasPrefix(other, name+" (") {
			n++
		}
	}
	if n > 1 {
		name += " (" + itoa(n) + ")"
	}
	return name
}

// named puts names in the place of made-up tags.
func (w *forecast) named(text string) string {
	words := strings.Split(text, " ")
	for i := 1; i < len(words); i++ {
		tag := strings.TrimRight(words[i], ",:;")
		if name := w.names[words[i-1]+" "+tag]; name != "" {
			words[i-1], words[i] = name, strings.TrimPrefix(words[i], tag)
			if words[i] == "" {
				words = slices.Delete(words, i, i+1)
			} else {
				words[i-1] += words[i]
				words = slices.Delete(words, i, i+1)
			}
		}
	}
	return strings.Join(words, " ")
}

func (w *forecast) namedAll(waits []Wait) []Wait {
	waits = slices.Clone(waits)
	for i := range waits {
		waits[i].What, waits[i].Why = w.named(waits[i].What), w.named(waits[i].Why)
		if len(waits[i].Holding) > 0 {
			waits[i].Earliest = time.Time{} // it would be reckoned from the end of what was looked at
		}
	}
	return waits
}
