package zone

import "slices"

// Builder makes a version out of another, or out of nothing. It may be used on
// after Version, and has one user at a time. It is fastest when RRsets come in
// canonical order, or at least those of a name together.
type Builder struct {
	apex          Name
	names, hashed tree
	edit          *editor
	// What was put at and deleted from name, ascending by type, and is not yet in
	// the tree: so a name that gets all its RRsets in a row is written once. An
	// RRset that does not Exist stands for a deletion.
	name    Name
	pending []RRset
	// parent is known to exist, and its shadow to fall on what is below it.
	parent       Name
	parentShadow int8
	// shaded are the names at which a cut or a DNAME has come or gone: what is
	// below them may have come into their shadow or out of it.
	shaded map[Name]struct{}
	// Scratch.
	key  []byte
	sets []RRset
}

// NewBuilder begins a zone without records.
func NewBuilder(apex Name) *Builder {
	b := (&Version{apex: apex}).Edit()
	top := newNode(apex, appendKey(nil, apex), nil)
	top.apex = true
	b.names.put(b.edit, top)
	return b
}

// Edit begins a version that differs from v.
func (v *Version) Edit() *Builder {
	return &Builder{apex: v.apex, names: v.names, hashed: v.hashed, edit: new(editor), shaded: map[Name]struct{}{}}
}

// Put adds s in the place of the RRset of its name and type; one that does not
// Exist is deleted. The name must be at or below the apex: else it panics.
func (b *Builder) Put(s RRset) {
	if s.Name != b.name && !s.Name.Under(b.apex) {
		panic("zone: " + s.Name.String() + " is not in " + b.apex.String())
	}
	if len(s.Spelling) != len(s.Name)+len(s.Rdata) {
		s.Spelling = "" // it is of another name or other data
	}
	if s.Type == TypeNSEC3 {
		b.putHashed(s)
		return
	}
	if s.Name != b.name {
		b.flush()
		b.name = s.Name
	}
	i, found := slices.BinarySearchFunc(b.pending, s.Type, byType)
	if found {
		b.pending[i] = s
		return
	}
	b.pending = slices.Insert(b.pending, i, s)
}

// Delete removes an RRset, if it is there.
func (b *Builder) Delete(n Name, t Type) {
	if n.Under(b.apex) {
		b.Put(RRset{Name: n, Type: t})
	}
}

func byType(s RRset, t Type) int { return int(s.Type) - int(t) }

// putHashed puts or deletes an NSEC3 RRset, the only one that a hashed node has.
func (b *Builder) putHashed(s RRset) {
	b.key = appendKey(b.key[:0], s.Name)
	if !s.Exists() {
		b.hashed.remove(b.edit, b.key)
		return
	}
	if n := b.hashed.get(b.key); n != nil {
		if was, _ := n.Get(s.Type); was == s {
			return
		}
	}
	b.sets = append(b.sets[:0], s)
	b.hashed.put(b.edit, newNode(s.Name, b.key, b.sets))
}

// flush puts what is pending into the tree. What changes nothing leaves the tree
// as it is, so that it goes on to be shared.
func (b *Builder) flush() {
	name := b.name
	if name == "" {
		return
	}
	b.key = appendKey(b.key[:0], name)
	old := b.names.get(b.key)
	changed := b.merge(old)
	b.name, b.pending = "", b.pending[:0]
	if !changed {
		return
	}
	n := newNode(name, b.key, b.sets)
	if old == nil {
		// Nothing is below a name that did not exist: no shadow has to be moved.
		n.shadow = b.shadowBelow(name.Parent())
		b.names.put(b.edit, n)
		return
	}
	n.shadow, n.apex = old.shadow, old.apex
	if old.casts() != n.casts() {
		b.shaded[n.Name()] = struct{}{}
		b.parent = ""
	}
	b.names.put(b.edit, n)
	if n.Empty() {
		b.prune(name)
	}
}

// merge leaves in b.sets what the RRsets of old, which may be nil, and the
// pending ones make together, and reports whether that is another content.
func (b *Builder) merge(old *Node) (changed bool) {
	b.sets = b.sets[:0]
	pending := b.pending
	take := func() {
		if pending[0].Exists() {
			b.sets = append(b.sets, pending[0])
		}
		pending = pending[1:]
	}
	if old != nil {
		for s := range old.All() {
			for len(pending) > 0 && pending[0].Type < s.Type {
				changed = changed || pending[0].Exists()
				take()
			}
			if len(pending) == 0 || pending[0].Type != s.Type {
				b.sets = append(b.sets, s)
				continue
			}
			changed = changed || pending[0] != s
			take()
		}
	}
	for len(pending) > 0 {
		changed = changed || pending[0].Exists()
		take()
	}
	return changed
}

// shadowBelow makes the node of name if need be, and those above it, as empty
// non-terminals, and gives the shadow that falls on what is below it.
func (b *Builder) shadowBelow(name Name) int8 {
	if name == b.parent {
		return b.parentShadow
	}
	shadow := int8(-1)
	key := appendKey(nil, name)
	if n := b.names.get(key); n != nil {
		shadow = n.shadowBelow()
	} else {
		n := newNode(name, key, nil)
		n.shadow = b.shadowBelow(name.Parent())
		shadow = n.shadow
		b.names.put(b.edit, n)
	}
	b.parent, b.parentShadow = name, shadow
	return shadow
}

// prune removes the node of name and those above it as long as they are empty
// and nothing is below them.
func (b *Builder) prune(name Name) {
	b.parent = ""
	for ; name != b.apex; name = name.Parent() {
		key := appendKey(nil, name)
		n := b.names.get(key)
		if !n.Empty() || b.hasBelow(name, key) {
			return
		}
		b.names.remove(b.edit, key)
	}
}

func (b *Builder) hasBelow(name Name, key []byte) bool {
	for next := range b.names.from(key) {
		if n := next.Name(); n != name {
			return n.Under(name)
		}
	}
	return false
}

// Version gives what has been built so far. Its pages are changed no more: what
// the builder does next copies them.
func (b *Builder) Version() *Version {
	b.flush()
	b.shade()
	b.parent = ""
	b.names.seal()
	b.hashed.seal()
	b.edit = new(editor)
	return &Version{apex: b.apex, names: b.names, hashed: b.hashed, top: b.names.named(b.apex)}
}
