package engine

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/miekg/dns"

	"github.com/multisigner/multisigner/plugin/multisigner/update"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// Limits on the updates that wait: our choice. A turn takes all of a zone together, so
// that its disk and its signatures do not bound how many a second there are.
const (
	updatesOfZone = 256
	updatesOfAll  = 4096
)

// updating is an UPDATE on its way through a turn.
type updating struct {
	message        *update.Message
	key, algorithm string
	done           chan struct{}

	ignored string          // what was passed over in silence; "" if nothing was
	refused *update.Refusal // nil: it is done
}

func (u *updating) refuse(r *update.Refusal) { u.refused = r }

// unable is SERVFAIL: it may be tried again.
func unable(reason, text string) *update.Refusal {
	return &update.Refusal{Rcode: dns.RcodeServerFailure, Code: dns.ExtendedErrorCodeNotReady, Reason: reason, Text: text}
}

// onHold is for every update until resume-updates.
var onHold = &update.Refusal{Rcode: dns.RcodeRefused, Code: dns.ExtendedErrorCodeProhibited, Reason: "held", Text: "updates of this zone are held: the operator has said hold-updates"}

// Update has an UPDATE taken into the zone, for the holder of the TSIG key that signed it
// by algorithm; the packet must not be in other hands meanwhile. It
// returns when what it changes is durable and the next question is answered with it, or
// when it was refused: then nothing was changed. ignored says which records were passed over
// in silence, as RFC 2136 wants it, "" if none were. One that changes nothing is neither
// saved nor signed.
func (z *Zone) Update(ctx context.Context, packet *dns.Msg, key, algorithm string) (ignored string, refused *update.Refusal) {
	m, bad := update.Read(packet, z.apex)
	if bad != nil {
		return "", bad
	}
	e, v := z.engine, z.Serving().Version
	// Who may not is told at once, and costs no turn.
	if bad := m.Permit(v, z.Config().Updates, key, algorithm); bad != nil {
		return "", bad
	}
	if v == nil || !v.Whole() {
		return "", unable("refusing", "the zone is not signed yet: try again")
	}
	if z.Config().Forward && !z.account.writer.Load() {
		return "", z.forward(ctx, m, packet, key)
	}
	u := &updating{message: m, key: key, algorithm: algorithm, done: make(chan struct{})}
	if e.updates.Add(1) > updatesOfAll {
		e.updates.Add(-1)
		return "", unable("busy", "too many updates wait: try again")
	}
	defer e.updates.Add(-1)
	taken := false
	z.ask(func(w *wants) {
		if taken = len(w.updates) < updatesOfZone; taken {
			w.updates = append(w.updates, u)
		}
	})
	if !taken {
		return "", unable("busy", "too many updates of this zone wait: try again")
	}
	select {
	case <-u.done:
		return u.ignored, u.refused
	case <-ctx.Done():
	case <-z.gone.wait():
		return "", unable("stopping", "the zone is no longer served here, and whether the update was taken is not known")
	case <-e.life.Done():
	}
	return "", unable("stopping", "the server is stopping, and whether the update was taken is not known")
}

// batch is the updates of a turn, which are saved, signed and shown together or not at all.
type batch struct {
	changing []*updating // that change something, and wait for it to be shown
	back     []update.Edit
	unsaved  map[update.Key]bool
	content  *zone.Version
	of       string
}

// judge judges the updates of a turn one after the other, each by what those before have
// made, and lays the changes of those that pass over the base.
func (e *Engine) judge(z *Zone, cfg *Config, asked []*updating) *batch {
	w := z.work
	if len(asked) == 0 {
		return nil
	}
	content := w.newest()
	why := (*update.Refusal)(nil)
	switch {
	case w.record.HoldUpdates:
		why = onHold
	case cfg.Review.On():
		why = &update.Refusal{Rcode: dns.RcodeRefused, Code: dns.ExtendedErrorCodeProhibited, Reason: "held", Text: "content of this zone is reviewed before it is served: send updates to where it comes from"}
	case !w.writes(cfg):
		why = unable("not the writer", "the content is changed at another signer by now: try again")
	case len(cfg.Primaries) > 0 && (w.intake == nil || !w.intake.asked):
		why = unable("asking", "it is not known yet whether another signer has become the writer of the content: try again")
	case content == nil || w.base.version == nil:
		why = unable("no content", "the zone's file cannot be read: nothing is changed until it can")
	case w.signed == nil || z.Serving().Refuse != "":
		why = unable("refusing", "the zone does not answer yet: try again")
	}
	if why != nil {
		for _, u := range asked {
			u.refuse(why)
		}
		return nil
	}
	if w.content == nil && w.signedOf != w.laid() {
		w.lay() // a review kept the base from being signed, and there are none any more
		content = w.content
	}
	b := &batch{unsaved: maps.Clone(w.overlay.unsaved), content: w.content, of: w.contentOf}
	serial := w.signed.Serial()
	for _, u := range asked {
		next, edits, bad := w.judgeOne(cfg, content, serial, u)
		switch {
		case bad != nil:
			u.refuse(bad)
			continue
		case len(edits) == 0:
			continue // it is as it was asked to be
		}
		b.changing = append(b.changing, u)
		b.back = append(b.back, w.overlay.take(edits)...)
		// What was parked may have got its place.
		content, w.overlay.parked = update.Recompose(w.base.version, next, w.overlay.entries, w.overlay.parked, edits)
		// Whoever asks for a serial by a prerequisite means what he has seen: that is
		// not this any more.
		serial = w.signed.Serial() + 1
	}
	if len(b.changing) == 0 {
		return nil
	}
	w.content, w.contentOf = content, w.laid()
	w.updating = true
	return b
}

func (w *work) judgeOne(cfg *Config, content *zone.Version, serial uint32, u *updating) (*zone.Version, []update.Edit, *update.Refusal) {
	if bad := u.message.Permit(content, cfg.Updates, u.key, u.algorithm); bad != nil {
		return nil, nil, bad
	}
	r, bad := u.message.Judge(content, serial)
	if bad != nil {
		return nil, nil, bad
	}
	if r.Ignored > 0 {
		u.ignored = r.Why
	}
	edits := u.message.Edits(w.base.version, w.overlay.entries, w.overlay.parked, r, cfg.Updates, u.key, w.times.Wall())
	if w.overlay.records+r.Growth() > overlayRecords {
		return nil, nil, &update.Refusal{Rcode: dns.RcodeRefused, Code: dns.ExtendedErrorCodeProhibited, Reason: "limit", Text: "updates have changed as many records as they may beside the file: fold them into it"}
	}
	return r.Content, edits, nil
}

// settle answers the updates of a turn, when it has shown them, or could not: then all of
// it is taken back, and err says why.
func (e *Engine) settle(z *Zone, b *batch, err error) {
	w := z.work
	if b == nil {
		return
	}
	w.updating = false
	if w.content == nil && len(w.overlay.unsaved) == 0 {
		e.log.Info("updated", "zone", z.apex, "updates", len(b.changing), "serial", w.signed.Serial())
		return
	}
	slices.Reverse(b.back)
	w.overlay.take(b.back)
	w.overlay.unsaved = b.unsaved
	_, w.overlay.parked = update.Compose(w.base.version, w.overlay.entries)
	w.content, w.contentOf = b.content, b.of
	why := unable("not shown", "the update could not be signed, and nothing was changed: try again")
	if errors.Is(err, errNotSaved) || errors.Is(err, errOtherProcess) {
		why = unable("not saved", "the update could not be saved, and nothing was changed: try again")
	}
	for _, u := range b.changing {
		u.refuse(why)
	}
}
