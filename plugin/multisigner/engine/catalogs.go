package engine

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/multisigner/multisigner/plugin/multisigner/catalog"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// catalogs are the catalog zones of an engine, and the zones that are here because of them.
// One goroutine takes them through their turns: what a catalog says is compared with what
// was acted on, the difference is saved, and the table of zones follows what was saved.
// Each turn may be repeated at any moment, so a crash anywhere is answered by the next one.
type catalogs struct {
	engine *Engine
	poke   chan struct{}              // one token: have a turn
	listed atomic.Pointer[[]*Catalog] // list, for those who do not wait for a turn

	recheck atomic.Bool // zones may be served from elsewhere now

	mu       sync.Mutex // of all below. Whoever holds it may take Engine.commit, not the other way round
	loaded   bool       // entries are as they were saved
	fault    error      // why nothing can be acted on
	entries  map[zone.Name]entry
	list     []*Catalog           // in the order of the Corefile
	static   map[zone.Name]string // where the zones of the Corefile stand
	departed departed

	// A turn compares everything, and acts on a part of what it finds. While there is more, the
	// turns after it go on with that, and compare nothing: many members cost no more than their number.
	stale  bool        // something has changed since: the next turn compares
	due    time.Time   // and when it does so in any case
	behind []zone.Name // what the table of zones is to follow yet
	handed bool        // since the last comparison a catalog has removed members, or taken some of another; see hands
	saves  uint64      // of entries
	usual  func()      // ends that memory is collected seldom; nil: it is not
}

func newCatalogs(e *Engine) *catalogs {
	c := &catalogs{engine: e, poke: make(chan struct{}, 1)}
	c.listed.Store(&[]*Catalog{})
	return c
}

// want asks for a turn.
func (c *catalogs) want() {
	select {
	case c.poke <- struct{}{}:
	default:
	}
}

// RecheckCatalogs has the members of catalogs looked at anew: zones may be served from elsewhere now.
func (e *Engine) RecheckCatalogs() {
	e.catalogs.recheck.Store(true)
	e.catalogs.want()
}

// membersAtOnce is how many members are acted on in a turn, and begin together: our choice. Between two
// turns their first versions are made, so that a catalog of a hundred thousand does not
// take all of the machine at once.
const membersAtOnce = 1000

// membersWait bounds how long the members of a turn are waited for before the next: one that
// is signed for an hour keeps the others waiting no longer.
const membersWait = time.Second

// catalogsIdle is how long there may be no turn, and catalogsRetry how soon one is tried
// again that has failed: our choice.
const (
	catalogsIdle  = time.Hour
	catalogsRetry = 30 * time.Second
)

// run takes the catalogs through their turns until ctx ends.
func (c *catalogs) run(ctx context.Context) {
	defer func() {
		if c.usual != nil {
			c.usual()
		}
	}()
	for {
		wake, begun := c.turn()
		timer, stop := c.engine.clock.At(wake)
		if len(begun) > 0 {
			stop()
			if awaitFirst(ctx, begun, membersWait); ctx.Err() != nil {
				return
			}
			continue
		}
		select {
		case <-timer:
		case <-c.poke:
		case <-ctx.Done():
			stop()
			return
		}
		stop()
	}
}

// turn goes on with every catalog. It gives the zones that begin, or else when, by the steady clock, the
// next turn is due.
func (c *catalogs) turn() (wake time.Duration, begun []*Zone) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.engine
	steady := e.clock.Steady() // before the other: a turn may come early, and must not late
	now := e.clock.Now()
	if len(c.list) == 0 && len(c.entries) == 0 {
		return steady + catalogsIdle, nil
	}
	until := now.Add(catalogsIdle)
	soon := func(at time.Time) {
		if at.Before(until) {
			until = at
		}
	}
	c.stale = c.recheck.Swap(false) || c.stale
	if c.fault = c.load(); c.fault == nil {
		for _, each := range c.list {
			last, kept := each.last, each.unkept == nil
			soon(each.takeIn(now))
			c.stale = c.stale || each.last != last || (each.unkept == nil) != kept
		}
	}
	compares := c.stale || !c.more() || !now.Before(c.due)
	if compares {
		c.stale, c.due = false, now.Add(catalogsIdle)
	}
	var done []zone.Name
	if c.fault == nil {
		done, c.fault = c.act(compares, now)
	}
	if c.fault == nil && c.handed && !c.more() {
		compares, c.handed = true, false
		var taken []zone.Name
		taken, c.fault = c.act(true, now)
		done = append(done, taken...)
	}
	if c.fault != nil {
		c.stale = true
		soon(now.Add(catalogsRetry))
	}
	begun = c.follow(compares, done, now)
	if compares {
		c.sooner(c.archive(now))
	}
	if compares || c.fault != nil {
		for _, each := range c.list {
			each.report(now)
		}
	}
	c.collect()
	if soon(c.due); c.fault == nil && (c.more() || !compares) {
		soon(now)
	}
	return steady + until.Sub(now), begun
}

