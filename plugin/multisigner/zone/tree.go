package zone

import "bytes"

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
	index          // first: a search reads it of each page on its way
	kids  []*page  // of an inner page
	nodes []Node   // of a leaf
	keys  []string // of an inner page: the least key below each kid
	owner *editor
	sum   summary
	dirty bool // sum does not hold; only while owner edits
}

// index makes a search cheap. While the keys of a page are being edited it has none.
type index struct {
	heads []uint64 // of each key the eight octets after those that all have in common; nil: there is no index
	skip  uint16   // how many all have in common
	// common are those, as far as there is room: our choice, two labels and what the names of a
	// page share of a third. So a search need not read a key, which lies elsewhere in memory.
	common [46]byte
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
	if p.heads != nil && len(key) >= int(p.skip) {
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

// afterHead is after by the heads. As a rule it reads none of the keys but that of the entry
// which a lookup reads anyway.
func (p *page) afterHead(key []byte) int {
	skip := int(p.skip)
	h := head(key[skip:])
	lo, hi := 0, len(p.heads)
	for lo < hi {
		if mid := int(uint(lo+hi) / 2); p.heads[mid] <= h {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	// Heads tell only keys apart that begin as all in the page do.
	if skip > len(p.common) {
		if one := p.key(max(lo-1, 0))[:skip]; string(key[:skip]) != one {
			return p.beyond(string(key[:skip]) < one)
		}
	} else if string(key[:skip]) != string(p.common[:skip]) {
		return p.beyond(bytes.Compare(key[:skip], p.common[:skip]) < 0)
	}
	same := lo
	for same > 0 && p.heads[same-1] == h {
		same--
	}
	return p.search(key, same, lo)
}

// beyond is after for a key that comes before all keys of the page, or after all.
func (p *page) beyond(before bool) int {
	if before {
		return 0
	}
	return len(p.heads)
}
