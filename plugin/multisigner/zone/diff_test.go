package zone_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

const before = `
example.   1 SOA ns.example. root.example. 7 3600 600 86400 300
a.example. 1 A   192.0.2.1
b.example. 1 A   192.0.2.1
b.example. 1 TXT "b"
d.example. 1 A   192.0.2.1
`

const after = `
example.   1 SOA ns.example. root.example. 8 3600 600 86400 300
a.example. 1 A   192.0.2.1
a.example. 1 RRSIG A 13 2 1 20280101000000 20270101000000 1 example. AAAA
b.example. 1 TXT "b"
c.example. 1 A   192.0.2.2
d.example. 9 A   192.0.2.1
`

// A difference names each RRset once, in canonical order: IXFR, the journal, the
// guard and the signer work from it. Signatures and TTLs count.
func TestCompare(t *testing.T) {
	d := zone.Compare(zone.MustVersion(before), zone.MustVersion(after))
	require.Equal(t, []uint32{7, 8}, []uint32{d.From, d.To})
	require.Equal(t, strings.TrimLeft(`
example. SOA true true
a.example. A true true
b.example. A true false
c.example. A false true
d.example. A true true
`, "\n"), changes(d))
	all := zone.Compare(nil, zone.MustVersion(after))
	require.Equal(t, uint32(0), all.From)
	require.Len(t, all.Changes, 5)
	v := zone.MustVersion(before)
	require.Empty(t, zone.Compare(v, v).Changes)
}

func changes(d zone.Diff) string {
	var b strings.Builder
	for _, c := range d.Changes {
		fmt.Fprintln(&b, c.Name(), c.Type(), c.Old.Exists(), c.New.Exists())
	}
	return b.String()
}

// A difference leads only from the version that it begins with: applied to
// another it would make a zone that nobody has signed.
func TestApplyRefuses(t *testing.T) {
	v := zone.MustVersion(before)
	get := func(owner string, t zone.Type) zone.RRset {
		s, _ := v.RRset(zone.MustName(owner), t)
		return s
	}
	a, b := get("a.example.", zone.TypeA), get("b.example.", zone.TypeA)
	other := a
	other.TTL++
	outside, absent := a, a
	absent.Name = zone.MustName("absent.example.")
	outside.Name = zone.MustName("a.other.")
	for _, tc := range []struct {
		what, err string
		apex      string
		change    zone.Change
	}{
		{"another zone", "difference is of other., not of example.", "other.", zone.Change{}},
		{"nothing", "is not in example.", "example.", zone.Change{}},
		{"what is not there", "is not what the difference", "example.", zone.Change{Old: absent}},
		{"what is there otherwise", "is not what the difference", "example.", zone.Change{Old: other}},
		{"an addition of what is there", "is not what the difference", "example.", zone.Change{New: a}},
		{"one RRset into another", "is not what the difference", "example.", zone.Change{Old: b, New: a}},
		{"a name outside", "a.other. is not in example.", "example.", zone.Change{New: outside}},
	} {
		t.Run(tc.what, func(t *testing.T) {
			_, err := v.Apply(zone.Diff{Apex: zone.MustName(tc.apex), Changes: []zone.Change{tc.change}})
			require.ErrorContains(t, err, tc.err)
		})
	}
	// Neither need be the zero value to say that there is none.
	none := zone.RRset{Name: a.Name, Type: a.Type}
	gone, err := v.Apply(zone.Diff{Apex: v.Apex(), Changes: []zone.Change{{Old: a, New: none}}})
	require.NoError(t, err)
	back, err := gone.Apply(zone.Diff{Apex: v.Apex(), Changes: []zone.Change{{Old: none, New: a}}})
	require.NoError(t, err)
	require.Equal(t, text(v), text(back))
}

// Going along two versions meets each name once, in order, with what it is in both.
func TestBeside(t *testing.T) {
	e := edits{"\x07example\x00", seeded(t).IntN}
	for range 30 {
		var versions [2]*zone.Version
		for i := range versions {
			b := zone.NewBuilder("\x07example\x00")
			for range e.pick(300) {
				b.Put(e.rrset())
			}
			versions[i] = b.Version()
		}
		var met []zone.Name
		for one, other := range zone.Beside(versions[0], versions[1]) {
			n := one
			if n == nil {
				n = other
			}
			require.Equal(t, named(versions[0].Get(n.Name())), named(one))
			require.Equal(t, named(versions[1].Get(n.Name())), named(other))
			met = append(met, n.Name())
		}
		want := append(names(versions[0].All()), names(versions[1].All())...)
		slices.SortFunc(want, zone.Name.Compare)
		require.Equal(t, slices.Compact(want), met)
		for range zone.Beside(versions[0], versions[1]) {
			break
		}
	}
}
