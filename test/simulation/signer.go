package simulation

import (
	"slices"
	"time"

	"github.com/multisigner/multisigner/plugin/multisigner/roll"
)

// version is what a server serves: immutable.
type version struct {
	dnskey, sep, entry, data, cds, cdsSigners, signers []roll.KeyID
	ttl, maxTTL                                        int64
	serial                                             uint32
	mark                                               uint64 // changes with each new DNSKEY RRset
	lost                                               keys
	early                                              bool
}

// server is one address of a signer.
type server struct {
	name  string
	cur   *version
	since int64 // looks at it have not failed for anyone since then, but for partitions
}

// signer is a process that runs roll.Step, or, if foreign, timers.
type signer struct {
	w       *world
	n       int
	name    string
	policy  roll.Policy
	servers []*server // the first is the primary
	lag     int64

	disk      roll.State // what was saved
	backup    roll.State
	backupOwn []roll.OwnKey
	last      uint32 // the last serial
	refuses   bool
	own       []roll.OwnKey
	plan      roll.Plan
	version   *version
	wake      int // only the last wake counts
	lookAt    int64

	down    bool
	offset  int64 // of its wall clock
	steady  int64 // time that it was up, kept
	upSince int64
	reach   []int64 // since when it reaches signer j; the last is the parent
	foreign *foreign
}

func (s *signer) wall(t int64) time.Time { return epoch.Add(time.Duration(t + s.offset)) }

// turn looks around, steps until no key is asked for, saves, and publishes.
func (s *signer) turn() {
	if s.down {
		return
	}
	if s.foreign != nil {
		s.foreign.turn()
		return
	}
	w := s.w
	now := s.wall(w.t)
	state := s.disk
	var plan roll.Plan
	for range 8 {
		state, plan = roll.Step(state, s.policy, s.look(), now)
		w.result.Steps++
		if len(plan.Generate) == 0 {
			break
		}
		for _, r := range plan.Generate {
			id := w.newKey(s.n, r.Avoid)
			s.own = append(slices.Clip(s.own), roll.OwnKey{ID: id, Role: r.Role, SEP: r.Role != roll.ZSK})
		}
	}
	s.disk = state // save, then show
	if w.Faults && w.t < w.calm && w.random.IntN(400) == 0 {
		w.note("%s crashes between save and show", s.name)
		s.crash()
		return
	}
	s.plan = plan
	for _, id := range plan.Destroy {
		s.own = slices.DeleteFunc(slices.Clone(s.own), func(o roll.OwnKey) bool { return o.ID == id })
	}
	changed := s.publish()
	for range plan.TellParent {
		w.parent.told()
	}
	s.wake++
	if changed { // what we serve now is a fact for the next step
		s.after(minute)
	} else if !plan.Wake.IsZero() {
		s.after(max(int64(plan.Wake.Sub(now)), int64(time.Second)) + w.between(0, minute))
	}
}

// after takes a turn d from now, unless another one comes first.
func (s *signer) after(d int64) {
	s.wake++
	wake := s.wake
	s.w.after(d, func() {
		if s.wake == wake {
			s.turn()
		}
	})
}

// soon takes a turn when the next look would see what just happened.
func (s *signer) soon() {
	at := s.w.t + s.w.between(int64(time.Second), int64(s.policy.Interval))
	if s.lookAt > s.w.t && s.lookAt <= at {
		return
	}
	s.lookAt = at
	s.w.after(at-s.w.t, func() {
		if s.lookAt == at {
			s.turn()
		}
	})
}

// publish serves what the plan says, when it differs from what is served.
func (s *signer) publish() bool {
	p := &s.plan
	if len(p.SignData) == 0 || len(p.SignDNSKEY) == 0 {
		return false
	}
	v := s.version
	refused := s.refuses
	s.refuses = p.Refuse != ""
	if v != nil && refused == s.refuses && slices.Equal(v.dnskey, p.DNSKEY) && slices.Equal(v.entry, p.SignDNSKEY) && slices.Equal(v.data, p.SignData) &&
		slices.Equal(v.cds, p.CDS) && v.ttl == int64(s.policy.DNSKEYTTL) {
		return false
	}
	next := &version{dnskey: p.DNSKEY, entry: p.SignDNSKEY, data: p.SignData, cds: p.CDS, cdsSigners: p.SignCDS,
		ttl: int64(s.policy.DNSKEYTTL), maxTTL: s.maxTTL()}
	s.serve(next)
	return true
}

func (s *signer) maxTTL() int64 {
	if s.version != nil {
		return s.version.maxTTL
	}
	return []int64{hour, 4 * hour, day}[s.n%3]
}

// serve shows a version at the primary now and at the secondaries after their lag.
func (s *signer) serve(v *version) {
	w := s.w
	s.last++
	v.serial, v.mark = s.last, uint64(s.last)
	if old := s.version; old != nil {
		v.mark = old.mark
		if !slices.Equal(old.dnskey, v.dnskey) || !slices.Equal(old.entry, v.entry) {
			v.mark = uint64(s.last)
		}
	}
	v.sep = v.entry
	s.version = v
	v.signers = append(slices.Clip(v.data), v.cdsSigners...)
	w.note("%s serves %d: DNSKEY %s, signed by %s; data by %s; CDS %s", s.name, v.serial, keyNames(v.dnskey), keyNames(v.entry), keyNames(v.data), keyNames(v.cds))
	s.install(s.servers[0], v)
	s.transfer()
}

// transfer gives the secondaries what is current when they come for it.
func (s *signer) transfer() {
	w := s.w
	for _, server := range s.servers[1:] {
		w.after(w.between(minute, s.lag), func() {
			if s.down || s.refuses || s.version == nil {
				return // it asks again when there is something new
			}
			if server.cur == nil || int32(s.version.serial-server.cur.serial) > 0 {
				s.install(server, s.version)
			}
		})
	}
}

