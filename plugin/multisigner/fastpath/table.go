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

// Zones counts the zones that are ours.
func (t *Table) Zones() (n int) {
	for _, e := range t.entries {
		if e.Zone != nil {
			n++
		}
	}
	return n
}

// find gives the entry at or nearest above a name, if a query of that type is ours.
// The DS of an apex belongs to the zone above (RFC 4035 3.1.4.1), and the plugin
// knows in which server block that is.
func (t *Table) find(asked zone.Name, kind zone.Type) *entry {
	name := asked
	for drop := asked.Labels() - t.labels; drop > 0; drop-- {
		name = name.Parent()
	}
	for ; ; name = name.Parent() {
		if e := t.entries[name]; e != nil {
			if e.Zone == nil || kind == zone.TypeDS && len(name) == len(asked) {
				return nil
			}
			return e
		}
		if name == zone.Root {
			return nil
		}
	}
}
