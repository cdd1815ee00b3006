package engine

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/multisigner/multisigner/plugin/multisigner/catalog"
	"github.com/multisigner/multisigner/plugin/multisigner/status"
	"github.com/multisigner/multisigner/plugin/multisigner/store"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// Produced says in which catalog that is made here a zone stands; the zero value: in none.
type Produced struct {
	Catalog zone.Name
	Group   string // "": none
}

// products are the catalogs that are made here, of the zones that are served (RFC 9432). Each follows the
// table of zones, and is saved before it is shown: an id is the zone's for as long as it stands there.
type products struct {
	engine *Engine
	poke   chan struct{}
	shown  atomic.Pointer[map[zone.Name]*Zone] // as which they are transferred; they take no turns

	mu sync.Mutex
	of map[zone.Name]*product
}

// product is one catalog that is made here, as it is saved.
type product struct {
	Format  int                        `json:"format"`
	Serial  uint32                     `json:"serial"`
	Members map[string]catalog.Product `json:"members"`

	revision uint64
}

func newProducts(e *Engine) *products {
	p := &products{engine: e, poke: make(chan struct{}, 1), of: map[zone.Name]*product{}}
	p.shown.Store(&map[zone.Name]*Zone{})
	return p
}

func (p *products) want() {
	select {
	case p.poke <- struct{}{}:
	default:
	}
}

// productsEvery is the least between two versions of the catalogs that are made here, and productsRetry how
// soon a version that was not saved is made again: our choice. Zones that come together are told of together.
const (
	productsEvery = time.Second
	productsRetry = 30 * time.Second
)

func (p *products) run(ctx context.Context) {
	e := p.engine
	for {
		select {
		case <-p.poke:
		case <-ctx.Done():
			return
		}
		wait := productsEvery
		if err := p.turn(); err != nil && ctx.Err() == nil {
			e.log.Error("a catalog that is made here is not saved, and stays as it was; it is tried again", "error", err)
			wait = productsRetry
			p.want()
		}
		if !e.pause(ctx, e.clock.Steady()+wait) {
			return
		}
	}
}

