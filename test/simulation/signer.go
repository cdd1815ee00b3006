package simulation

import (
	"math/rand/v2"
	"slices"
	"time"

	"github.com/multisigner/multisigner/plugin/multisigner/roll"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// version is what a server serves: immutable.
type version struct {
	dnskey, entry, data, cds, cdsSigners, signers []roll.KeyID
	owns, sep                                     []roll.KeyID // those of dnskey that are the signer's own, that have the SEP flag
	algs                                          []uint8      // with which its data is signed
	cdsDelete, unsigned                           bool
	ttl, maxTTL                                   int64
	serial                                        uint32
	mark                                          uint64       // changes with each new DNSKEY RRset
	rest                                          []roll.KeyID // who signs the data that no look samples; nil: who signs all
	left                                          uint8        // an algorithm with which a foreign signer has stopped signing,
	rash                                          bool         // too soon

	records *zone.Version // in worlds that have records

	// The mistakes of a foreign signer.
	lost    []roll.KeyID // keys in use that are left out of dnskey
	spared  []roll.KeyID // they would still sign its data
	slipped bool         // it had signed all, and lost that but for what a look samples
}

// server is one address of a signer.
type server struct {
	n       int // of all in the world
	name    string
	cur     *version
	waits   bool     // it comes again for a transfer
	before  *version // what it served until changed
	changed int64
	back    int64 // it has gone back to an older version until then
	inPart  int64 // it answers for its keys alone until then
	since   int64 // looks at it have not failed for anyone since then, but for partitions
}

// signer is a process that runs roll.Step, or, if foreign, timers.
type signer struct {
	w       *world
	n       int
	name    string
	random  *rand.Rand
	policy  roll.Policy
	servers []*server // the first is the primary
	lag     int64
	dataTTL int64   // since it was edited; 0: as the seed has it
	leaving *server // not named any more, and asked for a while
	spare   *server // not asked by anybody
	hidden  *server // asked by resolvers and the parent alone
	unseen  int64   // how long a change needs to get there at most

	steps     roll.Steps
	state     roll.State // in memory
	disk      roll.State // what was saved last
	unshown   bool       // and not shown yet
	blind     bool       // nobody was looked at since the start
	backup    roll.State
	backupOwn []roll.OwnKey
	trusts    []trust // of the others, by their numbers

	backupTrusts []trust
	last         uint32 // the last serial
	refuses      bool
	mute         bool  // it answers nobody else before its first look (PROTOCOL look-before-the-first-answer)
	feeds        bool  // its secondaries get all the same what outsiders do not
	oldUntil     int64 // it has an old state with the keys of its time until then
	thawed       int64 // by order, the last time
	own          []roll.OwnKey
	plan         roll.Plan
	waits        []waiting // of the last turns
	version      *version
	seen         roll.Observation // kept for its memory
	wakeAt       int64            // its plan asks to be called again then
	lookAt       int64            // what it would see then is new
	phase        int64            // of its looks

	begun    bool
	lowered  int64 // TTLs were lowered for its coming
	outside  bool  // it is not in the delegation
	unbidden bool  // it is, and nobody has said yet that it may make keys
	down     bool
	starts   int   // of its process: those that are due, and those that came
	offset   int64 // of its wall clock
	steady   int64 // time that it was up, kept
	upSince  int64
	reach    []int64  // since when it reaches signer j; the last is the parent
	taken    []uint32 // the serial that was last transferred from signer j
	newest   []uint32 // the highest of them
	answered []int64  // since when looks at a server were not lost, by its number; then the parent's
	foreign  *foreign
	second   second
}

func (s *signer) wall(t int64) time.Time { return epoch.Add(time.Duration(t + s.offset)) }

// begin starts a signer for the first time.
func (s *signer) begin() {
	s.begun, s.blind, s.upSince = true, true, s.w.t
	if s.foreign != nil {
		s.foreign.begin()
	} else {
		s.turn()
	}
}

// turn looks around, steps until no key is asked for, saves, and publishes.
func (s *signer) turn() {
	if s.w.moot(s.down || !s.begun) {
		return
	}
	if s.foreign != nil {
		s.foreign.turn()
		return
	}
	w := s.w
	now := s.wall(w.t)
	plan := s.decide(now)
	if plan.Blind {
		s.wakeAt = w.t + 5*int64(time.Second)
		return
	}
	next, changed := s.next(&plan)
	if changed {
		if w.Guard {
			s.judge(next)
		}
		s.state = roll.Shown(s.state, next.published())
	}
	s.keepSecond()
	if changed || s.state.Differs(s.disk) { // save, then show
		s.disk = s.state
		s.steps.Keep()
	}
	if w.Faults && w.t < w.calm && w.random.IntN(400) == 0 && !w.avoids(crashBeforeOldIsNoticed, w.t < w.fragile) {
		w.note("%s crashes between save and show", s.name)
		w.did("crash before show")
		s.unshown = true
		s.crash(w.downtime())
		return
	}
	s.watch(&plan)
	s.mayRefuse(&plan)
	if !s.unshown { // what it has decided, it shows when it is back
		s.heed(&plan)
	}
	s.unshown = false
	s.plan = plan
	if s.mute {
		if s.mute = false; !changed && !s.refuses && !s.outside {
			s.offer(s.servers[0], s.version)
		}
	}
	s.count(plan.Waits)
	for _, id := range plan.Destroy {
		s.own = slices.DeleteFunc(slices.Clone(s.own), func(o roll.OwnKey) bool { return o.ID == id })
	}
	if changed {
		if s.refuses, s.feeds = plan.Refuse != "", plan.Feeds; !s.refuses && s.outside {
			w.delegate(s)
		}
		s.serve(next) // what changes is a fact for the next look
	}
	if len(plan.TellParent) > 0 {
		w.agreed(s)
		w.parent.told()
	}
	s.wakeAt = forever
	if !plan.Wake.IsZero() {
		s.wakeAt = w.t + max(int64(plan.Wake.Sub(now)), int64(time.Second)) + w.between(0, minute)
	}
	if w.Late && len(plan.Waits) > 0 {
		s.wakeAt = min(s.wakeAt, w.t+6*hour) // who waits looks again: the last look may have been an old one
	}
}

// decide looks around and steps until no key is asked for. In the first turn after a start
// nobody was looked at yet.
func (s *signer) decide(now time.Time) (plan roll.Plan) {
	w := s.w
	var seen *roll.Observation
	if s.blind {
		s.blind, seen = false, s.unseeing()
		w.did("blind turn")
	} else {
		if seen = s.look(); w.Guard {
			s.remind()
		}
	}
	for range 8 {
		seen.Own = s.own
		s.state, plan = s.steps.Step(&s.state, &s.policy, seen, now)
		w.result.Steps++
		if len(plan.Generate) == 0 {
			break
		}
		if s.unbidden && w.parent.delegates() {
			w.fail("%s made keys by itself although it is delegated", s.name)
		}
		for _, r := range plan.Generate {
			if s.policy.Standby && len(plan.Generate) > 0 {
				w.did("standby")
			}
			id := w.newKey(s.n, r.Role != roll.ZSK, r.Algorithm, r.Avoid)
			s.own = append(slices.Clip(s.own), roll.OwnKey{ID: id, Role: r.Role, SEP: r.Role != roll.ZSK})
		}
	}
	return plan
}

// due is when s takes its next turn.
func (s *signer) due() int64 { return min(s.wakeAt, s.lookAt) }

// act takes the turn that is due.
func (s *signer) act() {
	if s.lookAt <= s.w.t {
		s.lookAt = forever
	}
	if s.wakeAt <= s.w.t {
		s.wakeAt = forever
	}
	s.turn()
}

// soon takes a turn when the next look would see what just happened: at the next of
// the signer's regular looks, or now and then before it.
func (s *signer) soon() {
	w := s.w
	if !s.begun {
		return
	}
	interval := int64(s.policy.Interval)
	first := w.t + int64(time.Second) // before that it would see the old
	at := first + interval - (first+s.phase)%interval
	if s.random.Uint32()%16 == 0 {
		at = first + s.random.Int64N(interval)
	}
	if s.lookAt >= first && s.lookAt <= at {
		return
	}
	s.lookAt = at
}

// next is the version that the plan wants, and whether it differs from what is served.
func (s *signer) next(p *roll.Plan) (v *version, changed bool) {
	if !p.Unsigned && (len(p.SignData) == 0 || len(p.SignDNSKEY) == 0) {
		return nil, false
	}
	next := version{dnskey: p.DNSKEY, entry: p.SignDNSKEY, data: p.SignData, cds: p.CDS, cdsSigners: p.SignCDS, cdsDelete: p.CDSDelete,
		ttl: int64(s.policy.DNSKEYTTL), maxTTL: s.maxTTL()}
	if p.Unsigned {
		next = version{unsigned: true, ttl: next.ttl, maxTTL: next.maxTTL}
	}
	if s.version != nil && s.refuses == (p.Refuse != "") && s.version.same(&next) {
		return nil, false
	}
	shown := next
	s.last++
	shown.serial, shown.algs = s.last, algorithmsOf(shown.data)
	return &shown, true
}

// published is v as its signer knows it.
func (v *version) published() roll.Published {
	return roll.Published{DNSKEY: v.dnskey, DNSKEYTTL: time.Duration(v.ttl), MaxTTL: time.Duration(max(v.maxTTL, v.ttl)), Serial: v.serial,
		Signers: v.data, Algorithms: v.algs, Entry: v.entry, CDS: v.cds, CDSDelete: v.cdsDelete}
}

// same reports whether two versions have the same content.
func (v *version) same(o *version) bool {
	return slices.Equal(v.dnskey, o.dnskey) && slices.Equal(v.entry, o.entry) && slices.Equal(v.data, o.data) && slices.Equal(v.cds, o.cds) &&
		slices.Equal(v.cdsSigners, o.cdsSigners) && v.ttl == o.ttl && v.maxTTL == o.maxTTL && v.cdsDelete == o.cdsDelete && v.unsigned == o.unsigned
}

// maxTTL is the largest TTL of data. All serve the same zone.
func (s *signer) maxTTL() int64 {
	if s.dataTTL != 0 {
		return s.dataTTL
	}
	return []int64{hour, 4 * hour, day}[s.w.Seed%3]
}

// serve shows a version at the primary now and at the secondaries after their lag.
func (s *signer) serve(v *version) {
	w := s.w
	if w.Guard && v.records == nil {
		var old *zone.Version
		if s.version != nil {
			old = s.version.records
		}
		v.records = w.realize(v, old).Version
	}
	v.mark = uint64(v.serial)
	if old := s.version; old != nil {
		v.mark = old.mark
		if !slices.Equal(old.dnskey, v.dnskey) || !slices.Equal(old.entry, v.entry) {
			v.mark = uint64(v.serial)
		}
	}
	s.version = v
	if s.foreign == nil && w.Tags == 0 {
		s.crowded(v)
	}
	v.owns, v.sep = ownedBy(v.dnskey, s.n), withSEP(v.dnskey)
	v.signers = published(v.data, v)
	if len(v.cds) > 0 || v.cdsDelete {
		v.signers = append(v.signers, published(v.cdsSigners, v)...)
	}
	if w.Story {
		cds := keyNames(v.cds)
		if v.cdsDelete {
			cds = "delete"
		}
		w.note("%s serves %d: DNSKEY %s, signed by %s; data by %s; CDS %s", s.name, v.serial, keyNames(v.dnskey), keyNames(v.entry), keyNames(v.data), cds)
	}
	s.install(s.servers[0], v)
	s.transfer()
	if s.hidden != nil && (!s.refuses || s.feeds) {
		w.after(w.between(minute, s.unseen), func() {
			if (!s.refuses || s.feeds) && (s.hidden.cur == nil || int32(v.serial-s.hidden.cur.serial) > 0) {
				s.install(s.hidden, v)
			}
		})
	}
}

// everywhere returns all servers that outsiders ask, hidden or named no more as well.
func (s *signer) everywhere() []*server {
	all := slices.Clip(s.servers)
	if s.hidden != nil {
		all = append(all, s.hidden)
	}
	if s.leaving != nil {
		all = append(all, s.leaving)
	}
	return all
}

// transfer gives the secondaries what is current when they come for it.
func (s *signer) transfer() {
	for _, server := range s.secondaries() {
		s.fetch(server)
	}
}

// fetch has a secondary come once; who is refused or not answered comes again.
func (s *signer) fetch(server *server) {
	w := s.w
	w.after(w.between(minute, s.lag), func() {
		if s.version == nil || !slices.Contains(s.servers, server) && server != s.leaving || w.t < server.back {
			return
		}
		if s.down || s.refuses && !s.feeds && !s.outside {
			if !server.waits {
				server.waits = true
				w.after(3*hour, func() {
					server.waits = false
					s.fetch(server)
				})
			}
			return
		}
		if server.cur == nil || int32(s.version.serial-server.cur.serial) > 0 {
			s.install(server, s.version)
		}
	})
}

// install lets a server serve a version, and asks the oracle about it.
func (s *signer) install(server *server, v *version) {
	w := s.w
	server.before, server.changed = server.cur, w.t
	server.cur = v
	o := &w.oracle
	o.room(w.t)
	if (s.refuses || s.mute) && server == s.servers[0] {
		s.silence()
	} else if !s.outside {
		s.offer(server, v)
	}
	w.parent.stir()
	if server == s.hidden {
		return
	}
	for _, other := range w.signers {
		other.soon()
	}
}

// offer is what outsiders get from a server from now on.
func (s *signer) offer(server *server, v *version) {
	o := &s.w.oracle
	foreign := uint8(0)
	if s.foreign != nil {
		foreign = uint8(s.n) + 1
	}
	dnskey := o.bits(v.dnskey)
	twins, ours := o.twins(v.dnskey)
	key := &record{set: dnskey, signed: o.bits(v.entry), twins: twins, clash: ours, algs: o.algorithms(dnskey), ttl: v.ttl, foreign: foreign,
		lost: o.bits(v.lost), spared: o.bits(withSEP(ownedBy(v.lost, s.n)))}
	o.newDNSKEY(source{server.name, theDNSKEY}, key)
	left, spared := o.leftOf(v.left), o.bits(v.spared)
	var lost keys
	if v.rash {
		lost = o.bits(ownedBy(v.lost, s.n))
	}
	o.newData(source{server.name, theData}, &record{signed: o.bits(v.data), spared: spared, lost: lost, ttl: v.maxTTL, left: left, foreign: foreign})
	if foreign > 0 && s.w.Moves {
		o.newData(source{server.name, theRest}, o.unsampled(v, lost, left, foreign))
	}
	if len(v.cds) == 0 && !v.cdsDelete {
		o.newData(source{server.name, theCDS}, nil)
		o.newOrder(source{server.name, theCDS}, nil)
		return
	}
	signed := &record{signed: o.bits(v.cdsSigners), lost: lost, ttl: v.ttl, left: left, foreign: foreign}
	if v.rash {
		signed.spared = spared
	}
	o.newData(source{server.name, theCDS}, signed)
	cds := o.bits(v.cds)
	o.newOrder(source{server.name, theCDS}, &record{set: cds, strong: cds, algs: o.algorithms(cds), foreign: foreign})
	if foreign == 0 {
		o.signedOrder(server.name, v)
	}
}

// silence ends what outsiders get from the primary.
func (s *signer) silence() {
	o := &s.w.oracle
	name := s.servers[0].name
	o.newDNSKEY(source{name, theDNSKEY}, nil)
	o.newData(source{name, theData}, nil)
	o.newData(source{name, theCDS}, nil)
	o.newOrder(source{name, theCDS}, nil)
}

func ownedBy(ids []roll.KeyID, n int) []roll.KeyID {
	var own []roll.KeyID
	for _, id := range ids {
		if owner(id) == n {
			own = append(own, id)
		}
	}
	return own
}

func algorithmsOf(ids []roll.KeyID) []uint8 {
	var all []uint8
	for _, id := range ids {
		if !slices.Contains(all, id.Algorithm) {
			all = append(all, id.Algorithm)
		}
	}
	return all
}

func withSEP(ids []roll.KeyID) []roll.KeyID {
	sep := make([]roll.KeyID, 0, len(ids))
	for _, id := range ids {
		if isSEP(id) {
			sep = append(sep, id)
		}
	}
	return sep
}

// published are those of the keys that anyone can validate with.
func published(ids []roll.KeyID, v *version) []roll.KeyID {
	list := make([]roll.KeyID, 0, len(ids)+4)
	for _, id := range ids {
		if slices.Contains(v.dnskey, id) {
			list = append(list, id)
		}
	}
	return list
}
