package zone_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// One descent tells all that an answer needs: the node, the closest encloser,
// and the cut or DNAME above. Empty non-terminals are nodes, too.
func TestFind(t *testing.T) {
	v := zone.MustVersion(`
$ORIGIN example.
$TTL 3600
@            SOA ns.example. root.example. 7 3600 600 86400 300
@            NS  ns
a.ent        A   192.0.2.1
*.w          A   192.0.2.2
sub          NS  ns.sub
ns.sub       A   192.0.2.3
deep.ns.sub  A   192.0.2.4
d            DNAME other.
x.d          A   192.0.2.5
`)
	name := func(n *zone.Node) string {
		if n == nil {
			return "-"
		}
		return strings.TrimSuffix(n.Name().String(), "example.")
	}
	for _, tc := range []struct{ ask, node, encloser, cut, dname string }{
		{"example.", "", "", "-", "-"},
		{"ent.example.", "ent.", "ent.", "-", "-"},
		{"b.ent.example.", "-", "ent.", "-", "-"},
		{"b.a.ent.example.", "-", "a.ent.", "-", "-"},
		{"zz.example.", "-", "", "-", "-"},
		{"x.y.w.example.", "-", "w.", "-", "-"},
		{"sub.example.", "sub.", "sub.", "sub.", "-"},
		{"q.sub.example.", "-", "sub.", "sub.", "-"},
		{"deep.ns.sub.example.", "deep.ns.sub.", "deep.ns.sub.", "sub.", "-"},
		{"d.example.", "d.", "d.", "-", "-"},
		{"x.d.example.", "x.d.", "x.d.", "-", "d."},
		{"q.q.d.example.", "-", "d.", "-", "d."},
	} {
		t.Run(tc.ask, func(t *testing.T) {
			f := v.Find(zone.MustName(tc.ask))
			require.Equal(t, []string{tc.node, tc.encloser, tc.cut, tc.dname},
				[]string{name(f.Node), name(f.Encloser), name(f.Cut), name(f.DNAME)})
		})
	}
}

// Whatever is put and deleted, in whatever order, a version is what a plain map
// of the same records says: names with their empty non-terminals, cuts and
// shadows, sums, order; and the difference of two leads from one to the other.
func TestVersionIsAModelOfItsRecords(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	apex := zone.MustName("example.")
	labels := []string{"a", "b", "c", "d", "*", "\\000", "\\001"}
	types := []zone.Type{zone.TypeA, zone.TypeTXT, zone.TypeNS, zone.TypeDNAME}
	model := map[zone.Name]map[zone.Type]zone.RRset{}
	b := zone.NewBuilder(apex)
	var versions []*zone.Version
	var dumps []string
	for step := range 3000 {
		name := "example."
		for range r.IntN(5) {
			name = labels[r.IntN(len(labels))] + "." + name
		}
		n, ty := zone.MustName(name), types[r.IntN(len(types))]
		if r.IntN(3) == 0 {
			b.Delete(n, ty)
			delete(model[n], ty)
		} else {
			s := zone.RRset{Name: n, Type: ty, TTL: uint32(r.IntN(100)), Rdata: zone.Pack(fmt.Sprint(step))}
			b.Put(s)
			if model[n] == nil {
				model[n] = map[zone.Type]zone.RRset{}
			}
			model[n][ty] = s
		}
		if step%100 == 0 {
			v := b.Version()
			require.Equal(t, dumpModel(apex, model), dump(v))
			versions, dumps = append(versions, v), append(dumps, dump(v))
			if r.IntN(2) == 0 {
				b = v.Edit()
			}
		}
	}
	for i, v := range versions {
		require.Equal(t, dumps[i], dump(v), "a version that was shown has changed")
		for _, other := range []*zone.Version{versions[max(i-1, 0)], versions[r.IntN(len(versions))]} {
			applied, err := other.Apply(zone.Compare(other, v))
			require.NoError(t, err)
			require.Equal(t, dump(v), dump(applied))
		}
	}
}

func dump(v *zone.Version) string {
	var b strings.Builder
	names, maxTTL := 0, uint32(0)
	for n := range v.All() {
		names++
		fmt.Fprintf(&b, "%s cut=%v occluded=%v", n.Name(), n.IsCut(), n.Occluded())
		for s := range n.All() {
			maxTTL = max(maxTTL, s.TTL)
			fmt.Fprintf(&b, " %s/%d/%x", s.Type, s.TTL, s.Rdata)
		}
		b.WriteByte('\n')
	}
	fmt.Fprintf(&b, "names=%d ttl=%d\n", names, maxTTL)
	if names != v.Names() || maxTTL != v.MaxTTL() {
		fmt.Fprintf(&b, "but the sums say names=%d ttl=%d\n", v.Names(), v.MaxTTL())
	}
	return b.String()
}

func dumpModel(apex zone.Name, model map[zone.Name]map[zone.Type]zone.RRset) string {
	exists := map[zone.Name]bool{apex: true}
	for n, sets := range model {
		for ; len(sets) > 0 && !exists[n]; n = n.Parent() {
			exists[n] = true
		}
	}
	var names []zone.Name
	for n := range exists {
		names = append(names, n)
	}
	slices.SortFunc(names, zone.Name.Compare)
	var b strings.Builder
	maxTTL := uint32(0)
	for _, n := range names {
		occluded := false
		for up := n; up != apex; {
			up = up.Parent()
			_, ns := model[up][zone.TypeNS]
			_, dname := model[up][zone.TypeDNAME]
			occluded = occluded || dname || ns && up != apex
		}
		_, ns := model[n][zone.TypeNS]
		fmt.Fprintf(&b, "%s cut=%v occluded=%v", n, ns && n != apex, occluded)
		var sets []zone.RRset
		for _, s := range model[n] {
			sets = append(sets, s)
		}
		slices.SortFunc(sets, func(a, b zone.RRset) int { return int(a.Type) - int(b.Type) })
		for _, s := range sets {
			maxTTL = max(maxTTL, s.TTL)
			fmt.Fprintf(&b, " %s/%d/%x", s.Type, s.TTL, s.Rdata)
		}
		b.WriteByte('\n')
	}
	fmt.Fprintf(&b, "names=%d ttl=%d\n", len(names), maxTTL)
	return b.String()
}
