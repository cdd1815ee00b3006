package zone_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

const spelled = `
Example.           60 SOA  NS.example. Root.EXAMPLE. 1 2 3 4 5
example.           60 NS   Ns.Example.
WWW.example.       60 A    192.0.2.1
www.Example.       60 TXT  "Text"
Mail.example.      60 MX   20 b.example.
mail.example.      60 MX   10 A.Example.
mail.example.      60 MX   10 a.example.
small.example.     60 MX   10 a.example.
hs.example.        60 HTTPS 1 Web.Example.`

func textOf(v *zone.Version) (lines []string) {
	for n := range v.All() {
		for s := range n.All() {
			lines = append(lines, strings.Split(strings.TrimSpace(strings.ReplaceAll(zone.Text(s), "\t", " ")), "\n")...)
		}
	}
	return lines
}

// What is written keeps its letters, of owners and of names in data; what is
// compared and signed has none but small ones. Of records that are the same but
// for the letters, the first is there.
func TestSpelling(t *testing.T) {
	v := zone.MustVersion(spelled)
	require.Equal(t, []string{
		"example. 60 IN NS Ns.Example.",
		"Example. 60 IN SOA NS.example. Root.EXAMPLE. 1 2 3 4 5",
		"hs.example. 60 IN HTTPS 1 Web.Example.",
		"Mail.example. 60 IN MX 10 A.Example.",
		"Mail.example. 60 IN MX 20 b.example.",
		"small.example. 60 IN MX 10 a.example.",
		"WWW.example. 60 IN A 192.0.2.1",
		`www.Example. 60 IN TXT "Text"`,
	}, textOf(v))
	small := zone.MustVersion(strings.ToLower(spelled))
	for n := range v.All() {
		is := small.Get(n.Name())
		for s := range n.All() {
			as, _ := is.Get(s.Type)
			if s.Type != zone.TypeTXT && s.Type != zone.TypeHTTPS { // not names, or not lowered
				require.Equal(t, as.Rdata, s.Rdata)
				require.Equal(t, string(zone.AppendSigned(nil, "\x00\x01\x08\x02\x00\x00\x00\x3c", as)), string(zone.AppendSigned(nil, "\x00\x01\x08\x02\x00\x00\x00\x3c", s)))
			}
			require.Equal(t, s.Name, n.Name())
		}
	}
	mx, _ := v.RRset(zone.MustName("small.example."), zone.TypeMX)
	require.Empty(t, mx.Spelling, "what has no capitals costs nothing")
}

// A change of letters alone is a change, and the rest of the name stays as it is;
// signatures stand where they stood.
func TestSpellingChanges(t *testing.T) {
	v := zone.MustVersion(spelled)
	b := v.Edit()
	txt, _ := v.RRset(zone.MustName("www.example."), zone.TypeTXT)
	a, _ := v.RRset(zone.MustName("www.example."), zone.TypeA)
	b.Put(txt.Spell("\x03wWw\x07example\x00", txt.Rdata).WithSigs(zone.Pack(strings.Repeat("\x00", 20))))
	b.Put(a.Spell(string(a.Name), a.Rdata))
	next := b.Version()
	d := zone.Compare(v, next)
	require.Len(t, d.Changes, 2)
	require.False(t, d.Changes[0].Old.SameData(d.Changes[0].New))
	got, err := v.Apply(d)
	require.NoError(t, err)
	require.Equal(t, textOf(next), textOf(got))
	is, _ := got.RRset(zone.MustName("www.example."), zone.TypeTXT)
	require.Equal(t, zone.Pack(strings.Repeat("\x00", 20)), is.Sigs)
	require.Equal(t, txt.Rdata, is.Rdata)
	is, _ = got.RRset(zone.MustName("www.example."), zone.TypeA)
	require.Empty(t, is.Spelling)

	soa := v.SOA().WithSerial(9)
	require.Equal(t, "Example.\t60\tIN\tSOA\tNS.example. Root.EXAMPLE. 9 2 3 4 5\n", zone.Text(soa))
	for rdata := range soa.Rdata.All() {
		require.Equal(t, uint32(9), zone.SOASerial(rdata))
	}
}

// An RRset that got another name has the spelling of neither: it is stored without one,
// and what is stored beside it stays as it is.
func TestSpellingOfAnotherName(t *testing.T) {
	v := zone.MustVersion(spelled)
	moved, ok := v.RRset(zone.MustName("mail.example."), zone.TypeMX)
	require.True(t, ok)
	require.NotEmpty(t, moved.Spelling)
	moved.Name, moved.Sigs = zone.MustName("longer.mail.example."), zone.Pack(strings.Repeat("s", 40))
	b := v.Edit()
	b.Put(moved)
	got, ok := b.Version().RRset(moved.Name, zone.TypeMX)
	require.True(t, ok)
	moved.Spelling = ""
	require.Equal(t, moved, got)
}
