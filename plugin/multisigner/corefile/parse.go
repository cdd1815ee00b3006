// Package corefile reads the multisigner blocks of a Corefile in three steps: Parse
// says what is wrong with each line, Check what does not go together, and Build makes
// each zone's configuration. It opens nothing: what a Corefile wants is done elsewhere.
package corefile

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/coredns/caddy/caddyfile"
	"github.com/coredns/coredns/plugin"
	"github.com/miekg/dns"

	"github.com/multisigner/multisigner/plugin/multisigner/commands"
)

// Parse reads all multisigner blocks of a server block. It says what is wrong
// with each line by itself; whether they go together is for Check.
func Parse(d *caddyfile.Dispenser, serverBlock []string) ([]*Config, Faults) {
	p := &parser{}
	var blocks []*Config
	for _, l := range readLines(d) {
		if l.name != "multisigner" {
			p.add(l.where, "%q does not belong here: is there a brace too many before it?", l.name)
			continue
		}
		blocks = append(blocks, p.readBlock(l, serverBlock))
	}
	return blocks, p.Faults
}

// parser collects faults while lines are taken over into Configs.
type parser struct{ Faults }

// fail adds the fault in err, unless there is none.
func (p *parser) fail(l line, err error) {
	if err != nil {
		p.add(l.where, "%s: %v", l.name, err)
	}
}

func (p *parser) readBlock(l line, serverBlock []string) *Config {
	c := defaults()
	c.Where = l.where
	c.Zones = plugin.OriginsFromArgsOrServerBlock(l.args, serverBlock)
	switch {
	case len(l.args) > 0:
	case hasCatalog(l.lines):
		c.Zones = nil // it is there for those that the catalog names
	default:
		c.Zones = p.keys(l, c.Zones)
	}
	p.zones(l, serverBlock)
	p.spelled(l, serverBlock)
	takeLines(p, l.lines, blockDirectives, &c, c.given)
	if block := plugin.Zones(plugin.OriginsFromArgsOrServerBlock(nil, serverBlock)); c.Produced != "" && block.Matches(c.Produced) == "" {
		p.add(c.given["catalog-member"], "catalog-member %s: it is not in %s, so that no transfer of it comes to this server block", c.Produced, strings.Join(block, " "))
	}
	for _, each := range l.lines {
		if each.name == "catalog" && each.block && len(each.args) == 1 {
			c.Catalogs = append(c.Catalogs, p.readCatalog(each, l.lines, serverBlock))
		}
	}
	return &c
}

// keys makes the keys of a server block its zones. Keys may differ in transport
// and port alone: they are a set. The key . lets every question in; it seldom
// means that the root zone is to be signed.
func (p *parser) keys(l line, keys []string) []string {
	var zones []string
	for _, key := range keys {
		if !slices.Contains(zones, key) {
			zones = append(zones, key)
		}
	}
	if slices.Contains(zones, ".") {
		p.add(l.where, "in the server block . name the zone: write multisigner ZONE... { (multisigner . { is for the root zone itself)")
	}
	return zones
}

// zones holds the zones that stand behind multisigner to those of the server
// block: questions for others never come to it.
func (p *parser) zones(l line, serverBlock []string) {
	block := plugin.Zones(plugin.OriginsFromArgsOrServerBlock(nil, serverBlock))
	for _, arg := range l.args {
		names := plugin.Host(arg).NormalizeExact()
		if len(names) == 0 {
			p.add(l.where, "%q is no zone name", arg)
			continue
		}
		if block.Matches(names[0]) == "" {
			p.add(l.where, "zone %s is not in %s, so that no question for it comes to this server block: name it before the server block",
				names[0], strings.Join(block, " "))
		}
	}
}

// spelled holds the keys of a server block to the way in which CoreDNS writes the names
// of questions: it compares them as text, so that no question comes to a key that escapes
// a blank as \032, or a letter.
func (p *parser) spelled(l line, serverBlock []string) {
	for _, key := range plugin.OriginsFromArgsOrServerBlock(nil, serverBlock) {
		wire := make([]byte, 256)
		end, err := dns.PackDomainName(key, wire, 0, nil, false)
		if err != nil {
			continue
		}
		if written, _, err := dns.UnpackDomainName(wire[:end], 0); err == nil && !strings.EqualFold(written, key) {
			p.add(l.where, "no question comes to a server block for %s, because CoreDNS compares names as text, and this one as %s: name the zone behind multisigner, in a server block for a name above it or for .", key, written)
		}
	}
}

// directive says what a line looks like and takes it over.
type directive[T any] struct {
	usage    string // what follows the name
	min, max int    // number of arguments
	many     bool   // it may stand more than once
	block    bool   // it has a block
	take     func(p *parser, into *T, l line)
}

// unlimited is for directives that take as many arguments as one likes.
const unlimited = 1 << 16

// takeLines goes through lines by the table, and notes in given where each
// directive stood.
func takeLines[T any](p *parser, lines []line, table map[string]directive[T], into *T, given given) {
	for _, l := range lines {
		d, known := table[l.name]
		faults := len(p.Faults)
		switch {
		case l.name == "{":
			p.add(l.where, "a brace at the beginning of a line: it stands at the end of the line before")
		case !known:
			given.mean(p.unknown(l, slices.Collect(maps.Keys(table))))
		case l.block && !d.block:
			p.add(l.where, "%s has no block: write %s", l.name, strings.TrimSpace(l.name+" "+d.usage))
		case d.block && !l.block:
			p.add(l.where, "%s needs a block, with its brace on the same line: write %s %s {", l.name, l.name, d.usage)
		case len(l.args) < d.min || len(l.args) > d.max:
			p.add(l.where, "write %s", strings.TrimSpace(l.name+" "+d.usage))
		case !d.many && given[l.name] != "":
			p.add(l.where, "%s stands at %s already: keep one of them", l.name, given[l.name])
		default:
			given[l.name] = l.where
			d.take(p, into, l)
		}
		if len(p.Faults) > faults {
			given.mean(l.name)
		}
	}
}

// later are directives that are planned. Somebody who has read of them is told
// so, rather than that he mistyped.
var later = map[string]string{
	"push":         "keys are not sent to foreign signers yet: let a peer that signs what it transfers have them by content-transfer key NAME for PEER, or add them there by hand: multisigner keys ZONE --for nsupdate PEER (or knot, pdnsutil) prints how",
	"allow-update": "write update key NAME [ALGORITHM] [name PATTERN...] [type TYPE...]",
}

// unknown tells of a directive that is not known, and gives the one that was meant; "" when
// none is close.
func (p *parser) unknown(l line, names []string) (near string) {
	if why, ok := later[l.name]; ok {
		p.add(l.where, "%s is not there yet: %s", l.name, why)
		return ""
	}
	slices.Sort(names)
	hint := "these are known here: " + strings.Join(names, ", ")
	if _, ok := peerDirectives[l.name]; ok {
		hint = "it belongs in the block of a peer"
	} else if l.name == "members" || l.name == "group" || l.name == "remove-after" {
		hint = "it belongs in the block of a catalog"
	} else if near = commands.Nearest(l.name, names); near != "" {
		hint = fmt.Sprintf("do you mean %s?", near)
	}
	p.add(l.where, "unknown directive %q: %s", l.name, hint)
	return near
}
