package engine

import (
	"context"
	"slices"
	"time"

	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// Prepared is a configuration that waits for Commit or Discard.
type Prepared struct {
	engine   *Engine
	zones    []*Config
	catalogs []CatalogConfig
}

// Prepare gets zones, and those that catalogs name, ready to be served, and changes nothing
// of what is served. Exactly one of Commit and Discard must follow. Faults of content are no
// error: such a zone is served from its last good version, or refuses.
func (e *Engine) Prepare(ctx context.Context, zones []Config, catalogs ...CatalogConfig) (*Prepared, error) {
	own := make([]*Config, len(zones))
	for i, cfg := range zones {
		own[i] = &cfg
	}
	return e.PrepareShared(ctx, own, catalogs...)
}

// PrepareShared is Prepare of Configs that the caller has in use as well: nobody changes them
// any more.
func (e *Engine) PrepareShared(ctx context.Context, zones []*Config, catalogs ...CatalogConfig) (*Prepared, error) {
	if err := e.life.Err(); err != nil {
		return nil, err
	}
	return &Prepared{engine: e, zones: zones, catalogs: catalogs}, ctx.Err()
}

// Discard forgets the preparation.
func (p *Prepared) Discard() {}

// firstTurns is how long Commit waits for the first turns of new zones, so that a
// server that has just started does not begin with SERVFAIL: our choice. Zones
// that take longer refuse until they are there.
const firstTurns = 5 * time.Second

// Commit makes the zones prepared, and those that the catalogs prepared have brought, the
// zones of the engine: new ones begin, those not among them are no longer served. Their
// state remains on the disk.
func (p *Prepared) Commit() {
	e := p.engine
	e.catalogs.mu.Lock()
	begun := p.takeOver()
	e.catalogs.mu.Unlock()
	e.catalogs.want()
	awaitFirst(e.life, begun, firstTurns)
}

// takeOver is what Commit does while it holds the lock of the catalogs. It gives the zones that begin.
func (p *Prepared) takeOver() (begun []*Zone) {
	return p.engine.replace(slices.Concat(p.zones, p.engine.catalogs.configure(p.catalogs, p.zones)))
}

// replace makes these zones those of the engine, and gives the ones that begin.
func (e *Engine) replace(all []*Config) (begun []*Zone) {
	e.commit.Lock()
	defer e.commit.Unlock()
	before := *e.zones.Load()
	after := make(map[zone.Name]*Zone, len(all))
	for _, cfg := range all {
		z := before[cfg.Apex]
		if z == nil {
			z = e.newZone(cfg)
			begun = append(begun, z)
		} else {
			z.config.Store(cfg)
		}
		after[cfg.Apex] = z
	}
	e.sum(begun)
	e.setZones(after)
	for apex, z := range before {
		if after[apex] == nil {
			e.drop(z)
			e.log.Info("zone is no longer served; its state stays in the state directory", "zone", apex)
		}
	}
	for _, z := range after {
		z.ask(func(w *wants) { w.configured = true })
	}
	return begun
}

// sum has the log tell of many zones that begin at once all together.
func (e *Engine) sum(begun []*Zone) {
	if len(begun) <= manyZones {
		return
	}
	for _, z := range begun {
		z.summed = true
	}
	verify, usual := e.auditor.hold(), collectSeldom()
	e.jobs.Go(func() {
		defer e.release()
		defer verify()
		defer usual()
		e.sumStart(begun, verify, usual)
	})
}

// drop ends a zone's turns.
func (e *Engine) drop(z *Zone) {
	e.queue.drop(z)
	z.gone.come()
}

// awaitFirst waits until the zones have something to answer with, or have had their first turns,
// for atMost.
func awaitFirst(ctx context.Context, begun []*Zone, atMost time.Duration) {
	timer := time.NewTimer(atMost)
	defer timer.Stop()
	for _, z := range begun {
		if z.early.hasCome() {
			continue
		}
		select {
		case <-z.early.wait():
		case <-z.gone.wait():
		case <-timer.C:
			return
		case <-ctx.Done():
			return
		}
	}
}

// manyZones is how many zones may begin at once with lines of their own in the log, and
// sumEvery how often it says how far more of them are: our choice.
const (
	manyZones = 20
	sumEvery  = 5 * time.Second
)

// postponedEvery is how often it is looked whether anything is still postponed: our choice.
const postponedEvery = 100 * time.Millisecond

// auditLatest is how long verification in the background waits for a start of many
// zones: our choice. One that does not begin keeps no other from being verified.
const auditLatest = time.Minute

// sumStart says how far the zones are that have begun together, until each has had its
// first turn, and waits for what was postponed of it. What they show is verified then, and
// the memory that their start has used is given back to the system.
func (e *Engine) sumStart(begun []*Zone, verify, usual func()) {
	start := e.clock.Steady()
	next := start + sumEvery
	timer, stop := e.clock.At(next)
	defer func() { stop() }()
	e.log.Info("loading zones", "zones", len(begun))
	for i := 0; i < len(begun); {
		if begun[i].hasBegun() {
			i++
			continue
		}
		select {
		case <-begun[i].began.wait():
			i++
		case <-begun[i].gone.wait(): // it may never have one
			i++
		case <-timer:
			next += sumEvery
			timer, stop = e.clock.At(next)
			e.log.Info("loading zones", "zones", len(begun), "loaded", began(begun))
			if usual(); next > start+auditLatest {
				verify()
			}
		case <-e.life.Done():
			return
		}
	}
	refusing := 0
	for _, z := range begun {
		if s := z.Serving(); s.Version == nil || s.Refuse != "" {
			refusing++
		}
	}
	e.log.Info("zones are loaded", "zones", len(begun), "refusing", refusing, "after", e.clock.Steady()-start)
	usual() // what comes now fills the gaps that it leaves
	for slices.ContainsFunc(begun, (*Zone).waitsForRest) && e.clock.Steady() < start+auditLatest {
		if !e.pause(e.life, e.clock.Steady()+postponedEvery) {
			return
		}
	}
}

// waitsForRest reports whether more than the last version of a zone is still to be read.
func (z *Zone) waitsForRest() bool { return z.postponed.Load() && !z.gone.hasCome() }

// began counts the zones that have had their first turns.
func began(zones []*Zone) (n int) {
	for _, z := range zones {
		if z.hasBegun() {
			n++
		}
	}
	return n
}

func (e *Engine) newZone(cfg *Config) *Zone {
	z := &Zone{apex: cfg.Apex, engine: e}
	z.slot = slot{zone: z, index: -1}
	z.config.Store(cfg)
	z.serving.Store(&Serving{Refuse: whyLoading})
	z.work = &work{known: newKnown(cfg.Apex), files: &z.files}
	e.queue.enter(z)
	return z
}
