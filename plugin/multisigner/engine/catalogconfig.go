package engine

import (
	"slices"
	"time"

	"github.com/multisigner/multisigner/plugin/multisigner/catalog"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// CatalogConfig is how a catalog zone is consumed (RFC 9432).
type CatalogConfig struct {
	// Zone is of the catalog zone itself: its name, its primaries, from where they are asked,
	// and who is told of alarms. It is neither signed nor served.
	Zone        Config
	Suffixes    []zone.Name   // a member must be one of these, or below; none: it may be any
	Groups      []Group       // in the order in which they are chosen from
	RemoveAfter time.Duration // how long a zone is served on that the catalog names no more
	// Elsewhere says where a zone is configured that the process serves from another state
	// directory; "": nowhere. nil: there is no other.
	Elsewhere func(zone.Name) string
}

// Group are the settings of the members of a group.
type Group struct {
	Name     string
	Settings Settings
}

// Settings make the Config of a member. What they give is of the same for the same name.
type Settings interface{ For(member zone.Name) Config }

// Member says by which catalog a zone is here. The zero value is for a zone of the Corefile.
type Member struct {
	Catalog zone.Name
	ID      string // its label there; another one has the content taken anew
	Group   string // whose settings it has
}

// settings are those of a group; nil when there is none of that name.
func (c *CatalogConfig) settings(group string) Settings {
	i := slices.IndexFunc(c.Groups, func(g Group) bool { return g.Name == group })
	if i < 0 {
		return nil
	}
	return c.Groups[i].Settings
}

// block is the group whose settings a member has: its own or, where that block was taken away, the
// one that it is about to get.
func (c *Catalog) block(name zone.Name, en entry) string {
	if c.config.settings(en.Block) != nil {
		return en.Block
	}
	var says catalog.Member
	if c.last != nil {
		says = c.last.Members[name]
	}
	block, _ := catalog.Rules{Blocks: c.config.groups()}.Choose(says.Groups)
	return block
}

func (c *CatalogConfig) groups() (names []string) {
	for _, g := range c.Groups {
		names = append(names, g.Name)
	}
	return names
}
