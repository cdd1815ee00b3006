package engine

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"time"

	"github.com/multisigner/multisigner/plugin/multisigner/roll"
	"github.com/multisigner/multisigner/plugin/multisigner/sign"
	"github.com/multisigner/multisigner/plugin/multisigner/status"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// A review is a command of the operator's that looks at a zone file and takes it, or does
// not: at content before it is signed, and at what was signed of content before it is
// shown. It runs beside the turns. Only content waits for it: signatures are renewed and
// rollovers go on with the content that is served, and later content takes the place of
// what is held. Nothing of it is saved: after a start what was not signed comes again,
// from the file or from what a primary gave, and is reviewed again.

// Review is what is run, and for how long. A stage without a command is passed by.
type Review struct {
	Content []string // before content is signed
	Signed  []string // before a version with other content is shown
	// Limit is how long one may take; 0: a minute. Then it is as if it had not taken what
	// it looked at or, with Pass, as if it had.
	Limit time.Duration
	Pass  bool
}

// reviewLimit is our choice: longer than a checker needs for a large zone.
const reviewLimit = time.Minute

// stage is where content waits for a review. Its name is the view that is looked at.
type stage string

const (
	beforeSigning stage = "content"
	beforeShowing stage = "signed"
)

var stages = []stage{beforeSigning, beforeShowing}

func (r *Review) command(s stage) []string {
	if s == beforeSigning {
		return r.Content
	}
	return r.Signed
}

// On reports whether anything is reviewed.
func (r *Review) On() bool { return len(r.Content)+len(r.Signed) > 0 }

// unsigned is content and which it is.
type unsigned struct {
	version *zone.Version // nil: none
	of      string
}

// candidate is content that is reviewed, or was.
type candidate struct {
	stage   stage
	content unsigned
	since   time.Time // by the wall clock
	looked  *zone.Version
	trial   *trial // before showing: how it was signed
	cancel  context.CancelFunc

	// Of one that is held:
	why    string
	unable bool // it could not be looked at, and is tried again
}

// trial is a version that may be shown as it is, as long as nothing else was.
type trial struct {
	out  sign.Output
	from *zone.Version
	cfg  *Config
	plan roll.Plan
}

// reviewing is one stage of a zone's. At most one candidate runs; content that comes
// meanwhile waits, and the last that came alone.
type reviewing struct {
	running *candidate
	held    *candidate
	waiting unsigned
	passed  *candidate // whose content waits to be signed or shown
}

// reviewed is how a review has ended.
type reviewed struct {
	of      *candidate
	verdict verdict
	why     string
}

type verdict uint8

const (
	holds   verdict = iota
	passes          // it is taken
	drops           // an operator gives it up
	unables         // it could not be looked at
)

// errInReview says that a version waits to be reviewed before it is shown.
var errInReview = errors.New("the version is being reviewed")

// review takes in how reviews have ended, and has new content wait for its own.
func (e *Engine) review(z *Zone, cfg *Config, ended []reviewed) {
	w := z.work
	if w.reviews == nil && !cfg.Review.On() {
		return
	}
	if w.reviews == nil {
		w.reviews = &reviews{}
	}
	for _, s := range stages {
		r := w.reviews.at(s)
		if len(cfg.Review.command(s)) == 0 {
			w.release(r)
			continue
		}
		if w.content != nil && !r.let(w.content) && (s == beforeSigning || r.running != nil) {
			r.waiting, w.content = unsigned{w.content, w.contentOf}, nil
		}
		for _, is := range ended {
			if is.of.stage == s && (is.of == r.running || is.of == r.held) {
				w.end(e, cfg, r, is)
			}
		}
		if h := r.held; h != nil && h.unable && r.waiting.version == nil && !w.times.Wall().Before(h.since.Add(retryBroken)) {
			r.waiting = h.content
		}
		w.goOn(s, r)
		if s == beforeSigning && r.running == nil && r.waiting.version != nil {
			c := &candidate{stage: s, content: r.waiting, looked: r.waiting.version}
			r.waiting = unsigned{}
			e.beginReview(z, cfg, r, c)
		}
	}
}

// goOn has content that waits before showing signed next, when nothing else is.
func (w *work) goOn(s stage, r *reviewing) {
	if s == beforeShowing && r.running == nil && w.content == nil && r.waiting.version != nil {
		w.content, w.contentOf, r.waiting = r.waiting.version, r.waiting.of, unsigned{}
	}
}

// let reports whether this content has passed.
func (r *reviewing) let(v *zone.Version) bool {
	return r.passed != nil && r.passed.content.version == v
}

// end takes in how the review of what runs or is held has ended.
func (w *work) end(e *Engine, cfg *Config, r *reviewing, is reviewed) {
	c := is.of
	ran := c == r.running
	if ran {
		c.cancel()
		r.running = nil
	}
	r.held = nil
	name := fmt.Sprintf("%s of serial %d", c.stage, c.looked.Serial())
	switch is.verdict {
	case passes:
		e.log.Info("reviewed, and taken", "zone", cfg.Apex, "what", name, "why", is.why)
		if w.content != nil { // it came just now: its turn is the next
			r.waiting = unsigned{w.content, w.contentOf}
		}
		r.passed, w.content, w.contentOf = c, c.content.version, c.content.of
	case drops:
		e.log.Info("reviewed, and given up", "zone", cfg.Apex, "what", name)
	default:
		e.log.Error("reviewed, and held", "zone", cfg.Apex, "what", name, "why", is.why)
		c.why, c.unable, r.held = is.why, is.verdict == unables, c
		if c.unable {
			c.since = w.times.Wall()
		}
	}
}

