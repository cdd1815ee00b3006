package engine

import (
	"context"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/multisigner/multisigner/plugin/multisigner/job"
	"github.com/multisigner/multisigner/plugin/multisigner/kept"
	"github.com/multisigner/multisigner/plugin/multisigner/validate"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// A zone that is signed anew is shown after a sample of its signatures was
// verified; all others are verified in the background. So is what a start finds on
// the disk, whatever had been verified of it before: an interrupted verification
// begins again, and a disk is believed no more than a signer. A bad signature takes
// the version away.

// proving is how far the signatures of what is served have been verified.
type proving struct {
	version *zone.Version // that is being verified, or has become what is served by guarded changes; nil: all is verified
	good    *zone.Version // the last one that was verified as a whole; nil: none that could be shown again
	goodOf  string        // its stamp

	withdrawn bool // what was signed last has a bad signature, and is not shown
	found     []validate.Fault
	careful   bool          // it has happened: from then on everything is verified before
	pause     time.Duration // between tries to sign the zone anew
	next      time.Time     // when the next is due
}

// The pauses between tries to sign a zone anew: our choice. It costs much, and what
// made bad signatures twice will hardly be well a moment later.
const (
	mendFirst = 30 * time.Second
	mendLast  = 30 * time.Minute
)

// tried notes that a version made in the place of a withdrawn one was refused.
func (p *proving) tried(now time.Time) {
	if p.withdrawn {
		p.pause = min(max(2*p.pause, mendFirst), mendLast)
		p.next = now.Add(p.pause)
	}
}

// waits is why nothing is signed now; nil when something may be.
func (p *proving) waits(now time.Time) error {
	if p.withdrawn && now.Before(p.next) {
		return fmt.Errorf("the zone is signed anew at %s", p.next.UTC().Format(time.RFC3339))
	}
	return nil
}

// shown is the version to answer with: the one that was signed last, or, when that
// has a bad signature, the last good one, as long as it is of the same keys and
// none of its signatures has ended; nil when there is none.
func (w *work) shown() *zone.Version {
	if !w.proving.withdrawn {
		return w.signed
	}
	good := w.proving.good
	if good == nil {
		return nil
	}
	was, _ := good.RRset(good.Apex(), zone.TypeDNSKEY)
	is, _ := w.signed.RRset(good.Apex(), zone.TypeDNSKEY)
	if end, signed := good.Earliest(); !was.SameData(is) || signed && !w.times.Judged().Before(end) {
		return nil
	}
	return good
}

// prove has v verified in the background, which takes the place of what is served.
func (e *Engine) prove(z *Zone, cfg *Config, v *zone.Version) {
	w := z.work
	if !v.Top().Has(zone.TypeDNSKEY) {
		w.proving.version, w.proving.good = nil, nil
		return // it has gone insecure: there is nothing to verify
	}
	if w.proving.version == nil {
		w.proving.good, w.proving.goodOf = w.signed, w.signedOf
	}
	w.proving.version = v
	e.auditor.want(&audit{zone: z, version: v, held: w.heldNow(cfg), at: w.times.Judged()})
}

// proved takes in what the verification in the background has found.
func (e *Engine) proved(z *Zone, cfg *Config, a *audit) {
	w := z.work
	switch {
	case a.version != w.proving.version:
		return // another one has taken its place
	case len(a.faults) == 0:
		w.proving.version, w.proving.good = nil, nil
		e.log.Debug("every signature was verified", "zone", z.apex, "serial", a.version.Serial())
		return
	}
	var left []validate.Fault
	for _, f := range a.faults {
		was, _ := a.version.RRset(f.Name, f.Type)
		if is, ok := w.signed.RRset(f.Name, f.Type); ok && is == was {
			left = append(left, f)
		}
	}
	if len(left) == 0 { // what was wrong has been replaced since
		e.prove(z, cfg, w.signed)
		return
	}
	e.withdraw(z, cfg, left)
}

// withdraw takes the version away that was signed last.
func (e *Engine) withdraw(z *Zone, cfg *Config, faults []validate.Fault) {
	w := z.work
	w.proving.version = nil
	w.proving.withdrawn, w.proving.careful, w.proving.found = true, true, faults
	w.guarded.withdrawals++
	w.resign = true
	w.history.Withdraw()
	e.log.Error("withdrawn: a signature is bad", "zone", z.apex, "serial", w.signed.Serial(), "faults", describe(faults))
	// A restart must not begin with it. What was good is better than nothing there.
	err := os.Remove(e.kept.File(z.apex, kept.SnapshotEnding))
	if good := w.shown(); good != nil {
		err = e.kept.WriteSnapshot(good, w.proving.goodOf, 0)
	}
	if err != nil && !os.IsNotExist(err) {
		e.log.Error("a restart would begin with what was withdrawn: remove its snapshot", "zone", z.apex, "error", err)
	}
	w.stale = false
	z.show(cfg)
}

// mended ends a withdrawal: v, every signature of which was verified, is shown.
func (p *proving) mended() { *p = proving{careful: p.careful} }

// audit is a verification; faults is its outcome.
type audit struct {
	zone    *Zone
	version *zone.Version
	held    validate.Held // when it was asked for, which was at
	at      time.Time
	audit   *validate.Audit // nil: it has not begun
	faults  []validate.Fault
}

// auditor verifies versions, a slice of each at a time, in one goroutine for the
// engine that rests as long as it works: at most half a processor, however many
// zones wait, and each of them gets on.
type auditor struct {
	mu   sync.Mutex
	line []*Zone
	of   map[*Zone]*audit // those in line
	held int              // how many starts of many zones are under way: they come first
	poke chan struct{}
}

// auditSlice is how many RRsets are verified at a stretch: our choice, some milliseconds.
const auditSlice = 32

func newAuditor() *auditor { return &auditor{of: map[*Zone]*audit{}, poke: make(chan struct{}, 1)} }

// want puts a in line, in the place of another of the same zone.
func (q *auditor) want(a *audit) {
	q.mu.Lock()
	defer q.mu.Unlock()
	_, waits := q.of[a.zone]
	if q.of[a.zone] = a; waits {
		return
	}
	q.line = append(q.line, a.zone)
	select {
	case q.poke <- struct{}{}:
	default:
	}
}

// first gives who is to be served next, without taking it out of the line.
func (q *auditor) first() *audit {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.line) == 0 || q.held > 0 {
		return nil
	}
	return q.of[q.line[0]]
}

