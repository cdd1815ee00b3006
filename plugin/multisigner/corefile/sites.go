package corefile

import (
	"reflect"
	"slices"

	"github.com/multisigner/multisigner/plugin/multisigner/engine"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// Site is one zone as a Corefile wants it, and where its engine lives. Copies share the
// Config: it is not changed once the site was added to others.
type Site struct {
	Dir    string // state directory, absolute
	Config *engine.Config
	// OverTLS: a server block that serves the zone speaks DNS over TLS.
	OverTLS bool
}

// Same reports whether two sites say the same about their zone, wherever they stand.
func (s Site) Same(o Site) bool {
	return s.Dir == o.Dir && (s.Config == o.Config || reflect.DeepEqual(placeless(*s.Config), placeless(*o.Config)))
}

// Equal reports whether they are the Same and listen at the same addresses.
func (s Site) Equal(o Site) bool {
	return s.Same(o) && slices.Equal(s.Config.Listens, o.Config.Listens)
}

func placeless(c engine.Config) engine.Config {
	c.Where, c.Listens = "", nil
	c.Peers = slices.Clone(c.Peers)
	for i := range c.Peers {
		c.Peers[i].Where = ""
	}
	return c
}

// Sites are the zones that a Corefile wants, each once. The zero value is none.
type Sites struct {
	All      []Site
	Catalogs []CatalogSite
	products map[zone.Name]Site // the first zone of each catalog that is made here
	index    map[zone.Name]int  // of All, by apex
}

// Add takes in the sites of one server block. A zone may stand in several blocks, if
// they agree.
func (s *Sites) Add(sites ...Site) Faults {
	var f Faults
	if s.index == nil {
		s.index = make(map[zone.Name]int, len(sites))
		s.All = make([]Site, 0, len(sites))
	}
	for _, site := range sites {
		other, ok := s.Find(site.Config.Apex)
		f = append(f, s.produced(site)...)
		switch {
		case !ok:
			if of, made := s.products[site.Config.Apex]; made {
				f.add(site.Config.Where, "zone %s is a catalog that is made here at %s: a catalog is a zone of its own", site.Config.Apex, of.Config.Where)
			}
			s.index[site.Config.Apex] = len(s.All)
			s.All = append(s.All, site)
		case !other.Same(site):
			f.add(site.Config.Where, "zone %s is served with other settings at %s: make both alike, or remove one", site.Config.Apex, other.Config.Where)
		default:
			mine := *other.Config
			mine.Listens = append(slices.Clip(mine.Listens), site.Config.Listens...)
			s.All[s.index[mine.Apex]] = Site{other.Dir, &mine, other.OverTLS || site.OverTLS}
		}
	}
	return f
}

// produced holds the zones of a catalog that is made here to one state directory, in which the catalog is.
func (s *Sites) produced(site Site) (f Faults) {
	at := site.Config.Produced.Catalog
	if at == "" {
		return nil
	}
	if first, ok := s.products[at]; ok && first.Dir != site.Dir {
		f.add(site.Config.Where, "catalog-member %s: zone %s of it (%s) has another state directory: give all its zones the same", at, first.Config.Apex, first.Config.Where)
	} else if !ok {
		f = s.produce(at, site)
	}
	return f
}

// produce takes in that a catalog is made here, at first of that site.
func (s *Sites) produce(at zone.Name, of Site) (f Faults) {
	if s.products == nil {
		s.products = make(map[zone.Name]Site)
	}
	s.products[at] = of
	if other, ok := s.Find(at); ok {
		f.add(of.Config.Where, "catalog-member %s: it is a zone at %s: a catalog is a zone of its own", at, other.Config.Where)
	}
	for _, c := range s.Catalogs {
		if c.Config.Zone.Apex == at {
			f.add(of.Config.Where, "catalog-member %s: that catalog is consumed at %s: make one of another name", at, c.Config.Zone.Where)
		}
	}
	return f
}

// Find gives what is said about a zone.
func (s *Sites) Find(apex zone.Name) (Site, bool) {
	if i, ok := s.index[apex]; ok {
		return s.All[i], true
	}
	return Site{}, false
}

// Conflicts finds zones that other, which the same process serves from the same
// state directory, serves differently.
func (s *Sites) Conflicts(other *Sites) Faults {
	var f Faults
	for _, site := range s.All {
		if o, ok := other.Find(site.Config.Apex); ok && o.Dir == site.Dir && !o.Same(site) {
			f.add(site.Config.Where, "zone %s is served by this process with other settings, from %s", site.Config.Apex, o.Config.Where)
		}
	}
	for _, site := range s.Catalogs {
		for _, o := range other.Catalogs {
			if o.Config.Zone.Apex == site.Config.Zone.Apex && !o.Same(site) {
				f.add(site.Config.Zone.Where, "catalog %s is consumed by this process with other settings, from %s", o.Config.Zone.Apex, o.Config.Zone.Where)
			}
		}
	}
	return f
}
