package catalog_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/catalog"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

const head = `
	cat.example.         0 SOA invalid. invalid. 7 3600 600 2147483646 0
	cat.example.         0 NS  invalid.
	version.cat.example. 0 TXT "2"
`

func parse(text string) *zone.Version { return zone.MustVersion(strings.ReplaceAll(text, "\t", "")) }

// lines are what a catalog says, for comparing.
func lines(c *catalog.Catalog) []string {
	var all []string
	for name, m := range c.Members {
		line := fmt.Sprintf("%s id %s", name, catalog.Text(m.ID))
		for _, g := range m.Groups {
			line += fmt.Sprintf(" group %q", g)
		}
		if m.Coo != "" {
			line += fmt.Sprintf(" coo %s", m.Coo)
		}
		all = append(all, line)
	}
	return all
}

// A catalog names zones, with groups and a new owner where they have any. What we do not
// know is passed over, however it looks: others may understand it (RFC 9432 4, 4.4).
func TestParse(t *testing.T) {
	c, err := catalog.Parse(parse(head + `
		ID1.zones.cat.example.            0 PTR One.Example.
		id2.zones.cat.example.         3600 PTR two.example.
		group.id2.zones.cat.example.      0 TXT "gold" ""
		group.id2.zones.cat.example.      0 TXT "a " "and b"
		coo.id2.zones.cat.example.        0 PTR other.example.
		coo.id2.zones.cat.example.        0 TXT "not this type"
		group.id3.zones.cat.example.      0 TXT "of nobody"
		id4.zones.cat.example.            0 TXT "no PTR"
		id5\.x.zones.cat.example.         0 PTR .
		a.b.zones.cat.example.            0 PTR deep.example.
		a.b.zones.cat.example.            0 PTR deeper.example.
		masters.ext.cat.example.          0 A   192.0.2.1
		group.ext.id1.zones.cat.example.  0 TXT "private"
		id9.zonesz.cat.example.           0 PTR beside.example.
		zones.cat.example.                0 PTR at.example.
		zzz.cat.example.                  0 PTR at.example.
	`))
	require.NoError(t, err)
	require.Equal(t, zone.MustName("cat.example."), c.Name)
	require.EqualValues(t, 7, c.Serial)
	require.ElementsMatch(t, []string{
		"one.example. id id1",
		`two.example. id id2 group "a and b" group "gold" coo other.example.`,
		`. id id5\.x`,
	}, lines(c))
}

// A catalog that is broken is not processed at all, and the error says where it is broken.
func TestBroken(t *testing.T) {
	const soa, ns, version = "c. 0 SOA . . 1 1 1 1 0\n", "c. 0 NS invalid.\n", "version.c. 0 TXT 2\n"
	for _, tc := range []struct{ name, text, why string }{
		{"no NS", soa + version, "it has no NS record"},
		{"no version", soa + ns, "it has no TXT record at version.c: is it a catalog?"},
		{"a version elsewhere", soa + ns + "version.zones.c. 0 TXT 2\n", "it has no TXT record"},
		{"a version of another type", soa + ns + "version.c. 0 SPF 2\n", "it has no TXT record"},
		{"two versions", soa + ns + version + "version.c. 0 TXT 1\n", "it has 2 versions"},
		{"an old version", soa + ns + "version.c. 0 TXT 1\n", `its version is "1"`},
		{"a later version", soa + ns + "version.c. 0 TXT 3\n", `its version is "3"`},
		{"an empty version", soa + ns + "version.c. 0 TXT \"\"\n", `its version is ""`},
		{"two zones at an id", soa + ns + version + "i.zones.c. 0 PTR a.\ni.zones.c. 0 PTR b.\n", "i.zones.c.: 2 PTR records stand there"},
		{"two ids of a zone", soa + ns + version + "i.zones.c. 0 PTR a.\nj.zones.c. 0 PTR A.\n", "a. is named twice, by the ids i and j"},
		{"two new owners", soa + ns + version + "i.zones.c. 0 PTR a.\ncoo.i.zones.c. 0 PTR x.\ncoo.i.zones.c. 0 PTR y.\n", "coo.i.zones.c.: 2 PTR records"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c, err := catalog.Parse(zone.MustVersion(tc.text))
			require.ErrorContains(t, err, "catalog c. is broken: ")
			require.ErrorContains(t, err, tc.why)
			require.Nil(t, c)
		})
	}
	b := zone.NewBuilder(zone.MustName("c."))
	_, err := catalog.Parse(b.Version())
	require.ErrorContains(t, err, "it has no SOA record")
}

// The name of a catalog may be as long as names get: nothing fits below, and it is no catalog.
func TestLongName(t *testing.T) {
	label := strings.Repeat("a", 63) + "."
	long := label + label + label + strings.Repeat("b", 61) + "."
	_, err := catalog.Parse(zone.MustVersion(long + " 0 SOA . . 1 1 1 1 0\n" + long + " 0 NS invalid.\n"))
	require.ErrorContains(t, err, "it has no TXT record")
	_, ok := catalog.Make(zone.MustName(long), 1, nil)
	require.False(t, ok)
}

// What is made is what is read.
func TestMake(t *testing.T) {
	name := zone.MustName("cat.example.")
	first, second := catalog.ID([catalog.IDOctets]byte{1}), catalog.ID([catalog.IDOctets]byte{2})
	require.Equal(t, "04"+strings.Repeat("0", 24), first)
	v, ok := catalog.Make(name, 7, map[zone.Name]catalog.Product{
		zone.MustName("one.example."): {ID: first},
		zone.MustName("two.example."): {ID: second, Group: "gold"},
	})
	require.True(t, ok)
	var text strings.Builder
	for n := range v.All() {
		for s := range n.All() {
			text.WriteString(strings.Join(strings.Fields(zone.Text(s)), " ") + "\n")
		}
	}
	require.Equal(t, `cat.example. 0 IN NS invalid.
cat.example. 0 IN SOA invalid. invalid. 7 3600 600 2147483646 0
version.cat.example. 0 IN TXT "2"
`+first+`.zones.cat.example. 0 IN PTR one.example.
`+second+`.zones.cat.example. 0 IN PTR two.example.
group.`+second+`.zones.cat.example. 0 IN TXT "gold"
`, text.String())
	c, err := catalog.Parse(v)
	require.NoError(t, err)
	require.ElementsMatch(t, []string{"one.example. id " + first, "two.example. id " + second + ` group "gold"`}, lines(c))

	empty, ok := catalog.Make(name, 8, nil)
	require.True(t, ok)
	c, err = catalog.Parse(empty)
	require.NoError(t, err)
	require.Empty(t, c.Members)
}
