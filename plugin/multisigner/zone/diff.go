package zone

import (
	"fmt"
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
		case len(is) == 0 || len(was) > 0 && was[0].key < is[0].key:
			changes = compareNodes(changes, was[0], nil)
			was = was[1:]
		case len(was) == 0 || is[0].key < was[0].key:
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
	for _, p := range levelOld {
		was = append(was, p.nodes...)
	}
	for _, p := range levelNew {
		is = append(is, p.nodes...)
	}
	return was, is
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
	if old == new {
		return changes
	}
	if old == nil {
		old = &Node{}
	}
	if new == nil {
		new = &Node{}
	}
	was, is := old.sets, new.sets
	for len(was) > 0 || len(is) > 0 {
		switch {
		case len(is) == 0 || len(was) > 0 && was[0].t < is[0].t:
			changes = append(changes, Change{Old: was[0].of(old.name)})
			was = was[1:]
		case len(was) == 0 || is[0].t < was[0].t:
			changes = append(changes, Change{New: is[0].of(new.name)})
			is = is[1:]
		default:
			if was[0] != is[0] {
				changes = append(changes, Change{Old: was[0].of(old.name), New: is[0].of(new.name)})
			}
			was, is = was[1:], is[1:]
		}
	}
	return changes
}

func (s *set) of(name Name) RRset {
	return RRset{Name: name, Type: s.t, TTL: s.ttl, Rdata: s.rdata, Sigs: s.sigs}
}

// Apply gives the version that d leads to. It fails when d does not begin at v.
func (v *Version) Apply(d Diff) (*Version, error) {
	if d.Apex != v.apex {
		return nil, fmt.Errorf("difference is of %s, not of %s", d.Apex, v.apex)
	}
	b := v.Edit()
	for _, c := range d.Changes {
		name, t := c.Name(), c.Type()
		if is, _ := v.RRset(name, t); is != c.Old {
			return nil, fmt.Errorf("%s %s is not what the difference from serial %d begins with", name, t, d.From)
		}
		if c.New.Exists() {
			b.Put(c.New)
		} else {
			b.Delete(name, t)
		}
	}
	return b.Version(), nil
}
