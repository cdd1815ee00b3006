package engine

import (
	"context"
	"runtime/debug"
	"time"

	"github.com/multisigner/multisigner/plugin/multisigner/status"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// Prepared is a configuration that waits for Commit or Discard.
type Prepared struct {
	engine *Engine
	zones  []Config
}

// Prepare gets zones ready to be served, and changes nothing of what is served.
// Exactly one of Commit and Discard must follow. Faults of content are no error:
// such a zone is served from its last good version, or refuses.
func (e *Engine) Prepare(ctx context.Context, zones []Config) (*Prepared, error) {
	if err := e.life.Err(); err != nil {
		return nil, err
	}
	return &Prepared{engine: e, zones: zones}, ctx.Err()
}

// Discard forgets the preparation.
func (p *Prepared) Discard() {}

// firstTurns is how long Commit waits for the first turns of new zones, so that a
// server that has just started does not begin with SERVFAIL: our choice. Zones
// that take longer refuse until they are there.
const firstTurns = 5 * time.Second

// Commit makes the zones prepared the zones of the engine: new ones begin, those
// not among them are no longer served. Their state remains on the disk.
func (p *Prepared) Commit() {
	e := p.engine
	e.commit.Lock()
	defer e.commit.Unlock()
	before := *e.zones.Load()
	after := make(map[zone.Name]*Zone, len(p.zones))
	var begun []*Zone
	for i := range p.zones {
		cfg := &p.zones[i]
		z := before[cfg.Apex]
		if z == nil {
			z = e.newZone(cfg)
			begun = append(begun, z)
		} else {
			z.config.Store(cfg)
		}
		after[cfg.Apex] = z
	}
	if len(begun) > manyZones {
		for _, z := range begun {
			z.summed = true
		}
		verify := e.auditor.hold()
		e.background.Go(func() { defer verify(); e.sumStart(begun, verify) })
	}
	e.setZones(after)
	for apex, z := range before {
		if after[apex] == nil {
			e.queue.drop(z)
			close(z.gone)
			e.log.Info("zone is no longer served; its state stays in the state directory", "zone", apex)
		}
	}
	for _, z := range after {
		z.ask(func(w *wants) { w.configured = true })
	}
	e.awaitFirst(begun)
}

// awaitFirst waits until the zones have had their first turns, but not for ever.
func (e *Engine) awaitFirst(begun []*Zone) {
	timer := time.NewTimer(firstTurns)
	defer timer.Stop()
	for _, z := range begun {
		select {
		case <-z.began:
		case <-timer.C:
			return
		case <-e.life.Done():
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

// auditLatest is how long verification in the background waits for a start of many
// zones: our choice. One that does not begin keeps no other from being verified.
const auditLatest = time.Minute

// sumStart says how far the zones are that have begun together, until each has had its
// first turn. What they show is verified when all have, and the memory that their start
// has used is given back to the system.
func (e *Engine) sumStart(begun []*Zone, verify func()) {
	start := e.clock.Steady()
	next := start + sumEvery
	timer, stop := e.clock.At(next)
	defer func() { stop() }()
	e.log.Info("loading zones", "zones", len(begun))
	for i := 0; i < len(begun); {
		select {
		case <-begun[i].began:
			i++
		case <-timer:
			next += sumEvery
			timer, stop = e.clock.At(next)
			e.log.Info("loading zones", "zones", len(begun), "loaded", began(begun))
			if next > start+auditLatest {
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
	debug.FreeOSMemory()
}

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
	z := &Zone{apex: cfg.Apex, engine: e, began: make(chan struct{}), gone: make(chan struct{})}
	z.slot = slot{zone: z, index: -1}
	z.config.Store(cfg)
	z.serving.Store(&Serving{Refuse: whyLoading})
	z.status.Store(&status.Zone{Zone: cfg.Apex.String(), Signer: cfg.Signer, Where: cfg.Where, Refuse: whyLoading})
	z.work.known = newKnown(cfg.Apex)
	return z
}
