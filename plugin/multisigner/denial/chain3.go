package denial

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// allHashed links every name anew, with NSEC3.
func (c *chain) allHashed() ([]zone.Change, error) {
	type link struct {
		hash [hashSize]byte
		node *zone.Node
	}
	clean := c.dropNSEC()
	links := make([]link, 0, clean.Names())
	for n := range clean.All() {
		if c.mode.links(n) {
			links = append(links, link{hash(n.Name()), n})
		}
	}
	slices.SortFunc(links, func(a, b link) int { return bytes.Compare(a.hash[:], b.hash[:]) })
	begin := len(c.changes)
	var bitmap [512]byte
	for i, l := range links {
		after := &links[(i+1)%len(links)]
		if after.hash == l.hash && len(links) > 1 {
			return nil, collision(l.node.Name())
		}
		owner := HashedName(l.node.Name(), c.content.Apex())
		is, _ := c.content.RRset(owner, zone.TypeNSEC3)
		c.set(is, nsec3(owner, after.hash[:], c.mode.appendTypes(bitmap[:0], l.node), c.mode, c.ttl))
	}
	for n := range c.content.Hashed() {
		_, linked := slices.BinarySearchFunc(links, unhash(n.Name()), func(l link, h []byte) int { return bytes.Compare(l.hash[:], h) })
		if is, _ := n.Get(zone.TypeNSEC3); !linked {
			c.drop(is)
		}
	}
	inOrder(c.changes[begin:])
	return c.changes, nil
}

// dropNSEC drops what an NSEC chain has left, and gives the content without it,
// in which there are no more nodes than names.
func (c *chain) dropNSEC() *zone.Version {
	edit := c.content.Edit()
	some := false
	for n := range c.content.All() {
		if is, ok := n.Get(zone.TypeNSEC); ok {
			some = true
			c.drop(is)
			edit.Delete(n.Name(), zone.TypeNSEC)
		}
	}
	if !some {
		return c.content
	}
	return edit.Version()
}

// relinkHashed puts the moved names in and takes them out of an NSEC3 chain.
func (c *chain) relinkHashed(moved []move) ([]zone.Change, error) {
	linked, owners, err := c.rehash(moved)
	if err != nil {
		return nil, err
	}
	stale := map[zone.Name]*zone.Node{} // owners of records to make again, and of what, if their types are new
	for i, m := range moved {
		if m.was != m.links {
			if before := previousHashed(linked, owners[i]); stale[before] == nil {
				stale[before] = nil
			}
		}
		if m.links {
			stale[owners[i]] = m.node
		} else {
			is, _ := c.content.RRset(owners[i], zone.TypeNSEC3)
			c.drop(is)
		}
	}
	for owner, node := range stale {
		is, _ := c.content.RRset(owner, zone.TypeNSEC3)
		c.set(is, nsec3(owner, unhash(nextHashed(linked, owner)), c.bitmap(node, is), c.mode, c.ttl))
	}
	inOrder(c.changes)
	return c.changes, nil
}

// bitmap is that of node, or as it was when there is no node.
func (c *chain) bitmap(node *zone.Node, was zone.RRset) []byte {
	if node == nil {
		return []byte(first(was.Rdata)[nsec3Fixed+hashSize:])
	}
	return c.mode.appendTypes(nil, node)
}

// rehash gives a version of which the NSEC3 owners are those that are to be, and
// the owners of moved. What the records of newcomers say is not true yet.
func (c *chain) rehash(moved []move) (linked *zone.Version, owners []zone.Name, err error) {
	edit := c.content.Edit()
	owners = make([]zone.Name, len(moved))
	for i, m := range moved {
		owners[i] = HashedName(m.name, c.content.Apex())
		switch {
		case m.was && !m.links:
			edit.Delete(owners[i], zone.TypeNSEC3)
		case m.links && !m.was:
			if is, taken := c.content.RRset(owners[i], zone.TypeNSEC3); taken && is.Exists() {
				return nil, nil, collision(m.name)
			}
			edit.Put(nsec3(owners[i], make([]byte, hashSize), nil, c.mode, c.ttl))
		}
	}
	return edit.Version(), owners, nil
}

// collision is worth no cure but another mode: the cure of RFC 5155 7.1, another
// salt, is gone with RFC 9276. By chance it happens in a zone of 2^80 names.
func collision(n zone.Name) error {
	return fmt.Errorf("NSEC3 hash of %s is that of another name", n)
}

// previousHashed is the owner before another in the circle of hashes: the one
// that covers the hash just below.
func previousHashed(v *zone.Version, owner zone.Name) zone.Name {
	h := unhash(owner)
	for i := len(h) - 1; i >= 0; i-- {
		h[i]--
		if h[i] != 0xff {
			break
		}
	}
	below := base32hex.AppendEncode([]byte{labelSize - 1}, h)
	at, _ := v.FindHashed(zone.Name(append(below, v.Apex()...)))
	return at.Name()
}

// nextHashed is the owner after another in the circle of hashes.
func nextHashed(v *zone.Version, owner zone.Name) zone.Name {
	for n := range v.HashedFrom(owner) {
		if n.Name() != owner {
			return n.Name()
		}
	}
	for n := range v.Hashed() {
		return n.Name()
	}
	panic("denial: an NSEC3 chain without records")
}

func inOrder(changes []zone.Change) {
	byName := func(a, b zone.Change) int { return a.Name().Compare(b.Name()) }
	if !slices.IsSortedFunc(changes, byName) {
		slices.SortFunc(changes, byName)
	}
}
