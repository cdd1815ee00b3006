package zone

import "iter"

// from yields the nodes at and after key, in order.
func (t tree) from(key []byte) iter.Seq[*Node] {
	return func(yield func(*Node) bool) {
		if t.root != nil {
			t.root.from(key, yield)
		}
	}
}

func (p *page) from(key []byte, yield func(*Node) bool) bool {
	i := p.after(key)
	if p.kids == nil {
		if i > 0 && p.nodes[i-1].key() == string(key) {
			i--
		}
		return p.rest(i, yield)
	}
	i = max(i-1, 0)
	return p.kids[i].from(key, yield) && p.rest(i+1, yield)
}

// rest yields all below the entries from i on.
func (p *page) rest(i int, yield func(*Node) bool) bool {
	for at := i; at < len(p.nodes); at++ {
		if !yield(&p.nodes[at]) {
			return false
		}
	}
	for at := i; at < len(p.kids); at++ {
		if !p.kids[at].rest(0, yield) {
			return false
		}
	}
	return true
}

// back yields the nodes at and before key, in descending order.
func (t tree) back(key []byte) iter.Seq[*Node] {
	return func(yield func(*Node) bool) {
		if t.root != nil {
			t.root.back(key, yield)
		}
	}
}

func (p *page) back(key []byte, yield func(*Node) bool) bool {
	i := p.after(key)
	if p.kids != nil && i > 0 {
		if i--; !p.kids[i].back(key, yield) {
			return false
		}
	}
	return p.before(i, yield)
}

// before yields all below the entries before i, in descending order.
func (p *page) before(i int, yield func(*Node) bool) bool {
	for at := i - 1; at >= 0; at-- {
		if p.kids == nil {
			if !yield(&p.nodes[at]) {
				return false
			}
		} else if !p.kids[at].before(p.kids[at].size(), yield) {
			return false
		}
	}
	return true
}

// last gives the last node; nil when there is none.
func (t tree) last() *Node {
	p := t.root
	if p == nil {
		return nil
	}
	for p.kids != nil {
		p = p.kids[len(p.kids)-1]
	}
	return &p.nodes[len(p.nodes)-1]
}
