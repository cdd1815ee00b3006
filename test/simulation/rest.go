package simulation

import (
	"fmt"
	"slices"
	"time"

	"github.com/multisigner/multisigner/plugin/multisigner/roll"
)

// agreed asks, when the parent is told, whether every address of every signer that is
// asked serves the same CDS (PROTOCOL I5, I9).
func (w *world) agreed(s *signer) {
	if w.Late {
		return // what a signer saw may not be so any more
	}
	if p := w.parent; w.t >= p.strange[0] && w.t < p.strange[1] && w.cut[s.n][len(w.signers)] <= w.t && !s.version.cdsDelete {
		w.fail("%s tells the parent although that has a DS that nobody knows", s.name)
	}
	for _, other := range w.signers {
		for i, server := range other.servers {
			v := server.answers(w.t)
			if other == s {
				v = server.cur
			}
			if other.outside || v == nil || other.refuses && i == 0 || s.version == nil {
				continue
			}
			if !slices.Equal(v.cds, s.version.cds) || v.cdsDelete != s.version.cdsDelete && !v.unsigned {
				w.fail("%s tells the parent although %s has another CDS: %s", s.name, server.name, keyNames(v.cds))
			}
		}
	}
}

func (w *world) fail(format string, args ...any) {
	what := fmt.Sprintf(format, args...)
	w.note("WRONG: %s", what)
	w.result.Bogus = append(w.result.Bogus, what)
}

// injury is a key of one of ours that a foreign signer has forgotten.
type injury struct {
	of      *signer
	by      *foreign
	id      roll.KeyID
	noticed bool
	healed  bool
}

// watch sees to it that whoever sees an injury raises the alarm, and begins nothing; where the parent
// has no DS any more no resolver is injured, and the alarm is about that. Who refuses injures nobody.
func (s *signer) watch(plan *roll.Plan) {
	w := s.w
	if len(w.injuries) == 0 || w.Late || len(w.parent.shown[0])+len(w.parent.shown[1]) == 0 {
		return
	}
	for _, in := range w.injuries {
		server := in.by.s.servers[0]
		if in.of != s || in.healed || s.version == nil || s.refuses || server.cur == nil || w.cut[s.n][in.by.s.n] > w.t || slices.Contains(server.cur.dnskey, in.id) ||
			server.changed+int64(time.Second) > w.t {
			continue
		}
		if !slices.Contains(s.version.data, in.id) || !slices.Contains(plan.SignData, in.id) && in.noticed {
			continue // it is no longer in use
		}
		if !in.noticed {
			in.noticed = slices.ContainsFunc(plan.Alarms, func(a roll.Alarm) bool { return a.Name == roll.AlarmPeerLacksKey })
			if !in.noticed {
				w.fail("%s does not notice that %s has forgotten %s", s.name, in.by.s.name, keyName(in.id))
				return
			}
			w.result.Noticed++
		}
		for _, id := range plan.SignData {
			if !slices.Contains(s.version.data, id) {
				w.fail("%s begins to sign with %s while %s lacks %s", s.name, keyName(id), in.by.s.name, keyName(in.id))
			}
		}
	}
}

// heed sees to it that whoever was shown that a foreign signer has lost signatures by a
// new algorithm begins nothing that builds on them.
func (s *signer) heed(plan *roll.Plan) {
	w := s.w
	for _, other := range w.signers {
		f := other.foreign
		if f == nil || f.change.slipped == 0 || s.version == nil || int32(s.newest[other.n]-f.change.slipped) < 0 ||
			slices.Contains(algorithmsOf(slices.Concat(w.parent.shown[0], w.parent.shown[1])), f.change.to) {
			continue
		}
		begins := func(now, next []roll.KeyID) bool {
			has := func(ids []roll.KeyID) bool { return slices.Contains(algorithmsOf(ownedBy(ids, s.n)), f.change.to) }
			return has(next) && !has(now)
		}
		switch {
		case begins(s.version.dnskey, plan.DNSKEY):
			w.fail("%s publishes its keys of algorithm %d although %s has lost signatures by it", s.name, f.change.to, other.name)
		case begins(s.version.cds, plan.CDS):
			w.fail("%s asks for its DS of algorithm %d although %s has lost signatures by it", s.name, f.change.to, other.name)
		}
	}
}

// mend notes which injuries by a foreign signer are over.
func (f *foreign) mend(v *version) {
	w := f.s.w
	for _, in := range w.injuries {
		if in.by == f && !in.healed && slices.Contains(v.dnskey, in.id) {
			in.healed = true
			w.result.Healed++
		}
	}
	w.injuries = slices.DeleteFunc(w.injuries, func(in *injury) bool { return in.healed })
}

// waiting is a step that a signer waits to take, and since when.
type waiting struct {
	what  string
	since int64
}

// count asks of each step that waits how long it has done so, lest the next rollover
// hide that one would have stood still for ever without it.
func (s *signer) count(waits []roll.Wait) {
	w, was := s.w, s.waits
	s.waits = nil
	for i := range waits {
		next := waiting{waits[i].What, w.t}
		for _, last := range was {
			if last.what == next.what {
				next.since = last.since
			}
		}
		if s.waits = append(s.waits, next); w.t-next.since > w.patience() {
			w.stuck("%s has waited for %d days to %s, for %s %v", s.name, (w.t-next.since)/day, next.what, waits[i].Why, waits[i].Holding)
		}
	}
}

// patience is how long a step may have to wait. Faults come again and again, and what
// each signer is told for itself may come weeks later.
func (w *world) patience() int64 {
	if w.Faults || w.Moves {
		return 60 * day
	}
	return 30 * day
}

func (w *world) stuck(format string, args ...any) {
	w.result.Stuck = append(w.result.Stuck, fmt.Sprintf(format, args...))
}

// rest asks, after a long calm, whether everything that began has ended.
func (w *world) rest() {
	for _, s := range w.signers {
		if s.version == nil {
			w.stuck("%s does not serve: %s", s.name, s.plan.Refuse)
			return
		}
	}
	for _, s := range w.signers {
		if s.foreign == nil {
			w.restOf(s)
		}
	}
	if len(w.parent.ds) == 0 {
		w.stuck("the parent has no DS")
	}
	if w.made < int(float64(len(w.signers))*w.Years*3) && !w.CSK {
		w.stuck("only %d keys were made", w.made)
	}
}

func (w *world) restOf(s *signer) {
	for _, wait := range s.plan.Waits {
		if s.wall(w.t).Sub(wait.Since) > 12*24*time.Hour {
			w.stuck("%s waits since %v to %s, for %s %v", s.name, wait.Since, wait.What, wait.Why, wait.Holding)
		}
	}
	if s.refuses {
		w.stuck("%s refuses: %s", s.name, s.plan.Refuse)
	}
	if len(s.version.cds) == 0 {
		w.stuck("%s publishes no CDS", s.name)
	}
	for _, other := range w.signers {
		if other.foreign == nil && len(s.plan.Waits)+len(other.plan.Waits) == 0 && !slices.Equal(other.version.cds, s.version.cds) {
			w.stuck("%s and %s have different CDS at rest", s.name, other.name)
		}
		for _, id := range other.version.data {
			if !slices.Contains(s.version.dnskey, id) {
				w.stuck("%s does not publish %s of %s", s.name, keyName(id), other.name)
			}
		}
	}
	if n := len(s.version.dnskey); n > 5*len(w.signers)+3 {
		w.stuck("%s publishes %d keys: %s", s.name, n, keyNames(s.version.dnskey))
	}
}