// release lets go on what waits for a review that nobody wants any more: the latest of it.
func (w *work) release(r *reviewing) {
	is := r.waiting
	for _, c := range []*candidate{r.running, r.held} {
		if c != nil && is.version == nil {
			is = c.content
		}
	}
	if r.running != nil {
		r.running.cancel()
	}
	if *r = (reviewing{}); is.version != nil && w.content == nil {
		w.content, w.contentOf = is.version, is.of
	}
}

// holdToShow has a version that was signed of other content wait until it was reviewed;
// false when it need not.
func (e *Engine) holdToShow(z *Zone, cfg *Config, out sign.Output, plan roll.Plan) bool {
	w := z.work
	if len(cfg.Review.Signed) == 0 || w.content == nil || w.updating {
		return false
	}
	r := &w.reviews.signed
	if r.let(w.content) {
		return false
	}
	c := &candidate{stage: beforeShowing, content: unsigned{w.content, w.contentOf}, looked: out.Version, trial: &trial{out, w.signed, cfg, plan}}
	w.content = nil
	e.beginReview(z, cfg, r, c)
	return true
}

// reviewedOutput gives the version that has passed, if it may be shown as it was looked at: nothing
// was shown since, it would be signed by the same keys, and no signature is due.
func (w *work) reviewedOutput(cfg *Config, plan roll.Plan) (sign.Output, bool) {
	p := w.reviews.at(beforeShowing).passed
	if w.content == nil || p == nil || p.content.version != w.content || p.trial.from != w.signed || w.resign {
		return sign.Output{}, false
	}
	t := p.trial
	same := t.cfg == cfg && t.plan.Unsigned == plan.Unsigned && t.plan.CDSDelete == plan.CDSDelete
	for _, pair := range [][2]any{{t.plan.DNSKEY, plan.DNSKEY}, {t.plan.CDS, plan.CDS}, {t.plan.SignDNSKEY, plan.SignDNSKEY},
		{t.plan.SignCDS, plan.SignCDS}, {t.plan.SignData, plan.SignData}, {t.plan.Withhold, plan.Withhold}} {
		same = same && reflect.DeepEqual(pair[0], pair[1])
	}
	due := !t.out.Refresh.IsZero() && !w.times.Latest().Before(t.out.Refresh)
	return t.out, same && !due && zone.SerialAfter(t.out.Version.Serial(), w.record.Serial)
}

// reviews are both stages of a zone's.
type reviews struct{ content, signed reviewing }

// at gives one stage; where there were no reviews, an empty one.
func (r *reviews) at(s stage) *reviewing {
	if r == nil {
		return &reviewing{}
	}
	if s == beforeSigning {
		return &r.content
	}
	return &r.signed
}

// taken forgets that v has passed: it is in the version that is shown.
func (r *reviews) taken(v *zone.Version) {
	for _, s := range stages {
		if r.at(s).let(v) {
			r.at(s).passed = nil
		}
	}
}

// next reports whether content waits that nothing keeps from the next step any more.
func (w *work) next() bool {
	r := w.reviews.at(beforeShowing)
	return w.content == nil && r.running == nil && r.waiting.version != nil
}

// again is when what could not be looked at is tried again; the zero time if nothing is.
func (r *reviews) again() (at time.Time) {
	for _, s := range stages {
		if h := r.at(s).held; h != nil && h.unable && r.at(s).running == nil {
			at = h.since.Add(retryBroken)
		}
	}
	return at
}

// pending is the first that keeps new content from being served; nil when none does.
func (r *reviews) pending() *candidate {
	for _, s := range stages {
		if r.at(s).running != nil {
			return r.at(s).running
		}
		if r.at(s).held != nil {
			return r.at(s).held
		}
	}
	return nil
}

// settleReview carries out what an operator says of what is reviewed or held.
func (w *work) settleReview(args []string) (ended []reviewed, text string, err error) {
	say := map[string]verdict{"pass": passes, "drop": drops}
	if len(args) != 1 {
		return nil, "", errors.New("say review ZONE pass, or review ZONE drop")
	}
	v, ok := say[args[0]]
	if !ok {
		return nil, "", fmt.Errorf("review %s: say review ZONE pass, or review ZONE drop", args[0])
	}
	for _, s := range stages {
		for _, c := range []*candidate{w.reviews.at(s).running, w.reviews.at(s).held} {
			if c != nil {
				ended = append(ended, reviewed{c, v, "an operator has said so"})
				text += fmt.Sprintf("%s of serial %d; ", c.stage, c.looked.Serial())
			}
		}
	}
	if len(ended) == 0 {
		return nil, "", errors.New("nothing is being reviewed, and nothing is held")
	}
	if v == passes {
		return ended, text + "let pass", nil
	}
	return ended, text + "given up: what is served stays until other content comes", nil
}

// alarmsOfReview tell of what is held.
func (w *work) alarmsOfReview() (all []alarm) {
	for _, s := range stages {
		if c := w.reviews.at(s).held; c != nil {
			a := newAlarm(status.AlarmReview, string(s), fmt.Sprintf("%s of serial %d was not taken by its review: %s", s, c.looked.Serial(), c.why),
				"mend the zone where it comes from; or let it pass as it is with `review ZONE pass`, or give it up with `review ZONE drop`")
			if c.unable {
				a.Cure = "mend what keeps the command from being run; it is tried again"
			}
			all = append(all, a)
		}
	}
	return all
}

// reportReviews is what the status says of them.
func (w *work) reportReviews() (all []status.Review) {
	for _, s := range stages {
		for _, c := range []*candidate{w.reviews.at(s).running, w.reviews.at(s).held} {
			if c != nil {
				all = append(all, status.Review{Stage: string(s), Serial: c.looked.Serial(), Since: c.since, Held: c == w.reviews.at(s).held, Why: c.why})
			}
		}
	}
	return all
}
