package zone

import (
	"cmp"
	"fmt"
	"slices"
)

// Compose gives the one difference that does what diffs do one after the other, so
// that what came and went again is in it no more. Each must begin where the one
// before has ended: it fails when a serial, or what an RRset was, says otherwise.
func Compose(diffs ...Diff) (Diff, error) {
	if len(diffs) == 0 {
		return Diff{}, nil
	}
	type key struct {
		name Name
		t    Type
	}
	whole := Diff{Apex: diffs[0].Apex, From: diffs[0].From, To: diffs[len(diffs)-1].To}
	at := map[key]int{}
	for i, d := range diffs {
		if i > 0 && (d.From != diffs[i-1].To || d.Apex != whole.Apex) {
			return Diff{}, fmt.Errorf("difference of %s from serial %d does not follow on one to serial %d", d.Apex, d.From, diffs[i-1].To)
		}
		for _, c := range d.Changes {
			k := key{c.Name(), c.Type()}
			before, known := at[k]
			switch {
			case !known:
				at[k] = len(whole.Changes)
				whole.Changes = append(whole.Changes, c)
			case whole.Changes[before].New != c.Old:
				return Diff{}, fmt.Errorf("%s %s is not what the difference from serial %d begins with", k.name, k.t, d.From)
			default:
				whole.Changes[before].New = c.New
			}
		}
	}
	whole.Changes = slices.DeleteFunc(whole.Changes, func(c Change) bool { return c.Old == c.New })
	slices.SortFunc(whole.Changes, Canonically)
	return whole, nil
}

// Canonically is the order of a difference's changes: by name and type, those of
// NSEC3 RRsets after all others.
func Canonically(a, b Change) int {
	hashed := func(c Change) int {
		if c.Type() == TypeNSEC3 {
			return 1
		}
		return 0
	}
	return cmp.Or(hashed(a)-hashed(b), a.Name().Compare(b.Name()), int(a.Type())-int(b.Type()))
}
