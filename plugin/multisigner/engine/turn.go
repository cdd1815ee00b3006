package engine

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"time"

	"github.com/multisigner/multisigner/plugin/multisigner/caches"
	"github.com/multisigner/multisigner/plugin/multisigner/clock"
	"github.com/multisigner/multisigner/plugin/multisigner/history"
	"github.com/multisigner/multisigner/plugin/multisigner/peer"
	"github.com/multisigner/multisigner/plugin/multisigner/roll"
	"github.com/multisigner/multisigner/plugin/multisigner/status"
	"github.com/multisigner/multisigner/plugin/multisigner/validate"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// work is what a zone is between its turns: the property of the worker that has
// the zone in hand. While it rests all of it is kept as octets; see rest.go.
type work struct {
	opened bool   // record and snapshot have been read
	loaded bool   // and state and keys
	fault  string // why the zone cannot be taken through turns; "" when it can
	frozen bool   // an invariant broke: nothing is decided any more
	stuck  bool   // and signatures cannot be renewed either
	failed bool   // the last turn could not do all that is due
	// overdue: signatures should have been renewed, and were not.
	overdue bool

	record     record
	state      roll.State
	saved      roll.State    // as it was saved last
	dirty      bool          // something else of the record was not saved yet
	times      clock.Times   // at the last turn
	steadyFrom time.Duration // what the steady clock showed when it stood at record.Steady
	known      *known        `dormant:"own"`
	own        ring
	wanting    bool          // a key was missing: the key directory is to be read again
	signedAnew time.Duration // by the steady clock: all was signed anew because of an older state; 0: there is none
	keyFaults  []error       // of files in the key directory that cannot be used
	unkept     []error       // why keys in use are not in the key directory
	putBack    []roll.KeyID  // keys that were, and are there again
	putBackAt  time.Duration // by the steady clock: the last of them

	files               *files  // the zone's
	intake              *intake // nil: there are no primaries
	base                base
	content             *zone.Version     // unsigned content that waits to be signed; nil: as it is
	contentOf, signedOf string            // of which base they were made
	signed              *zone.Version     // what is served, or would be
	signedContent       *zone.Version     // the unsigned content that it was made from; nil: not kept
	history             history.Chronicle // of what was served
	resign              bool              // every signature is to be made anew
	renumber            bool              // a version is to be made even if only its serial is another
	toldApart           bool              // that was so already since the start; see tellApart
	overlay             overlay
	reset               string   // the id of a member whose content is taken anew, until that is saved; "": none
	reviews             *reviews // nil: there were none
	offering            offering
	supplied            map[string]*supply // by the foreign signer that gets it
	passesOver          map[string]bool    // those that have a greater serial than they were given; see noticePassedOver
	comparedSupply      map[string]bool    // that was looked at since the start
	passed              bool               // the serial in the file was changed, and is not the one that it was signed with
	updating            bool               // updates are in content that wait for an answer

	stale      bool      // signed is not what the snapshot holds
	snapshotAt time.Time // when the snapshot was written last

	sight   *sight    // the last look; nil: none yet since the start
	sightAt time.Time // when that was
	lookAt  time.Time // when to look next
	looks   bool      // a look is under way
	surveys bool      // a survey is under way
	survey  survey    // what the last one has found
	// lookAgain: somebody told of a change while a look was under way.
	lookAgain bool
	memories  map[string]peer.Memory // what the next look at each peer must know
	repinned  map[string]bool        // peers that an order has pinned anew while a look was under way
	trusts    map[string]trust       // of each peer
	found     foundHosts

	telling telling

	plan    roll.Plan
	refresh time.Time // when signatures are to be renewed next
	caches  caches.Memory
	guarded guarded
	proving proving
	alarms  []alarm // of this turn
	noticed []alarm // of what was noticed once, and is told for a while
	raised  map[subjectOfAlarm]status.Alarm
	refusal string // why outsiders are refused, as the log was told
	digests digests
	ended   ended // the last turn
}

// take takes z through one turn and says when the next is due.
func (e *Engine) take(z *Zone) {
	z.beginTurn()
	wake, asked := e.clock.Now().Add(retryBroken), z.takeWants()
	defer func() {
		if broken := recover(); broken != nil {
			// A broken invariant is our mistake: this zone stays as it is and is
			// served on; every other goes on.
			z.work.frozen = true
			z.work.fault = fmt.Sprintf("internal error, the zone is frozen: %v", broken)
			e.log.Error("internal error: the zone is frozen", "zone", z.apex, "error", broken, "stack", string(debug.Stack()))
			asked.refuse(errors.New(z.work.fault))
		}
		z.countLeft()
		now := e.clock.Now()
		if !z.postponed.Load() {
			z.report(now, wake)
		}
		z.endTurn(now, wake)
		asked.answer() // whoever asks for the status now sees what was done
		if !z.hasBegun() {
			z.began.come()
			z.answers()
		}
		e.queue.done(z, wake)
	}()
	wake = e.turn(e.life, z, &asked)
}

