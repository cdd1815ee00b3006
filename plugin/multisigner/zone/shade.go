package zone

import "slices"

// shade gives the names below those where a cut or a DNAME came or went the
// shadow that they have now. From the apex down: a shadow is the topmost's.
func (b *Builder) shade() {
	names := make([]Name, 0, len(b.shaded))
	for name := range b.shaded {
		names = append(names, name)
	}
	slices.SortFunc(names, Name.Compare)
	for _, name := range names {
		for _, n := range b.misshaded(name) {
			b.names.put(b.edit, n)
		}
	}
	clear(b.shaded)
}

// misshaded gives the nodes below top with another shadow than they have, where
// it is not the right one.
func (b *Builder) misshaded(top Name) (changed []Node) {
	type ancestor struct {
		name   Name
		shadow int8 // that falls on what is below it
	}
	var above []ancestor // of the node that is looked at: top and those down from it
	for n := range b.names.from(appendKey(nil, top)) {
		name := n.Name()
		if !name.Under(top) {
			break
		}
		c := *n
		if name != top {
			for !name.Under(above[len(above)-1].name) {
				above = above[:len(above)-1]
			}
			c.shadow = above[len(above)-1].shadow
		}
		if c.shadow != n.shadow {
			changed = append(changed, c)
		}
		above = append(above, ancestor{name, c.shadowBelow()})
	}
	return changed
}
