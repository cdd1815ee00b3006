package engine

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"time"

	"github.com/multisigner/multisigner/plugin/multisigner/kept"
	"github.com/multisigner/multisigner/plugin/multisigner/parent"
	"github.com/multisigner/multisigner/plugin/multisigner/store"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// A zone that a catalog names no more is served no longer, and all that belongs to it stays: whoever removed it
// by mistake puts it back, and it goes on as it was. RFC 9432 5.3 has everything go, and allows
// an archive. For a signer that is not a matter of convenience: the keys of a zone whose DS is at the
// parent are what its answers are believed by.

// keepRemoved is how long the state of a removed zone is kept, counted while a process of ours
// runs; then its keys are retired, and the rest goes. It stays for as long as the parent delegates the zone here.
const keepRemoved = 30 * 24 * time.Hour

// departedEvery is how often the parents of removed zones are looked at: our choice.
const departedEvery = time.Hour

// departed are what is known of removed zones.
type departed struct {
	looking   bool
	lookedAt  time.Duration // by the steady clock; 0: not yet since the start
	countedAt time.Duration // up to where time was counted
	delegated map[zone.Name]bool
	clear     map[zone.Name]bool // the last look has shown that the parent does not delegate it here
}

// archive counts how long removed zones are kept, removes those whose time has come, and has
// the parents looked at. It says when it is to be called again.
func (c *catalogs) archive(now time.Time) (due time.Time) {
	d, e := &c.departed, c.engine
	steady := e.clock.Steady()
	if d.delegated == nil {
		d.delegated, d.clear, d.countedAt = map[zone.Name]bool{}, map[zone.Name]bool{}, steady
	}
	passed := (steady - d.countedAt) / departedEvery * departedEvery
	d.countedAt += passed
	var look []zone.Name
	fresh := false
	for name, en := range c.entries {
		settings, _ := c.serves(name, en, now)
		if en.Gone.IsZero() || settings != nil {
			delete(d.delegated, name)
			delete(d.clear, name)
			continue
		}
		look = append(look, name)
		_, seen := d.clear[name]
		fresh = fresh || !seen
		if passed > 0 {
			c.age(name, en, passed)
		}
	}
	if len(look) == 0 {
		return now.Add(catalogsIdle)
	}
	if !d.looking && (fresh && d.lookedAt == 0 || steady-d.lookedAt >= departedEvery || fresh && steady-d.lookedAt >= freshAfter) {
		d.looking, d.lookedAt = true, steady
		c.lookAtParents(look)
	}
	wait := departedEvery
	if fresh {
		wait = freshAfter
	}
	return now.Add(max(min(wait, departedEvery-(steady-d.countedAt)), time.Second))
}

// unknown notes that a parent does not say any more whether it delegates a zone here: what it said
// before is no reason to retire keys now.
func (d *departed) unknown(name zone.Name) {
	if _, seen := d.clear[name]; seen {
		d.clear[name] = false
	}
}

// freshAfter is how soon the parent of a zone that was just removed is looked at: our choice.
const freshAfter = time.Minute

// age counts that a removed zone was kept for as long again, once a day on the disk.
func (c *catalogs) age(name zone.Name, en entry, passed time.Duration) {
	before := en.kept
	en.kept += passed
	c.entries[name] = en
	switch e := c.engine; {
	case en.kept >= keepRemoved && c.departed.clear[name]:
		if err := c.purge(name, en); err != nil {
			e.log.Error("what is left of a zone that a catalog removed stays on the disk; it is tried again", "zone", name, "error", err)
		}
	case en.kept/(24*time.Hour) > before/(24*time.Hour):
		if err := c.saveKept(name); err != nil {
			e.log.Warn("how long a removed zone was kept is not saved", "zone", name, "error", err)
		}
	}
}

