package zone

import (
	"iter"
)

// Node is a name of the zone with its RRsets; without any it is an empty
// non-terminal. It is never changed. Nodes are compared by what they hold: the
// same node may stand at another address in another version.
type Node struct {
	blob string // all but the rest of this struct: see blob.go
	sets uint16 // how many RRsets
	// The lengths of the name, and of the key by which nodes are sorted.
	keySize  uint16
	nameSize uint8
	// shadow is the number of labels of the topmost name above this one that is a
	// zone cut or owns a DNAME; -1 when there is none. In the shadow nothing is
	// authoritative.
	shadow int8
	apex   bool
}

// Name is the owner of the node's RRsets.
func (n *Node) Name() Name {
	at := blobKey + int(n.keySize)
	return Name(n.blob[at : at+int(n.nameSize)])
}

// Get gives the RRset of type t.
func (n *Node) Get(t Type) (RRset, bool) {
	body := n.bodies()
	for i := range int(n.sets) {
		h := n.head(i)
		if h.Type() == t {
			return n.set(h, body), true
		}
		body += n.size(h)
	}
	return RRset{}, false
}

// Has reports whether there is an RRset of type t.
func (n *Node) Has(t Type) bool {
	for i := range int(n.sets) {
		if n.head(i).Type() == t {
			return true
		}
	}
	return false
}

// All yields the RRsets, ascending by type.
func (n *Node) All() iter.Seq[RRset] {
	return func(yield func(RRset) bool) {
		body := n.bodies()
		for i := range int(n.sets) {
			h := n.head(i)
			if !yield(n.set(h, body)) {
				return
			}
			body += n.size(h)
		}
	}
}

// Types counts the RRsets.
func (n *Node) Types() int { return int(n.sets) }

// Empty reports whether the node is an empty non-terminal.
func (n *Node) Empty() bool { return n.sets == 0 }

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
		return int8(n.Name().Labels())
	}
	return n.shadow
}
