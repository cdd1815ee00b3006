package source

import (
	"fmt"
	"maps"
	"slices"

	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// Taken is a zone as a primary gave it, and the content in it. Two of them share what
// they have in common. The zero value is none.
type Taken struct {
	// Came is the zone as it came. It is what is to be saved, and what the next IXFR
	// asks from: a primary that serves a signed zone sends differences of that, and its
	// ZONEMD is true of that.
	Came *zone.Version
	// Content is Came without what the signer makes (see Dropped): what is to be signed.
	// It is Came itself when there is nothing to leave out. Its serial is the primary's.
	Content *zone.Version
	// Dropped counts the records that Content lacks, by type.
	Dropped Dropped

	judged *judged // of Content; nil: nobody has judged it
}

// Dropped counts records that are left out because the signer makes them: RRSIG, NSEC,
// NSEC3, NSEC3PARAM, DNSKEY, CDS and CDNSKEY; TYPE65534 at the apex, where BIND keeps how
// far its signing has come; and ZONEMD, which signing makes wrong. It is not to be changed.
type Dropped map[zone.Type]int

// Records is how many there are in all.
func (d Dropped) Records() int {
	all := 0
	for _, n := range d {
		all += n
	}
	return all
}

// String says what was left out; "" for nothing.
func (d Dropped) String() string {
	if len(d) == 0 {
		return ""
	}
	return fmt.Sprintf("%d of type %s", d.Records(), typeList(slices.Sorted(maps.Keys(d))))
}

// Signed reports whether the primary serves a signed zone: somebody else's keys and
// signatures were among what was left out.
func (d Dropped) Signed() bool { return d[zone.TypeDNSKEY] > 0 && d[zone.TypeRRSIG] > 0 }

// Take parts the content from what came, as after a start from what was saved.
func Take(came *zone.Version) Taken {
	t := Taken{Came: came, Dropped: Dropped{}}
	b := came.Edit()
	for n := range came.All() {
		for s := range n.All() {
			if kept := t.Dropped.without(s, came.Apex(), 1); kept != s {
				b.Put(kept)
			}
		}
	}
	for n := range came.Hashed() {
		for s := range n.All() {
			b.Put(t.Dropped.without(s, came.Apex(), 1))
		}
	}
	if t.Content = came; len(t.Dropped) > 0 {
		t.Content = b.Version()
	}
	return t
}

// Apply gives what t becomes by a difference as it came. It fails when that does not
// begin at t.
func (t Taken) Apply(d zone.Diff) (Taken, error) {
	came, err := t.Came.Apply(d)
	if err != nil {
		return Taken{}, err
	}
	next := Taken{Came: came, Dropped: maps.Clone(t.Dropped)}
	for _, c := range d.Changes {
		next.Dropped.without(c.Old, d.Apex, -1)
		next.Dropped.without(c.New, d.Apex, 1)
	}
	maps.DeleteFunc(next.Dropped, func(_ zone.Type, n int) bool { return n == 0 })
	if len(next.Dropped) == 0 {
		next.Content = came
		return next, nil
	}
	if next.Content, err = t.Content.Apply(Unsigned(d)); err != nil {
		return Taken{}, fmt.Errorf("the content is not that of what came: %w", err)
	}
	return next, nil
}

// Unsigned is a difference without what the signer makes: it leads from the content of
// one version to that of the other.
func Unsigned(d zone.Diff) zone.Diff {
	count := Dropped{}
	changes := make([]zone.Change, 0, len(d.Changes))
	for _, c := range d.Changes {
		c.Old, c.New = count.without(c.Old, d.Apex, 0), count.without(c.New, d.Apex, 0)
		if c.Old.Exists() && c.Old == c.New || !c.Old.Exists() && !c.New.Exists() {
			continue
		}
		changes = append(changes, c)
	}
	d.Changes = changes
	return d
}

// without is s without what the signer makes, each record of which counts as many.
func (d Dropped) without(s zone.RRset, apex zone.Name, many int) zone.RRset {
	if s.Sigs != "" {
		d.count(zone.TypeRRSIG, many*s.Sigs.Len())
		s = s.WithSigs("")
	}
	if s.Type.SignerMade() || isPrivate(s.Type) && s.Name == apex {
		d.count(s.Type, many*s.Rdata.Len())
		return zone.RRset{Name: s.Name, Type: s.Type}
	}
	return s
}

func (d Dropped) count(t zone.Type, n int) {
	if n != 0 {
		d[t] += n
	}
}