// turn makes the catalogs what the table of zones says.
func (p *products) turn() error {
	e := p.engine
	e.catalogs.mu.Lock()
	whole := e.catalogs.fault == nil
	e.catalogs.mu.Unlock()
	if !whole {
		return nil // zones that other catalogs have brought may be missing: nobody is to remove them
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	wanted, configs := map[zone.Name]map[zone.Name]string{}, map[zone.Name]*Config{}
	for name, z := range *e.zones.Load() {
		cfg := z.Config()
		at := cfg.Produced.Catalog
		if at == "" {
			continue
		}
		if wanted[at] == nil {
			wanted[at], configs[at] = map[zone.Name]string{}, &Config{Apex: at, Where: cfg.Where, Signer: cfg.Signer, Listens: cfg.Listens, Outgoing: cfg.Outgoing}
		}
		wanted[at][name] = cfg.Produced.Group
		configs[at].admit(cfg)
	}
	shown := maps.Clone(*p.shown.Load())
	var wrong error
	for name, members := range wanted {
		z := shown[name]
		if z == nil {
			z = &Zone{apex: name, engine: e}
			shown[name] = z
		}
		z.config.Store(configs[name])
		wrong = errors.Join(wrong, p.put(z, members))
	}
	for name, z := range shown {
		switch {
		case z.Open() == nil, wanted[name] == nil && e.names(name):
			delete(shown, name)
		case wanted[name] == nil:
			// Its last zone has left. Whoever has the catalog would keep that zone for ever if the
			// catalog went with it, and is told, as before, that there is none.
			wrong = errors.Join(wrong, p.put(z, nil))
		}
	}
	p.shown.Store(&shown)
	return wrong
}

// names reports whether a name is that of a zone, or of a catalog that is consumed.
func (e *Engine) names(name zone.Name) bool {
	return (*e.zones.Load())[name] != nil || slices.ContainsFunc(*e.catalogs.listed.Load(), func(c *Catalog) bool { return c.name == name })
}

// put has a catalog show these members.
func (p *products) put(z *Zone, members map[zone.Name]string) error {
	v, err := p.follow(z.apex, members)
	if err != nil {
		return err
	}
	if old := z.Open(); old == nil || len(zone.Compare(old, v).Changes) > 0 {
		z.serving.Store(&Serving{Version: v})
		p.engine.tell(z, z.Config(), v)
	}
	return nil
}

// admit adds those who may transfer a zone of the catalog with a key, or over TLS: its names are not for
// everybody (RFC 9432 7).
func (c *Config) admit(of *Config) {
	for _, s := range of.Secondaries {
		if (s.Server.TSIG != nil || s.TLS) && !slices.ContainsFunc(c.Secondaries, func(o Secondary) bool { return o.Server.Addr == s.Server.Addr && reflect.DeepEqual(o, s) }) {
			c.Secondaries = append(c.Secondaries, s)
		}
	}
	for _, a := range of.AllowTransfer {
		if (a.Key != "" || a.TLS) && !slices.Contains(c.AllowTransfer, a) {
			c.AllowTransfer = append(c.AllowTransfer, a)
		}
	}
}

func productKey(name zone.Name) string { return "produced/" + name.String() }

// follow gives the version of a catalog with these members, in their groups. One that is another than
// before has a later serial, and is on the disk.
func (p *products) follow(name zone.Name, members map[zone.Name]string) (*zone.Version, error) {
	e := p.engine
	was, err := p.load(name)
	if err != nil {
		return nil, err
	}
	next := &product{Format: recordFormat, Serial: was.Serial, Members: map[string]catalog.Product{}, revision: was.revision}
	of := make(map[zone.Name]catalog.Product, len(members))
	for member, group := range members {
		is := catalog.Product{ID: was.Members[member.String()].ID, Group: group}
		if is.ID == "" {
			var random [catalog.IDOctets]byte
			_, _ = rand.Read(random[:]) // it never fails
			is.ID = catalog.ID(random)
		}
		next.Members[member.String()], of[member] = is, is
	}
	if was.revision == 0 || !maps.Equal(was.Members, next.Members) {
		now := uint32(e.clock.Now().Unix())
		if next.Serial++; was.revision == 0 || zone.SerialAfter(now, next.Serial) {
			next.Serial = now
		}
		value, err := json.Marshal(next)
		if err != nil {
			return nil, err
		}
		if next.revision, err = e.store.Save(e.life, productKey(name), value, was.revision); err != nil {
			return nil, fmt.Errorf("save catalog %s: %w", name, err)
		}
		p.of[name] = next
		e.log.Info("a catalog that is made here has changed", "catalog", name, "serial", next.Serial, "members", len(next.Members))
	}
	v, ok := catalog.Make(name, next.Serial, of)
	if !ok {
		return nil, fmt.Errorf("catalog %s: the name is too long for a catalog: choose a shorter one", name)
	}
	return v, nil
}

// load gives a catalog as it was saved; an empty one that was not.
func (p *products) load(name zone.Name) (*product, error) {
	if is := p.of[name]; is != nil {
		return is, nil
	}
	is := &product{}
	value, revision, err := p.engine.store.Load(p.engine.life, productKey(name))
	switch {
	case errors.Is(err, store.ErrNotFound):
		return is, nil
	case err != nil:
		return nil, fmt.Errorf("load catalog %s: %w", name, err)
	}
	if err := json.Unmarshal(value, is); err != nil {
		return nil, fmt.Errorf("catalog %s is damaged (%w): restore state.db from a backup", name, err)
	}
	if is.Format > recordFormat {
		return nil, fmt.Errorf("catalog %s has format %d, this program reads up to %d: run the newer program", name, is.Format, recordFormat)
	}
	is.revision = revision
	p.of[name] = is
	return is, nil
}

// status tells of the catalogs that are made here, by name.
func (p *products) status(now time.Time) (all []status.Catalog) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for name, z := range *p.shown.Load() {
		is, v := p.of[name], z.Open()
		if is == nil || v == nil {
			continue
		}
		s := status.Catalog{
			Catalog: name.String(), Role: "producer", Signer: z.Config().Signer, At: now, Where: z.Config().Where, Serial: v.Serial(),
			Named: len(is.Members), Served: len(is.Members), Alarms: []status.Alarm{}, Members: []status.CatalogMember{},
		}
		for member, m := range is.Members {
			s.Members = append(s.Members, status.CatalogMember{Zone: member, ID: m.ID, Group: m.Group, State: "named"})
		}
		slices.SortFunc(s.Members, func(a, b status.CatalogMember) int { return strings.Compare(a.Zone, b.Zone) })
		all = append(all, s)
	}
	slices.SortFunc(all, func(a, b status.Catalog) int { return strings.Compare(a.Catalog, b.Catalog) })
	return all
}

// Product gives a catalog that is made here, as which it is transferred; nil when there is none, or not yet.
func (e *Engine) Product(name zone.Name) *Zone { return (*e.products.shown.Load())[name] }
