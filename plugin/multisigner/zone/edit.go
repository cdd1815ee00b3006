package zone

import "slices"

// editor marks the pages that an edit has made and may still change.
type editor struct{ _ byte }

// own gives a page that e may change: p itself, or a copy of it.
func (p *page) own(e *editor) *page {
	if p.owner != e {
		c := *p
		c.owner = e
		c.nodes, c.kids, c.keys = grown(p.nodes), grown(p.kids), grown(p.keys)
		p = &c
	}
	p.dirty = true
	return p
}

// grown copies s with room for one more; nil stays nil.
func grown[T any](s []T) []T {
	if s == nil {
		return nil
	}
	return append(make([]T, 0, len(s)+1), s...)
}

// put adds n, in the place of the node with its key if there is one.
func (t *tree) put(e *editor, n Node) {
	if t.root == nil {
		t.root = &page{owner: e, nodes: []Node{n}, dirty: true}
		return
	}
	t.root = t.root.own(e)
	if right := t.root.put(e, []byte(n.key()), n); right != nil {
		left := t.root
		t.root = &page{owner: e, dirty: true, kids: []*page{left, right}, keys: []string{left.key(0), right.key(0)}}
	}
}

// put adds n below p, which e owns, and gives the page that p's right half became
// when p had grown too large.
func (p *page) put(e *editor, key []byte, n Node) (right *page) {
	i := p.after(key)
	if p.kids == nil {
		if i > 0 && p.nodes[i-1].key() == string(key) {
			p.nodes[i-1] = n
			return nil
		}
		p.nodes = slices.Insert(p.nodes, i, n)
		p.heads = nil
		return p.split(e, i)
	}
	i = max(i-1, 0)
	kid := p.kids[i].own(e)
	p.kids[i] = kid
	split := kid.put(e, key, n)
	p.rekey(i)
	if split == nil {
		return nil
	}
	p.kids = slices.Insert(p.kids, i+1, split)
	p.keys = slices.Insert(p.keys, i+1, split.key(0))
	p.heads = nil
	return p.split(e, i+1)
}

// rekey notes the least key of kid i. Even an equal one is noted: the old one
// would hold the octets of a node that is gone.
func (p *page) rekey(i int) {
	key := p.kids[i].key(0)
	if p.keys[i] != key {
		p.heads = nil
	}
	p.keys[i] = key
}

// split takes the right half from a page that is too large; i was put last. In
// the middle, but at the end when it was filled in order: then pages stay full.
func (p *page) split(e *editor, i int) (right *page) {
	size := p.size()
	if size <= pageMax {
		return nil
	}
	at := size / 2
	if i == size-1 {
		at = i
	}
	right = &page{owner: e, dirty: true}
	p.nodes, right.nodes = cut(p.nodes, at)
	p.kids, right.kids = cut(p.kids, at)
	p.keys, right.keys = cut(p.keys, at)
	return right
}

// cut parts s, and leaves nothing behind the left part for it to hold on to.
func cut[T any](s []T, at int) (left, right []T) {
	if s == nil {
		return nil, nil
	}
	right = slices.Clone(s[at:])
	clear(s[at:])
	return s[:at], right
}

// remove takes out the node with key, if there is one.
func (t *tree) remove(e *editor, key []byte) {
	if t.get(key) == nil {
		return
	}
	t.root = t.root.own(e)
	t.root.remove(e, key)
	for len(t.root.kids) == 1 {
		t.root = t.root.kids[0]
	}
	if t.root.size() == 0 {
		t.root = nil
	}
}

// remove takes the node with key out below p, which e owns; it is there.
func (p *page) remove(e *editor, key []byte) {
	i := p.after(key) - 1
	if p.kids == nil {
		p.nodes = slices.Delete(p.nodes, i, i+1)
		p.heads = nil
		return
	}
	kid := p.kids[i].own(e)
	p.kids[i] = kid
	kid.remove(e, key)
	if kid.size() == 0 {
		p.drop(i)
		return
	}
	p.rekey(i)
	if kid.size() >= pageMax/4 {
		return
	}
	// Room is left so that the next insertion does not split it again.
	if i+1 < len(p.kids) && kid.size()+p.kids[i+1].size() <= pageMax*3/4 {
		p.join(e, i)
	} else if i > 0 && kid.size()+p.kids[i-1].size() <= pageMax*3/4 {
		p.join(e, i-1)
	}
}

// join makes kids i and i+1 one.
func (p *page) join(e *editor, i int) {
	left, right := p.kids[i].own(e), p.kids[i+1]
	left.nodes = append(left.nodes, right.nodes...)
	left.kids = append(left.kids, right.kids...)
	left.keys = append(left.keys, right.keys...)
	left.heads = nil
	p.kids[i] = left
	p.drop(i + 1)
}

func (p *page) drop(i int) {
	p.kids = slices.Delete(p.kids, i, i+1)
	p.keys = slices.Delete(p.keys, i, i+1)
	p.heads = nil
}
