package source

import (
	"slices"

	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// judged is content with all that was found wrong with it, so that the content that a
// difference makes of it is judged by what has changed. It is never changed.
type judged struct {
	content  *zone.Version
	findings []finding
}

// judgedAtMost is with how many findings content is judged by its changes: our choice. All
// names that have one are looked at each time.
const judgedAtMost = 1000

// judge judges all of a version.
func judge(v *zone.Version) *judged {
	return &judged{v, slices.Collect(findings(v, true))}
}

// after judges what changes of these names have made of the content: what is found is what
// is found by judging all of it.
func (j *judged) after(v *zone.Version, changed []zone.Name) *judged {
	if j == nil || len(j.findings) > judgedAtMost || slices.ContainsFunc(changed, func(n zone.Name) bool { return j.reaches(v, n) }) {
		return judge(v)
	}
	names := slices.Clone(changed)
	for _, f := range j.findings { // what was missing elsewhere may be there now
		names = append(names, f.name)
	}
	slices.SortFunc(names, zone.Name.Compare)
	next := &judged{content: v}
	c := &checker{v: v, came: true, yield: func(f finding) bool { next.findings = append(next.findings, f); return true }}
	c.apex()
	for _, n := range slices.Compact(names) {
		if at := v.Get(n); at != nil {
			c.node(at)
		}
	}
	return next
}

// reaches reports whether the change of a name may make something wrong with another one:
// with what is below it, or what points to it.
func (j *judged) reaches(v *zone.Version, n zone.Name) bool {
	was, is := j.content.Get(n), v.Get(n)
	if n.IsWildcard() && (was == nil) != (is == nil) {
		return true
	}
	for _, t := range []zone.Type{zone.TypeCNAME, zone.TypeDNAME, zone.TypeNS, zone.TypeA, zone.TypeAAAA} {
		before, after := setAt(was, t), setAt(is, t)
		switch there := before.Exists() == after.Exists(); {
		case t == zone.TypeCNAME && !before.SameData(after): // it may lead in a circle
			return true
		case there:
		case t == zone.TypeDNAME, t == zone.TypeNS && n != v.Apex(), n.IsWildcard():
			return true
		}
	}
	if is == nil && doubled(n, v.Apex()) {
		return true
	}
	// A name that is new or gone lets those above it come or go, which a wildcard stood for or
	// stands for now.
	for ; n.Under(v.Apex()); n = n.Parent() {
		old, new := &checker{v: j.content}, &checker{v: v}
		if old.reach(n) == addresses && new.reach(n) != addresses {
			return true
		}
		if n == v.Apex() || (j.content.Get(n) == nil) == (v.Get(n) == nil) && v.Get(n) != nil {
			break
		}
	}
	return false
}

func setAt(n *zone.Node, t zone.Type) zone.RRset {
	if n == nil {
		return zone.RRset{}
	}
	s, _ := n.Get(t)
	return s
}