// retryBroken is how soon a zone whose turn failed has another: our choice.
const retryBroken = 30 * time.Second

// turn is: gather, decide, save, sign, guard, publish, tell. It may be repeated
// at any moment; with nothing new it changes nothing.
func (e *Engine) turn(ctx context.Context, z *Zone, asked *wants) (wake time.Time) {
	w, cfg, now := z.work, z.config.Load(), e.clock.Now()
	if len(cfg.Primaries) > 0 && w.intake == nil {
		w.intake = &intake{}
	}
	if w.opened {
		e.readClocks(z, now)
	}
	if asked.proved != nil && w.loaded {
		e.proved(z, cfg, asked.proved) // also of a zone that is frozen
	}
	if w.frozen {
		asked.refuse(errors.New(w.fault))
		e.renewFrozen(ctx, z, cfg)
		e.noticeOverdue(z, cfg)
		z.showFrozen()
		return w.wake(now)
	}
	w.alarms = nil
	shown, err := e.loadZone(ctx, z, cfg, *asked, now)
	switch {
	case err != nil:
		w.alarm(status.AlarmStateUnreadable, err.Error(), "see the message; nothing is changed until then")
		asked.refuse(err)
		z.refuse("the zone's state cannot be read")
		return now.Add(retryBroken)
	case shown:
		return now
	}
	e.checkKeys(z, *asked)
	if what := w.times.Alarm(); what != "" {
		w.alarm(status.AlarmClock, what, "set the clock right; meanwhile rollovers go by the time that has passed, and signatures are renewed")
	}
	asked.obey(e, z, cfg, now)
	w.followMember(e, cfg, asked)
	w.readContent(e, cfg, *asked)
	e.takeIn(z, cfg, asked)
	updated := e.judge(z, cfg, asked.updates)
	e.review(z, cfg, asked.reviewed)
	if asked.surveyed != nil {
		w.surveys, w.survey = false, *asked.surveyed
	}
	if asked.seen != nil {
		w.take(e, cfg, asked.seen)
		w.tellApart()
		w.noticePassedOver(cfg)
		e.keepSurveying(z, cfg)
	}
	w.keepNames(cfg, w.steady())
	w.lookAtNobody(cfg, now)
	w.heard(e, cfg, asked.told, now)
	err = e.decide(ctx, z, cfg, now)
	asked.unsaved(w, err)
	if w.failed = err != nil; w.failed && ctx.Err() == nil {
		w.alarmOfTurn(err)
	}
	e.settle(z, updated, err)
	if w.next() {
		z.ask(func(*wants) {})
	}
	e.noticeOverdue(z, cfg)
	e.keepLooking(z, cfg, *asked, now)
	e.tellParent(z, cfg, now)
	z.show(cfg)
	w.lookServing(z, cfg, now)
	if asked.seen != nil {
		e.tellBehind(z, cfg)
	}
	return w.wake(now)
}

// decide runs the rules, makes the keys they ask for, signs, and publishes what
// the guard lets through. On an error the keys that are shown stay as they are: content
// goes on with them, and signatures are renewed all the same.
func (e *Engine) decide(ctx context.Context, z *Zone, cfg *Config, now time.Time) error {
	state, plan, err := e.step(z, cfg, now)
	if err == nil && plan.Blind {
		z.work.state = state // it knows that this is a start
		return e.stayAsShown(ctx, z, cfg, plan)
	}
	if err == nil {
		z.work.signAgain(cfg, plan)
		err = e.bring(ctx, z, cfg, state, plan, now, true)
		if errors.Is(err, errInReview) { // its content waits, and nothing else does
			err = e.bring(ctx, z, cfg, state, plan, now, true)
		}
		if err == nil {
			return nil
		}
		z.work.state = roll.Outrun(z.work.state, state)
	}
	z.work.transferAgain()
	return joinOther(err, e.carryOn(ctx, z, cfg, plan))
}

// joinOther adds what other says and err does not.
func joinOther(err, other error) error {
	if other != nil && other.Error() == err.Error() {
		return err
	}
	return errors.Join(err, other)
}

