// Package engine takes each zone through its turn: gather, decide, save, sign,
// guard, publish, tell. It holds the goroutines, the clock and the order of
// things; what to do is decided by roll, how by the rooms it calls.
package engine

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/multisigner/multisigner/plugin/multisigner/ask"
	"github.com/multisigner/multisigner/plugin/multisigner/clock"
	"github.com/multisigner/multisigner/plugin/multisigner/hook"
	"github.com/multisigner/multisigner/plugin/multisigner/job"
	"github.com/multisigner/multisigner/plugin/multisigner/kept"
	"github.com/multisigner/multisigner/plugin/multisigner/keystore"
	"github.com/multisigner/multisigner/plugin/multisigner/status"
	"github.com/multisigner/multisigner/plugin/multisigner/store"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// Options are what a process may want otherwise. The zero value is an ordinary engine's.
type Options struct {
	Logger *slog.Logger // nil: slog.Default()
	Clock  clock.Clock  // nil: the system's
	failpoints
	// Key gives the key to use in the place of one that was found in the key
	// directory or made there; nil: that one. Tests put devices in front of keys.
	Key func(keystore.Key) keystore.Key
	// Dial connects to all that is asked or told; nil: over the system's network.
	Dial ask.Dial
	// FilesEvery is how often files are looked at; 0: each second.
	FilesEvery time.Duration
	// Queries counts the queries that came to this process, in whatever steps: while there are
	// new ones, signing and verifying leave a processor to them. nil: there are none.
	Queries func() uint64
	// NoMatrix: no look is followed by a survey of all answers under all keys, which
	// costs most of a look and on which no rule acts.
	NoMatrix bool

	hookTimeout time.Duration // 0: the ordinary one
}

// Engine serves the zones of one state directory. Its methods may be called from
// any goroutine.
type Engine struct {
	dir    string
	home   *home
	log    *slog.Logger
	clock  clock.Clock
	store  store.Store
	keys   *keystore.Dir
	kept   kept.Dir
	client *ask.Client
	marks  ask.Marks // of the questions to addresses that may be our own
	queue  *queue
	fail   failpoints
	// auditor verifies in the background what was shown on a sample.
	auditor   *auditor
	share     *job.Share
	releasing atomic.Bool // memory is about to be given back
	hooks     *hook.Errands
	// openKey gives the key to use for one of the key directory.
	openKey func(keystore.Key) keystore.Key
	// filesEvery is the least between two rounds of the watcher.
	filesEvery time.Duration
	noMatrix   bool

	zones    atomic.Pointer[map[zone.Name]*Zone]
	ordered  atomic.Pointer[sorted]
	commit   sync.Mutex // held by who makes another table of zones
	catalogs *catalogs
	products *products

	updates atomic.Int32 // that wait, of all zones

	life      context.Context // ends with Close
	jobs      *job.Group      // all that runs beside whoever has begun it
	telling   job.Places      // tellers
	looking   job.Places      // lookers
	fetching  *fetching
	reviewing job.Places // reviews
}

// Open opens or makes the state directory (mode 0700). The error names what is
// wrong with it: locked by another process, damaged, of a newer format.
func Open(stateDir string, o Options) (*Engine, error) {
	home, err := openHome(stateDir)
	if err != nil {
		return nil, err
	}
	st, err := store.OpenBolt(filepath.Join(stateDir, "state.db"))
	if err != nil {
		return nil, err
	}
	keys, err := keystore.Open(filepath.Join(stateDir, "keys"))
	if err != nil {
		st.Close()
		return nil, err
	}
	e := &Engine{
		dir: stateDir, home: home, log: o.Logger, clock: o.Clock, store: st, keys: keys, fail: o.failpoints,
		kept:    kept.Dir{Path: filepath.Join(stateDir, "zones"), Fail: o.failpoints.pass},
		openKey: o.Key, share: job.NewShare(o.Queries), auditor: newAuditor(), hooks: hook.NewErrands(o.hookTimeout),
		client: newClient(o.Dial), filesEvery: max(o.FilesEvery, time.Second), noMatrix: o.NoMatrix,
		telling: job.NewPlaces(tellers),
		looking: job.NewPlaces(lookers), fetching: newFetching(),
		reviewing: job.NewPlaces(reviewsAtOnce),
	}
	if e.log == nil {
		e.log = slog.Default()
	}
	if e.clock == nil {
		e.clock = clock.System{}
	}
	if e.openKey == nil {
		e.openKey = func(k keystore.Key) keystore.Key { return k }
	}
	e.keys.Now = e.clock.Now
	e.queue = newQueue(e.clock)
	e.catalogs, e.products = newCatalogs(e), newProducts(e)
	e.setZones(map[zone.Name]*Zone{})
	collectByNeed()
	e.sweepReviews()
	e.jobs = job.New()
	e.life = e.jobs.Life()
	e.start()
	return e, nil
}

// workers is how many zones have their turns at once: our choice, more than there
// are processors, because turns wait for the disk, and saves that come together
// share a sync: at a start of ten thousand zones it is the syncs that take the time.
const workers = 64

// start runs the queue, its workers and the watcher until the engine's life ends.
func (e *Engine) start() {
	work := make(chan *Zone)
	e.jobs.Go(func() { e.queue.run(e.life, work) })
	for range workers {
		e.jobs.Go(func() {
			for z := range work {
				e.take(z)
			}
		})
	}
	clocks := clock.Begin(time.Time{}, e.clock.Now(), e.clock.Steady())
	e.jobs.Go(func() { e.watch(e.life, &clocks) })
	e.jobs.Go(func() { e.auditor.run(e.life, e.share, e.release) })
	e.jobs.Go(func() { e.catalogs.run(e.life) })
	e.jobs.Go(func() { e.products.run(e.life) })
	e.jobs.Go(func() { e.hooks.Run(e.life, e.hookFailed) })
}

// Close ends every turn and releases the state directory. Zones go on answering
// from their last version.
func (e *Engine) Close() error {
	e.jobs.Close()
	e.flush()
	return e.store.Close()
}

// Zones lists the apexes, in canonical order.
func (e *Engine) Zones() []zone.Name {
	names := make([]zone.Name, 0, len(e.list()))
	for _, z := range e.list() {
		names = append(names, z.apex)
	}
	return names
}

// Status tells all of a zone; ok is false when it is not ours.
func (e *Engine) Status(apex zone.Name) (s status.Zone, ok bool) {
	z := (*e.zones.Load())[apex]
	if z == nil {
		return status.Zone{}, false
	}
	s = z.tell()
	s.Secondaries = z.secondaries(s)
	s.Signing = z.progress.of.Load()
	return s, true
}

// Ready reports whether every zone has had its first turn and, if there are any,
// at least one has something to answer with; why says what is missing. One bad
// zone of many does not make it false.
func (e *Engine) Ready() (ready bool, why string) {
	zones := e.list()
	answering := len(zones) == 0
	if answering {
		if why = e.catalogs.awaited(); why != "" {
			return false, why
		}
	}
	for _, z := range zones {
		if z.joined && !z.hasBegun() {
			continue // it has come while all others are answered for
		}
		if !z.hasBegun() {
			return false, fmt.Sprintf("zone %s is being loaded; %d of %d are", z.apex, began(zones), len(zones))
		}
		switch s := z.Serving(); {
		case s.Version != nil && !s.Version.Whole():
			why = fmt.Sprintf("zone %s answers, and is still being signed", z.apex)
		case s.Version != nil && s.Refuse == "":
			answering = true
		default:
			why = fmt.Sprintf("zone %s: %s", z.apex, s.Refuse)
		}
	}
	return answering, why
}
