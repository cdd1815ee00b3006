package corefile

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/coredns/coredns/plugin"

	"github.com/multisigner/multisigner/plugin/multisigner/catalog"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// Catalog is a catalog block as it was written.
type Catalog struct {
	Name        string
	Where       string
	Own         Config // its primaries, and what the block around it says of us
	Members     []string
	Groups      []Group
	RemoveAfter time.Duration

	block []string // the zones of the server block
	given given
}

// Group is a group block: the settings of each zone in it.
type Group struct {
	Name     string
	Where    string
	Settings Config
}

// catalogDirectives are those of a catalog block.
var catalogDirectives = map[string]directive[Catalog]{
	"primary": {usage: blockDirectives["primary"].usage, min: 1, max: unlimited, many: true, take: func(p *parser, c *Catalog, l line) {
		takePrimary(p, &c.Own, l)
	}},
	"primary-refresh": {usage: blockDirectives["primary-refresh"].usage, min: 1, max: 2, take: func(p *parser, c *Catalog, l line) {
		blockDirectives["primary-refresh"].take(p, &c.Own, l)
	}},
	"members": {usage: "SUFFIX...", min: 1, max: unlimited, many: true, take: takeMembers},
	"group":   {usage: "NAME", min: 1, max: 1, many: true, block: true, take: func(*parser, *Catalog, line) {}}, // see readCatalog
	"remove-after": {usage: "DURATION", min: 1, max: 1, take: func(p *parser, c *Catalog, l line) {
		p.duration(l, l.args[0], &c.RemoveAfter)
	}},
}

// takeCatalogMember takes the catalog in which zones stand that is made here.
func takeCatalogMember(p *parser, c *Config, l line) {
	names := plugin.Host(l.args[0]).NormalizeExact()
	if len(names) != 1 {
		p.add(l.where, "%q is no zone name", l.args[0])
		return
	}
	if apex, err := zone.ParseName(names[0]); err != nil {
		p.add(l.where, "%q is no zone name: %v", l.args[0], err)
		return
	} else if _, ok := catalog.Make(apex, 0, nil); !ok {
		p.add(l.where, "catalog-member %s: the name is too long for a catalog: choose a shorter one", l.args[0])
		return
	}
	c.Produced = names[0]
	if len(l.args) == 2 {
		if c.ProducedIn = l.args[1]; len(c.ProducedIn) > 255 {
			p.add(l.where, "catalog-member: the name of a group has at most 255 octets")
		}
	}
}

// checkProduced says whether the catalog that is made of the zones can be had.
func (c *Config) checkProduced(f *Faults) {
	if !c.has("catalog-member") || c.Produced == "" {
		return
	}
	if slices.Contains(c.Zones, c.Produced) {
		f.add(c.at("catalog-member"), "catalog-member %s: it is a zone of this block: a catalog is a zone of its own", c.Produced)
	}
	keyed := slices.ContainsFunc(c.Secondaries, func(s Secondary) bool { return s.Key.Name != "" || s.TLS }) ||
		slices.ContainsFunc(c.AllowTransfer, func(a Allow) bool { return a.Key.Name != "" || a.TLS })
	if !keyed {
		f.add(c.at("catalog-member"), "catalog-member %s: nobody may transfer the catalog: add secondary ADDRESS key NAME (or tls); it is given to nobody without a key", c.Produced)
	}
}

func takeMembers(p *parser, c *Catalog, l line) {
	for _, arg := range l.args {
		names := plugin.Host(arg).NormalizeExact()
		if len(names) == 0 {
			p.add(l.where, "%q is no zone name", arg)
			continue
		}
		if plugin.Zones(c.block).Matches(names[0]) == "" {
			p.add(l.where, "members %s: it is not in %s, so that no question for it comes to this server block", arg, strings.Join(c.block, " "))
		}
		c.Members = append(c.Members, names[0])
	}
}

// hasCatalog reports whether there is a catalog among lines.
func hasCatalog(lines []line) bool {
	return slices.ContainsFunc(lines, func(l line) bool { return l.name == "catalog" })
}