// hold has those in line wait until release is called: what a start of many zones
// shows is of use at once, and to verify it took as much of the processors as to load it.
func (q *auditor) hold() (release func()) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.held++
	return sync.OnceFunc(func() {
		q.mu.Lock()
		q.held--
		q.mu.Unlock()
		select {
		case q.poke <- struct{}{}:
		default:
		}
	})
}

// move takes a out of the line, or to its end, unless another has taken its place.
func (q *auditor) move(a *audit, done bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.of[a.zone] != a {
		return
	}
	if q.line = q.line[1:]; done {
		delete(q.of, a.zone)
	} else {
		q.line = append(q.line, a.zone)
	}
}

// run verifies until ctx ends, and calls release when it has come to the end of many. Its
// pace is the processor's business: it goes by the system's clock, whatever the engine's is.
func (q *auditor) run(ctx context.Context, share *job.Share, release func()) {
	ended := 0
	for {
		a := q.first()
		if a == nil {
			if ended > manyZones {
				release()
			}
			ended = 0
			select {
			case <-q.poke:
				continue
			case <-ctx.Done():
				return
			}
		}
		_, leave := share.Place()
		began := time.Now()
		if a.audit == nil {
			a.audit, a.held = validate.NewAudit(a.version, a.held, a.at), validate.Held{}
		}
		faults, done := a.audit.Next(auditSlice)
		leave()
		if len(faults) > 0 || done {
			a.faults, done = faults, true
		}
		q.move(a, done)
		if done {
			ended++
			a.zone.ask(func(w *wants) { w.proved = a })
		}
		rest := time.NewTimer(time.Since(began))
		select {
		case <-rest.C:
		case <-ctx.Done():
			rest.Stop()
			return
		}
	}
}
