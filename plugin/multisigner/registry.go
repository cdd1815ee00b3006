package multisigner

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coredns/coredns/plugin"

	"github.com/multisigner/multisigner/plugin/multisigner/corefile"
	"github.com/multisigner/multisigner/plugin/multisigner/engine"
	"github.com/multisigner/multisigner/plugin/multisigner/status"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// registry holds the states and loads of a process.
type registry struct {
	mu     sync.Mutex
	states map[string]*state // by directory
	loads  []*load           // started and not ended
	latest *load             // that was read last, started or not
	fault  string            // the last of ours that kept a load from starting

	// refused is the last reload, if it was refused.
	refused atomic.Pointer[status.Reload]
	fronts  fronts        // the fast paths
	asked   atomic.Uint64 // what came through CoreDNS

	// running lists the states for those who must not wait for a reload that is
	// preparing under mu: readiness and metrics.
	running atomic.Pointer[[]*state]
	// named are the zones of the Corefile, for them as well: one may not be served yet.
	named atomic.Pointer[map[zone.Name]place]
}

var process = &registry{states: make(map[string]*state), fronts: fronts{at: make(map[string]*bindings)}}

// queries counts what the process was asked, so that it can be told whether it is being asked.
func (r *registry) queries() uint64 { return r.asked.Load() + r.fronts.queries() }

// start opens and prepares all that the load wants. If it replaces another load,
// that one's stop makes it take effect; else it does so now.
func (r *registry) start(l *load) (err error) {
	defer func() { r.failed(err) }()
	for _, check := range slices.Concat(l.checks, l.ports) {
		if err := check(); err != nil {
			return err
		}
	}
	leaveOne()
	r.mu.Lock()
	defer r.mu.Unlock()
	l.resolve()
	r.sweep()
	if err := r.conflict(l).Err(); err != nil {
		return plugin.Error(name, err)
	}
	r.loads = append(r.loads, l)
	err = r.prepare(l)
	if err == nil && !r.replacing() {
		err = r.settle()
	}
	if err != nil {
		r.drop(l)
		return errors.Join(err, r.settle())
	}
	l.limitStreams()
	return nil
}

// prepare opens the states that l uses and gets them ready for what will be served.
func (r *registry) prepare(l *load) error {
	for _, s := range l.sites.All {
		if err := r.open(s.Dir, s.Config.Where); err != nil {
			return err
		}
	}
	for _, s := range l.sites.Catalogs {
		if err := r.open(s.Dir, s.Config.Zone.Where); err != nil {
			return err
		}
	}
	l.attach(r.states)
	for _, st := range r.states {
		if sites := r.wanted(st); !sites.none() {
			if err := st.prepare(context.Background(), sites); err != nil {
				return err
			}
		}
	}
	return nil
}

// open opens a state, unless it is open; where is what wants it.
func (r *registry) open(dir, where string) error {
	st, ok := r.states[dir]
	if !ok {
		st = &state{dir: dir}
		r.states[dir] = st
	}
	if err := st.open(slogger); err != nil {
		return plugin.Error(name, fmt.Errorf("%s: %w", where, err))
	}
	return nil
}

// conflict finds zones that another load, which is here to stay, serves differently.
func (r *registry) conflict(l *load) corefile.Faults {
	var f corefile.Faults
	for _, other := range r.loads {
		if !other.restarting {
			f = append(f, l.sites.Conflicts(&other.sites)...)
		}
	}
	return f
}

// wanted is what a state is to serve: the union over the loads that stay.
func (r *registry) wanted(st *state) wanted {
	var union corefile.Sites
	for _, l := range r.loads {
		if l.restarting {
			continue
		}
		for _, s := range l.sites.All {
			if s.Dir == st.dir {
				union.Add(s)
			}
		}
		for _, s := range l.sites.Catalogs {
			if s.Dir == st.dir {
				union.AddCatalogs(s)
			}
		}
	}
	return wanted{union.All, union.Catalogs}
}

func (r *registry) restarting(l *load) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	l.restarting = true
	r.fault = ""
	return nil
}

