package zone_test

import (
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// model is what a version must be the same as: slow, and obviously right.
type model struct {
	apex          zone.Name
	names, hashed map[zone.Name]map[zone.Type]zone.RRset
}

func newModel(apex zone.Name) *model {
	return &model{apex, map[zone.Name]map[zone.Type]zone.RRset{}, map[zone.Name]map[zone.Type]zone.RRset{}}
}

func (m *model) put(s zone.RRset) {
	in := m.names
	if s.Type == zone.TypeNSEC3 {
		in = m.hashed
	}
	if in[s.Name] == nil {
		in[s.Name] = map[zone.Type]zone.RRset{}
	}
	in[s.Name][s.Type] = s
	if !s.Exists() {
		delete(in[s.Name], s.Type)
	}
}

// owners lists the names that exist, in order: the apex, those with records, and
// those above them.
func (m *model) owners() []zone.Name {
	exists := map[zone.Name]bool{m.apex: true}
	for n, sets := range m.names {
		for ; len(sets) > 0 && !exists[n]; n = n.Parent() {
			exists[n] = true
		}
	}
	var names []zone.Name
	for n := range exists {
		names = append(names, n)
	}
	slices.SortFunc(names, zone.Name.Compare)
	return names
}

func (m *model) hashedOwners() []zone.Name {
	var names []zone.Name
	for n, sets := range m.hashed {
		if len(sets) > 0 {
			names = append(names, n)
		}
	}
	slices.SortFunc(names, zone.Name.Compare)
	return names
}

func (m *model) isCut(n zone.Name) bool {
	_, ns := m.names[n][zone.TypeNS]
	return ns && n != m.apex
}

func (m *model) isDNAME(n zone.Name) bool {
	_, dname := m.names[n][zone.TypeDNAME]
	return dname
}

// above lists the names of the zone above n, from the apex down.
func (m *model) above(n zone.Name) []zone.Name {
	var up []zone.Name
	for n != m.apex {
		n = n.Parent()
		up = append(up, n)
	}
	slices.Reverse(up)
	return up
}

func (m *model) occluded(n zone.Name) bool {
	return slices.ContainsFunc(m.above(n), func(up zone.Name) bool { return m.isCut(up) || m.isDNAME(up) })
}

// text says all of the model in lines, as the function text does of a version.
func (m *model) text() string {
	var b strings.Builder
	records, maxTTL, first := 0, uint32(0), time.Time{}
	write := func(sets map[zone.Type]zone.RRset) {
		var types []int
		for t := range sets {
			types = append(types, int(t))
		}
		slices.Sort(types)
		for _, t := range types {
			s := sets[zone.Type(t)]
			fmt.Fprintf(&b, " %v", s)
			records += s.Rdata.Len() + s.Sigs.Len()
			maxTTL = max(maxTTL, s.TTL)
			if end, ok := s.Earliest(); ok && (first.IsZero() || end.Before(first)) {
				first = end
			}
		}
		b.WriteByte('\n')
	}
	owners := m.owners()
	for _, n := range owners {
		fmt.Fprintf(&b, "%s cut=%v occluded=%v", n, m.isCut(n), m.occluded(n))
		write(m.names[n])
	}
	for _, n := range m.hashedOwners() {
		fmt.Fprintf(&b, "%s hashed", n)
		write(m.hashed[n])
	}
	fmt.Fprintf(&b, "names=%d records=%d ttl=%d first=%v\n", len(owners), records, maxTTL, first)
	return b.String()
}

func text(v *zone.Version) string {
	var b strings.Builder
	write := func(n *zone.Node) {
		for s := range n.All() {
			fmt.Fprintf(&b, " %v", s)
		}
		b.WriteByte('\n')
	}
	for n := range v.All() {
		fmt.Fprintf(&b, "%s cut=%v occluded=%v", n.Name(), n.IsCut(), n.Occluded())
		write(n)
	}
	for n := range v.Hashed() {
		fmt.Fprintf(&b, "%s hashed", n.Name())
		write(n)
	}
	first, _ := v.Earliest()
	if first.Year() == 2106 {
		first = time.Time{}
	}
	fmt.Fprintf(&b, "names=%d records=%d ttl=%d first=%v\n", v.Names(), v.Records(), v.MaxTTL(), first)
	return b.String()
}

// check asks v for one name what the model knows of it.
func (m *model) check(t testing.TB, v *zone.Version, n zone.Name) {
	owners := m.owners()
	at, exists := slices.BinarySearchFunc(owners, n, zone.Name.Compare)
	want := []string{"-", "", "", "-", "-"}
	if exists {
		want[0], want[1] = n.String(), n.String()
	} else {
		want[1] = owners[at-1].String()
	}
	for _, up := range append(m.above(n), n) {
		if slices.Contains(owners, up) {
			want[2] = up.String()
		}
		if want[3] == "-" && want[4] == "-" {
			if m.isCut(up) {
				want[3] = up.String()
			} else if m.isDNAME(up) && up != n {
				want[4] = up.String()
			}
		}
	}
	f := v.Find(n)
	got := []string{named(f.Node), named(f.Prev), named(f.Encloser), named(f.Cut), named(f.DNAME)}
	require.Equal(t, want, got, "find %s: node, name before, encloser, cut, DNAME", n)
	require.Equal(t, f.Node, v.Get(n))
	require.Equal(t, owners[at:], names(v.From(n)), "from %s", n)
	if exists {
		at++
	}
	down := slices.Clone(owners[:at])
	slices.Reverse(down)
	require.Equal(t, down, names(v.Backward(n)), "backward from %s", n)
	m.checkHashed(t, v, n)
}

func (m *model) checkHashed(t testing.TB, v *zone.Version, n zone.Name) {
	owners := m.hashedOwners()
	got, exact := v.FindHashed(n)
	if len(owners) == 0 {
		require.Nil(t, got)
		return
	}
	at, exists := slices.BinarySearchFunc(owners, n, zone.Name.Compare)
	require.Zero(t, slices.Compare(owners[at:], names(v.HashedFrom(n))))
	if !exists {
		at = (at + len(owners) - 1) % len(owners)
	}
	require.Equal(t, exists, exact)
	require.Equal(t, owners[at], got.Name())
}

// checkExpiring compares what ends before a moment with a look at everything.
func (m *model) checkExpiring(t testing.TB, v *zone.Version, before time.Time) {
	want := map[string]bool{}
	for _, in := range []map[zone.Name]map[zone.Type]zone.RRset{m.names, m.hashed} {
		for _, sets := range in {
			for _, s := range sets {
				if end, ok := s.Earliest(); ok && end.Before(before) {
					want[fmt.Sprint(s)] = true
				}
			}
		}
	}
	got := map[string]bool{}
	for s := range v.Expiring(before) {
		got[fmt.Sprint(s)] = true
	}
	require.Equal(t, want, got, "ending before %s", before)
}

func named(n *zone.Node) string {
	if n == nil {
		return "-"
	}
	return n.Name().String()
}

func names(nodes iter.Seq[*zone.Node]) []zone.Name {
	list := []zone.Name{}
	for n := range nodes {
		list = append(list, n.Name())
	}
	return list
}

// edits makes names, RRsets and decisions out of a source of numbers.
type edits struct {
	apex zone.Name
	pick func(n int) int // from 0 to n-1
}

var (
	labels = []string{"\x01a", "\x01b", "\x01c", "\x02aa", "\x01*", "\x01\x00", "\x01\x01", "\x02a\x00", "\x02\x01\x02"}
	types  = []zone.Type{zone.TypeA, zone.TypeTXT, zone.TypeNS, zone.TypeDNAME, zone.TypeNSEC3}
)

func (e edits) name() zone.Name {
	n := e.apex
	for range e.pick(5) {
		n = zone.Name(labels[e.pick(len(labels))]) + n
	}
	return n
}

// rrset may give one that does not exist: a deletion.
func (e edits) rrset() zone.RRset {
	s := zone.RRset{Name: e.name(), Type: types[e.pick(len(types))]}
	if e.pick(3) == 0 {
		return s
	}
	s.TTL = uint32(e.pick(20))
	s.Rdata = zone.Pack(fmt.Sprint(e.pick(20)), fmt.Sprint(e.pick(20)))
	for range e.pick(3) {
		sig := []byte(strings.Repeat("\x00", 18) + "\x00signature")
		sig[11] = byte(e.pick(200))
		s.Sigs = zone.Pack(append(slices.Collect(s.Sigs.All()), string(sig))...)
	}
	return s
}

func seeded(t testing.TB) *rand.Rand {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}