// purge retires the keys of a removed zone, and removes the rest of its state. Done again it
// finishes what a crash has cut off: the entry goes last. What knows of the keys goes before them, so that the
// zone can come back at any moment. Of a zone that is here otherwise only the entry goes.
func (c *catalogs) purge(name zone.Name, en entry) error {
	e := c.engine
	from := c.find(en.Catalog)
	if e.At(name) != nil || from != nil && c.elsewhere(from, name) != "" {
		return c.forget(name)
	}
	keys, faults := e.keys.List(name.String())
	if err := errors.Join(faults...); err != nil {
		return err
	}
	if err := c.forgetState(name); err != nil {
		return err
	}
	for _, ending := range kept.Endings {
		if err := os.Remove(e.kept.File(name, ending)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	for _, k := range keys {
		if err := e.keys.Destroy(name.String(), k.Rdata); err != nil {
			return err
		}
	}
	if err := c.forget(name); err != nil {
		return err
	}
	delete(c.departed.delegated, name)
	delete(c.departed.clear, name)
	e.log.Warn("the state of a zone that a catalog removed is removed; its keys are retired", "zone", name, "catalog", en.Catalog, "after", keepRemoved)
	return nil
}

// forgetState deletes all that the store has of a zone but its entry, at once.
func (c *catalogs) forgetState(name zone.Name) error {
	ctx, st := c.engine.life, c.engine.store
	keys, err := st.Keys(ctx, overlayPrefix(name))
	if err != nil {
		return err
	}
	var writes []store.Write
	for _, key := range append(keys, recordKey(name)) {
		_, revision, err := st.Load(ctx, key)
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		writes = append(writes, store.Write{Key: key, Revision: revision})
	}
	if _, err := st.SaveAll(ctx, writes); err != nil {
		return fmt.Errorf("remove the state of %s: %w", name, err)
	}
	return nil
}

// lookAtParents finds out which removed zones are still delegated here, one after the other,
// beside the turns.
func (c *catalogs) lookAtParents(names []zone.Name) {
	type question struct {
		name zone.Name
		cfg  Config
		ours []zone.Name
	}
	var all []question
	for _, name := range names {
		en := c.entries[name]
		from := c.find(en.Catalog)
		if from == nil || from.config.settings(from.block(name, en)) == nil {
			c.departed.unknown(name)
			continue // the Corefile does not say how its parent is asked
		}
		all = append(all, question{name, from.config.settings(from.block(name, en)).For(name), en.ns})
	}
	e := c.engine
	e.jobs.Go(func() {
		for _, q := range all {
			here, known := e.delegatedHere(q.name, &q.cfg, q.ours)
			if e.life.Err() != nil {
				return
			}
			c.mu.Lock()
			switch _, still := c.entries[q.name]; {
			case still && known:
				c.departed.delegated[q.name], c.departed.clear[q.name] = here, !here
			case still:
				c.departed.unknown(q.name)
			}
			c.mu.Unlock()
		}
		c.mu.Lock()
		c.departed.looking = false
		c.mu.Unlock()
		c.want()
	})
}

// delegatedHere asks the parent whether it delegates a zone to one of the nameservers that
// it had here, and that is no peer's. known is false while the parent does not say.
func (e *Engine) delegatedHere(name zone.Name, cfg *Config, ours []zone.Name) (here, known bool) {
	where := whereParent(cfg)
	if where == nil {
		return false, true
	}
	ctx, cancel := context.WithTimeout(asking(e.life, cfg), parentTimeout)
	defer cancel()
	r := parent.Look(ctx, e.client, *where, name, e.clock.Now())
	for _, a := range r.Addresses {
		known = known || a.NSAbsent || a.NS.Exists()
		for rdata := range a.NS.Rdata.All() {
			ns, _, err := zone.NameFromWire([]byte(rdata))
			if err == nil && slices.Contains(ours, ns) && !isPeersName(cfg, ns) {
				return true, true
			}
		}
	}
	return false, known
}

// isPeersName reports whether a nameserver has the name of a peer.
func isPeersName(cfg *Config, ns zone.Name) bool {
	return slices.ContainsFunc(cfg.Peers, func(p Peer) bool {
		name, err := zone.ParseName(p.Name)
		return err == nil && name == ns
	})
}

// delegatedFrom lists the zones that a catalog has removed and that are still delegated here.
func (c *catalogs) delegatedFrom(from zone.Name) (names []zone.Name) {
	for name, here := range c.departed.delegated {
		if here && c.entries[name].Catalog == from {
			names = append(names, name)
		}
	}
	slices.SortFunc(names, zone.Name.Compare)
	return names
}