// readCatalog reads a catalog block. What stands around it in its multisigner block holds for every
// group, unless the group says otherwise.
func (p *parser) readCatalog(l line, around []line, serverBlock []string) Catalog {
	around = slices.DeleteFunc(slices.Clone(around), func(l line) bool { return l.name == "catalog" })
	c := Catalog{Where: l.where, given: given{}, block: plugin.OriginsFromArgsOrServerBlock(nil, serverBlock)}
	if names := plugin.Host(l.args[0]).NormalizeExact(); len(names) == 1 {
		c.Name = names[0]
	} else {
		p.add(l.where, "%q is no zone name", l.args[0])
	}
	if c.Name != "" && plugin.Zones(c.block).Matches(c.Name) == "" {
		p.add(l.where, "catalog %s is not in %s, so that no NOTIFY for it comes to this server block", c.Name, strings.Join(c.block, " "))
	}
	c.Own = base(around)
	c.Own.Primaries, c.Own.RefreshMin, c.Own.RefreshMax = nil, 0, 0
	takeLines(p, l.lines, catalogDirectives, &c, c.given)
	if len(c.Members) == 0 && !slices.Contains(c.block, ".") {
		c.Members = c.block
	}
	for _, g := range l.lines {
		if g.name == "group" && g.block && len(g.args) == 1 {
			c.Groups = append(c.Groups, p.readGroup(g, around))
		}
	}
	return c
}

// base is a Config of the lines around a catalog, whose faults are told elsewhere.
func base(around []line) Config {
	c := defaults()
	takeLines(&parser{}, around, blockDirectives, &c, c.given)
	return c
}

func (p *parser) readGroup(l line, around []line) Group {
	c := base(around)
	inherited := c.given
	gives := func(name string) bool {
		return slices.ContainsFunc(l.lines, func(l line) bool { return l.name == name })
	}
	if gives("file") || gives("primary") { // the one takes the place of the other
		c.File, c.Primaries = "", nil
		delete(inherited, "file")
		delete(inherited, "primary")
	}
	c.given, c.template, c.Where = given{}, true, l.where
	takeLines(p, l.lines, groupDirectives(), &c, c.given)
	for name, where := range inherited {
		if _, own := c.given[name]; !own {
			c.given[name] = where
		}
	}
	return Group{Name: l.args[0], Where: l.where, Settings: c}
}

// groupDirectives are those of a zone.
func groupDirectives() map[string]directive[Config] {
	all := maps.Clone(blockDirectives)
	delete(all, "catalog")
	all["state"] = directive[Config]{usage: "DIR", min: 1, max: 1, take: func(p *parser, _ *Config, l line) {
		p.add(l.where, "state stands in the multisigner block around the catalog: all its zones have the same")
	}}
	return all
}

// checkCatalogs says what does not go together in the catalog blocks.
func (c *Config) checkCatalogs(f *Faults, secrets map[string]string) {
	names := map[string]string{}
	for i := range c.Catalogs {
		k := &c.Catalogs[i]
		if where, twice := names[k.Name]; twice {
			f.add(k.Where, "catalog %s stands at %s already: keep one of them", k.Name, where)
		}
		names[k.Name] = k.Where
		if slices.Contains(c.Zones, k.Name) {
			f.add(k.Where, "%s is a zone of this block: a catalog is a zone of its own", k.Name)
		}
		for _, name := range append([]string{k.Name}, k.Members...) {
			if _, err := zone.ParseName(name); name != "" && err != nil {
				f.add(k.Where, "%q is no zone name: %v", name, err)
			}
		}
		if !k.given.meant("primary") {
			f.add(k.Where, "catalog %s has no primary: add primary ADDRESS..., a server that has the catalog zone", k.Name)
		}
		own := k.Own
		own.given = k.given
		own.checkPrimaries(f)
		own.checkKeys(f, secrets)
		if !k.given.meant("group") {
			f.add(k.Where, "catalog %s has no group: add group default { ... }, with what its zones have in common", k.Name)
		}
		k.checkGroups(f, secrets)
	}
}

func (k *Catalog) checkGroups(f *Faults, secrets map[string]string) {
	stands := map[string]string{}
	for i := range k.Groups {
		g := &k.Groups[i]
		if where, twice := stands[g.Name]; twice {
			f.add(g.Where, "group %s stands at %s already: keep one of them", g.Name, where)
		}
		stands[g.Name] = g.Where
		*f = append(*f, g.Settings.Check(secrets)...)
	}
}
