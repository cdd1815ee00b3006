package simulation

import (
	"slices"

	"github.com/multisigner/multisigner/plugin/multisigner/caches"
	"github.com/multisigner/multisigner/plugin/multisigner/roll"
)

// An old state may be restored together with the keys of its time: then nobody here can sign
// with what the others know by now. Who can see them must notice, and answer nobody
// before a newer backup is there.

// oldDisk restores now and then a backup, whole.
func (w *world) oldDisk() {
	if w.moot(w.t >= w.calm) {
		return
	}
	w.happens(func() { w.signers[w.random.IntN(len(w.signers))].oldDisk() })
	w.after(w.between(10*day, 60*day), w.oldDisk)
}

func (s *signer) oldDisk() {
	w := s.w
	if w.moot(s.backup.Empty() || !s.canCrash() || s.version == nil || s.refuses || s.outside) || w.avoids(oldStateAcrossMove, w.t < w.grand) ||
		w.avoids(oldStateOfOtherDS, w.parent.until > w.t) || w.avoids(oldStateUnseen, s.policy.Parent == roll.ParentNone || s.alone()) || w.avoids(oldKeysUnsettled, !w.settled()) {
		return
	}
	w.note("%s is restored to an old state with its keys", s.name)
	w.did("old disk")
	now := struct {
		state  roll.State
		own    []roll.OwnKey
		trusts []trust
		held   []caches.Held
	}{s.disk, s.own, slices.Clone(s.trusts), s.second.disk}
	s.steps = roll.Steps{}
	length := w.between(10*minute, 50*minute)
	s.oldUntil, w.fragile = w.t+length, w.t+10*minute
	s.state, s.disk, s.own = s.backup, s.backup, slices.Clone(s.backupOwn)
	s.trustsOf(s.backupTrusts)
	s.begins(s.second.backup)
	w.after(length, func() {
		w.note("%s gets its newer state back", s.name)
		s.steps = roll.Steps{}
		s.state, s.disk, s.own = now.state, now.state, now.own
		copy(s.trusts, now.trusts)
		s.begins(now.held)
		w.after(day, s.thaw) // it may have been frozen then
	})
}

// begins starts a process that has a disk and nothing else.
func (s *signer) begins(held []caches.Held) {
	w := s.w
	s.starts++
	if !s.down {
		s.steady += w.t - s.upSince
	}
	s.down, s.blind, s.version, s.plan = false, true, nil, roll.Plan{}
	s.servers[0].cur = nil
	s.silence()
	s.upSince, s.servers[0].since = w.t, w.t
	s.recall(held)
	s.turn()
	for _, other := range w.signers {
		other.soon()
	}
}

// settled reports whether nothing is under way at any signer, and the parent has what all
// ask for: in the midst of a rollover it may take one moment later what makes an old
// state bogus, and as long as others have a key that was withdrawn nobody can know that it was.
func (w *world) settled() bool {
	for _, s := range w.signers {
		if s.version == nil || s.refuses || s.down || s.foreign == nil && len(s.plan.Waits) > 0 || !slices.Equal(s.version.cds, w.parent.ds) {
			return false
		}
		for _, other := range w.signers {
			for _, server := range other.everywhere() {
				if server.cur == nil || !slices.Equal(server.cur.dnskey, s.version.dnskey) {
					return false
				}
			}
		}
	}
	return w.parent.shown[0] != nil && slices.Equal(w.parent.shown[0], w.parent.ds)
}

// mayRefuse sees to it that nobody takes a state for an old one that is not, and that who
// says that the parent leaves it out is right, or was just now.
func (s *signer) mayRefuse(plan *roll.Plan) {
	w := s.w
	if plan.Outrun {
		w.did("outrun")
		if s.oldUntil < w.t {
			w.fail("%s takes its state for an old one: %s", s.name, plan.Refuse)
		}
	}
	if w.moot(!plan.Feeds) {
		return
	}
	w.did("left out")
	for i, ds := range w.parent.shown {
		has := func(ids []roll.KeyID) bool {
			return slices.ContainsFunc(ownedBy(ids, s.n), func(id roll.KeyID) bool { return slices.Contains(plan.SignDNSKEY, id) })
		}
		if has(ds) && (has(w.parent.shownBefore[i]) || w.t-w.parent.changedAt[i] > hour) {
			w.fail("%s refuses although the parent has its DS", s.name)
		}
	}
}
