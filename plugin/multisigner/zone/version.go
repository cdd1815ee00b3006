package zone

import (
	"iter"
	"time"
)

// Version is a zone's content at one serial. It is immutable and shares what did
// not change with the version that it was made from. Its methods may be called
// from any goroutine; they take no lock.
type Version struct {
	apex   Name
	names  tree
	hashed tree // owners of NSEC3, which are no names of the zone's namespace
	top    *Node
	draft  *draft // nil: it is whole
}

// Apex is the zone's name.
func (v *Version) Apex() Name { return v.apex }

// SOA is the apex SOA RRset; it does not exist in a version without one.
func (v *Version) SOA() RRset {
	s, _ := v.RRset(v.apex, TypeSOA)
	return s
}

// Serial is that of the SOA, 0 without one.
func (v *Version) Serial() uint32 { return v.SOA().Rdata.Serial() }

// Get gives the node of name n; nil when it does not exist.
func (v *Version) Get(n Name) *Node { return v.names.named(n) }

// Top is the apex node.
func (v *Version) Top() *Node { return v.top }

// RRset gives the RRset of a name and type; NSEC3 is found at its hashed owner.
func (v *Version) RRset(n Name, t Type) (RRset, bool) {
	at := v.names.named(n)
	if t == TypeNSEC3 {
		at = v.hashed.named(n)
	}
	if at == nil {
		return RRset{}, false
	}
	return at.Get(t)
}

// named gives the node of name n; nil when there is none.
func (t tree) named(n Name) *Node {
	var room [keyRoom]byte
	return t.get(appendKey(room[:0], n))
}

// All yields every node in canonical order, empty non-terminals and occluded
// names among them.
func (v *Version) All() iter.Seq[*Node] { return v.names.from(nil) }

// From yields the nodes at and after n.
func (v *Version) From(n Name) iter.Seq[*Node] {
	return v.names.from(appendKey(nil, n))
}

// Backward yields the nodes at and before n, in descending order.
func (v *Version) Backward(n Name) iter.Seq[*Node] {
	return v.names.back(appendKey(nil, n))
}

// Hashed yields the owners of NSEC3 records in the order of their hashes.
func (v *Version) Hashed() iter.Seq[*Node] { return v.hashed.from(nil) }

// HashedFrom yields the owners of NSEC3 records at and after n, without wrapping.
func (v *Version) HashedFrom(n Name) iter.Seq[*Node] {
	return v.hashed.from(appendKey(nil, n))
}

// FindHashed gives the owner of the NSEC3 record that matches n or, when none
// does, covers it: the one before, or the last when n comes before all (RFC 5155
// 1.3). nil when there is no NSEC3 record.
func (v *Version) FindHashed(n Name) (at *Node, exact bool) {
	var room [keyRoom]byte
	key := appendKey(room[:0], n)
	if at = v.hashed.floor(key); at == nil {
		return v.hashed.last(), false
	}
	return at, at.key() == string(key)
}

// Names counts the nodes.
func (v *Version) Names() int { return v.names.summary().names }

// Records counts the RRs, RRSIGs and NSEC3 among them.
func (v *Version) Records() int { return v.names.summary().records + v.hashed.summary().records }

// Size estimates the octets of memory that the version refers to.
func (v *Version) Size() int { return v.names.summary().size + v.hashed.summary().size }

// MaxTTL is the largest TTL of any RRset, in seconds.
func (v *Version) MaxTTL() uint32 {
	return max(v.names.summary().maxTTL, v.hashed.summary().maxTTL)
}

// Earliest is the end of the signature that ends first, of those that it has and those that it
// is to have; ok is false when the version has none.
func (v *Version) Earliest() (end time.Time, ok bool) {
	first := min(v.names.summary().earliest, v.hashed.summary().earliest)
	if v.draft != nil {
		first = min(first, v.draft.ends)
	}
	return Time(first), first != never
}

// Expiring yields the RRsets that have a signature ending before the moment
// given, names before hashed ones. It costs as much as it yields.
func (v *Version) Expiring(before time.Time) iter.Seq[RRset] {
	// A signature ends on a full second: before is rounded up to the next.
	limit := uint32(min(max(before.Add(time.Second-1).Unix(), 0), never))
	return func(yield func(RRset) bool) {
		each := func(n *Node) bool {
			for s := range n.All() {
				if earliest(s.Sigs) < limit && !yield(s) {
					return false
				}
			}
			return true
		}
		for _, t := range []tree{v.names, v.hashed} {
			if t.root != nil && !t.root.expiring(limit, each) {
				return
			}
		}
	}
}
