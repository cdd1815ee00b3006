package engine

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"reflect"
	"slices"
	"sync"
	"time"

	"github.com/multisigner/multisigner/plugin/multisigner/ask"
	"github.com/multisigner/multisigner/plugin/multisigner/catalog"
	"github.com/multisigner/multisigner/plugin/multisigner/kept"
	"github.com/multisigner/multisigner/plugin/multisigner/source"
	"github.com/multisigner/multisigner/plugin/multisigner/source/primary"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// Catalog is a catalog zone that is consumed. It is fetched as the content of a zone is, and
// what was taken last and is a catalog is kept in zones/NAME.content: a restart goes on from it.
type Catalog struct {
	name   zone.Name
	of     *catalogs
	zone   *Zone // as which it asks its primaries and raises alarms; it takes no turns
	config *CatalogConfig

	begun   bool
	record  catalogRecord
	taken   source.Taken
	last    *catalog.Catalog // what taken says; nil: nothing was taken yet
	plan    catalog.Plan     // of the last turn that has compared
	planned accepted         // who accepts what is Waiting in plan accepts this, at the plan's time
	saves   uint64           // what had been saved when it was made; see catalogs.saves
	rest    []zone.Name      // of its Changes: what is not carried out yet
	kept    kept.Content
	unkept  error  // taken is not on the disk, or what is known of it
	number  uint64 // of taken; see kept
	until   time.Time
	fetch   *primary.Fetch
	told    string // why its primaries fail, as the log was told

	asked catalogAsked
}

// catalogAsked is what waits for the next turn of a catalog. It has a lock of its own, for a
// NOTIFY does not wait for a turn.
type catalogAsked struct {
	mu     sync.Mutex
	events []primary.Event
	got    *gotten
}

// gotten is what a visit to a primary has brought.
type gotten struct {
	fetched
	catalog *catalog.Catalog // of what was taken
}

func newCatalog(of *catalogs, cfg *CatalogConfig) *Catalog {
	return &Catalog{name: cfg.Zone.Apex, of: of, zone: of.engine.newZone(&cfg.Zone), config: cfg}
}

// configure takes in another configuration.
func (c *Catalog) configure(cfg *CatalogConfig) {
	if !reflect.DeepEqual(c.config.Zone.Primaries, cfg.Zone.Primaries) {
		c.ask(primary.Event{Kind: primary.Notify})
	}
	c.config = cfg
	c.zone.config.Store(&cfg.Zone)
}

// ask adds to what the next turn is to do.
func (c *Catalog) ask(event primary.Event) {
	c.asked.mu.Lock()
	if len(c.asked.events) == maxNotified {
		c.asked.events = c.asked.events[1:]
	}
	c.asked.events = append(c.asked.events, event)
	c.asked.mu.Unlock()
	c.of.want()
}

// CatalogNotified says that somebody at from, or with the TSIG key named, tells of a change of a
// catalog, to serial if that is known. false when there is no such catalog, or he is
// none of its primaries. It does not wait for a turn.
func (e *Engine) CatalogNotified(name zone.Name, from netip.AddrPort, key string, serial uint32, known bool) bool {
	listed := *e.catalogs.listed.Load()
	at := slices.IndexFunc(listed, func(c *Catalog) bool { return c.name == name })
	if at < 0 {
		return false
	}
	c := listed[at]
	if !slices.ContainsFunc(c.zone.Config().Primaries, func(p ask.Server) bool {
		return p.Addr.Addr() == from.Addr() || p.TSIG != nil && p.TSIG.Name == key
	}) {
		return false
	}
	c.ask(primary.Event{Kind: primary.Notify, From: c.zone.Config().primaryOf(from.Addr(), key), Serial: serial, Known: known})
	return true
}

func (c *Catalog) takeAsked() (events []primary.Event, got *gotten) {
	c.asked.mu.Lock()
	defer c.asked.mu.Unlock()
	events, got = c.asked.events, c.asked.got
	c.asked.events, c.asked.got = nil, nil
	return events, got
}

// takeIn goes on with fetching the catalog, and says when it is to be called again.
func (c *Catalog) takeIn(now time.Time) (until time.Time) {
	if !c.begun {
		if c.unkept = c.begin(now); c.unkept != nil {
			return now.Add(catalogsRetry)
		}
	}
	events, got := c.takeAsked()
	for _, event := range events {
		c.advance(event, now)
	}
	if got != nil {
		c.take(got, now)
	}
	c.advance(primary.Event{Kind: primary.Tick}, now)
	if c.fetch != nil {
		c.visit(*c.fetch)
		c.fetch = nil
	}
	if c.unkept != nil && got == nil {
		c.keep(nil)
	}
	if c.unkept != nil {
		return now.Add(catalogsRetry)
	}
	return c.until
}

// begin reads what an earlier process has kept. While that cannot be read nothing is asked
// for, and nothing changes.
func (c *Catalog) begin(now time.Time) error {
	e := c.of.engine
	if err := c.record.load(e.life, e.store, c.name); err != nil {
		return err
	}
	c.begun = true
	s := &c.record.Intake
	came, k, err := e.kept.ReadContent(c.name)
	c.number = k.Number
	if err == nil && came != nil && s.Has {
		if c.last, err = catalog.Parse(came); err == nil {
			c.taken, c.kept = source.Take(came), k
			s.Serial, s.SOA = came.Serial(), timersOf(came)
		}
	}
	if err != nil {
		e.log.Warn("what was kept of a catalog cannot be read, and it is fetched anew", "catalog", c.name, "error", err)
	}
	if s.Has && c.last == nil {
		s.Forced = true // it can be asked for as a whole only
	}
	c.advance(primary.Event{Kind: primary.Start}, now)
	return nil
}

