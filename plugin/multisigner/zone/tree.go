package zone

import (
	"iter"
	"slices"
)

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
	nodes []*Node  // of a leaf
	kids  []*page  // of an inner page
	keys  []string // of an inner page: the least key below each kid
	sum   summary
	dirty bool // sum does not hold; only while owner edits
}

// summary is what a page knows of all below it.
type summary struct {
	names, records, size int
	earliest             uint32 // never: no signature
	maxTTL               uint32
}

func (s *summary) add(o summary) {
	s.names += o.names
	s.records += o.records
	s.size += o.size
	s.earliest = min(s.earliest, o.earliest)
	s.maxTTL = max(s.maxTTL, o.maxTTL)
}

func (t tree) summary() summary {
	if t.root == nil {
		return summary{earliest: never}
	}
	return t.root.sum
}

// floor gives the last node whose key is at or before key; nil when there is none.
func (t tree) floor(key []byte) *Node {
	p := t.root
	if p == nil {
		return nil
	}
	for p.kids != nil {
		// Every node before the least key of the first kid is before all: no floor.
		i := after(p.keys, key) - 1
		if i < 0 {
			return nil
		}
		p = p.kids[i]
	}
	if i := p.after(key) - 1; i >= 0 {
		return p.nodes[i]
	}
	return nil
}

