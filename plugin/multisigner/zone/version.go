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
}

// Apex is the zone's name.
func (v *Version) Apex() Name { return v.apex }

// SOA is the apex SOA RRset; it does not exist in a version without one.
func (v *Version) SOA() RRset {
	s, _ := v.RRset(v.apex, TypeSOA)
	return s
}

// Serial is that of the SOA, 0 without one.
func (v *Version) Serial() uint32 {
	for rdata := range v.SOA().Rdata.All() {
		return SOASerial(rdata)
	}
	return 0
}

// Get gives the node of name n; nil when it does not exist.
func (v *Version) Get(n Name) *Node { return v.names.get(n) }

// Top is the apex node.
func (v *Version) Top() *Node { return v.top }

func (t tree) get(n Name) *Node {
	var room [keyRoom]byte
	if at := t.floor(appendKey(room[:0], n)); at != nil && at.name == n {
		return at
	}
	return nil
}

// keyRoom holds the key of any name: every octet escaped.
const keyRoom = 2 * MaxName

// RRset gives the RRset of a name and type; NSEC3 is found at its hashed owner.
func (v *Version) RRset(n Name, t Type) (RRset, bool) {
	at := v.names.get(n)
	if t == TypeNSEC3 {
		at = v.hashed.get(n)
	}
	if at == nil {
		return RRset{}, false
	}
	return at.Get(t)
}

// Found is where a name is, or would be.
type Found struct {
	Node     *Node // nil when the name does not exist
	Prev     *Node // the last node at or before the name, in canonical order; Node when it exists
	Encloser *Node // the closest encloser (RFC 4592 3.3.1); Node when it exists
	Cut      *Node // the zone cut at or above the name that is nearest to the apex
	DNAME    *Node // the owner of the DNAME strictly above the name that is nearest to the apex, when no cut is above it
}

// Find looks n up, which must be at or below the apex. It allocates nothing.
func (v *Version) Find(n Name) Found {
	var room [keyRoom]byte
	prev := v.names.floor(appendKey(room[:0], n))
	if prev == nil {
		return Found{}
	}
	f := Found{Prev: prev}
	// The closest encloser's subtree is a range that begins with it and holds n's
	// place, so that the name before n is in it: what both share is the encloser.
	switch shared := n.CommonLabels(prev.name); {
	case prev.name == n:
		f.Node, f.Encloser = prev, prev
	case shared == prev.name.Labels():
		f.Encloser = prev
	default:
		f.Encloser = v.names.get(n.Ancestor(shared))
	}
	top := f.Encloser
	if top.shadow >= 0 {
		top = v.names.get(n.Ancestor(int(top.shadow)))
	}
	switch {
	case top.IsCut():
		f.Cut = top
	case top != f.Node && top.Has(TypeDNAME):
		f.DNAME = top
	}
	return f
}

// All yields every node in canonical order, empty non-terminals and occluded
// names among them.
func (v *Version) All() iter.Seq[*Node] { return v.names.from("") }

// From yields the nodes at and after n.
func (v *Version) From(n Name) iter.Seq[*Node] {
	return v.names.from(string(appendKey(nil, n)))
}

// Backward yields the nodes at and before n, in descending order.
func (v *Version) Backward(n Name) iter.Seq[*Node] {
	return v.names.back(string(appendKey(nil, n)))
}

// Hashed yields the owners of NSEC3 records in the order of their hashes.
func (v *Version) Hashed() iter.Seq[*Node] { return v.hashed.from("") }

// HashedFrom yields the owners of NSEC3 records at and after n, without wrapping.
func (v *Version) HashedFrom(n Name) iter.Seq[*Node] {
	return v.hashed.from(string(appendKey(nil, n)))
}

// FindHashed gives the owner of the NSEC3 record that matches n or, when none
// does, covers it: the one before, or the last when n comes before all (RFC 5155
// 1.3). nil when there is no NSEC3 record.
func (v *Version) FindHashed(n Name) (at *Node, exact bool) {
	var room [keyRoom]byte
	at = v.hashed.floor(appendKey(room[:0], n))
	if at == nil {
		for last := range v.hashed.back("\xff") {
			return last, false
		}
		return nil, false
	}
	return at, at.name == n
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

// Earliest is the end of the signature that ends first; ok is false when the
// version has none.
func (v *Version) Earliest() (end time.Time, ok bool) {
	first := min(v.names.summary().earliest, v.hashed.summary().earliest)
	return Time(first), first != never
}

// Expiring yields the RRsets that have a signature ending before the moment
// given, names before hashed ones. It costs as much as it yields.
func (v *Version) Expiring(before time.Time) iter.Seq[RRset] {
	limit := uint32(min(max(before.Unix(), 0), never))
	return func(yield func(RRset) bool) {
		each := func(n *Node) bool {
			for i := range n.sets {
				if s := &n.sets[i]; s.earliest < limit &&
					!yield(RRset{Name: n.name, Type: s.t, TTL: s.ttl, Rdata: s.rdata, Sigs: s.sigs}) {
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