// more reports whether the last turns have left something to do.
func (c *catalogs) more() bool {
	return len(c.behind) > 0 || slices.ContainsFunc(c.list, func(each *Catalog) bool { return len(each.rest) > 0 })
}

// sooner has the next turn compare at a time at the latest.
func (c *catalogs) sooner(at time.Time) {
	if at.Before(c.due) {
		c.due = at
	}
}

// collect has memory collected seldom while many members begin, one part after the other, and as
// usual after the last.
func (c *catalogs) collect() {
	switch more := c.more() && c.fault == nil; {
	case more && c.usual == nil:
		c.usual = collectSeldom()
	case !more && c.usual != nil:
		c.usual()
		c.usual = nil
	}
}

// act saves what is to become of members, as much as is taken in a turn, and gives their names.
func (c *catalogs) act(compares bool, now time.Time) (names []zone.Name, err error) {
	for _, each := range c.list {
		if each.last == nil || each.unkept != nil {
			each.rest = nil
			continue // after a restart nothing would be known of it: what is here stays
		}
		if compares {
			each.compare(now)
		}
		done := each.part()
		c.handed = c.handed || c.hands(each, done)
		if err := c.save(done); err != nil {
			return names, err
		}
		each.carriedOut(done)
		c.tellChanges(each, done)
		names = slices.AppendSeq(names, maps.Keys(done))
	}
	return names, nil
}

// hands reports whether changes are another catalog's business: it may have what this one removes, and has no more what
// this one takes. So what it says is compared again.
func (c *catalogs) hands(from *Catalog, done map[zone.Name]catalog.Entry) bool {
	for name, is := range done {
		was, known := c.entries[name]
		if !is.Gone.IsZero() || known && was.Gone.IsZero() && was.Catalog != from.name {
			return len(c.list) > 1
		}
	}
	return false
}

// compare plans what is to become of the members.
func (c *Catalog) compare(now time.Time) {
	before := c.plan.Unserved
	c.plan, c.planned, c.saves = catalog.Next(c.last, c.of.plain(), c.rules(), now), c.acceptance(now), c.of.saves
	c.rest = slices.Sorted(maps.Keys(c.plan.Changes)) // neighbours lie together in the store
	c.tellUnserved(before)
}

// tellUnserved says in the log which members do not get what the catalog says, and did before (RFC 9432 5.2).
func (c *Catalog) tellUnserved(before map[zone.Name]catalog.Unserved) {
	var names []zone.Name
	for name, u := range c.plan.Unserved {
		if before[name] != u {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return
	}
	slices.SortFunc(names, zone.Name.Compare)
	if len(names) > manyZones {
		c.of.engine.log.Warn("members of a catalog are passed over or held; `catalog NAME` lists them", "catalog", c.name, "serial", c.last.Serial, "members", len(names), "first", names[0], "why", c.plan.Unserved[names[0]].Why)
		return
	}
	for _, name := range names {
		c.of.engine.log.Warn("a member of a catalog is passed over or held", "catalog", c.name, "zone", name, "why", c.plan.Unserved[name].Why)
	}
}

// part takes so much of the plan as a turn acts on. Of a zone that another catalog has acted on since
// the plan was made, the next one speaks.
func (c *Catalog) part() map[zone.Name]catalog.Entry {
	now := min(len(c.rest), membersAtOnce)
	part := make(map[zone.Name]catalog.Entry, now)
	for _, name := range c.rest[:now] {
		if c.of.entries[name].saved <= c.saves {
			part[name] = c.plan.Changes[name]
		}
	}
	c.rest = c.rest[now:]
	return part
}

// plain are the entries as package catalog has them.
func (c *catalogs) plain() map[zone.Name]catalog.Entry {
	all := make(map[zone.Name]catalog.Entry, len(c.entries))
	for name, en := range c.entries {
		all[name] = en.Entry
	}
	return all
}

// tellChanges says in the log what has become of members: of each, if they are few.
func (c *catalogs) tellChanges(from *Catalog, done map[zone.Name]catalog.Entry) {
	if len(done) == 0 {
		return
	}
	log := c.engine.log
	removed := 0
	for name, en := range done {
		switch {
		case !en.Gone.IsZero():
			removed++
			if len(done) <= manyZones {
				log.Warn("a catalog names a zone no more; its keys and its state are kept", "catalog", from.name, "zone", name, "served", from.config.RemoveAfter, "kept", keepRemoved)
			}
		case len(done) <= manyZones:
			log.Info("member of a catalog", "catalog", from.name, "zone", name, "group", en.Block, "id", catalog.Text(en.ID))
		}
	}
	if len(done) > manyZones {
		log.Info("members of a catalog have changed", "catalog", from.name, "serial", from.last.Serial, "members", len(done)-removed, "removed", removed)
	}
}

// awaited says which catalog was never there yet; "" when all were.
func (c *catalogs) awaited() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, each := range c.list {
		if each.last == nil {
			return fmt.Sprintf("catalog %s has not been transferred yet", each.name)
		}
	}
	return ""
}
