package denial

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"unsafe"

	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// allHashed links every name anew, with NSEC3.
func (c *chain) allHashed() ([]zone.Change, error) {
	links, plain := c.hashAll(c.content)
	if plain {
		// Without what an NSEC chain has left there are no more nodes than names.
		links, _ = c.hashAll(c.dropNSEC())
	}
	for i := range links[1:] {
		if links[i].hash == links[i+1].hash {
			return nil, collision(links[i].node.Name())
		}
	}
	if c.edit != nil && !hasHashed(c.content) {
		c.edit.FillHashed(len(links), func() (func(i int) zone.RRset, func()) {
			h, w := c.hand(), new(record3)
			return func(i int) zone.RRset {
				h.did()
				return w.set(c, links, i)
			}, h.leave
		})
		return c.changes, nil
	}
	begin := len(c.changes)
	for i := range links {
		s := new(record3).set(c, links, i)
		is, _ := c.content.RRset(s.Name, zone.TypeNSEC3)
		c.set(is, s)
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

func hasHashed(v *zone.Version) bool {
	for range v.Hashed() {
		return true
	}
	return false
}

// link is a name that is to be in the chain, and its hash.
type link struct {
	hash [hashSize]byte
	node *zone.Node
}

func (l link) compare(o link) int {
	if a, b := binary.BigEndian.Uint64(l.hash[:]), binary.BigEndian.Uint64(o.hash[:]); a != b {
		return cmp.Compare(a, b)
	}
	return bytes.Compare(l.hash[:], o.hash[:])
}

// hashAll gives the names that are to be in the chain in the order of their hashes, and says
// whether there are NSEC records.
func (c *chain) hashAll(content *zone.Version) (links []link, plain bool) {
	var mu sync.Mutex
	content.Each(func() (func(*zone.Node), func()) {
		h := c.hand()
		mine := make([]link, 0, content.Names()/runtime.GOMAXPROCS(0)+1)
		some := false
		see := func(n *zone.Node) {
			h.did()
			some = some || n.Has(zone.TypeNSEC)
			if c.mode.links(n) {
				mine = append(mine, link{hash(n.Name()), n})
			}
		}
		return see, func() {
			slices.SortFunc(mine, link.compare)
			h.leave()
			mu.Lock()
			defer mu.Unlock()
			links, plain = merged(links, mine), plain || some
		}
	})
	return links, plain
}

// merged is a and b, which are sorted, in one.
func merged(a, b []link) []link {
	if len(a) == 0 || len(b) == 0 {
		return append(a, b...)
	}
	both := make([]link, 0, len(a)+len(b))
	for len(a) > 0 && len(b) > 0 {
		if a[0].compare(b[0]) < 0 {
			both, a = append(both, a[0]), a[1:]
		} else {
			both, b = append(both, b[0]), b[1:]
		}
	}
	return append(append(both, a...), b...)
}

// record3 is room for one record after another.
type record3 struct {
	owner [labelSize + zone.MaxName]byte
	rdata []byte
}

// set is the NSEC3 RRset of the i-th link. It is good until the next.
func (r *record3) set(c *chain, links []link, i int) zone.RRset {
	owner := appendOwner(r.owner[:0], links[i].hash, c.content.Apex())
	next := &links[(i+1)%len(links)].hash
	r.rdata = appendNSEC3(append(r.rdata[:0], 0, 0), next[:], c.mode)
	r.rdata = c.mode.appendTypes(r.rdata, links[i].node)
	return zone.RRset{Name: zone.Name(unsafe.String(&owner[0], len(owner))), Type: zone.TypeNSEC3, TTL: c.ttl, Rdata: packed(r.rdata)}
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
