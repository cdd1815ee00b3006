package source

import (
	"fmt"
	"slices"

	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// position is where a record stands.
type position struct {
	file string
	line int
}

// collector gathers records into RRsets.
type collector struct {
	apex zone.Name
	file string // the zone's, where a problem has no place of its own
	sets map[key]*gathered
	// order is that of the file, mostly by name: building in it is quicker.
	order []*gathered
	last  *gathered // the records of an RRset mostly stand together
	tally
	dropped   int
	droppedAt position
	dropKinds []zone.Type
	elsewhere zone.Name // the owner of an SOA that is out of the zone
	noTTL     []*gathered
}

type key struct {
	name zone.Name
	t    zone.Type
}

// gathered is an RRset in the making.
type gathered struct {
	key
	ttl    uint32
	data   zone.Gathering
	at     position
	differ bool // its TTLs do
}

func newCollector(file string, apex zone.Name) *collector {
	return &collector{apex: apex, file: file, sets: map[key]*gathered{}}
}

// add takes a record.
func (c *collector) add(r zone.Record, e *entry, at position) {
	name, t := r.Name, r.Type
	if e.cut && hasStrings(t) {
		c.warn(at, name, "a semicolon begins a comment: what follows it is left out of the text; put the text in quotes if it belongs to it")
	}
	switch {
	case !name.Under(c.apex):
		c.outside(name, t, at)
	case t.SignerMade() || (isPrivate(t) || t == zone.TypeCSYNC) && name == c.apex:
		c.drop(t, at)
	default:
		c.put(r, at)
	}
}

// outside leaves out what belongs to another zone.
func (c *collector) outside(name zone.Name, t zone.Type, at position) {
	if t == zone.TypeSOA {
		c.elsewhere = name
	}
	c.warn(at, name, fmt.Sprintf("the name is not in %s: the record is left out", c.apex))
}

// drop leaves out what the signer makes.
func (c *collector) drop(t zone.Type, at position) {
	if c.dropped++; c.dropped == 1 {
		c.droppedAt = at
	}
	if !slices.Contains(c.dropKinds, t) {
		c.dropKinds = append(c.dropKinds, t)
	}
}

func (c *collector) put(r zone.Record, at position) {
	k, ttl := key{r.Name, r.Type}, r.TTL
	g := c.last
	if g == nil || g.key != k {
		if g = c.sets[k]; g == nil {
			g = &gathered{key: k, ttl: ttl, at: at}
			c.sets[k] = g
			c.order = append(c.order, g)
			if ttl == noTTL {
				c.noTTL = append(c.noTTL, g)
			}
		}
		c.last = g
	}
	if isSingleton(k.t) && len(g.data.Rdata()) > 0 && !slices.Contains(g.data.Rdata(), r.Rdata) {
		g.at = at // the second is the mistake
	}
	g.data.Add(r)
	if ttl != g.ttl && ttl != noTTL && g.ttl != noTTL && !g.differ {
		g.differ = true
		c.warn(at, k.name, fmt.Sprintf("the records of type %s have the TTLs %d and %d: the lowest is used for all (RFC 2181 5.2)", k.t, g.ttl, ttl))
	}
	g.ttl = min(g.ttl, ttl)
}

func (c *collector) warn(at position, name zone.Name, text string) {
	c.tally.add(Problem{File: at.file, Line: at.line, Name: name.String(), Text: text})
}

// finish makes a version of what was gathered and judges it. When the file had
// mistakes of syntax, what seems to be missing may be in them and is not told.
func (c *collector) finish(mistakes bool) *zone.Version {
	c.setTTLs()
	if c.dropped > 0 {
		c.warn(c.droppedAt, c.apex, fmt.Sprintf("records that the signer makes are left out, here and below (%d, of type %s)", c.dropped, typeList(c.dropKinds)))
	}
	b := zone.NewBuilder(c.apex)
	for _, g := range c.order {
		b.Put(g.data.RRset(g.name, g.t, g.ttl))
	}
	v := b.Version()
	for f := range findings(v, false) {
		if f.absence && mistakes {
			continue
		}
		if f.t == zone.TypeSOA && f.absence && c.elsewhere != "" {
			f.text = fmt.Sprintf("the file has an SOA of %s and none of this zone: is it the right file?", c.elsewhere)
		}
		p := Problem{File: c.file, Name: f.name.String(), Text: f.text, Fatal: f.fatal}
		if g := c.sets[key{f.name, f.t}]; g != nil {
			p.File, p.Line = g.at.file, g.at.line
		}
		c.tally.add(p)
	}
	return v
}

// setTTLs gives records that say no TTL, before any that does, the SOA's minimum.
func (c *collector) setTTLs() {
	if len(c.noTTL) == 0 {
		return
	}
	var minimum uint32
	if soa := c.sets[key{c.apex, zone.TypeSOA}]; soa != nil {
		minimum = min(zone.SOAMinimum(soa.data.Rdata()[0]), maxTTL)
		c.warn(c.noTTL[0].at, c.noTTL[0].name, fmt.Sprintf("no TTL is said here or before: the SOA's minimum, %d, is used; write $TTL at the top", minimum))
	}
	for _, g := range c.noTTL {
		if g.ttl == noTTL {
			g.ttl = minimum
		}
	}
}
