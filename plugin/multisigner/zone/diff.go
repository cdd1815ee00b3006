package zone

import "fmt"

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

// Compare gives the difference of two versions of one zone; old may be nil. What
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

// Apply gives the version that d leads to. It fails when d does not begin at v,
// or leaves the zone.
func (v *Version) Apply(d Diff) (*Version, error) {
	if d.Apex != v.apex {
		return nil, fmt.Errorf("difference is of %s, not of %s", d.Apex, v.apex)
	}
	b := v.Edit()
	for _, c := range d.Changes {
		name, t := c.Name(), c.Type()
		if !name.Under(v.apex) {
			return nil, fmt.Errorf("%s is not in %s", name, v.apex)
		}
		is, exists := v.RRset(name, t)
		switch {
		case exists != c.Old.Exists() || exists && is != c.Old:
			return nil, fmt.Errorf("%s %s is not what the difference from serial %d begins with", name, t, d.From)
		case c.New.Exists():
			b.Put(c.New)
		default:
			b.Delete(name, t)
		}
	}
	return b.Version(), nil
}
