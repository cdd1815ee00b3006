package engine

import (
	"fmt"
	"time"

	"github.com/multisigner/multisigner/plugin/multisigner/clock"
	"github.com/multisigner/multisigner/plugin/multisigner/roll"
)

// Why a zone refuses for the first moments after a start.
const (
	whyLooking = "looking at the peers and the parent after the start"
	whyLoading = "the zone is being loaded"
)

// show swaps in what is to be answered with now.
func (z *Zone) show(cfg *Config) {
	w := z.work
	switch {
	case w.signed == nil:
		z.refuse(w.whyNothing())
	case z.expire():
	case w.lapsed(cfg) != "":
		z.refuse(w.lapsed(cfg))
	case w.plan.Refuse != "":
		z.refuse(w.plan.Refuse)
	case w.looksFirst(cfg):
		z.refuse(whyLooking)
	default:
		z.refuse("")
	}
}

// looksFirst reports whether somebody must be looked at before resolvers are answered: a restored
// backup, or an older disk, may hold keys that the group has long withdrawn (PROTOCOL
// look-before-the-first-answer). A look is bounded, so that a group that is down together
// comes up again.
func (w *work) looksFirst(cfg *Config) bool {
	return w.sight == nil && len(cfg.Peers)+len(cfg.Secondaries) > 0
}

// expire takes away answers with signatures that have ended: nobody answers with those
// (PROTOCOL expired-is-never-served).
func (z *Zone) expire() bool {
	end, signed := z.work.ends()
	if !signed || z.work.times.Judged().Before(end) {
		return false
	}
	z.refuse(fmt.Sprintf("signatures have ended at %s", end.UTC().Format(time.RFC3339)))
	return true
}

// refuse takes outsiders their answers, unless why is empty. Those who look at us
// still get them: they must see what we publish to get us out of there. What was
// withdrawn is for nobody else, whoever asks for it to be shown.
func (z *Zone) refuse(why string) {
	v, feeds := z.work.signed, z.work.plan.Feeds && why == z.work.plan.Refuse
	if z.work.proving.withdrawn && (why == "" || feeds) {
		switch good := z.work.shown(); {
		case good != nil:
			v = good
		case why == "":
			why = "signatures of the zone were found to be bad, and it is signed anew"
		default:
			feeds = false
		}
	}
	content := z.work.given(z.Config())
	is := z.Serving()
	supplied := z.work.suppliedNow(z.Config(), is.supplied)
	if is.Refuse != why || is.Version != v || is.Feeds != feeds || is.Content != content || is.supplied != supplied {
		z.work.history.GoOn(v)
		z.work.offering.history.GoOn(content)
		z.serving.Store(&Serving{Version: v, Refuse: why, Feeds: feeds, History: z.work.history.Chain,
			Content: content, contentHistory: z.work.offering.history.Chain, supplied: supplied})
		z.engine.keepHistory(z)
	}
	z.tellRefusal(why)
}

// tellRefusal says in the log that outsiders get no answers, and why, and that they do
// again. What every start begins with is no news.
func (z *Zone) tellRefusal(why string) {
	w := z.work
	switch {
	case why == w.refusal || why == whyLooking || why == whyLoading || why == roll.WhyBlind:
		return
	case why == "":
		z.engine.log.Info("the zone answers everybody again", "zone", z.apex)
	default:
		z.engine.log.Warn("the zone refuses: resolvers get SERVFAIL", "zone", z.apex, "why", why)
	}
	w.refusal = why
}

// ends is when the first signature of the version ends; ok is false without any.
func (w *work) ends() (end time.Time, ok bool) {
	v := w.signed
	if w.proving.withdrawn && w.proving.good != nil {
		v = w.proving.good
	}
	if v == nil {
		return time.Time{}, false
	}
	return v.Earliest()
}

// whyNothing says why there is no version to answer with. Outsiders read it: what
// it is in detail, with paths, stands in the alarms.
func (w *work) whyNothing() string {
	switch {
	case w.reviews.pending() != nil:
		return "the zone's first content is being reviewed, or was not taken by its review"
	case w.files.refusal() != "":
		return "the zone has no content that can be served"
	case w.intake != nil && w.intake.state.Failures > 0 && w.content == nil:
		return "no primary has given the zone yet"
	case w.plan.Refuse != "":
		return w.plan.Refuse
	case len(w.alarms) > 0:
		return "the zone could not be signed"
	}
	return whyLoading
}

// wake is when the zone's next turn is due: the first of all that has a date.
func (w *work) wake(now time.Time) time.Time {
	// A date that is past and was not acted upon waits for events: asking for it
	// again at once would turn in circles. What has failed is tried again like all that does.
	least := leastWait
	if w.failed {
		least = retryBroken
	}
	var wake time.Time
	sooner := func(t time.Time) {
		if t.IsZero() {
			return
		}
		if !t.After(now) {
			t = now.Add(least)
		}
		if wake.IsZero() || t.Before(wake) {
			wake = t
		}
	}
	sooner(w.plan.Wake)
	sooner(w.refresh)
	sooner(w.proving.next)
	sooner(w.reviews.again())
	if w.intake != nil && !w.intake.until.IsZero() {
		sooner(w.times.Until(w.intake.until))
	}
	if end, ok := w.ends(); ok && w.times.Judged().Before(end) {
		sooner(w.times.Until(end))
	}
	if !w.looks {
		sooner(w.lookAt)
	}
	if len(w.record.Owed) > 0 && !w.telling.underway && !w.plan.Frozen {
		sooner(w.telling.due)
	}
	if !w.record.Mark.IsZero() {
		sooner(now.Add(markEvery))
	}
	if due := w.snapshotAt.Add(keptSnapshotEvery); w.stale && w.base.version != nil && due.After(now) {
		sooner(due)
	}
	if len(w.alarms) > 0 {
		sooner(now.Add(retryBroken))
	}
	if !wake.IsZero() {
		wake = clock.Later(wake, now.Add(leastWait))
	}
	return wake
}

// markEvery is how often the mark is saved at least: a crash loses as much of it, and
// only that much. Our choice, a few octets on the disk for each zone.
const markEvery = 6 * time.Hour

// leastWait is the least time between two turns that nothing but a date asks for.
const leastWait = 100 * time.Millisecond
