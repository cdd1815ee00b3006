package multisigner

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"

	"github.com/multisigner/multisigner/plugin/multisigner/control"
	"github.com/multisigner/multisigner/plugin/multisigner/corefile"
	"github.com/multisigner/multisigner/plugin/multisigner/engine"
	"github.com/multisigner/multisigner/plugin/multisigner/status"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// state is one state directory and the engine that works in it. It outlives the
// Corefile loads that use it: a reload finds it running and leaves it running.
type state struct {
	dir    string
	engine atomic.Pointer[engine.Engine] // nil before the first load has opened it

	// Guarded by the registry's mutex.
	control  *control.Server
	serves   *wanted          // what the engine was last told to serve
	prepared *engine.Prepared // what it will be told, unless the reload fails
	plan     wanted           // that prepared is for
}

// wanted is what a state is to serve.
type wanted struct {
	zones    []corefile.Site
	catalogs []corefile.CatalogSite
}

func (w wanted) none() bool { return len(w.zones) == 0 && len(w.catalogs) == 0 }

func (w wanted) equal(o wanted) bool {
	return slices.EqualFunc(w.zones, o.zones, corefile.Site.Equal) && slices.EqualFunc(w.catalogs, o.catalogs, corefile.CatalogSite.Equal)
}

// find gives the engine's zone with this apex. It is nil between the start of a
// Corefile load that adds the zone and its taking effect, and when no load wants it any more.
func (s *state) find(apex zone.Name) *engine.Zone {
	e := s.engine.Load()
	if e == nil {
		return nil
	}
	if z := e.Find(apex); z != nil && z.Apex() == apex {
		return z
	}
	return nil
}

// open starts the engine, unless it runs.
func (s *state) open(logger *slog.Logger) error {
	if s.engine.Load() != nil {
		return nil
	}
	_, missing := os.Stat(filepath.Join(s.dir, "state.db"))
	e, err := engine.Open(s.dir, engine.Options{Logger: logger, Queries: process.queries})
	if err != nil {
		return err
	}
	if errors.Is(missing, fs.ErrNotExist) {
		logger.Warn(newState(s.dir), "dir", s.dir)
	}
	s.engine.Store(e)
	s.control, err = control.Listen(s.dir, reloads{control.Of(e), control.CatalogsOf(e), process}, logger)
	if err != nil { // the zones are worth serving without it
		logger.Error("the multisigner command cannot ask this server", "error", err)
	}
	return nil
}

// newState says what begins with a state that was made anew.
func newState(dir string) string {
	if keys, _ := filepath.Glob(filepath.Join(dir, "keys", "*", "*.private")); len(keys) > 0 {
		return "there is no state.db in the state directory, but there are keys: a new state was made; if state.db was lost, end this server and restore it from a backup"
	}
	return "a new state directory was made, and keys are made in it anew: if this server had keys before, end it and name their directory with state"
}

// reloads adds to what an engine tells of its zones what became of the last reload,
// which the engine never sees.
type reloads struct {
	control.Zones
	control.CatalogZones
	registry *registry
}

func (z reloads) Status(names ...string) []status.Zone {
	zones := z.Zones.Status(names...)
	for i := range zones {
		zones[i].Reload = z.registry.refused.Load()
	}
	return zones
}

// prepare gets the engine ready to serve sites and changes nothing yet.
func (s *state) prepare(ctx context.Context, sites wanted) error {
	s.discard()
	if s.serves != nil && s.serves.equal(sites) {
		return nil
	}
	configs := make([]*engine.Config, len(sites.zones))
	for i, site := range sites.zones {
		configs[i] = site.Config
	}
	catalogs := make([]engine.CatalogConfig, len(sites.catalogs))
	for i, site := range sites.catalogs {
		catalogs[i] = site.Config
		catalogs[i].Elsewhere = func(apex zone.Name) string { return process.elsewhere(s, apex) }
	}
	p, err := s.engine.Load().PrepareShared(ctx, configs, catalogs...)
	if err != nil {
		return fmt.Errorf("state directory %s: %w", s.dir, err)
	}
	s.prepared, s.plan = p, sites
	return nil
}

// commit has the engine serve sites, which ought to have been prepared.
func (s *state) commit(ctx context.Context, sites wanted) error {
	if s.prepared == nil || !s.plan.equal(sites) {
		if err := s.prepare(ctx, sites); err != nil {
			return err
		}
	}
	if s.prepared != nil {
		s.prepared.Commit()
		s.prepared, s.plan, s.serves = nil, wanted{}, &sites
	}
	return nil
}

func (s *state) discard() {
	if s.prepared != nil {
		s.prepared.Discard()
		s.prepared, s.plan = nil, wanted{}
	}
}

// close stops the engine. Handlers that still hold the state go on answering from
// what it served last: CoreDNS shuts plugins down before it stops listening.
func (s *state) close() error {
	s.discard()
	var err error
	if s.control != nil {
		err = s.control.Close()
	}
	if e := s.engine.Load(); e != nil {
		err = errors.Join(err, e.Close())
	}
	return err
}

// realDirs are directories by the ways to write them, each looked at once: many zones have one.
type realDirs map[string]string

func (r realDirs) of(dir string) string {
	real, ok := r[dir]
	if !ok {
		real = realDir(dir)
		r[dir] = real
	}
	return real
}

// realDir makes one of all ways to write a directory, as far as it exists.
func realDir(dir string) string {
	if abs, err := filepath.Abs(dir); err == nil {
		dir = abs
	}
	rest := ""
	for at := dir; ; at = filepath.Dir(at) {
		if real, err := filepath.EvalSymlinks(at); err == nil {
			return filepath.Join(real, rest)
		}
		if at == filepath.Dir(at) {
			return dir
		}
		rest = filepath.Join(filepath.Base(at), rest)
	}
}
