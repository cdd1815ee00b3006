// Package engine takes each zone through its turn: gather, decide, save, sign,
// guard, publish, tell. It holds the goroutines, the clock and the order of
// things; what to do is decided by roll, how by the rooms it calls.
package engine

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/multisigner/multisigner/plugin/multisigner/ask"
	"github.com/multisigner/multisigner/plugin/multisigner/keystore"
	"github.com/multisigner/multisigner/plugin/multisigner/status"
	"github.com/multisigner/multisigner/plugin/multisigner/store"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// Options are what a process may want otherwise. The zero value is an ordinary engine's.
type Options struct {
	Logger *slog.Logger // nil: slog.Default()
	Clock  Clock        // nil: the system's
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
	clock  Clock
	store  store.Store
	keys   *keystore.Dir
	client *ask.Client
	marks  ask.Marks // of the questions to addresses that may be our own
	queue  *queue
	fail   failpoints
	// auditor verifies in the background what was shown on a sample.
	auditor   *auditor
	share     *share
	releasing atomic.Bool // memory is about to be given back
	hooks     *hooks
	// openKey gives the key to use for one of the key directory.
	openKey func(keystore.Key) keystore.Key
	// filesEvery is the least between two rounds of the watcher.
	filesEvery time.Duration
	noMatrix   bool

	zones   atomic.Pointer[map[zone.Name]*Zone]
	ordered atomic.Pointer[[]*Zone]
	commit  sync.Mutex // one Commit at a time

	updates atomic.Int32 // that wait, of all zones

	life       context.Context // ends with Close
	end        context.CancelFunc
	background sync.WaitGroup
	telling    chan struct{} // tokens: tellers
	looking    chan struct{} // tokens: lookers
	fetching   *fetching
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
		openKey: o.Key, share: newShare(o.Queries), auditor: newAuditor(), hooks: newHooks(o.hookTimeout),
		client: newClient(o.Dial), filesEvery: max(o.FilesEvery, time.Second), noMatrix: o.NoMatrix,
		telling: make(chan struct{}, tellers),
		looking: make(chan struct{}, lookers), fetching: newFetching(),
	}
	if e.log == nil {
		e.log = slog.Default()
	}
	if e.clock == nil {
		e.clock = systemClock{}
	}
	if e.openKey == nil {
		e.openKey = func(k keystore.Key) keystore.Key { return k }
	}
	e.keys.Now = e.clock.Now
	e.queue = newQueue(e.clock)
	e.setZones(map[zone.Name]*Zone{})
	e.life, e.end = context.WithCancel(context.Background())
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
	e.background.Go(func() { e.queue.run(e.life, work) })
	for range workers {
		e.background.Go(func() {
			for z := range work {
				e.take(z)
			}
		})
	}
	clocks := beginTimes(time.Time{}, e.clock.Now(), e.clock.Steady())
	e.background.Go(func() { e.watch(e.life, &clocks) })
	e.background.Go(func() { e.auditor.run(e.life, e.share) })
	for _, line := range e.hooks.lines {
		e.background.Go(func() { e.runHooks(e.life, line) })
	}
}

// Close ends every turn and releases the state directory. Zones go on answering
// from their last version.
func (e *Engine) Close() error {
	e.end()
	e.background.Wait()
	e.flush()
	return e.store.Close()
}

func (e *Engine) setZones(zones map[zone.Name]*Zone) {
	ordered := make([]*Zone, 0, len(zones))
	for _, z := range zones {
		ordered = append(ordered, z)
	}
	slices.SortFunc(ordered, func(a, b *Zone) int { return a.apex.Compare(b.apex) })
	e.ordered.Store(&ordered)
	e.zones.Store(&zones)
}

// list gives the zones in canonical order; it must not be changed.
func (e *Engine) list() []*Zone { return *e.ordered.Load() }

// Find gives the zone that q is in: the longest apex at or above it; nil when
// none is. It takes no lock.
func (e *Engine) Find(q zone.Name) *Zone {
	zones := *e.zones.Load()
	for {
		if z := zones[q]; z != nil {
			return z
		}
		if q == zone.Root {
			return nil
		}
		q = q.Parent()
	}
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
	s = *z.status.Load()
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
	for _, z := range zones {
		if !z.hasBegun() {
			return false, fmt.Sprintf("zone %s is being loaded; %d of %d are", z.apex, began(zones), len(zones))
		}
		if s := z.Serving(); s.Version != nil && s.Refuse == "" {
			answering = true
		} else {
			why = fmt.Sprintf("zone %s: %s", z.apex, s.Refuse)
		}
	}
	return answering, why
}