// bring signs what the plan wants, has it looked at by the guard, saves, and shows it.
// durable is false when the rules take no step: then signatures are shown even if the
// disk takes nothing, and content as far as mayBeUnsaved admits it, because expiry and
// what an operator cannot change are worse than a serial that a restart does not remember
// (PROTOCOL signatures-need-nobody).
func (e *Engine) bring(ctx context.Context, z *Zone, cfg *Config, state roll.State, plan roll.Plan, now time.Time, durable bool) error {
	w := z.work
	if err := w.proving.waits(now); err != nil {
		return err
	}
	defer z.endFirst()
	ended := z.progress.begin(e.clock)
	out, looked := w.reviewedOutput(cfg, plan)
	var err error
	if !looked {
		out, err = e.sign(ctx, z, cfg, plan, !durable, e.first(ctx, z, cfg, state, plan))
	}
	took := ended()
	if err != nil {
		w.proving.tried(now)
		return err
	}
	next := w.record
	next.Mark = w.times.Mark()
	whole := true
	if out.Changed {
		if whole, err = e.guard(z, cfg, out, now); err != nil {
			return err
		}
		if e.holdToShow(z, cfg, out, plan) {
			return errInReview
		}
		next.Serial = out.Version.Serial()
		state = roll.Shown(state, published(out.Version, w.known))
		if w.signed != nil {
			w.caches.Replace(w.signed, out.Version, w.steady())
		}
	}
	if durable {
		next.owe(plan)
	}
	next.Held = w.caches.Save()
	within := w.content != nil && len(plan.SignData) > 0 // the content that waited is in it
	content := w.newestSigned(within)
	raised := within && w.raises(cfg, content)
	w.number(cfg, &next, content)
	if w.noteContent(cfg, &next, content); durable {
		v := w.signed
		if out.Changed {
			v = out.Version
		}
		w.numberSupplies(cfg, &next, v, plan)
	}
	fresh := out.Changed && next.Serial != w.record.Serial // it was not saved before it was whole
	if err := e.save(ctx, z, &next, state, plan, fresh, within, now); err != nil {
		// Where the process is about to end, the disk is well: the next one goes on from what was saved.
		if durable || errors.Is(err, errOtherProcess) || ctx.Err() != nil || w.updating && within || !w.mayBeUnsaved(out) {
			return err
		}
		w.record.Serial, w.record.ContentSerial, w.dirty = next.Serial, next.ContentSerial, true // it is tried again until it is saved
		w.overlay.ahead = w.overlay.ahead || within
		content = w.offering.of // what could not be saved is given to nobody
		cure := cureOfDisk
		if w.signed != nil {
			cure = "make room on the disk, or mend it: until then rollovers wait, and content and signatures go on"
		}
		w.alarm(status.AlarmNotSaved, err.Error(), cure)
	}
	w.state, w.plan, w.refresh = state.Sharing(w.saved), plan, out.Refresh
	if err := e.destroy(z, plan.Destroy); err != nil {
		w.alarm(status.AlarmKeyNotRetired, err.Error(), "see to the key directory")
	}
	if within {
		w.taken(cfg)
	}
	given := w.offer(cfg, content)
	supplied := w.offerSupplies(cfg)
	if out.Changed {
		e.fail.reach("publish-before")
		switch {
		case w.proving.withdrawn:
			w.proving.mended()
		case !whole:
			e.prove(z, cfg, out.Version)
		}
		w.history.Made(w.signed, out.Version, out.Diff)
		w.signed, w.resign, w.renumber = out.Version, false, false
		z.show(cfg)
		w.history.Made(nil, nil, zone.Diff{})
		e.log.Log(ctx, z.level(), "published", "zone", z.apex, "serial", w.signed.Serial(), "changes", len(out.Diff.Changes), "signatures", out.Signed, "after", took)
		e.fail.reach("tell-before")
		e.tell(z, cfg, w.signed)
		e.fail.reach("tell-after")
		w.stale = true
		if out.Signed >= largeRelease {
			e.release()
		}
	}
	if raised {
		w.passed = content.Serial() != w.signed.Serial()
	}
	if z.show(cfg); given {
		e.tellContent(z, cfg)
	}
	e.tellSupplied(z, cfg, supplied)
	if err := e.keepSnapshot(z, now); err != nil {
		w.alarm(status.AlarmSnapshot, err.Error(), "make room on the disk, or mend it: without a snapshot a restart signs the zone anew")
	}
	return nil
}

// describe names the first few faults.
func describe(faults []validate.Fault) string {
	var texts []string
	for i, f := range faults {
		if i == 3 {
			texts = append(texts, fmt.Sprintf("and %d more", len(faults)-i))
			break
		}
		text := fmt.Sprintf("%s %s: %s", f.Name, f.Type, f.Why)
		if f.Chain != "" {
			text += " (for whoever holds the keys of " + f.Chain + ")"
		}
		texts = append(texts, text)
	}
	return strings.Join(texts, "; ")
}
