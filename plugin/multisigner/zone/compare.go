package zone

import (
	"iter"
	"math"
	"slices"
)

// compareTrees appends the changes from one tree to another.
func compareTrees(changes []Change, old, new tree) []Change {
	was, is := unshared(old.root, new.root)
	for len(was) > 0 || len(is) > 0 {
		switch {
		case len(is) == 0 || len(was) > 0 && was[0].key() < is[0].key():
			changes = compareNodes(changes, was[0], nil)
			was = was[1:]
		case len(was) == 0 || is[0].key() < was[0].key():
			changes = compareNodes(changes, nil, is[0])
			is = is[1:]
		default:
			changes = compareNodes(changes, was[0], is[0])
			was, is = was[1:], is[1:]
		}
	}
	return changes
}

// Beside yields the names of two versions of a zone in canonical order, each with its
// node in one and the other; nil where it does not exist. It goes along both at once, which costs
// much less than to look each name up. Names on pages that both have may be passed over.
func Beside(one, other *Version) iter.Seq2[*Node, *Node] {
	return func(yield func(*Node, *Node) bool) {
		a, b := unshared(one.names.root, other.names.root)
		for len(a) > 0 || len(b) > 0 {
			more := false
			switch {
			case len(b) == 0 || len(a) > 0 && a[0].key() < b[0].key():
				more, a = yield(a[0], nil), a[1:]
			case len(a) == 0 || b[0].key() < a[0].key():
				more, b = yield(nil, b[0]), b[1:]
			default:
				more, a, b = yield(a[0], b[0]), a[1:], b[1:]
			}
			if !more {
				return
			}
		}
	}
}

// unshared gives the nodes that may differ, in order: it goes down both trees
// level by level and drops the pages that both have.
func unshared(old, new *page) (was, is []*Node) {
	levelOld, levelNew := pages(old), pages(new)
	for inner(levelOld) || inner(levelNew) {
		// The taller tree goes down first, so that equal pages meet.
		hOld, hNew := height(levelOld), height(levelNew)
		if hOld >= hNew {
			levelOld = kids(levelOld)
		}
		if hNew >= hOld {
			levelNew = kids(levelNew)
		}
		levelOld, levelNew = without(levelOld, levelNew), without(levelNew, levelOld)
	}
	return nodes(levelOld), nodes(levelNew)
}

// nodes lists what the leaves hold.
func nodes(leaves []*page) []*Node {
	all := make([]*Node, 0, pageMax*len(leaves))
	for _, p := range leaves {
		for i := range p.nodes {
			all = append(all, &p.nodes[i])
		}
	}
	return all
}

func pages(root *page) []*page {
	if root == nil {
		return nil
	}
	return []*page{root}
}

// inner reports whether there is something below the pages of a level.
func inner(level []*page) bool { return len(level) > 0 && level[0].kids != nil }

// height is how many levels are below this one; -1 when nothing is left of it.
func height(level []*page) int {
	if len(level) == 0 {
		return -1
	}
	h := 0
	for p := level[0]; p.kids != nil; p = p.kids[0] {
		h++
	}
	return h
}

func kids(level []*page) []*page {
	var below []*page
	for _, p := range level {
		below = append(below, p.kids...)
	}
	return below
}

// without gives the pages of level that are not in other.
func without(level, other []*page) []*page {
	in := make(map[*page]bool, len(other))
	for _, p := range other {
		in[p] = true
	}
	return slices.DeleteFunc(slices.Clone(level), func(p *page) bool { return in[p] })
}

// compareNodes appends the changes from one node to another; either may be nil.
func compareNodes(changes []Change, old, new *Node) []Change {
	if old == nil {
		for s := range new.All() {
			changes = append(changes, Change{New: s})
		}
		return changes
	}
	if new == nil {
		for s := range old.All() {
			changes = append(changes, Change{Old: s})
		}
		return changes
	}
	if old.blob == new.blob {
		return changes
	}
	i, oldBody, j, newBody := 0, old.bodies(), 0, new.bodies()
	for i < int(old.sets) || j < int(new.sets) {
		var c Change
		oldType, newType := old.typeAt(i), new.typeAt(j)
		if oldType <= newType {
			h := old.head(i)
			c.Old = old.set(h, oldBody)
			i, oldBody = i+1, oldBody+old.size(h)
		}
		if newType <= oldType {
			h := new.head(j)
			c.New = new.set(h, newBody)
			j, newBody = j+1, newBody+new.size(h)
		}
		if c.Old != c.New {
			changes = append(changes, c)
		}
	}
	return changes
}

// typeAt is the type of RRset i; past the last it is above every type.
func (n *Node) typeAt(i int) int {
	if i < int(n.sets) {
		return int(n.head(i).Type())
	}
	return math.MaxInt
}
