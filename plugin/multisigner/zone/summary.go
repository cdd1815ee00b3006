package zone

// summary is what a page knows of all below it.
type summary struct {
	names, records, size int
	earliest             uint32 // never: no signature
	maxTTL               uint32
}

// nodeOverhead is what a node costs besides its blob: its struct and its head in
// a page that is three quarters full, and what the allocator rounds up.
const nodeOverhead = 64

func (s *summary) add(o summary) {
	s.names += o.names
	s.records += o.records
	s.size += o.size
	s.earliest = min(s.earliest, o.earliest)
	s.maxTTL = max(s.maxTTL, o.maxTTL)
}

func (n *Node) summary() summary {
	return summary{
		names: 1, records: n.records(), size: len(n.blob) + nodeOverhead,
		earliest: n.earliest(), maxTTL: n.maxTTL(),
	}
}

func (t tree) summary() summary {
	if t.root == nil {
		return summary{earliest: never}
	}
	return t.root.sum
}

// seal makes the sums and heads of all pages that were changed true.
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
	for i := range p.nodes {
		p.sum.add(p.nodes[i].summary())
	}
	for _, kid := range p.kids {
		kid.seal()
		p.sum.add(kid.sum)
	}
	if p.heads == nil {
		p.makeIndex()
	}
	if cap(p.nodes) > len(p.nodes)+2 { // it was filled, and whoever changes it makes a copy
		p.nodes = append(make([]Node, 0, len(p.nodes)), p.nodes...)
	}
}

func (p *page) makeIndex() {
	first, last := p.key(0), p.key(p.size()-1)
	// What the first and the last have in common all between them have, too.
	skip := 0
	for skip < min(len(first), len(last)) && first[skip] == last[skip] {
		skip++
	}
	p.index = index{heads: make([]uint64, p.size()), skip: uint16(skip)}
	copy(p.common[:], first[:skip])
	for i := range p.heads {
		p.heads[i] = head(p.key(i)[skip:])
	}
}

// expiring yields the nodes that have a signature ending before the moment given.
func (p *page) expiring(before uint32, yield func(*Node) bool) bool {
	if p.sum.earliest >= before {
		return true
	}
	for i := range p.nodes {
		if n := &p.nodes[i]; n.earliest() < before && !yield(n) {
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
