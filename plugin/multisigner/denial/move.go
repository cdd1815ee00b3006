package denial

import (
	"slices"

	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// move is a name that comes into a chain, leaves it, or shows other types in it.
type move struct {
	name       zone.Name
	node       *zone.Node // in content; nil when it has gone
	was, links bool       // whether it was linked, whether it is to be
}

// moves lists the names of which the chain must learn, in canonical order.
func moves(old, content *zone.Version, m Mode) []move {
	var moved []move
	for name := range touched(old, content, m) {
		was, is := old.Get(name), content.Get(name)
		mv := move{name: name, node: is, was: m.links(was), links: m.links(is)}
		switch {
		case mv.was != mv.links:
		case !mv.links || m.sameTypes(was, is):
			continue
		}
		moved = append(moved, mv)
	}
	slices.SortFunc(moved, func(a, b move) int { return a.name.Compare(b.name) })
	return moved
}

func (m Mode) sameTypes(was, is *zone.Node) bool {
	var a, b [512]byte
	return string(m.appendTypes(a[:0], was)) == string(m.appendTypes(b[:0], is))
}

// touched gives the names whose place in the chain may differ: those at which a
// type came or went; those below, where that makes or ends a shadow; and for
// NSEC3 those above, which may be empty non-terminals that came or went with it.
func touched(old, content *zone.Version, m Mode) map[zone.Name]struct{} {
	names := map[zone.Name]struct{}{}
	for _, c := range zone.Compare(old, content).Changes {
		switch c.Type() {
		case zone.TypeNSEC, zone.TypeNSEC3, zone.TypeRRSIG:
			continue
		}
		if c.Old.Exists() == c.New.Exists() {
			continue
		}
		name := c.Name()
		names[name] = struct{}{}
		if c.Type() == zone.TypeDNAME || c.Type() == zone.TypeNS && name != content.Apex() {
			addBelow(names, content, name)
		}
		for m.Hashed() && name != content.Apex() {
			name = name.Parent()
			names[name] = struct{}{}
		}
	}
	return names
}

func addBelow(names map[zone.Name]struct{}, v *zone.Version, top zone.Name) {
	for n := range v.From(top) {
		if !n.Name().Under(top) {
			return
		}
		names[n.Name()] = struct{}{}
	}
}
