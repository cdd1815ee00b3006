package zone

import "slices"

// A tree is a persistent B+ tree of nodes in canonical order. Pages that a
// version refers to are never changed: an edit copies the pages on its path and
// shares all others. Every page sums up what is below it, so that a version
// knows its size, and where signatures end soon, without a walk.
type tree struct {
	root *page // nil: empty
}

// pageMax is how many entries a page holds: our choice; 32 keeps a search within
// a few cache lines and the copy of a path at some kilobytes.
const pageMax = 32

// editor marks the pages that an edit has made and may still change.
type editor struct{ _ byte }

type page struct {
	owner *editor
	nodes []Node   // of a leaf
	kids  []*page  // of an inner page
	keys  []string // of an inner page: the least key below each kid
	// heads makes a search cheap: of each key the eight octets after the skip
	// that all have in common. nil while the keys are being edited.
	heads []uint64
	skip  int
	sum   summary
	dirty bool // sum does not hold; only while owner edits
}

// size counts the entries.
func (p *page) size() int { return len(p.nodes) + len(p.kids) }

func (p *page) key(i int) string {
	if p.kids != nil {
		return p.keys[i]
	}
	return p.nodes[i].key()
}

// floor gives the last node whose key is at or before key; nil when there is none.
func (t tree) floor(key []byte) *Node {
	p := t.root
	if p == nil {
		return nil
	}
	for p.kids != nil {
		i := p.after(key) - 1
		if i < 0 {
			return nil
		}
		p = p.kids[i]
	}
	if i := p.after(key) - 1; i >= 0 {
		return &p.nodes[i]
	}
	return nil
}

// get gives the node with key; nil when there is none.
func (t tree) get(key []byte) *Node {
	if n := t.floor(key); n != nil && n.key() == string(key) {
		return n
	}
	return nil
}

// after gives the index of the first entry whose key comes after key.
func (p *page) after(key []byte) int {
	if p.heads != nil {
		return p.afterHead(key)
	}
	lo, hi := 0, p.size()
	for lo < hi {
		if mid := (lo + hi) / 2; p.key(mid) <= string(key) {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo
}

// afterHead is after by the heads: of the keys it reads the first, for what all
// have in common, and those with the head that key has.
func (p *page) afterHead(key []byte) int {
	if shared := p.key(0)[:p.skip]; len(key) < p.skip || string(key[:p.skip]) != shared {
		if string(key) < shared {
			return 0
		}
		return len(p.heads)
	}
	h := head(key[p.skip:])
	lo, hi := 0, len(p.heads)
	for lo < hi {
		if mid := int(uint(lo+hi) / 2); p.heads[mid] <= h {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	for lo > 0 && p.heads[lo-1] == h && p.key(lo-1) > string(key) {
		lo--
	}
	return lo
}

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
