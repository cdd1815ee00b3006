package engine

import (
	"context"
	"log/slog"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/miekg/dns"

	"github.com/multisigner/multisigner/plugin/multisigner/ask"
	"github.com/multisigner/multisigner/plugin/multisigner/source/primary"
	"github.com/multisigner/multisigner/plugin/multisigner/status"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// Serving is what a zone answers with at a moment. It is never changed: a new one
// is swapped in.
type Serving struct {
	Version *zone.Version // nil: there is nothing to answer with yet
	Refuse  string        // if not empty, outsiders get SERVFAIL with this as the reason
	Feeds   bool          // and secondaries get the version all the same
	History *History      // how to get to Version from those before it; nil without one
}

// Zone is one zone of an engine.
type Zone struct {
	apex     zone.Name
	engine   *Engine
	slot     slot // the queue's
	config   atomic.Pointer[Config]
	serving  atomic.Pointer[Serving]
	status   atomic.Pointer[status.Zone]
	began    chan struct{} // closed when the first turn has ended
	gone     chan struct{} // closed when it is no longer served, and takes no more turns
	progress progress
	summed   bool // it has begun with many: the log tells of them all together

	mu    sync.Mutex
	wants wants // what the next turn is to do, guarded by mu

	notes  notes        // of those who are told of changes
	marks  marks        // of those who have transferred
	keysAt atomic.Int64 // when the files of its keys changed last, as seen; 0: they were not read

	work work // of the worker that has the zone in hand; nobody else touches it
}

// wants are what was asked for since the last turn began.
type wants struct {
	configured bool // the Config may be another
	reload     bool // read the file, whatever its stamp
	// reloadWhole: read it, and take it if it is good and whole.
	reloadWhole bool
	look        bool // look at peers and the parent now
	keys        bool // something has changed among the files of its keys
	rewrite     bool // the state directory has lost files
	seen        *sight
	told        []told // what came of telling the parent
	surveyed    *survey
	fetched     *fetched        // what a primary gave
	notified    []primary.Event // by primaries
	retransfer  bool            // take all of the zone from a primary, whatever its serial
	proved      *audit          // what the verification in the background has found
	commands    []*command
	updates     []*updating
}

// Apex is the zone's name.
func (z *Zone) Apex() zone.Name { return z.apex }

// Config is how the zone is served now; it must not be changed.
func (z *Zone) Config() *Config { return z.config.Load() }

// Serving is what to answer with: one atomic load.
func (z *Zone) Serving() *Serving { return z.serving.Load() }

// Open is the version that everybody is answered from; nil when there is none, or
// when outsiders are refused. It is one atomic load.
func (z *Zone) Open() *zone.Version {
	if s := z.serving.Load(); s != nil && s.Refuse == "" {
		return s.Version
	}
	return nil
}

// asking is ctx for what is asked and told on the zone's behalf: it leaves from the
// addresses that others know us by. We ourselves are asked from where the system has it,
// which is the address that is asked: while a zone refuses, that alone is known to be us.
func (z *Zone) asking(ctx context.Context) context.Context {
	cfg := z.Config()
	addrs := func(of []netip.AddrPort) (all []netip.Addr) {
		for _, a := range of {
			all = append(all, a.Addr())
		}
		return all
	}
	return ask.From(ctx, append(slices.Clip(cfg.Outgoing), addrs(cfg.Listens)...), addrs(cfg.Addresses)...)
}

// hasBegun reports whether the first turn has ended.
func (z *Zone) hasBegun() bool {
	select {
	case <-z.began:
		return true
	default:
		return false
	}
}

// level is that of lines that are expected of every zone: at a start of many they would
// bury the others.
func (z *Zone) level() slog.Level {
	if z.summed && !z.hasBegun() {
		return slog.LevelDebug
	}
	return slog.LevelInfo
}

// Own reports whether q was asked by this engine itself, when it looks at how others see
// us. Each such question is known once.
func (z *Zone) Own(q *dns.Msg) bool { return z.engine.marks.Own(q) }

// Notified says that from told of a change. The caller has made sure that it is
// somebody who may; the zone looks at peers and the parent now, but not more
// often than once in notifiedAtMost.
func (z *Zone) Notified(from netip.AddrPort) {
	z.engine.log.Debug("told of a change: looking", "zone", z.apex, "from", from)
	z.ask(func(w *wants) { w.look = true })
}

// notifiedAtMost is our choice: a NOTIFY can cost us a round of queries, and
// peers that change together each send one.
const notifiedAtMost = time.Second

// ask adds to what the next turn is to do, and asks for that turn.
func (z *Zone) ask(change func(*wants)) {
	z.mu.Lock()
	change(&z.wants)
	z.mu.Unlock()
	z.engine.queue.want(z)
}

func (z *Zone) takeWants() wants {
	z.mu.Lock()
	defer z.mu.Unlock()
	w := z.wants
	z.wants = wants{}
	return w
}