// advance tells primary.Next what has happened. A catalog that expires changes nothing (RFC 9432 5.1),
// so that it is judged by the wall clock alone.
func (c *Catalog) advance(event primary.Event, now time.Time) {
	state, action := primary.Next(c.record.Intake, c.config.Zone.intake(), event, now)
	c.record.Intake, c.until = state, action.Until
	if action.Fetch != nil {
		c.fetch = action.Fetch
	}
}

// visit asks a primary beside the turns; what comes of it has a turn of its own.
func (c *Catalog) visit(plan primary.Fetch) {
	e, have, server := c.of.engine, c.taken, c.config.Zone.primary(plan.Primary)
	e.jobs.Begin(c.zone.asking(e.life), e.fetching.place(server.Addr.Addr()), func(ctx context.Context) {
		got := &gotten{fetched: fetched{
			source.Fetch(ctx, e.client, source.Primary{Apex: c.name, Server: server}, have, plan), plan.Primary, have.Came,
		}}
		if got.Result.Outcome == primary.Took {
			var err error
			if got.catalog, err = catalog.Parse(got.Taken.Came); err != nil {
				got.Result.Outcome, got.Result.Why = primary.Rejected, err.Error()
				got.Problems = append(got.Problems, source.Problem{Name: c.name.String(), Text: err.Error(), Fatal: true})
			}
		}
		c.asked.mu.Lock()
		c.asked.got = got
		c.asked.mu.Unlock()
		c.of.want()
	})
}

// take takes in what a visit has brought.
func (c *Catalog) take(got *gotten, now time.Time) {
	if c.record.Intake.Busy != got.primary {
		return
	}
	e := c.of.engine
	c.advance(primary.Event{Kind: primary.Ended, From: got.primary, Result: got.Result}, now)
	c.tell(got)
	switch got.Result.Outcome {
	case primary.Took:
		diffs := got.Diffs
		if got.had != c.taken.Came {
			diffs = nil
		}
		c.taken, c.last, c.number = got.Taken, got.catalog, max(c.number+1, uint64(max(now.UnixNano(), 0)))
		c.keep(diffs)
		return
	case primary.Rejected:
		if got.Taken.Came != nil {
			if err := e.keepRejected(c.name, got.Taken.Came, got.Problems); err != nil {
				e.log.Warn("a catalog that was refused is not kept", "catalog", c.name, "error", err)
			}
		}
	}
	c.saveRecord()
}

// keep makes what was taken durable. Until it is, nothing is acted on: a restart would take back
// what it knows nothing of.
func (c *Catalog) keep(diffs []zone.Diff) {
	if c.taken.Came != nil {
		if c.unkept = c.of.engine.kept.KeepContent(&c.kept, c.taken.Came, diffs, c.number); c.unkept != nil {
			return
		}
	}
	c.saveRecord()
}

func (c *Catalog) saveRecord() {
	e := c.of.engine
	if c.unkept = c.record.save(e.life, e.store, c.name); c.unkept != nil && e.life.Err() == nil {
		e.log.Error("the state of a catalog is not saved; it is tried again", "catalog", c.name, "error", c.unkept)
	}
}

// tell says in the log what has come of a visit, when it is another than before.
func (c *Catalog) tell(got *gotten) {
	e := c.of.engine
	level, what := slog.LevelDebug, "asked the primary of a catalog"
	switch got.Result.Outcome {
	case primary.Took:
		level, what = slog.LevelInfo, "a catalog was transferred"
	case primary.Failed:
		if what = "a primary does not give the catalog"; c.told != got.Result.Why && e.life.Err() == nil {
			level = slog.LevelWarn
		}
	case primary.Rejected:
		if got.Taken.Came != nil {
			level, what = slog.LevelError, "a catalog was refused, and changes nothing"
		}
	}
	if c.told = ""; got.Result.Outcome == primary.Failed {
		c.told = got.Result.Why
	}
	text := got.String()
	if got.Result.Outcome == primary.Rejected {
		text = fmt.Sprintf("serial %d is refused: %s", got.Result.Serial, got.Result.Why)
	}
	e.log.Log(context.Background(), level, what, "catalog", c.name, "primary", got.primary, "result", text)
}

// rules are what the operator has set for the members.
func (c *Catalog) rules() catalog.Rules {
	return catalog.Rules{
		Suffixes: c.config.Suffixes, Blocks: c.config.groups(),
		Accepted:  c.record.Accepted != nil && c.record.Accepted.like(c.acceptance(time.Time{})),
		Since:     c.acceptedAt(),
		Elsewhere: func(name zone.Name) string { return c.of.elsewhere(c, name) },
		Other: func(of, member zone.Name) (m catalog.Member, ok, consumed bool) {
			other := c.of.find(of)
			if other == nil {
				return catalog.Member{}, false, false
			}
			if other.last != nil {
				m, ok = other.last.Members[member]
			}
			return m, ok, true
		},
	}
}
