package zone

// Found is where a name is, or would be.
type Found struct {
	Node     *Node // nil when the name does not exist
	Prev     *Node // the last node at or before the name, in canonical order; Node when it exists
	Encloser *Node // the closest encloser (RFC 4592 3.3.1); Node when it exists
	Cut      *Node // the zone cut at or above the name that is nearest to the apex
	DNAME    *Node // the owner of the DNAME strictly above the name that is nearest to the apex, when no cut is above it
}

// Find looks n up, which must be at or below the apex: of another name nothing is
// found, not even an encloser. It allocates nothing.
func (v *Version) Find(n Name) Found {
	var room [keyRoom]byte
	key := appendKey(room[:0], n)
	prev := v.names.floor(key)
	if prev == nil {
		return Found{}
	}
	f := Found{Prev: prev}
	// The closest encloser's subtree is a range that begins with it and holds n's
	// place, so that the name before n is in it: what both share is the encloser.
	switch shared := sharedKey(key, prev.key()); {
	case shared < int(v.top.keySize):
		return Found{}
	case shared == len(key) && shared == int(prev.keySize):
		f.Node, f.Encloser = prev, prev
	case shared == int(prev.keySize):
		f.Encloser = prev
	case shared == int(v.top.keySize):
		f.Encloser = v.top
	default:
		f.Encloser = v.names.get(key[:shared])
	}
	top := f.Encloser
	if top.shadow >= 0 {
		top = v.names.get(key[:keyAbove(key, int(top.shadow))])
	}
	switch {
	case top.IsCut():
		f.Cut = top
	case top != f.Node && top.Has(TypeDNAME):
		f.DNAME = top
	}
	return f
}
