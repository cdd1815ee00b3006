package engine

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/multisigner/multisigner/plugin/multisigner/ask"
	"github.com/multisigner/multisigner/plugin/multisigner/source"
	"github.com/multisigner/multisigner/plugin/multisigner/source/primary"
	"github.com/multisigner/multisigner/plugin/multisigner/status"
	"github.com/multisigner/multisigner/plugin/multisigner/update"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// Of signers that have their content from one of them, that one is the writer: it reads
// the zone file, if it has one, and takes updates. Which it is, an operator says: nothing
// is decided by who can be reached. The one before follows as soon as it sees a serial at
// the new one that is after its own.

// role is who we are, when that is not what the Corefile begins with.
type role struct {
	Writer bool      `json:"writer"`
	Epoch  uint32    `json:"epoch"` // how often it has changed here
	Since  time.Time `json:"since"`
}

// promotedBy is how much the content's serial is raised for a new writer: more than the one
// before has counted meanwhile. Our choice.
const promotedBy = 1 << 16

// promotedApart is by how much more that is for each signer of the group whose name comes
// before: two that are promoted in the place of one, each while the other is away, would
// else count from the same serial, and neither could tell that the other is later. It is
// more than updates are taken meanwhile. Our choice.
const promotedApart = 1 << 12

// writes reports whether the content is changed here, and not at a primary.
func (w *work) writes(cfg *Config) bool {
	switch {
	case len(cfg.Primaries) == 0:
		return true
	case !cfg.shares():
		return false
	case w.record.Role != nil:
		return w.record.Role.Writer
	}
	return cfg.File != ""
}

// readsFile reports whether the content begins with the zone file. It does until somebody
// else was writer: then it is what was had from there.
func (w *work) readsFile(cfg *Config) bool {
	return cfg.File != "" && (len(cfg.Primaries) == 0 || cfg.shares() && w.record.Role == nil)
}

// asksFirst reports whether a writer has started, has given content before, and does not
// know yet whether another was made the writer meanwhile. Until then the zone file is not
// read: the serial that it has by now may be after the other's, who would give way to it.
func (w *work) asksFirst(cfg *Config) bool {
	return len(cfg.Primaries) > 0 && w.record.Content != nil && w.base.version == nil && (w.intake == nil || !w.intake.asked)
}

// lacks reports whether a writer that has followed before has lost what its content is made
// of. Those that follow it have it.
func (w *work) lacks(cfg *Config) bool {
	return w.writes(cfg) && len(cfg.Primaries) > 0 && !w.readsFile(cfg) && w.intake != nil && w.intake.begun && w.base.version == nil
}

// rank is how many signers of the group have a name before ours.
func (c *Config) rank() (before uint32) {
	for _, p := range c.Peers {
		if p.Name < c.Signer {
			before++
		}
	}
	return before
}

// promote makes us the writer.
func (w *work) promote(cfg *Config, now time.Time) (string, error) {
	switch {
	case len(cfg.Primaries) == 0:
		return "", fmt.Errorf("zone %s has no primary: its content is changed here already", cfg.Apex)
	case !cfg.shares():
		return "", errors.New("the other signers could not have the content from here: add content-transfer key NAME")
	case w.writes(cfg):
		return "", fmt.Errorf("the content of %s is changed here already", cfg.Apex)
	case w.offering.version == nil || w.record.Content == nil:
		return "", fmt.Errorf("there is no content of %s yet", cfg.Apex)
	}
	w.become(true, now)
	w.record.Content = &numbered{w.record.Content.Serial + promotedBy + promotedApart*cfg.rank()}
	w.offering.of = nil
	w.intake.watched, w.intake.asked = primary.State{}, true
	return fmt.Sprintf("the content is changed here from now on, and its serial is %d; at signers that do not name this one as a primary, do so", w.record.Content.Serial), nil
}

func (w *work) become(writer bool, now time.Time) {
	next := role{Writer: writer, Epoch: 1, Since: now}
	if w.record.Role != nil {
		next.Epoch = w.record.Role.Epoch + 1
	}
	w.record.Role, w.dirty = &next, true
}

