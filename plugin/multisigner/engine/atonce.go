package engine

import (
	"context"

	"github.com/multisigner/multisigner/plugin/multisigner/roll"
	"github.com/multisigner/multisigner/plugin/multisigner/sign"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// To sign a large zone takes a minute or more. Where nothing of it is served yet it is answered
// from meanwhile (PROTOCOL first-version-answers-at-once): what is asked for is signed before all
// else. That is within the turn that signs it, so no rule, reload or command sees
// a zone in which anything is missing: for them it is served from the end of the turn on.

// first gives what has a first version answered from before all of it is signed; nil when
// that may not be. What is seen of it stays true whatever becomes of this turn: so
// the guard looks at it, and all is saved that goes with it, before anybody sees it.
func (e *Engine) first(ctx context.Context, z *Zone, cfg *Config, state roll.State, plan roll.Plan) func(*zone.Version) error {
	w := z.work
	switch {
	case w.signed != nil, w.proving.careful, w.behindToken(): // what a device signs is verified as a whole before
		return nil
	case len(cfg.Review.Signed) > 0: // nobody is to see it before the review
		return nil
	case plan.Refuse != "", w.lapsed(cfg) != "", w.looksFirst(cfg):
		return nil
	}
	return func(v *zone.Version) error {
		if _, err := e.guard(z, cfg, sign.Output{Version: v, Changed: true}, w.times.Wall()); err != nil {
			return err
		}
		next := w.record
		next.Mark, next.Serial = w.times.Mark(), v.Serial()
		state := roll.Shown(state, published(v, w.known))
		w.caches.Keep(v, w.steady())
		next.owe(plan)
		next.Held = w.caches.Save()
		w.noteContent(cfg, &next, w.content)
		if err := e.save(ctx, z, &next, state, plan, true, true, w.times.Wall()); err != nil {
			return err
		}
		w.state, w.plan = state, plan
		e.fail.reach("first-before")
		z.showFirst(v)
		e.fail.reach("first-after")
		return nil
	}
}

// showFirst has resolvers answered from a version that is not whole yet. To transfer it, or to
// call the zone ready, is for when it is.
func (z *Zone) showFirst(v *zone.Version) {
	is := *z.Serving()
	is.Version, is.Refuse, is.Feeds, is.History = v, "", false, nil
	z.serving.Store(&is)
	z.tellRefusal("")
	z.account.answers(z.work.times.Wall(), v)
	z.engine.log.Log(z.engine.life, z.level(), "answering, and signing what is not asked for", "zone", z.apex, "serial", v.Serial())
	z.signing(0, v.Names())
	z.answers()
}

// endFirst takes away a version that did not become whole: nobody renews its signatures. What
// resolvers have of its keys counts from now.
func (z *Zone) endFirst() {
	if v := z.Serving().Version; v != nil && !v.Whole() {
		z.work.caches.Keep(v, z.work.steady())
		why := "the zone could not be signed"
		if z.engine.life.Err() != nil {
			why = whyLoading // nothing has failed: the next process goes on
		}
		z.refuse(why)
	}
}

// answers says that the zone has something to answer with, for those who wait for that.
func (z *Zone) answers() { z.early.come() }
