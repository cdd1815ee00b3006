package zone

import (
	"iter"
	"slices"
)

// Node is a name of the zone with its RRsets; without any it is an empty
// non-terminal. It is never changed.
type Node struct {
	name Name
	key  string // the name as octets that sort canonically
	sets []set  // ascending by type
	// shadow is the number of labels of the topmost name above this one that is a
	// zone cut or owns a DNAME; -1 when there is none. In the shadow nothing is
	// authoritative.
	shadow int8
	apex   bool
}

// set is an RRset without its owner.
type set struct {
	rdata, sigs Packed
	ttl         uint32
	earliest    uint32
	t           Type
}

// Name is the owner of the node's RRsets.
func (n *Node) Name() Name { return n.name }

// Get gives the RRset of type t.
func (n *Node) Get(t Type) (RRset, bool) {
	for i := range n.sets {
		if s := &n.sets[i]; s.t == t {
			return RRset{Name: n.name, Type: t, TTL: s.ttl, Rdata: s.rdata, Sigs: s.sigs}, true
		}
	}
	return RRset{}, false
}

// Has reports whether there is an RRset of type t.
func (n *Node) Has(t Type) bool {
	for i := range n.sets {
		if n.sets[i].t == t {
			return true
		}
	}
	return false
}

// All yields the RRsets, ascending by type.
func (n *Node) All() iter.Seq[RRset] {
	return func(yield func(RRset) bool) {
		for i := range n.sets {
			s := &n.sets[i]
			if !yield(RRset{Name: n.name, Type: s.t, TTL: s.ttl, Rdata: s.rdata, Sigs: s.sigs}) {
				return
			}
		}
	}
}

// Types counts the RRsets.
func (n *Node) Types() int { return len(n.sets) }

// Empty reports whether the node is an empty non-terminal.
func (n *Node) Empty() bool { return len(n.sets) == 0 }

// IsApex reports whether the node is the zone's apex.
func (n *Node) IsApex() bool { return n.apex }

// IsCut reports whether the node delegates: it has NS and is not the apex. One
// below another cut is glue, not a cut of this zone, but looks the same; see Occluded.
func (n *Node) IsCut() bool { return !n.apex && n.Has(TypeNS) }

// Occluded reports whether the node is strictly below a zone cut or a DNAME: it
// is not authoritative, and in no chain of denial.
func (n *Node) Occluded() bool { return n.shadow >= 0 }

// casts reports whether names below the node are in its shadow.
func (n *Node) casts() bool { return n.IsCut() || n.Has(TypeDNAME) }

// shadowBelow is the shadow of names below n.
func (n *Node) shadowBelow() int8 {
	if n.shadow < 0 && n.casts() {
		return int8(n.name.Labels())
	}
	return n.shadow
}

// nodeOverhead is what a node costs besides its octets: the struct, its place in
// a page, and what the allocator rounds up.
const nodeOverhead = 112

func (n *Node) summary() summary {
	s := summary{names: 1, size: nodeOverhead + 2*len(n.name), earliest: never}
	for i := range n.sets {
		each := &n.sets[i]
		s.records += each.rdata.Len() + each.sigs.Len()
		s.size += 48 + len(each.rdata) + len(each.sigs)
		s.earliest = min(s.earliest, each.earliest)
		s.maxTTL = max(s.maxTTL, each.ttl)
	}
	return s
}

func newNode(name Name, apex bool) *Node {
	// One string holds both: a key is as long as its name, or longer by the
	// octets it escapes.
	both := string(appendKey([]byte(name), name))
	return &Node{name: Name(both[:len(name)]), key: both[len(name):], shadow: -1, apex: apex}
}

// with gives a node that has s in the place of its RRset of that type.
func (n *Node) with(s RRset) *Node {
	c := *n
	put := set{rdata: s.Rdata, sigs: s.Sigs, ttl: s.TTL, earliest: earliest(s.Sigs), t: s.Type}
	i, found := slices.BinarySearchFunc(n.sets, s.Type, byType)
	c.sets = make([]set, 0, len(n.sets)+1)
	c.sets = append(c.sets, n.sets[:i]...)
	c.sets = append(c.sets, put)
	if found {
		i++
	}
	c.sets = append(c.sets, n.sets[i:]...)
	return &c
}

// without gives a node without the RRset of type t.
func (n *Node) without(t Type) *Node {
	i, found := slices.BinarySearchFunc(n.sets, t, byType)
	if !found {
		return n
	}
	c := *n
	c.sets = slices.Delete(slices.Clone(n.sets), i, i+1)
	return &c
}

func byType(s set, t Type) int { return int(s.t) - int(t) }

// appendKey appends octets that sort, compared plainly, as names sort canonically
// (RFC 4034 6.1): the labels from the last to the first, each ended by a 0. So
// that a 0 or 1 inside a label does not end it, they are written 1 1 and 1 2.
func appendKey(dst []byte, n Name) []byte {
	var at [128]uint8
	for i := n.offsets(&at) - 1; i >= 0; i-- {
		label := n[at[i]+1 : int(at[i])+1+int(n[at[i]])]
		for j := range len(label) {
			if c := label[j]; c <= 1 {
				dst = append(dst, 1, c+1)
			} else {
				dst = append(dst, c)
			}
		}
		dst = append(dst, 0)
	}
	return dst
}
