package multisigner

import (
	"slices"

	"github.com/coredns/caddy"
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/plugin"

	"github.com/multisigner/multisigner/plugin/multisigner/corefile"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// load is one Corefile as CoreDNS loaded it: everything that its multisigner
// blocks want. It holds no resources; the states it uses do.
type load struct {
	sites    corefile.Sites
	handlers []*Handler
	checks   []func() error // of the plugins beside us, when all are known
	ports    []func() error // whether somebody else has them; only for a start
	context  caddy.Context

	// Set before the first query.
	zones     map[zone.Name][]*Handler
	consuming []*Handler // those with catalogs

	// Guarded by the registry's mutex.
	restarting bool // a successor is being started
}

// storageKey is where a Caddy instance keeps its load.
type storageKey struct{}

// loadOf gives the load that c's instance is part of. The first call sees to what
// happens when the instance starts and stops.
func loadOf(c *caddy.Controller) *load {
	if l, ok := c.Get(storageKey{}).(*load); ok {
		return l
	}
	l := &load{context: c.Context(), zones: make(map[zone.Name][]*Handler)}
	c.Set(storageKey{}, l)
	process.read(l)
	dnsserver.AddPluginToAllServerBlocks(c, func(next plugin.Handler) plugin.Handler {
		if h, ok := next.(*Handler); ok {
			return h // sees to it itself
		}
		return crossing{l, next}
	})
	c.OnStartup(func() error { return process.start(l) })
	c.OnRestart(func() error { return process.restarting(l) })
	c.OnRestartFailed(func() error { return process.restartFailed(l) })
	c.OnShutdown(func() error { return process.stop(l) })
	return l
}

// resolve makes one of the different ways to write a state directory. It looks at
// the disk, so it waits until the load starts.
func (l *load) resolve() {
	real := realDirs{}
	for i := range l.sites.All {
		l.sites.All[i].Dir = real.of(l.sites.All[i].Dir)
	}
	for i := range l.sites.Catalogs {
		l.sites.Catalogs[i].Dir = real.of(l.sites.Catalogs[i].Dir)
	}
}

// attach gives each handler the states of its zones, and the load the handlers of
// each zone.
func (l *load) attach(states map[string]*state) {
	for _, h := range l.handlers {
		h.attach(states)
		for apex := range h.zones {
			l.zones[apex] = append(l.zones[apex], h)
		}
		if len(h.consumed) > 0 {
			l.consuming = append(l.consuming, h)
		}
	}
}

// alive reports whether the load's instance is still there. CoreDNS tells nobody
// when a load fails that had got as far as us; it only drops the instance.
func (l *load) alive() bool { return slices.ContainsFunc(caddy.Instances(), l.of) }

// of reports whether the load is what i loaded.
func (l *load) of(i *caddy.Instance) bool {
	i.StorageMu.RLock()
	defer i.StorageMu.RUnlock()
	return i.Storage[storageKey{}] == l
}
