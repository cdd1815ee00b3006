package zone

import "slices"

// Builder makes a version out of another, or out of nothing. It may be used on
// after Version, and has one user at a time.
type Builder struct {
	apex          Name
	names, hashed tree
	edit          *editor
	// shaded are the names at which a cut or a DNAME has come or gone: what is
	// below them may have come into their shadow or out of it.
	shaded map[Name]struct{}
}

// NewBuilder begins a zone without records.
func NewBuilder(apex Name) *Builder {
	b := &Builder{apex: apex, edit: new(editor), shaded: map[Name]struct{}{}}
	b.names.put(b.edit, newNode(apex, true))
	return b
}

// Edit begins a version that differs from v.
func (v *Version) Edit() *Builder {
	return &Builder{apex: v.apex, names: v.names, hashed: v.hashed, edit: new(editor), shaded: map[Name]struct{}{}}
}

// Put adds s in the place of the RRset of its name and type; one that does not
// Exist is deleted. The name must be at or below the apex: else it panics.
func (b *Builder) Put(s RRset) {
	if !s.Exists() {
		b.Delete(s.Name, s.Type)
		return
	}
	if !s.Name.Under(b.apex) {
		panic("zone: " + s.Name.String() + " is not in " + b.apex.String())
	}
	if s.Type == TypeNSEC3 {
		n := b.hashed.get(s.Name)
		if n == nil {
			n = newNode(s.Name, false)
		}
		b.hashed.put(b.edit, n.with(s))
		return
	}
	b.replace(b.node(s.Name), func(n *Node) *Node { return n.with(s) })
}

// Delete removes an RRset, if it is there.
func (b *Builder) Delete(n Name, t Type) {
	if t == TypeNSEC3 {
		b.hashed.remove(b.edit, string(appendKey(nil, n)))
		return
	}
	if at := b.names.get(n); at != nil && at.Has(t) {
		b.replace(at, func(n *Node) *Node { return n.without(t) })
		b.prune(n)
	}
}

// replace puts what change makes of n in its place.
func (b *Builder) replace(n *Node, change func(*Node) *Node) {
	changed := change(n)
	if n.casts() != changed.casts() {
		b.shaded[n.name] = struct{}{}
	}
	b.names.put(b.edit, changed)
}

// node gives the node of name, which it makes if need be, with the empty
// non-terminals above it.
func (b *Builder) node(name Name) *Node {
	if n := b.names.get(name); n != nil {
		return n
	}
	n := newNode(name, false)
	n.shadow = b.node(name.Parent()).shadowBelow()
	b.names.put(b.edit, n)
	return n
}

// prune removes the node of name and those above it as long as they are empty
// and nothing is below them.
func (b *Builder) prune(name Name) {
	for ; name != b.apex; name = name.Parent() {
		n := b.names.get(name)
		if n == nil || !n.Empty() {
			return
		}
		for next := range b.names.from(n.key) {
			if next != n {
				if next.name.Under(name) {
					return
				}
				break
			}
		}
		b.names.remove(b.edit, n.key)
	}
}

// Version gives what has been built so far. Its pages are changed no more: what
// the builder does next copies them.
func (b *Builder) Version() *Version {
	for _, name := range b.roots() {
		b.shade(name)
	}
	clear(b.shaded)
	b.names.seal()
	b.hashed.seal()
	b.edit = new(editor)
	return &Version{apex: b.apex, names: b.names, hashed: b.hashed, top: b.names.get(b.apex)}
}

// roots lists the shaded names from the apex down: a shadow is the topmost's.
func (b *Builder) roots() []Name {
	roots := make([]Name, 0, len(b.shaded))
	for name := range b.shaded {
		roots = append(roots, name)
	}
	slices.SortFunc(roots, Name.Compare)
	return roots
}

// shade gives the names below top the shadow that they have now.
func (b *Builder) shade(top Name) {
	at := b.names.get(top)
	if at == nil {
		return
	}
	var changed []*Node
	below := []*Node{at} // the node and its ancestors down from top
	for n := range b.names.from(at.key) {
		if n == at {
			continue
		}
		if !n.name.Under(top) {
			break
		}
		for !n.name.Under(below[len(below)-1].name) {
			below = below[:len(below)-1]
		}
		if shadow := below[len(below)-1].shadowBelow(); n.shadow != shadow {
			c := *n
			c.shadow = shadow
			n = &c
			changed = append(changed, n)
		}
		below = append(below, n)
	}
	for _, n := range changed {
		b.names.put(b.edit, n)
	}
}
