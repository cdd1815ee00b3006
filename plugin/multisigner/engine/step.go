package engine

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"github.com/multisigner/multisigner/plugin/multisigner/roll"
	"github.com/multisigner/multisigner/plugin/multisigner/store"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// stepsAtMost bounds how often the rules may ask for keys in one turn.
const stepsAtMost = 8

// step runs the rules until they ask for no more keys.
func (e *Engine) step(z *Zone, cfg *Config, now time.Time) (roll.State, roll.Plan, error) {
	w, policy := z.work, policyOf(cfg)
	policy.Hosts = w.ourHosts(cfg)
	state := w.state
	var tell []roll.Tell
	for range stepsAtMost {
		var plan roll.Plan
		state, plan = roll.Step(state, policy, w.observation(cfg, now), now)
		tell = append(tell, plan.TellParent...) // each is planned once
		plan.TellParent = tell
		if len(plan.Generate) == 0 {
			return state, plan, nil
		}
		for _, request := range plan.Generate {
			if err := e.generate(z, cfg, plan, request); err != nil {
				return state, plan, err
			}
		}
	}
	panic(fmt.Sprintf("the rules ask for keys without end: there are %d", len(w.own)))
}

// generate makes a key. It is in the key store before the rules hear of it; one
// that is found without a record after a crash is adopted by them.
func (e *Engine) generate(z *Zone, cfg *Config, plan roll.Plan, r roll.Request) error {
	flags := uint16(zone.FlagZone)
	if r.Role.Entry() {
		flags |= zone.FlagSEP
	}
	taken := func(tag uint16) bool {
		return slices.Contains(r.Avoid, tag) || slices.ContainsFunc(z.work.known.keys, func(k knownKey) bool {
			return k.id.Tag == tag && k.id.Algorithm == r.Algorithm
		})
	}
	if err := e.fail.pass("make-before"); err != nil {
		return fmt.Errorf("make %s: %w: %w", r.Role, errNotSaved, err)
	}
	if err := e.whole(z, plan); err != nil {
		return fmt.Errorf("make %s: %w", r.Role, err)
	}
	key, err := e.keys.Create(z.apex.String(), r.Algorithm, flags, func(tag uint16) bool {
		return cfg.Tags.Admits(tag) && !taken(tag)
	})
	if disk := (*fs.PathError)(nil); errors.As(err, &disk) {
		err = fmt.Errorf("%w: %w", errNotSaved, err)
	}
	if err != nil {
		return fmt.Errorf("make %s: %w", r.Role, err)
	}
	z.keysAt.Store(e.keysAt(z))
	e.fail.reach("make-after")
	id := z.work.adopt(e.openKey(key))
	z.work.own.find(id).role = r.Role
	e.log.Log(e.life, z.level(), "made a key", "zone", z.apex, "role", r.Role.String(), "algorithm", id.Algorithm, "tag", id.Tag)
	return nil
}

// destroy takes private keys out of use that nobody can need any more.
func (e *Engine) destroy(z *Zone, ids []roll.KeyID) error {
	for _, id := range ids {
		key := z.work.own.find(id)
		if key == nil {
			continue
		}
		if err := e.fail.pass("retire-before"); err != nil {
			return err
		}
		if err := e.keys.Destroy(z.apex.String(), key.Rdata); err != nil {
			return err
		}
		e.fail.reach("retire-after")
		z.work.own = slices.DeleteFunc(z.work.own, func(k ownKey) bool { return k.id == id })
		e.log.Info("retired a key", "zone", z.apex, "algorithm", id.Algorithm, "tag", id.Tag)
	}
	return nil
}

// policyOf says in roll's words what the operator wants.
func policyOf(cfg *Config) roll.Policy {
	p := roll.Policy{
		Signer: cfg.Signer, Split: cfg.Split, Algorithm: cfg.Algorithm,
		LifetimeKSK: cfg.LifetimeKSK, LifetimeZSK: cfg.LifetimeZSK,
		DNSKEYTTL: cfg.DNSKEYTTL, Margin: cfg.Margin, Propagation: cfg.Propagation,
		Variant: cfg.Variant, Standby: cfg.Standby, Bound: cfg.AlarmAfter,
		EarlierTTL: cfg.EarlierTTL, Tags: cfg.Tags.Admits,
		// A look takes up to lookTimeout, and the next is due from its beginning on.
		Interval: cfg.LookIdle + lookTimeout + time.Second,
		Parent:   roll.ParentScan,
	}
	switch {
	case cfg.Parent.Mode == ParentNone:
		p.Parent = roll.ParentNone
	case cfg.Parent.Manual:
		p.Parent = roll.ParentManual
	}
	for _, peer := range cfg.Peers {
		p.Peers = append(p.Peers, roll.Peer{Name: peer.Name, Foreign: peer.Foreign, Online: peer.Online, Resign: peer.Resign, Propagation: peer.Propagation})
	}
	return p
}

// errNotSaved is that the disk has not taken a record, or a key.
var errNotSaved = errors.New("the state directory takes nothing")

// errOtherProcess is that the record is not the one that we have read or written last: nobody
// here knows which keys there are, or what was shown. Nothing is shown then that was decided
// without it, not even fresh signatures.
var errOtherProcess = errors.New("another process has written the state")

// save makes the record durable when it differs from what was saved last, and with it what
// updates have made of the zone, when that is within what is to be shown, or is shown.
func (e *Engine) save(ctx context.Context, z *Zone, next *record, state roll.State, plan roll.Plan, changed, within bool, now time.Time) error {
	w := z.work
	within = len(w.overlay.unsaved) > 0 && (within || w.overlay.ahead && w.content == nil && !w.updating)
	if !changed && !w.dirty && !w.caches.Unsaved() && !within && !state.Differs(w.saved) && next.Mark.Sub(w.record.Mark) < markEvery {
		return nil
	}
	next.Format, next.Signer = recordFormat, z.Config().Signer
	next.Roll = state.Encode()
	next.Steady, next.Refused = w.steady(), plan.Refuse != ""
	next.Keys = w.known.toSave(plan)
	var also *overlay
	if within {
		also = &w.overlay
		if w.reset != "" {
			next.Member = []byte(w.reset) // see followMember
		}
	}
	switch err := e.saveRecord(ctx, z.apex, next, also); {
	case errors.Is(err, store.ErrConflict):
		return fmt.Errorf("%w: %w", errOtherProcess, err)
	case err != nil:
		return fmt.Errorf("%w: %w", errNotSaved, err)
	}
	w.record, w.steadyFrom = *next, w.times.Steady()
	w.record.Roll, w.record.Held = nil, nil
	w.saved, w.dirty = state, false
	w.caches.Saved()
	return nil
}