// watch has a writer look at those that it names as primaries: one that has a later serial
// was made the writer in our place.
func (w *work) watch(e *Engine, z *Zone, cfg *Config, asked *wants) {
	in := w.intake
	if w.record.Content == nil {
		in.until = w.times.Judged().Add(time.Second)
		return // nothing to compare with yet
	}
	if in.told == nil {
		in.told = map[string]string{}
	}
	var fetch *primary.Fetch
	tell := func(event primary.Event) {
		in.watched.Has, in.watched.Serial = true, w.record.Content.Serial
		state, action := primary.Next(in.watched, cfg.intake(), event, w.times.Judged())
		in.watched, in.until = state, action.Until
		if action.Fetch != nil {
			fetch = action.Fetch
		}
	}
	for _, event := range asked.notified {
		tell(event)
	}
	if f := asked.fetched; f != nil && f.primary == in.watched.Busy {
		before := in.watched
		if !slices.ContainsFunc(cfg.Primaries, func(s ask.Server) bool { return reflect.DeepEqual(s, f.Primary) }) {
			f.Result = primary.Result{Outcome: primary.Failed, Why: f.primary + " is no primary any more, or with another key"}
		}
		if f.Result.Outcome == primary.Took && !zone.SerialAfter(f.Result.Serial, w.record.Content.Serial) {
			f.Result.Outcome = primary.Older // it was on its way when we were promoted
		}
		switch f.Result.Outcome {
		case primary.Took:
			if w.standDown(e, cfg, f) {
				return
			}
			f.Result = primary.Result{Outcome: primary.Failed, Why: "it is the writer now, and what is only here cannot be kept"}
		case primary.Older: // it has not heard of us yet
			f.Result = primary.Result{Outcome: primary.Same, SOA: w.timers()}
			if w.offering.version != nil {
				e.tellContent(z, cfg)
			}
		}
		tell(primary.Event{Kind: primary.Ended, From: f.primary, Result: f.Result})
		if !in.asked && len(in.watched.Left) == 0 {
			in.asked = true
			z.ask(func(*wants) {}) // what waited for it goes on
		}
		w.tellFetched(e, cfg, f, before)
	}
	tell(primary.Event{Kind: primary.Tick})
	if fetch != nil {
		e.beginFetch(z, cfg.primary(fetch.Primary), source.Taken{}, *fetch)
	}
}

// timers are those of what we have.
func (w *work) timers() primary.Timers {
	for _, v := range []*zone.Version{w.offering.version, w.signed} {
		if v != nil {
			return timersOf(v)
		}
	}
	return primary.Timers{}
}

// standDown makes us follow the primary that f is from. What only we have is kept in a file
// first: it is taken out of the content, which is the new writer's alone.
func (w *work) standDown(e *Engine, cfg *Config, f *fetched) bool {
	now := e.clock.Now()
	if w.asksFirst(cfg) && w.readsFile(cfg) { // what was written to the file meanwhile is lost, too
		w.files.mu.Lock()
		content, err := source.ReadFile(cfg.File, cfg.Apex)
		w.takeFile(e, cfg, content, err)
		w.files.mu.Unlock()
	}
	records, err := e.keepLost(cfg.Apex, f, w.newest(), now)
	if err != nil {
		w.alarm(status.AlarmNotKept, err.Error(), "make room on the disk, or mend it; until then the zone is served as it was")
		return false
	}
	if records > 0 {
		w.record.Lost = &lost{records, now}
	}
	e.log.Warn("another signer is the writer of the content now, and is followed", "zone", cfg.Apex, "primary", f.primary, "serial", f.Result.Serial, "lost", records)
	w.become(false, now)
	var none []update.Edit
	for k := range w.overlay.entries {
		none = append(none, update.Edit{Key: k})
	}
	w.overlay.take(none)
	w.overlay.parked = nil
	w.leaveFiles()
	number := w.intake.number
	w.intake = &intake{begun: true, told: map[string]string{}, servers: cfg.Primaries, number: number,
		state: primary.State{Busy: f.primary, Left: []string{f.primary}}}
	w.takeFetched(e, cfg, f)
	return true
}
