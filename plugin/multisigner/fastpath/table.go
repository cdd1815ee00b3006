package fastpath

import (
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// Zone is a zone that may be answered for.
type Zone interface {
	// Open is the version that everybody is answered from, one and the same for a
	// whole answer; nil when there is none, or when not everybody is answered: then
	// CoreDNS is asked. It is called for every query.
	Open() *zone.Version
}

// Members are zones that come and go below a name: those that a catalog has brought.
type Members interface {
	// Find gives the zone of exactly that name; nil when there is none. It is called for every query.
	Find(name zone.Name) Zone
}

// Table says what is ours of all that is asked at an address. It is not changed
// once it is in use.
type Table struct {
	entries map[zone.Name]*entry
	labels  int  // of the longest name
	counts  bool // some entry does
}

// Entry says what a name, and all below it up to the next entry, belongs to.
type Entry struct {
	Zone    Zone    // nil: CoreDNS's
	Members Members // zones below the name that are ours as well; nil: there are none
	Payload int     // octets that an answer over UDP takes at most; 0 and more than MaxPayload stand for MaxPayload
	Series  *Series // where answers are counted; nil: nowhere
}

type entry struct {
	Entry
	apex zone.Name
}

// NewTable makes an empty table: all is CoreDNS's.
func NewTable() *Table { return &Table{entries: make(map[zone.Name]*entry)} }

// Add puts in an entry for a name, in place of the one before.
func (t *Table) Add(name zone.Name, e Entry) {
	if e.Payload == 0 || e.Payload > MaxPayload {
		e.Payload = MaxPayload
	}
	e.Payload = max(e.Payload, minPayload)
	t.entries[name] = &entry{e, name}
	t.labels = max(t.labels, name.Labels())
	t.counts = t.counts || e.Series != nil
}

// Zones counts the names at which zones are ours, or may come to be.
func (t *Table) Zones() (n int) {
	for _, e := range t.entries {
		if e.Zone != nil || e.Members != nil {
			n++
		}
	}
	return n
}

// find gives the entry at or nearest above a name, and its zone, if a query of that type is
// ours. The DS of an apex belongs to the zone above (RFC 4035 3.1.4.1), and the plugin
// knows in which server block that is.
func (t *Table) find(asked zone.Name, kind zone.Type) (*entry, Zone) {
	name := asked
	for drop := asked.Labels() - t.labels; drop > 0; drop-- {
		name = name.Parent()
	}
	for ; ; name = name.Parent() {
		if e := t.entries[name]; e != nil {
			z, apex := e.Zone, name
			if e.Members != nil {
				if m, at := e.member(asked); m != nil {
					z, apex = m, at
				}
			}
			if z == nil || kind == zone.TypeDS && len(apex) == len(asked) {
				return nil, nil
			}
			return e, z
		}
		if name == zone.Root {
			return nil, nil
		}
	}
}

// member finds the nearest member at or above a name, and below the entry's.
func (e *entry) member(asked zone.Name) (Zone, zone.Name) {
	for name := asked; len(name) > len(e.apex); name = name.Parent() {
		if z := e.Members.Find(name); z != nil {
			return z, name
		}
	}
	if e.Zone == nil {
		return e.Members.Find(e.apex), e.apex
	}
	return nil, ""
}