func (s *signer) install(server *server, v *version) {
	w := s.w
	server.cur = v
	o := &w.oracle
	o.room()
	if s.refuses && server == s.servers[0] {
		s.silence()
		for _, other := range w.signers {
			other.soon()
		}
		return
	}
	o.replace(&o.dnskey, server.name, &record{set: o.bits(v.dnskey), signed: o.bits(v.entry), ttl: v.ttl, lost: v.lost, timers: s.foreign != nil})
	o.replace(&o.data, server.name, &record{signed: o.bits(v.data), ttl: v.maxTTL, early: v.early})
	if len(v.cds) > 0 {
		o.replace(&o.data, server.name+" CDS", &record{signed: o.bits(v.cdsSigners), ttl: v.ttl})
	} else {
		o.replace(&o.data, server.name+" CDS", nil)
	}
	o.ask()
	w.checkCDS()
	for _, other := range w.signers {
		other.soon()
	}
}

// look is what s sees of everyone now.
func (s *signer) look() roll.Observation {
	w := s.w
	seen := roll.Observation{Own: s.own, Steady: epoch.Add(time.Duration(s.steady + w.t - s.upSince))}
	if v := s.version; v != nil {
		seen.Published = roll.Published{DNSKEY: v.dnskey, DNSKEYTTL: time.Duration(v.ttl), MaxTTL: time.Duration(v.maxTTL), Serial: v.serial,
			Signers: v.data, Entry: v.entry, CDS: v.cds}
	} else {
		seen.Published.MaxTTL = time.Duration(s.maxTTL())
	}
	if len(s.servers) > 1 {
		seen.Self.Addresses = s.see(s, s.upSince)
	}
	seen.Peers = make([]roll.View, 0, len(w.signers)-1)
	for _, other := range w.signers {
		if other == s {
			continue
		}
		v := roll.View{Name: other.name, Trusted: other.version != nil}
		if w.Stated && other.foreign == nil && other.version != nil {
			v.Stated, v.Owns = true, ownedBy(other.version.dnskey, other.n)
		}
		v.Addresses = s.see(other, max(s.reach[other.n], s.upSince))
		seen.Peers = append(seen.Peers, v)
	}
	seen.Parent = w.parent.seenBy(s)
	return seen
}

// see looks at every address of a signer.
func (s *signer) see(other *signer, since int64) []roll.Address {
	w := s.w
	list := make([]roll.Address, len(other.servers))
	for i, server := range other.servers {
		a := roll.Address{Addr: server.name, Seen: s.wall(w.t), Since: s.wall(max(since, server.since))}
		v := server.cur
		switch {
		case w.cut[s.n][other.n] > w.t || other.down && i == 0 && other != s:
			a.State = roll.Unreachable
		case v == nil:
			a.State = roll.Lame
		default:
			a.State = roll.Good
			a.DNSKEY, a.SEP, a.Entry, a.CDS, a.CDNSKEY = v.dnskey, v.sep, v.entry, v.cds, v.cds
			a.DataSigners = v.data
			if len(v.cds) > 0 {
				a.DataSigners = v.signers
			}
			a.DNSKEYTTL, a.MaxTTL, a.Serial, a.Mark = time.Duration(v.ttl), time.Duration(v.maxTTL), v.serial, v.mark
		}
		list[i] = a
	}
	return list
}

// crash stops the process for a while; its secondaries go on.
func (s *signer) crash() {
	s.down = true
	s.w.parent.excuse()
	s.steady += s.w.t - s.upSince
	back := s.w.between(minute, 3*hour)
	if s.w.chance(10) {
		back = s.w.between(hour, 4*day)
	}
	for _, other := range s.w.signers {
		if other != s {
			other.soon()
		}
	}
	s.w.after(back, func() {
		s.down = false
		s.restore()
		s.upSince = s.w.t
		s.servers[0].since = s.w.t
		s.w.note("%s is back", s.name)
		s.turn()
		s.transfer()
		for _, other := range s.w.signers {
			other.soon()
		}
	})
}

// restore gives the signer, now and then, an old state, as if its disk had come from
// a backup; its keys are all there. One that then sees nobody cannot know.
func (s *signer) restore() {
	w := s.w
	if s.backup.Empty() || !w.Faults || !w.chance(25) || len(w.signers) == 1 || w.Foreign > 0 || !s.told() {
		return
	}
	for _, other := range w.signers {
		if other != s && (other.down || other.version == nil || w.cut[s.n][other.n] > w.t) {
			return
		}
	}
	if w.cut[s.n][len(w.signers)] > w.t {
		return
	}
	w.note("%s is restored to an old state", s.name)
	s.disk, s.backup = s.backup, roll.State{}
	s.version = nil
	s.servers[0].cur = nil
	s.silence()
}

// told reports whether the others can tell the signer that its backup is old: they
// publish a key of its own that it had not made then.
func (s *signer) told() bool {
	for _, o := range s.own {
		if slices.Contains(s.backupOwn, o) {
			continue
		}
		shown := true
		for _, other := range s.w.signers {
			for _, server := range other.servers {
				if other != s && (server.cur == nil || !slices.Contains(server.cur.dnskey, o.ID)) {
					shown = false
				}
			}
		}
		if shown {
			return true
		}
	}
	return false
}

// silence ends what outsiders get from the primary.
func (s *signer) silence() {
	o := &s.w.oracle
	o.replace(&o.dnskey, s.servers[0].name, nil)
	o.replace(&o.data, s.servers[0].name, nil)
	o.replace(&o.data, s.servers[0].name+" CDS", nil)
}