// restartFailed leaves l as it was. Its successor is gone, wherever it failed.
func (r *registry) restartFailed(l *load) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	l.restarting = false
	why := r.fault
	if why == "" {
		why = "CoreDNS's log says why"
	}
	r.refused.Store(&status.Reload{At: time.Now(), Why: why})
	logOnly(r.settle())
	return nil
}

// stop ends l, by a restart that succeeded or because the server ends.
func (r *registry) stop(l *load) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	replaced := l.restarting
	r.drop(l)
	if replaced || len(r.loads) == 0 {
		r.refused.Store(nil)
	}
	logOnly(r.settle())
	return nil
}

// read notes a load that is being read.
func (r *registry) read(l *load) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.latest = l
}

// failed notes what keeps a load from starting, for whoever asks why a reload was refused.
func (r *registry) failed(err error) {
	if err != nil {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.fault = bare(err).Error()
	}
}

// logOnly is for moments when CoreDNS would take an error for a reload that
// failed, although the new Corefile is being served.
func logOnly(err error) {
	if err != nil {
		log.Errorf("%v", err)
	}
}

// replacing reports whether some load is being replaced: until it is known how
// that ends, nothing takes effect.
func (r *registry) replacing() bool {
	return slices.ContainsFunc(r.loads, func(l *load) bool { return l.restarting })
}

func (r *registry) drop(l *load) {
	r.loads = slices.DeleteFunc(r.loads, func(o *load) bool { return o == l })
}

// sweep drops the loads whose instances are gone.
func (r *registry) sweep() {
	r.loads = slices.DeleteFunc(r.loads, func(l *load) bool { return !l.alive() })
}

// settle makes the states serve what the loads that are left want. Doing it twice
// does no harm.
func (r *registry) settle() error {
	r.sweep()
	if r.replacing() {
		return nil
	}
	r.fronts.settle(r.loads)
	all := make(map[*state]wanted, len(r.states))
	for _, st := range r.states {
		all[st] = r.wanted(st)
	}
	r.name(all) // before any catalog brings zones
	var errs []error
	for dir, st := range r.states {
		sites := all[st]
		if sites.none() {
			delete(r.states, dir)
			errs = append(errs, st.close())
			continue
		}
		errs = append(errs, st.commit(context.Background(), sites))
	}
	running := slices.Collect(maps.Values(r.states))
	r.running.Store(&running)
	for _, e := range r.engines() {
		e.RecheckCatalogs() // a zone may be served from elsewhere now
	}
	return errors.Join(errs...)
}

// engines gives the engines that run.
func (r *registry) engines() []*engine.Engine {
	var all []*engine.Engine
	if states := r.running.Load(); states != nil {
		for _, st := range *states {
			if e := st.engine.Load(); e != nil {
				all = append(all, e)
			}
		}
	}
	return all
}

// place is where a zone stands in the Corefile, and its state.
type place struct {
	state *state
	where string
}

// name lists the zones of the Corefile, if there are catalogs to be told of them.
func (r *registry) name(all map[*state]wanted) {
	named, catalogs := map[zone.Name]place{}, 0
	for _, sites := range all {
		catalogs += len(sites.catalogs)
	}
	for st, sites := range all {
		for i := 0; catalogs > 0 && i < len(sites.zones); i++ {
			cfg := sites.zones[i].Config
			named[cfg.Apex] = place{st, cfg.Where}
		}
	}
	r.named.Store(&named)
}

// elsewhere says that another state than st serves a zone, or is to; "" when none does. It takes no
// lock: engines ask it in the middle of a reload.
func (r *registry) elsewhere(st *state, apex zone.Name) string {
	if named := r.named.Load(); named != nil {
		if is, ok := (*named)[apex]; ok && is.state != st {
			return is.where
		}
	}
	if states := r.running.Load(); states != nil {
		for _, other := range *states {
			if z := other.find(apex); other != st && z != nil {
				return z.Config().Where
			}
		}
	}
	return ""
}
