package zone

import (
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
)

// Begin is called once in each of the goroutines that share a work, and gives what does one
// piece of it, and what is called at the end. So each has memory of its own, and a place among
// those who compute, if there are places.
type Begin[Work any] func() (work Work, end func())

// Share has the pieces below n done by GOMAXPROCS goroutines, which end before the return.
// The first error ends it.
func Share(n int, begin Begin[func(i int) error]) error {
	var next atomic.Int64
	var failed atomic.Pointer[error]
	worker := func() {
		work, end := begin()
		defer end()
		for failed.Load() == nil {
			i := int(next.Add(1)) - 1
			if i >= n {
				return
			}
			if err := work(i); err != nil {
				failed.CompareAndSwap(nil, &err)
				return
			}
		}
	}
	var others sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), n) - 1 {
		others.Go(worker)
	}
	worker()
	others.Wait()
	if err := failed.Load(); err != nil {
		return *err
	}
	return nil
}

// Each gives every name once to one of GOMAXPROCS goroutines, which end before the return. What
// one of them gets is in canonical order.
func (v *Version) Each(begin Begin[func(*Node)]) {
	leaves := appendLeaves(nil, v.names.root)
	_ = Share(len(leaves), func() (func(int) error, func()) {
		see, end := begin()
		return func(i int) error {
			for at := range leaves[i].nodes {
				see(&leaves[i].nodes[at])
			}
			return nil
		}, end
	})
}

// Chain gives each name for which links is true an RRset of type t, in the place of the one that
// it has: made makes it of the name and the next for which links is true; after the last comes
// the first, the apex. Both functions are called in GOMAXPROCS goroutines, which end before the
// return. RRsets are copied: what one refers to may be used again for the next of the same
// goroutine.
func (b *Builder) Chain(t Type, links func(*Node) bool, begin Begin[func(n, next *Node) RRset]) {
	v := b.Version()
	leaves := appendLeaves(nil, v.names.root)
	is := slices.Clone(leaves)
	_ = Share(len(leaves), func() (func(int) error, func()) {
		made, end := begin()
		w := new(pageSigner)
		return func(i int) (err error) {
			at := 0
			is[i], err = w.with(leaves[i], func(n *Node) (bool, error) {
				if at++; !links(n) {
					return false, nil
				}
				next := nextLink(leaves[i:], at, links)
				if next == nil {
					next = v.top
				}
				w.take(n, t, made(n, next))
				return true, nil
			})
			return err
		}, end
	})
	b.names.root = v.names.root.withLeaves(&is)
}

// nextLink is the first node that links from the at-th of the first of leaves on; nil when there is none.
func nextLink(leaves []*page, at int, links func(*Node) bool) *Node {
	for _, p := range leaves {
		for ; at < len(p.nodes); at++ {
			if n := &p.nodes[at]; links(n) {
				return n
			}
		}
		at = 0
	}
	return nil
}

// take adds the RRsets of n with s in the place of that of its type t.
func (w *pageSigner) take(n *Node, t Type, s RRset) {
	i := len(w.sets)
	for is := range n.All() {
		if is.Type != t {
			w.sets = append(w.sets, is)
		}
		if is.Type < t {
			i = len(w.sets)
		}
	}
	w.sets = slices.Insert(w.sets, i, s)
}

// FillHashed puts count NSEC3 RRsets, in ascending order of their owners, into the place of all
// that there are. They are asked for by GOMAXPROCS goroutines, which end before the return, and
// copied: what one refers to may be used again for the next of the same goroutine.
func (b *Builder) FillHashed(count int, begin Begin[func(i int) RRset]) {
	leaves := make([]*page, (count+pageMax-1)/pageMax)
	_ = Share(len(leaves), func() (func(int) error, func()) {
		made, end := begin()
		var key []byte
		var sets []RRset
		return func(leaf int) error {
			first, end := leaf*pageMax, min(count, (leaf+1)*pageMax)
			p := &page{owner: b.edit, dirty: true, nodes: make([]Node, 0, end-first)}
			for i := first; i < end; i++ {
				s := made(i)
				key, sets = appendKey(key[:0], s.Name), append(sets[:0], s)
				p.nodes = append(p.nodes, newNode(s.Name, key, sets))
			}
			p.seal()
			leaves[leaf] = p
			return nil
		}, end
	})
	b.hashed.root = above(b.edit, leaves)
}

// above gives the root of a tree that has these leaves; nil without any.
func above(e *editor, pages []*page) *page {
	for len(pages) > 1 {
		var parents []*page
		for ; len(pages) > 0; pages = pages[min(pageMax, len(pages)):] {
			p := &page{owner: e, dirty: true}
			for _, kid := range pages[:min(pageMax, len(pages))] {
				p.kids, p.keys = append(p.kids, kid), append(p.keys, kid.key(0))
			}
			p.seal()
			parents = append(parents, p)
		}
		pages = parents
	}
	if len(pages) == 0 {
		return nil
	}
	return pages[0]
}
