package corefile

import (
	"reflect"
	"slices"

	"github.com/multisigner/multisigner/plugin/multisigner/engine"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// Site is one zone as a Corefile wants it, and where its engine lives.
type Site struct {
	Dir    string // state directory, absolute
	Config engine.Config
}

// Same reports whether two sites say the same about their zone, wherever they stand.
func (s Site) Same(o Site) bool {
	return s.Dir == o.Dir && reflect.DeepEqual(placeless(s.Config), placeless(o.Config))
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
	All   []Site
	index map[zone.Name]int // of All, by apex
}

// Add takes in the sites of one server block. A zone may stand in several blocks, if
// they agree.
func (s *Sites) Add(sites ...Site) Faults {
	var f Faults
	if s.index == nil {
		s.index = make(map[zone.Name]int)
	}
	for _, site := range sites {
		other, ok := s.Find(site.Config.Apex)
		switch {
		case !ok:
			s.index[site.Config.Apex] = len(s.All)
			s.All = append(s.All, site)
		case !other.Same(site):
			f.add(site.Config.Where, "zone %s is served with other settings at %s: make both alike, or remove one", site.Config.Apex, other.Config.Where)
		default:
			mine := &s.All[s.index[site.Config.Apex]].Config
			mine.Listens = append(slices.Clip(mine.Listens), site.Config.Listens...)
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
	return f
}
