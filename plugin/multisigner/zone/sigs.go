package zone

import (
	"runtime"
	"sync"
	"sync/atomic"
)

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
func (v *Version) WithSigs(begin func() (sign Signatures, end func())) (*Version, error) {
	leaves := appendLeaves(nil, v.names.root)
	names := len(leaves)
	leaves = appendLeaves(leaves, v.hashed.root)
	if err := signPages(leaves, begin); err != nil {
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
func signPages(leaves []*page, begin func() (Signatures, func())) error {
	var next atomic.Int64
	var failed atomic.Pointer[error]
	worker := func() {
		sign, end := begin()
		defer end()
		w := new(pageSigner)
		for failed.Load() == nil {
			i := int(next.Add(1)) - 1
			if i >= len(leaves) {
				return
			}
			p, err := w.page(leaves[i], sign)
			if err != nil {
				failed.CompareAndSwap(nil, &err)
				return
			}
			leaves[i] = p
		}
	}
	var others sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(leaves)) - 1 {
		others.Go(worker)
	}
	worker()
	others.Wait()
	if err := failed.Load(); err != nil {
		return *err
	}
	return nil
}

// pageSigner is room that one goroutine uses again and again.
type pageSigner struct {
	key  []byte
	sets []RRset
}

// page gives a leaf with other signatures; p itself when they are the same.
func (w *pageSigner) page(p *page, sign Signatures) (*page, error) {
	var signed *page
	for i := range p.nodes {
		n := &p.nodes[i]
		w.sets = w.sets[:0]
		changed := false
		for s := range n.All() {
			sigs, err := sign(n, s)
			if err != nil {
				return nil, err
			}
			changed = changed || sigs != s.Sigs
			w.sets = append(w.sets, s.WithSigs(sigs))
		}
		if !changed {
			continue
		}
		if signed == nil {
			signed = &page{nodes: append(make([]Node, 0, len(p.nodes)), p.nodes...), heads: p.heads, skip: p.skip, dirty: true}
		}
		w.key = append(w.key[:0], n.key()...)
		is := newNode(n.Name(), w.key, w.sets)
		is.shadow, is.apex = n.shadow, n.apex
		signed.nodes[i] = is
	}
	clear(w.sets)
	if signed == nil {
		return p, nil
	}
	signed.seal()
	return signed, nil
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
	is := &page{kids: make([]*page, len(p.kids)), keys: make([]string, len(p.kids)), heads: p.heads, skip: p.skip, dirty: true}
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
