package corefile

import (
	"net/netip"
	"reflect"
	"slices"

	"github.com/multisigner/multisigner/plugin/multisigner/engine"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// CatalogSite is a catalog as a Corefile wants it, and where its engine lives.
type CatalogSite struct {
	Dir    string // state directory, absolute
	Config engine.CatalogConfig
}

// settings are those of a group. They implement engine.Settings.
type settings struct {
	config  *Config
	root    string
	secrets map[string]string
	listens []netip.AddrPort
}

// For implements engine.Settings.
func (s *settings) For(member zone.Name) engine.Config {
	e := s.config.engineConfig(member, s.root, s.secrets)
	e.Listens = s.listens
	return e
}

// BuildCatalogs makes a CatalogSite of each catalog of a block without faults, as Build does of zones.
func (c *Config) BuildCatalogs(root string, secrets map[string]string) (sites []CatalogSite) {
	for i := range c.Catalogs {
		k := &c.Catalogs[i]
		is := engine.CatalogConfig{Zone: k.Own.engineConfig(zone.MustName(k.Name), root, secrets), RemoveAfter: k.RemoveAfter}
		is.Zone.Where = k.Where
		for _, suffix := range k.Members {
			is.Suffixes = append(is.Suffixes, zone.MustName(suffix))
		}
		for j := range k.Groups {
			is.Groups = append(is.Groups, engine.Group{Name: k.Groups[j].Name, Settings: &settings{config: &k.Groups[j].Settings, root: root, secrets: secrets}})
		}
		sites = append(sites, CatalogSite{Dir: under(root, c.State), Config: is})
	}
	return sites
}

// Listen says at which addresses the process answers for the members. s stays as it is.
func (s CatalogSite) Listen(at []netip.AddrPort) CatalogSite {
	s.Config.Zone.Listens = slices.Concat(s.Config.Zone.Listens, at)
	s.Config.Groups = slices.Clone(s.Config.Groups)
	for i, g := range s.Config.Groups {
		if of, ok := g.Settings.(*settings); ok {
			with := *of
			with.listens = slices.Concat(of.listens, at)
			s.Config.Groups[i].Settings = &with
		}
	}
	return s
}

// Updated reports whether zones of a group may be changed by UPDATE.
func (s CatalogSite) Updated() bool {
	return slices.ContainsFunc(s.Config.Groups, func(g engine.Group) bool { return len(g.Settings.For(anyMember).Updates) > 0 })
}

// Produced lists the catalogs that are made here in which zones of a group stand.
func (s CatalogSite) Produced() (names []zone.Name) {
	for _, g := range s.Config.Groups {
		if at := g.Settings.For(anyMember).Produced.Catalog; at != "" && !slices.Contains(names, at) {
			names = append(names, at)
		}
	}
	return names
}

// anyMember stands for every member where settings are compared.
var anyMember = zone.MustName("member.invalid.")

// Same reports whether two say the same, wherever they stand.
func (s CatalogSite) Same(o CatalogSite) bool {
	a, b := s.Config, o.Config
	return s.Dir == o.Dir && a.RemoveAfter == b.RemoveAfter && slices.Equal(a.Suffixes, b.Suffixes) &&
		reflect.DeepEqual(placeless(a.Zone), placeless(b.Zone)) &&
		slices.EqualFunc(a.Groups, b.Groups, func(g, h engine.Group) bool {
			return g.Name == h.Name && reflect.DeepEqual(placeless(g.Settings.For(anyMember)), placeless(h.Settings.For(anyMember)))
		})
}

// Equal reports whether they are the Same and listen at the same addresses.
func (s CatalogSite) Equal(o CatalogSite) bool {
	return s.Same(o) && slices.Equal(s.Config.Zone.Listens, o.Config.Zone.Listens)
}

// AddCatalogs takes in the catalogs of one server block. A catalog may stand in several
// blocks, if they agree. All catalogs of a process have one state directory: no zone could be a
// member in two of them.
func (s *Sites) AddCatalogs(sites ...CatalogSite) (f Faults) {
	for _, site := range sites {
		name := site.Config.Zone.Apex
		if zone, ok := s.Find(name); ok {
			f.add(site.Config.Zone.Where, "catalog %s is a zone at %s: a catalog is a zone of its own", name, zone.Config.Where)
			continue
		}
		if zone, made := s.products[name]; made {
			f.add(site.Config.Zone.Where, "catalog %s is made here, of zone %s (%s) and others: it cannot be consumed as well", name, zone.Config.Apex, zone.Config.Where)
			continue
		}
		i := slices.IndexFunc(s.Catalogs, func(o CatalogSite) bool { return o.Config.Zone.Apex == name })
		switch {
		case len(s.Catalogs) > 0 && s.Catalogs[0].Dir != site.Dir:
			f.add(site.Config.Zone.Where, "catalog %s has another state directory than catalog %s (%s): give all catalogs the same", name, s.Catalogs[0].Config.Zone.Apex, s.Catalogs[0].Config.Zone.Where)
		case i < 0:
			s.Catalogs = append(s.Catalogs, site)
		case !s.Catalogs[i].Same(site):
			f.add(site.Config.Zone.Where, "catalog %s has other settings at %s: make both alike, or remove one", name, s.Catalogs[i].Config.Zone.Where)
		default:
			s.Catalogs[i] = s.Catalogs[i].Listen(site.Config.Zone.Listens)
		}
		for _, at := range site.Produced() {
			if _, made := s.products[at]; !made {
				f = append(f, s.produce(at, Site{Dir: site.Dir, Config: &site.Config.Zone})...)
			}
		}
	}
	return f
}
