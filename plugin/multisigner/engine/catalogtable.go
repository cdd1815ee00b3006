package engine

import (
	"slices"
	"time"

	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// configure takes in what a Corefile says of catalogs and zones, and gives the members that
// are to be served by what was acted on. The caller holds the lock.
func (c *catalogs) configure(list []CatalogConfig, zones []*Config) (members []*Config) {
	before := c.list
	c.list, c.static, c.stale = nil, nil, true
	for i := range list {
		at := slices.IndexFunc(before, func(o *Catalog) bool { return o.name == list[i].Zone.Apex })
		if at < 0 {
			c.list = append(c.list, newCatalog(c, &list[i]))
			continue
		}
		before[at].configure(&list[i])
		c.list = append(c.list, before[at])
	}
	listed := slices.Clone(c.list)
	c.listed.Store(&listed)
	if len(list) == 0 {
		return nil
	}
	c.static = make(map[zone.Name]string, len(zones))
	for _, cfg := range zones {
		c.static[cfg.Apex] = cfg.Where
	}
	if c.fault = c.load(); c.fault != nil {
		c.engine.log.Error("what catalogs have brought cannot be read, and is not served", "error", c.fault)
		return nil
	}
	now := c.engine.clock.Now()
	for _, each := range c.list {
		if !each.begun { // what it says is needed where a group block was taken away
			each.unkept = each.begin(now)
		}
	}
	for name, en := range c.entries {
		if cfg := c.config(name, en, now); cfg != nil {
			members = append(members, cfg)
		}
	}
	return members
}

// find gives the catalog of a name; nil when it is consumed no more.
func (c *catalogs) find(name zone.Name) *Catalog {
	for _, each := range c.list {
		if each.name == name {
			return each
		}
	}
	return nil
}

// serves reports whether a zone is to be served as a member, and until when that lasts; the
// zero time is for no end.
func (c *catalogs) serves(name zone.Name, en entry, now time.Time) (settings Settings, until time.Time) {
	from := c.find(en.Catalog)
	if from == nil || c.elsewhere(from, name) != "" {
		return nil, time.Time{}
	}
	if !en.Gone.IsZero() {
		if until = en.Gone.Add(from.config.RemoveAfter); !now.Before(until) {
			return nil, time.Time{}
		}
	}
	return from.config.settings(from.block(name, en)), until
}

// config is how a zone is served as a member; nil when it is not.
func (c *catalogs) config(name zone.Name, en entry, now time.Time) *Config {
	settings, _ := c.serves(name, en, now)
	if settings == nil {
		return nil
	}
	cfg := settings.For(name)
	cfg.Member = en.member()
	return &cfg
}

// elsewhere says where a zone comes from that is no member; "" when it does not.
func (c *catalogs) elsewhere(from *Catalog, name zone.Name) string {
	if where, ok := c.static[name]; ok {
		return where
	}
	if c.find(name) != nil {
		return "it is a catalog"
	}
	if from.config.Elsewhere != nil {
		return from.config.Elsewhere(name)
	}
	return ""
}

// follow makes the table of zones what the entries say, as far as is taken in a turn: all of them when
// the turn compares, else those that are done now and those that are behind. It gives the zones that begin.
func (c *catalogs) follow(all bool, done []zone.Name, now time.Time) (begun []*Zone) {
	f := following{of: c, now: now, table: *c.engine.zones.Load()}
	if all {
		c.behind = nil
		for name := range c.entries {
			f.see(name)
		}
	} else {
		names := append(c.behind, done...)
		c.behind = nil
		for len(names) > 0 && len(f.begin) < membersAtOnce {
			f.see(names[0])
			names = names[1:]
		}
		c.behind = append(c.behind, names...)
	}
	if len(f.begin)+len(f.end) > 0 {
		begun = c.engine.change(f.begin, f.end)
	}
	return begun
}

// following is what follow finds.
type following struct {
	of    *catalogs
	now   time.Time
	table map[zone.Name]*Zone
	begin []*Config
	end   []zone.Name
}

// see compares the entry of a zone with the table.
func (f *following) see(name zone.Name) {
	c, e, en := f.of, f.of.engine, f.of.entries[name]
	settings, until := c.serves(name, en, f.now)
	if !until.IsZero() {
		c.sooner(until)
	}
	z := f.table[name]
	mine := z != nil && z.Config().Member.Catalog != ""
	switch {
	case settings == nil && mine:
		f.end = append(f.end, name)
	case settings == nil || z != nil && !mine:
	case z != nil && z.Config().Member != en.member():
		z.config.Store(c.config(name, en, f.now))
		z.ask(func(w *wants) { w.configured = true })
		e.products.want()
	case z == nil && len(f.begin) == membersAtOnce:
		c.behind = append(c.behind, name)
	case z == nil:
		f.begin = append(f.begin, c.config(name, en, f.now))
	}
}
