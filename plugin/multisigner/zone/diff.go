package zone

import (
	"fmt"
	"math"
	"slices"
)

// Change is what became of one RRset. One of the two may not Exist; both have
// the same name and type.
type Change struct{ Old, New RRset }

// Name is the RRset's owner.
func (c Change) Name() Name {
	if c.New.Exists() {
		return c.New.Name
	}
	return c.Old.Name
}

// Type is the RRset's type.
func (c Change) Type() Type {
	if c.New.Exists() {
		return c.New.Type
	}
	return c.Old.Type
}

// Diff is what leads from one version of a zone to another: changes in canonical
// order, those of NSEC3 RRsets after all others. Signatures count as a difference.
type Diff struct {
	Apex     Name
	From, To uint32 // serials
	Changes  []Change
}

// Compare gives the difference of two versions of a zone; old may be nil. What
// they share is passed over, so that it costs what the difference costs.
func Compare(old, new *Version) Diff {
	if old == nil {
		old = &Version{apex: new.apex}
	}
	d := Diff{Apex: new.apex, From: old.Serial(), To: new.Serial()}
	d.Changes = compareTrees(d.Changes, old.names, new.names)
	d.Changes = compareTrees(d.Changes, old.hashed, new.hashed)
	return d
}

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
		levelOld, levelNew = dropShared(levelOld, levelNew)
	}
	return nodes(levelOld), nodes(levelNew)
}

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

func inner(level []*page) bool { return len(level) > 0 && level[0].kids != nil }

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

func dropShared(a, b []*page) (onlyA, onlyB []*page) {
	in := make(map[*page]bool, len(a))
	for _, p := range a {
		in[p] = true
	}
	shared := map[*page]bool{}
	for _, p := range b {
		if in[p] {
			shared[p] = true
		}
	}
	drop := func(p *page) bool { return shared[p] }
	return slices.DeleteFunc(slices.Clone(a), drop), slices.DeleteFunc(slices.Clone(b), drop)
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
			i, oldBody = i+1, oldBody+h.size()
		}
		if newType <= oldType {
			h := new.head(j)
			c.New = new.set(h, newBody)
			j, newBody = j+1, newBody+h.size()
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

// Apply gives the version that d leads to. It fails when d does not begin at v,
// or leaves the zone.
func (v *Version) Apply(d Diff) (*Version, error) {
	if d.Apex != v.apex {
		return nil, fmt.Errorf("difference is of %s, not of %s", d.Apex, v.apex)
	}
	b := v.Edit()
	for _, c := range d.Changes {
		name, t := c.Name(), c.Type()
		is, exists := v.RRset(name, t)
		switch {
		case exists != c.Old.Exists() || exists && is != c.Old:
			return nil, fmt.Errorf("%s %s is not what the difference from serial %d begins with", name, t, d.From)
		case !name.Under(v.apex):
			return nil, fmt.Errorf("%s is not in %s", name, v.apex)
		case c.New.Exists():
			b.Put(c.New)
		default:
			b.Delete(name, t)
		}
	}
	return b.Version(), nil
}