// after gives the index of the first of keys that comes after key.
func after(keys []string, key []byte) int {
	lo, hi := 0, len(keys)
	for lo < hi {
		if mid := (lo + hi) / 2; keys[mid] <= string(key) {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo
}

func (p *page) after(key []byte) int {
	lo, hi := 0, len(p.nodes)
	for lo < hi {
		if mid := (lo + hi) / 2; p.nodes[mid].key <= string(key) {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo
}

func (p *page) least() string {
	if p.kids != nil {
		return p.keys[0]
	}
	return p.nodes[0].key
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
func (t *tree) put(e *editor, n *Node) {
	if t.root == nil {
		t.root = &page{owner: e, nodes: []*Node{n}, dirty: true}
		return
	}
	t.root = t.root.own(e)
	if right := t.root.put(e, n); right != nil {
		t.root = &page{owner: e, dirty: true, kids: []*page{t.root, right}, keys: []string{t.root.least(), right.least()}}
	}
}

// put adds n below p, which e owns, and gives the page that p's right half became
// when p had grown too large.
func (p *page) put(e *editor, n *Node) (right *page) {
	key := []byte(n.key)
	if p.kids == nil {
		i := p.after(key)
		if i > 0 && p.nodes[i-1].key == n.key {
			p.nodes[i-1] = n
			return nil
		}
		p.nodes = slices.Insert(p.nodes, i, n)
		if len(p.nodes) <= pageMax {
			return nil
		}
		at := splitAt(len(p.nodes), i)
		right = &page{owner: e, dirty: true, nodes: slices.Clone(p.nodes[at:])}
		clear(p.nodes[at:])
		p.nodes = p.nodes[:at]
		return right
	}
	i := max(after(p.keys, key)-1, 0)
	p.kids[i] = p.kids[i].own(e)
	split := p.kids[i].put(e, n)
	p.keys[i] = p.kids[i].least()
	if split == nil {
		return nil
	}
	p.kids = slices.Insert(p.kids, i+1, split)
	p.keys = slices.Insert(p.keys, i+1, split.least())
	if len(p.kids) <= pageMax {
		return nil
	}
	at := splitAt(len(p.kids), i+1)
	right = &page{owner: e, dirty: true, kids: slices.Clone(p.kids[at:]), keys: slices.Clone(p.keys[at:])}
	clear(p.kids[at:])
	clear(p.keys[at:])
	p.kids, p.keys = p.kids[:at], p.keys[:at]
	return right
}

// splitAt says where to split a page into which entry i was put last. In the
// middle, but at the end when it was filled in order: then pages stay full.
func splitAt(size, i int) int {
	if i == size-1 {
		return size - 1
	}
	return size / 2
}

// remove takes out the node with key, if there is one.
func (t *tree) remove(e *editor, key string) {
	if t.root == nil {
		return
	}
	t.root = t.root.own(e)
	t.root.remove(e, []byte(key))
	for t.root.kids != nil && len(t.root.kids) == 1 {
		t.root = t.root.kids[0]
	}
	if t.root.kids == nil && len(t.root.nodes) == 0 || t.root.kids != nil && len(t.root.kids) == 0 {
		t.root = nil
	}
}

// remove leaves small pages as they are until they are empty: zones shrink
// seldom, and a page that is too small costs a little room only.
func (p *page) remove(e *editor, key []byte) {
	if p.kids == nil {
		if i := p.after(key) - 1; i >= 0 && p.nodes[i].key == string(key) {
			p.nodes = slices.Delete(p.nodes, i, i+1)
		}
		return
	}
	i := after(p.keys, key) - 1
	if i < 0 {
		return
	}
	kid := p.kids[i].own(e)
	p.kids[i] = kid
	kid.remove(e, key)
	if len(kid.nodes)+len(kid.kids) == 0 {
		p.kids = slices.Delete(p.kids, i, i+1)
		p.keys = slices.Delete(p.keys, i, i+1)
		return
	}
	p.keys[i] = kid.least()
}

// seal makes the sums of all pages that were changed true.
func (t *tree) seal() {
	if t.root != nil {
		t.root.seal()
	}
}

func (p *page) seal() {
	if !p.dirty {
		return
	}
	p.dirty = false
	p.sum = summary{earliest: never}
	for _, n := range p.nodes {
		p.sum.add(n.summary())
	}
	for _, kid := range p.kids {
		kid.seal()
		p.sum.add(kid.sum)
	}
}

// from yields the nodes at and after key, in order.
func (t tree) from(key string) iter.Seq[*Node] {
	return func(yield func(*Node) bool) {
		if t.root != nil {
			t.root.from([]byte(key), yield)
		}
	}
}

func (p *page) from(key []byte, yield func(*Node) bool) bool {
	if p.kids == nil {
		i := p.after(key)
		if i > 0 && p.nodes[i-1].key == string(key) {
			i--
		}
		for _, n := range p.nodes[i:] {
			if !yield(n) {
				return false
			}
		}
		return true
	}
	i := max(after(p.keys, key)-1, 0)
	if !p.kids[i].from(key, yield) {
		return false
	}
	for _, kid := range p.kids[i+1:] {
		if !kid.all(yield) {
			return false
		}
	}
	return true
}

func (p *page) all(yield func(*Node) bool) bool {
	for _, n := range p.nodes {
		if !yield(n) {
			return false
		}
	}
	for _, kid := range p.kids {
		if !kid.all(yield) {
			return false
		}
	}
	return true
}

// back yields the nodes at and before key, in descending order.
func (t tree) back(key string) iter.Seq[*Node] {
	return func(yield func(*Node) bool) {
		if t.root != nil {
			t.root.back([]byte(key), true, yield)
		}
	}
}

// back yields in descending order; bounded is false when all below p is before key.
func (p *page) back(key []byte, bounded bool, yield func(*Node) bool) bool {
	if p.kids == nil {
		i := len(p.nodes)
		if bounded {
			i = p.after(key)
		}
		for i--; i >= 0; i-- {
			if !yield(p.nodes[i]) {
				return false
			}
		}
		return true
	}
	last := len(p.kids) - 1
	if bounded {
		last = after(p.keys, key) - 1
	}
	for i := last; i >= 0; i-- {
		if !p.kids[i].back(key, bounded && i == last, yield) {
			return false
		}
	}
	return true
}

// expiring yields the nodes that have a signature ending before the moment given.
func (p *page) expiring(before uint32, yield func(*Node) bool) bool {
	if p.sum.earliest >= before {
		return true
	}
	for _, n := range p.nodes {
		if n.summary().earliest < before && !yield(n) {
			return false
		}
	}
	for _, kid := range p.kids {
		if !kid.expiring(before, yield) {
			return false
		}
	}
	return true
}
