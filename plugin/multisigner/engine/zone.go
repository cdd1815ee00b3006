package engine

import (
	"context"
	"log/slog"
	"net/netip"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/miekg/dns"

	"github.com/multisigner/multisigner/plugin/multisigner/ask"
	"github.com/multisigner/multisigner/plugin/multisigner/dormant"
	"github.com/multisigner/multisigner/plugin/multisigner/history"
	"github.com/multisigner/multisigner/plugin/multisigner/source/primary"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// Serving is what a zone answers with at a moment. It is never changed: a new one
// is swapped in.
type Serving struct {
	Version *zone.Version  // nil: there is nothing to answer with yet
	Refuse  string         // if not empty, resolvers get SERVFAIL with this as the reason
	Feeds   bool           // and secondaries get the version all the same
	History *history.Chain // how to get to Version from those before it; nil without one

	// Content is the unsigned content as those may transfer it who sign with a key for it,
	// under a serial of its own; nil: there is none to give.
	Content        *zone.Version
	contentHistory *history.Chain
	supplied       *views // the same with our keys, as foreign signers get it; nil: none does
}

// view is what somebody who signs with key transfers, and how to get there.
func (s *Serving) view(cfg *Config, key string) (*zone.Version, *history.Chain) {
	c, is := cfg.content(key)
	switch {
	case !is:
		return s.Version, s.History
	case c.For == "":
		return s.Content, s.contentHistory
	}
	of := s.supplied.of(c.For)
	return of.version, of.chain
}

// Unsigned is what somebody who signs with key transfers in the place of Version; nil:
// there is nothing to give. is: the key is for that.
func (s *Serving) Unsigned(cfg *Config, key string) (v *zone.Version, is bool) {
	if _, is = cfg.content(key); is && s != nil {
		v, _ = s.view(cfg, key)
	}
	return v, is
}

// Zone is one zone of an engine.
type Zone struct {
	apex    zone.Name
	engine  *Engine
	slot    slot // the queue's
	config  atomic.Pointer[Config]
	serving atomic.Pointer[Serving]
	account account
	left    atomic.Pointer[left] // nil: the content does not end
	// contentSerial is the content's own, of what is served; nil: not known.
	contentSerial atomic.Pointer[uint32]
	began         event // when the first turn has ended
	early         event // when there is something to answer with, or at the end of the first turn
	gone          event // when it is no longer served, and takes no more turns
	progress      progress
	// postponed: the last version is shown, and all else is for the next turn; see showAtOnce.
	postponed atomic.Bool
	summed    bool // it has begun with many: the log tells of them all together
	joined    bool // a catalog has brought it while the process ran

	forwarding atomic.Int32 // updates that a primary was not asked about yet, or has not answered

	mu    sync.Mutex
	wants *wants // what the next turn is to do, guarded by mu; nil: nothing

	contentNotes notes // of those who are told of the content

	notes  notes         // of those who are told of changes, and of those who are supplied
	marks  history.Marks // of those who have transferred
	keysAt atomic.Uint64 // stands for the files of its keys as they were seen; 0: they were not read
	// keysTouched is when their directory was touched before it was last looked at closely; of the watcher.
	keysTouched int64

	files files // where its content comes from; the watcher looks at them between turns
	work  *work // of the worker that has the zone in hand; nobody else touches it. nil: it is in rests
	rests dormant.Kept
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
	reviewed    []reviewed      // how reviews have ended
	commands    []*command
	updates     []*updating
}

// nothingElse reports whether the turn was asked for by a configuration alone.
func (a *wants) nothingElse() bool {
	other := *a
	other.configured = false
	return reflect.ValueOf(other).IsZero()
}

// Apex is the zone's name.
func (z *Zone) Apex() zone.Name { return z.apex }

// Config is how the zone is served now; it must not be changed.
func (z *Zone) Config() *Config { return z.config.Load() }

// Serving is what to answer with: one atomic load.
func (z *Zone) Serving() *Serving { return z.serving.Load() }

// ContentExpires is when the content is too old to be given to others; zero where it is
// our own.
func (z *Zone) ContentExpires() time.Time {
	if at := z.account.expires.Load(); at != 0 {
		return time.Unix(0, at)
	}
	return time.Time{}
}

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
func (z *Zone) asking(ctx context.Context) context.Context { return asking(ctx, z.Config()) }

func asking(ctx context.Context, cfg *Config) context.Context {
	addrs := func(of []netip.AddrPort) (all []netip.Addr) {
		for _, a := range of {
			all = append(all, a.Addr())
		}
		return all
	}
	return ask.From(ctx, append(slices.Clip(cfg.Outgoing), addrs(cfg.Listens)...), addrs(cfg.Addresses)...)
}

// hasBegun reports whether the first turn has ended.
func (z *Zone) hasBegun() bool { return z.began.hasCome() }

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
	if z.wants == nil {
		z.wants = &wants{}
	}
	change(z.wants)
	z.mu.Unlock()
	z.engine.queue.want(z)
}

func (z *Zone) takeWants() (w wants) {
	z.mu.Lock()
	defer z.mu.Unlock()
	if z.wants != nil {
		w, z.wants = *z.wants, nil
	}
	return w
}
