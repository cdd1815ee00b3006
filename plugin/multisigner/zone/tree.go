package zone

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
	if p.heads != nil && len(key) >= p.skip {
		return p.afterHead(key)
	}
	return p.search(key, 0, p.size())
}

// search is after among the entries from lo to hi.
func (p *page) search(key []byte, lo, hi int) int {
	for lo < hi {
		if mid := int(uint(lo+hi) / 2); p.key(mid) <= string(key) {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo
}

// afterHead is after by the heads. As a rule it reads one of the keys: that of the
// entry which a lookup reads anyway.
func (p *page) afterHead(key []byte) int {
	h := head(key[p.skip:])
	lo, hi := 0, len(p.heads)
	for lo < hi {
		if mid := int(uint(lo+hi) / 2); p.heads[mid] <= h {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	// Heads tell only keys apart that begin as all in the page do.
	if one := p.key(max(lo-1, 0)); string(key[:p.skip]) != one[:p.skip] {
		if string(key) < one {
			return 0
		}
		return len(p.heads)
	}
	same := lo
	for same > 0 && p.heads[same-1] == h {
		same--
	}
	return p.search(key, same, lo)
}
