package zone

// Signatures gives the signatures that an RRset of n, which is never changed, is to
// have. A Packed that is equal to that of s leaves it as it is.
type Signatures func(n *Node, s RRset) (Packed, error)

// WithSigs is v with other signatures, and all else as it is. What keeps its
// signatures goes on to be shared with v.
//
// The work is divided among GOMAXPROCS goroutines, which end before the return:
// each builds whole pages of the new version, so that none waits for another that
// puts them together. begin is called once in each, for a Signatures of its own and
// a function to call at its end. The first error ends the call, with no version.
//
// Where v is a draft, who answers from it gets what is signed page by page.
func (v *Version) WithSigs(begin Begin[Signatures]) (*Version, error) {
	leaves := appendLeaves(nil, v.names.root)
	names := len(leaves)
	leaves = appendLeaves(leaves, v.hashed.root)
	if err := v.signPages(leaves, begin); err != nil {
		return nil, err
	}
	is := &Version{apex: v.apex}
	rest := leaves[:names]
	is.names.root = v.names.root.withLeaves(&rest)
	rest = leaves[names:]
	is.hashed.root = v.hashed.root.withLeaves(&rest)
	is.top = is.names.named(is.apex)
	return is, nil
}

// signPages puts the page with other signatures into the place of each.
func (v *Version) signPages(leaves []*page, begin Begin[Signatures]) error {
	return Share(len(leaves), func() (func(int) error, func()) {
		sign, end := begin()
		w := new(pageSigner)
		return func(i int) error {
			p, err := w.pageOf(v.draft, leaves[i], sign)
			if err == nil {
				leaves[i] = p
			}
			return err
		}, end
	})
}

// pageSigner is room that one goroutine uses again and again.
type pageSigner struct {
	key  []byte
	sets []RRset
}

// pageOf gives a leaf of a version, which may be a draft, with other signatures.
func (w *pageSigner) pageOf(d *draft, p *page, sign Signatures) (*page, error) {
	if d != nil {
		return d.page(w, p, sign)
	}
	return w.page(p, sign)
}

// page gives a leaf with other signatures; p itself when they are the same.
func (w *pageSigner) page(p *page, sign Signatures) (*page, error) {
	return w.with(p, func(n *Node) (changed bool, err error) {
		for s := range n.All() {
			sigs, err := sign(n, s)
			if err != nil {
				return false, err
			}
			changed = changed || sigs != s.Sigs
			w.sets = append(w.sets, s.WithSigs(sigs))
		}
		return changed, nil
	})
}

// with gives a leaf of which some nodes have other RRsets: change adds to w.sets those of a node,
// and says whether they are others. It gives p itself when they are the same.
func (w *pageSigner) with(p *page, change func(n *Node) (changed bool, err error)) (*page, error) {
	var is *page
	for i := range p.nodes {
		n := &p.nodes[i]
		w.sets = w.sets[:0]
		switch changed, err := change(n); {
		case err != nil:
			return nil, err
		case !changed:
			continue
		}
		if is == nil {
			is = &page{nodes: append(make([]Node, 0, len(p.nodes)), p.nodes...), index: p.index, dirty: true}
		}
		w.key = append(w.key[:0], n.key()...)
		made := newNode(n.Name(), w.key, w.sets)
		made.shadow, made.apex = n.shadow, n.apex
		is.nodes[i] = made
	}
	clear(w.sets)
	if is == nil {
		return p, nil
	}
	is.seal()
	return is, nil
}

// appendLeaves lists the leaves below p in order.
func appendLeaves(leaves []*page, p *page) []*page {
	switch {
	case p == nil:
		return leaves
	case p.kids == nil:
		return append(leaves, p)
	}
	for _, kid := range p.kids {
		leaves = appendLeaves(leaves, kid)
	}
	return leaves
}

// withLeaves is p, which may be nil, with the first of leaves in the place of its
// own, which are as many. What they replace is not referred to any more.
func (p *page) withLeaves(leaves *[]*page) *page {
	if p == nil {
		return nil
	}
	if p.kids == nil {
		is := (*leaves)[0]
		*leaves = (*leaves)[1:]
		return is
	}
	is := &page{kids: make([]*page, len(p.kids)), keys: make([]string, len(p.kids)), index: p.index, dirty: true}
	same := true
	for i, kid := range p.kids {
		is.kids[i] = kid.withLeaves(leaves)
		is.keys[i] = is.kids[i].key(0)
		same = same && is.kids[i] == kid
	}
	if same {
		return p
	}
	is.seal()
	return is
}
