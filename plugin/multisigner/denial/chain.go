package denial

import (
	"encoding/binary"
	"fmt"
	"sync/atomic"
	"unsafe"

	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// Update gives the changes that make content's chain complete and true, in
// canonical order, NSEC3 after NSEC. The RRsets that it makes carry no signatures.
//
// content holds the new records and still the chain of old, from which it was
// made by an edit: then the work is that of the difference. It is that of the zone
// when old is nil or has no chain, or a chain of another mode or TTL: the changes
// replace it whole, and take out what was left of it. NSEC3PARAM is an ordinary
// record here, which content must have when m is Hashed and not have otherwise.
//
// ttl is that of the records: the lesser of the SOA's TTL and its minimum (RFC
// 9077 3.2). An error means that the apex is too long for NSEC3 owners below it,
// or that two names have the same hash; then m cannot be used for this content.
func Update(old, content *zone.Version, m Mode, ttl uint32) ([]zone.Change, error) {
	c := chain{content: content, mode: m, ttl: ttl}
	c.emit = func(change zone.Change) { c.changes = append(c.changes, change) }
	return c.update(old)
}

// Put is Update that puts the changes into edit, of which content is the version so
// far: a whole chain need not be listed then, and is made by GOMAXPROCS goroutines, which end
// before the return. place is asked for by each of them before it begins, and may wait; it gives
// what is called after some names each, which may wait as well, and what is called at the end.
// nil: there is room for all. After an error edit is of no use.
func Put(edit *zone.Builder, old, content *zone.Version, m Mode, ttl uint32, place func() (keep, leave func())) error {
	c := chain{content: content, mode: m, ttl: ttl, edit: edit, place: place}
	put := func(change zone.Change) {
		if change.New.Exists() {
			edit.Put(change.New)
		} else {
			edit.Delete(change.Old.Name, change.Old.Type)
		}
	}
	c.emit = put
	if old != nil && continues(old, m, ttl) {
		c.emit = func(change zone.Change) { c.changes = append(c.changes, change) }
	}
	changes, err := c.update(old)
	for _, change := range changes {
		put(change)
	}
	return err
}

func (c *chain) update(old *zone.Version) ([]zone.Change, error) {
	m := c.mode
	if m.Hashed() && labelSize+len(c.content.Apex()) > zone.MaxName {
		return nil, fmt.Errorf("NSEC3 for %s: no room for a hash before the name", c.content.Apex())
	}
	switch anew := old == nil || !continues(old, m, c.ttl); {
	case anew && m.Hashed():
		return c.allHashed()
	case anew:
		return c.all(), nil
	case m.Hashed():
		return c.relinkHashed(moves(old, c.content, m))
	default:
		return c.relink(moves(old, c.content, m)), nil
	}
}

// continues reports whether old has a chain of this kind.
func continues(old *zone.Version, m Mode, ttl uint32) bool {
	if Of(old) != m {
		return false
	}
	if m.Hashed() {
		s, ok := matching(old, old.Apex())
		return ok && s.TTL == ttl
	}
	s, ok := old.Top().Get(zone.TypeNSEC)
	return ok && s.TTL == ttl
}

// chain is an update under way.
type chain struct {
	content *zone.Version
	mode    Mode
	ttl     uint32
	changes []zone.Change
	emit    func(zone.Change) // takes a change
	edit    *zone.Builder     // that the chain may be put into; nil: it is listed
	place   func() (keep, leave func())
}

// hand is one of the goroutines that make a chain.
type hand struct {
	keep, leave func()
	names       int // done
}

func (c *chain) hand() *hand {
	h := &hand{keep: func() {}, leave: func() {}}
	if c.place != nil {
		h.keep, h.leave = c.place()
	}
	return h
}

// placeFor is how many names are done before it is asked whether the place can be kept: our
// choice, a tenth of a millisecond.
const placeFor = 256

// did says that another name is done.
func (h *hand) did() {
	if h.names++; h.names%placeFor == 0 {
		h.keep()
	}
}

// set records that s takes the place of is, unless they are the same.
func (c *chain) set(is, s zone.RRset) {
	if !is.SameData(s) {
		c.emit(zone.Change{Old: is, New: s})
	}
}

// drop records that is goes, if it is there.
func (c *chain) drop(is zone.RRset) {
	if is.Exists() {
		c.emit(zone.Change{Old: is})
	}
}

// all links every name anew, with NSEC.
func (c *chain) all() []zone.Change {
	if c.edit != nil && !c.content.Top().Has(zone.TypeNSEC) && !hasHashed(c.content) && c.fill() {
		return c.changes
	}
	var last *zone.Node
	for n := range c.content.All() {
		is, _ := n.Get(zone.TypeNSEC)
		if !c.mode.links(n) {
			c.drop(is)
			continue
		}
		if last != nil {
			c.put(last, n.Name())
		}
		last = n
	}
	c.put(last, c.content.Apex())
	inOrder(c.changes)
	for n := range c.content.Hashed() {
		is, _ := n.Get(zone.TypeNSEC3)
		c.drop(is)
	}
	return c.changes
}

// fill puts the chain into the edit, page by page; false when that cannot be all, because a name
// has an NSEC record already.
func (c *chain) fill() bool {
	var some atomic.Bool
	links := func(n *zone.Node) bool {
		if n.Has(zone.TypeNSEC) {
			some.Store(true)
		}
		return c.mode.links(n)
	}
	c.edit.Chain(zone.TypeNSEC, links, func() (func(n, next *zone.Node) zone.RRset, func()) {
		h := c.hand()
		var rdata []byte
		return func(n, next *zone.Node) zone.RRset {
			h.did()
			rdata = append(append(rdata[:0], 0, 0), next.Name()...)
			rdata = NSEC.appendTypes(rdata, n)
			return zone.RRset{Name: n.Name(), Type: zone.TypeNSEC, TTL: c.ttl, Rdata: packed(rdata)}
		}, h.leave
	})
	return !some.Load()
}

// packed is rdata after two octets of room for its length. It is good as long as what it was made of.
func packed(rdata []byte) zone.Packed {
	binary.BigEndian.PutUint16(rdata, uint16(len(rdata)-2))
	return zone.Packed(unsafe.String(&rdata[0], len(rdata)))
}

func (c *chain) put(n *zone.Node, next zone.Name) {
	is, _ := n.Get(zone.TypeNSEC)
	c.set(is, nsec(n, next, c.ttl))
}

// relink puts the moved names in and takes them out of an NSEC chain.
func (c *chain) relink(moved []move) []zone.Change {
	linked := c.content
	if edit := linked.Edit(); removeAll(edit, moved) {
		linked = edit.Version()
	}
	stale := map[zone.Name]bool{} // names whose record has to be made again
	for _, m := range moved {
		if m.links {
			stale[m.name] = true
		}
		if m.was != m.links {
			stale[previous(linked, m.name)] = true
		}
		if m.was && !m.links {
			is, _ := c.content.RRset(m.name, zone.TypeNSEC)
			c.drop(is)
		}
	}
	for name := range stale {
		c.put(c.content.Get(name), next(linked, name))
	}
	inOrder(c.changes)
	return c.changes
}

// removeAll takes the records of those that leave, so that no walk meets them again.
func removeAll(edit *zone.Builder, moved []move) (some bool) {
	for _, m := range moved {
		if m.was && !m.links {
			edit.Delete(m.name, zone.TypeNSEC)
			some = true
		}
	}
	return some
}

// previous is the owner of the record before name's. The apex comes before all.
func previous(v *zone.Version, name zone.Name) zone.Name {
	for n := range v.Backward(name) {
		if n.Name() == name {
			continue
		}
		return linkAt(v, n).Name()
	}
	return v.Apex()
}

// linkAt is the last node at or before n that is in an NSEC chain.
func linkAt(v *zone.Version, n *zone.Node) *zone.Node {
	if n.Occluded() {
		// What is above the shadow is linked, and nothing between it and n is.
		f := v.Find(n.Name())
		if f.Cut != nil {
			return f.Cut
		}
		return f.DNAME
	}
	if NSEC.links(n) {
		return n
	}
	return v.Get(previous(v, n.Name()))
}

// next is the owner of the record after name's; the last is followed by the apex.
func next(v *zone.Version, name zone.Name) zone.Name {
	for n := range v.From(name) {
		if n.Name() != name && NSEC.links(n) {
			return n.Name()
		}
	}
	return v.Apex()
}
