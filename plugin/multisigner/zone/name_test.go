package zone_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// Presentation form is read with its escapes, in any case, and written back so
// that it is read as the same name.
func TestParseName(t *testing.T) {
	for _, tc := range []struct{ in, wire, out string }{
		{".", "\x00", "."},
		{"Example.", "\x07example\x00", "example."},
		{"www.EXAMPLE", "\x03www\x07example\x00", "www.example."},
		{`a\.b.example.`, "\x03a.b\x07example\x00", `a\.b.example.`},
		{`\065\000\255.`, "\x03a\x00\xff\x00", `a\000\255.`},
		{`\*.`, "\x01*\x00", `*.`},
		{`a\ b\;.`, "\x04a b;\x00", `a\032b\;.`},
	} {
		t.Run(tc.in, func(t *testing.T) {
			n, err := zone.ParseName(tc.in)
			require.NoError(t, err)
			require.Equal(t, zone.Name(tc.wire), n)
			require.Equal(t, tc.out, n.String())
		})
	}
}

// What is no name is refused, with the reason.
func TestParseNameRefuses(t *testing.T) {
	label := strings.Repeat("a", 63)
	long := strings.Repeat(label+".", 3) + strings.Repeat("b", 61)
	_, err := zone.ParseName(long) // 255 octets
	require.NoError(t, err)
	for _, tc := range []struct {
		in  string
		err error
	}{
		{"", zone.ErrEmptyLabel},
		{"..", zone.ErrEmptyLabel},
		{".a.", zone.ErrEmptyLabel},
		{"a..b.", zone.ErrEmptyLabel},
		{label + "a.", zone.ErrLabelTooLong},
		{long + "b.", zone.ErrNameTooLong},
		{`a\`, zone.ErrBadEscape},
		{`a\2`, zone.ErrBadEscape},
		{`a\256`, zone.ErrBadEscape},
		{`a\2x3`, zone.ErrBadEscape},
	} {
		_, err := zone.ParseName(tc.in)
		require.ErrorIs(t, err, tc.err, "%.80q", tc.in)
	}
	require.Panics(t, func() { zone.MustName("a..b") })
}

// The order of RFC 4034 6.1, from its example, and of octets that sorting by text
// would put elsewhere.
func TestCanonicalOrder(t *testing.T) {
	want := []zone.Name{
		zone.MustName("example."),
		zone.MustName("a.example."),
		zone.MustName("yljkjljk.a.example."),
		zone.MustName("Z.a.example."),
		zone.MustName("zABC.a.EXAMPLE."),
		zone.MustName("z.example."),
		zone.MustName(`\001.z.example.`),
		zone.MustName("*.z.example."),
		zone.MustName(`\200.z.example.`),
		zone.MustName(`z\000.example.`),
		zone.MustName(`z\000\000.example.`),
		zone.MustName(`z\001.example.`),
	}
	b := zone.NewBuilder(zone.MustName("example."))
	for _, n := range slices.Backward(want) {
		b.Put(zone.RRset{Name: n, Type: zone.TypeA, Rdata: zone.Pack("four")})
	}
	require.Equal(t, want, names(b.Version().All()))
	require.True(t, slices.IsSortedFunc(want, zone.Name.Compare))
}

// The parts of a name, and its place among others.
func TestNameParts(t *testing.T) {
	n := zone.MustName("a.b.example.")
	require.Equal(t, 3, n.Labels())
	require.Equal(t, "a", n.Label())
	require.Equal(t, "", zone.Root.Label())
	require.Equal(t, zone.MustName("b.example."), n.Parent())
	require.Equal(t, zone.Root, zone.Root.Parent())
	require.Equal(t, zone.MustName("example."), n.Ancestor(1))
	require.Equal(t, zone.Root, n.Ancestor(0))
	require.Equal(t, n, n.Ancestor(3))
	require.Equal(t, n, n.Ancestor(4))
	require.True(t, n.Under(n))
	require.True(t, n.Under(zone.Root))
	require.False(t, n.Parent().Under(n))
	require.False(t, zone.MustName("xb.example.").Under(zone.MustName("b.example.")))
	require.Equal(t, 2, n.CommonLabels(zone.MustName("c.b.example.")))
	require.Equal(t, 0, n.CommonLabels(zone.MustName("a.b.")))

	w, ok := n.Wildcard()
	require.True(t, ok && w.IsWildcard())
	require.False(t, zone.MustName("**.example.").IsWildcard())
	require.False(t, n.IsWildcard())
	full := strings.Repeat(strings.Repeat("a", 62)+".", 4) // 253 octets
	_, ok = zone.MustName(full).Wildcard()
	require.True(t, ok)
	_, ok = zone.MustName("a" + full).Wildcard()
	require.False(t, ok)
}

// Wire form from outside is taken only uncompressed and whole.
func TestNameFromWire(t *testing.T) {
	n, size, err := zone.NameFromWire([]byte("\x03WwW\x00rest"))
	require.NoError(t, err)
	require.Equal(t, zone.MustName("www."), n)
	require.Equal(t, 5, size)
	for _, bad := range []string{"", "\x03www", "\x04www\x00", "\x01a\xc0\x00", "\x40", strings.Repeat("\x01a", 127) + "\x01a\x00"} {
		_, _, err := zone.NameFromWire([]byte(bad))
		require.ErrorIs(t, err, zone.ErrBadWire, "%q", bad)
	}
	_, size, err = zone.NameFromWire([]byte(strings.Repeat("\x01a", 127) + "\x00"))
	require.NoError(t, err)
	require.Equal(t, zone.MaxName, size)
}

// Two names in presentation form: they are written as they were read, the library
// reads the same wire, and the tree sorts them as Compare does.
func FuzzName(f *testing.F) {
	f.Add("a.example.", `*.\000\001.b.example.`)
	f.Add(".", `a\.b.`)
	f.Add(`A\032.`, `\"\(\)\;\@\$.`)
	f.Fuzz(func(t *testing.T, one, two string) {
		n, err := zone.ParseName(one)
		if err != nil {
			return
		}
		again, err := zone.ParseName(n.String())
		require.NoError(t, err)
		require.Equal(t, n, again)
		wire := make([]byte, zone.MaxName+1)
		end, err := dns.PackDomainName(n.String(), wire, 0, nil, false)
		require.NoError(t, err)
		require.Equal(t, string(n), string(wire[:end]))
		again, size, err := zone.NameFromWire(wire)
		require.NoError(t, err)
		require.Equal(t, end, size)
		require.Equal(t, n, again)

		m, err := zone.ParseName(two)
		if err != nil {
			return
		}
		c := n.Compare(m)
		require.Equal(t, -c, m.Compare(n))
		require.Equal(t, c == 0, n == m)
		require.Equal(t, n.Under(m), n.CommonLabels(m) == m.Labels())
		b := zone.NewBuilder(zone.Root)
		b.Put(zone.RRset{Name: n, Type: zone.TypeA, Rdata: zone.Pack("four")})
		b.Put(zone.RRset{Name: m, Type: zone.TypeA, Rdata: zone.Pack("four")})
		all := names(b.Version().All())
		require.Equal(t, max(-1, min(1, slices.Index(all, n)-slices.Index(all, m))), c)
	})
}
