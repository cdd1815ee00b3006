package source

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

var apex = zone.MustName("example.org.")

// from reads a zone out of files in memory, beginning with "zone".
func from(files map[string]string) (Content, error) {
	in := fstest.MapFS{}
	for name, text := range files {
		in[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return read("zone", apex, func(path string) (io.ReadCloser, fs.FileInfo, error) {
		f, err := in.Open(path)
		if err != nil {
			return nil, nil, err
		}
		at, err := f.Stat()
		return f, at, err
	})
}

// records lists what a zone holds besides the base, as lines.
func records(t *testing.T, files map[string]string) string {
	t.Helper()
	c, err := from(files)
	require.NoError(t, err)
	return text(c.Version)
}

func text(v *zone.Version) string {
	var b strings.Builder
	for n := range v.All() {
		for s := range n.All() {
			if n.IsApex() && (s.Type == zone.TypeSOA || s.Type == zone.TypeNS) || n.Name().String() == "ns.example.org." {
				continue
			}
			b.WriteString(strings.ReplaceAll(zone.Text(s), "\t", " "))
		}
	}
	return b.String()
}

func problems(c Content) []string {
	var lines []string
	for _, p := range c.Problems {
		lines = append(lines, p.String())
	}
	return lines
}

// An included file goes on with the origin and TTL of the line that includes it,
// and changes neither for the lines after (RFC 1035 5.1). Its own includes are
// found beside it.
func TestInclude(t *testing.T) {
	got := records(t, map[string]string{
		"zone": base + `$TTL 100
a A 192.0.2.1
$INCLUDE sub/one.inc
  AAAA 2001:db8::a
$INCLUDE "sub/with blank.inc" other ; and a comment
b A 192.0.2.2
$INCLUDE sub/one.inc elsewhere.example.org.`,
		"sub/one.inc":        "one A 192.0.2.11\n$TTL 7\n$INCLUDE two.inc two\n$ORIGIN deep\nthree 9 A 192.0.2.13\n",
		"sub/two.inc":        "@ A 192.0.2.12\n",
		"sub/with blank.inc": "c A 192.0.2.3\n",
	})
	require.Equal(t, `a.example.org. 100 IN A 192.0.2.1
a.example.org. 100 IN AAAA 2001:db8::a
b.example.org. 100 IN A 192.0.2.2
three.deep.example.org. 9 IN A 192.0.2.13
three.deep.elsewhere.example.org. 9 IN A 192.0.2.13
one.elsewhere.example.org. 100 IN A 192.0.2.11
two.elsewhere.example.org. 7 IN A 192.0.2.12
one.example.org. 100 IN A 192.0.2.11
c.other.example.org. 100 IN A 192.0.2.3
two.example.org. 7 IN A 192.0.2.12
`, got)
}

// A mistake in an included file is told with its place there; one of including,
// with the line that includes.
func TestIncludeProblems(t *testing.T) {
	deep := map[string]string{"zone": base + "$INCLUDE 1\n"}
	for i := range MaxDepth {
		deep[fmt.Sprint(i)] = fmt.Sprintf("$INCLUDE %d\n", i+1)
	}
	for _, tc := range []struct {
		name  string
		files map[string]string
		want  []string
	}{
		{"in the file", map[string]string{"zone": base + "$INCLUDE sub/a\nb A x\n", "sub/a": "\n\nb A y\n  A 192.0.2.1\n"},
			[]string{`zone:6: the data of the A record is wrong at "x"`, `sub/a:3: the data of the A record is wrong at "y"`}},
		{"itself", map[string]string{"zone": base + "$INCLUDE a\n", "a": "$INCLUDE zone\n"},
			[]string{"a:1: $INCLUDE zone: the file would include itself"}},
		{"too deep", deep, []string{"7:1: $INCLUDE 8: files are included more than 8 deep"}},
		{"no owner", map[string]string{"zone": base + "$INCLUDE a\n", "a": "  A 192.0.2.1\n"},
			[]string{"a:1: the line begins with a blank, which repeats the name before, and there is none"}},
		{"no file", map[string]string{"zone": base + "$INCLUDE\n$INCLUDE a b c\n$INCLUDE a ..\n"},
			[]string{"zone:5: $INCLUDE takes a file, and perhaps an origin", "zone:6: $INCLUDE takes a file, and perhaps an origin", `zone:7: $INCLUDE: "..": name has an empty label`}},
	} {
		c, err := from(tc.files)
		require.Error(t, err, tc.name)
		require.Equal(t, tc.want, problems(c), tc.name)
		require.Nil(t, c.Version)
	}
}

// The files are listed once each, with those that are missing: when one of them
// appears or changes there is something to read.
func TestFiles(t *testing.T) {
	c, err := from(map[string]string{"zone": base + "$INCLUDE a\n$INCLUDE a b\n$INCLUDE gone\n", "a": "x A 192.0.2.1\n"})
	require.ErrorContains(t, err, "zone:7: $INCLUDE gone: file does not exist")
	require.Equal(t, []string{"zone", "a", "gone"}, c.Files)

	c, err = ReadFile(filepath.Join(t.TempDir(), "zone"), apex)
	require.ErrorContains(t, err, "zone: cannot be read: no such file or directory")
	require.Len(t, c.Files, 1)
	require.Equal(t, Look(c.Files), c.Stamp)
}

// What is no file is not opened: a pipe would never end.
func TestNoFile(t *testing.T) {
	dir := t.TempDir()
	for _, path := range []string{dir, "/dev/zero"} {
		_, err := ReadFile(path, apex)
		require.ErrorContains(t, err, path+": cannot be read: not a file")
	}
}

// A record without a TTL has that of $TTL, else that of the record before, and
// the parser's own habits do not show (RFC 1035 5.1, RFC 2308 4).
func TestTTL(t *testing.T) {
	head := "@ 50 SOA ns admin 1 7200 900 1209600 300\n  NS ns\nns A 192.0.2.53\n"
	require.Equal(t, `a.example.org. 50 IN A 192.0.2.1
b.example.org. 20 IN A 192.0.2.1
c.example.org. 20 IN A 192.0.2.1
d.example.org. 90061 IN A 192.0.2.1
e.example.org. 90061 IN A 192.0.2.1
f.example.org. 5 IN A 192.0.2.1
g.example.org. 90061 IN A 192.0.2.1
h1.example.org. 90061 IN A 192.0.2.1
h2.example.org. 90061 IN A 192.0.2.1
i.example.org. 0 IN A 192.0.2.1
`, records(t, map[string]string{"zone": head + `a A 192.0.2.1
b 20 A 192.0.2.1
c IN A 192.0.2.1
$TTL 1d1H1m1
d A 192.0.2.1
e 0w1d1h1m1s IN A 192.0.2.1
f IN 5 A 192.0.2.1
g A 192.0.2.1
$GENERATE 1-2 h$ A 192.0.2.1
i 0 A 192.0.2.1
`}))
}

// $GENERATE makes what BIND's makes.
func TestGenerate(t *testing.T) {
	for _, tc := range []struct{ line, want string }{
		{"$GENERATE 1-2 h$ A 192.0.2.$", "h1 A 192.0.2.1|h2 A 192.0.2.2"},
		{"$generate 0-6/3\th$\tCNAME\tx$", "h0 CNAME x0|h3 CNAME x3|h6 CNAME x6"},
		{"$GENERATE 8-9 h${2,4,d} 60 IN TXT \"a $ b\"", `h0010 60 IN TXT "a 8 b"|h0011 60 IN TXT "a 9 b"`},
		{"$GENERATE 10-11 h${-10} A 192.0.2.1", "h0 A 192.0.2.1|h1 A 192.0.2.1"},
		{"$GENERATE 30-31 h${0,0,x}-${0,3,X}-${0,0,o} A 192.0.2.1", "h1e-01E-36 A 192.0.2.1|h1f-01F-37 A 192.0.2.1"},
		{"$GENERATE 418-418 ${0,0,n} PTR x${0,7,N}", "2.a.1 PTR x2.A.1.0"},
		{"$GENERATE 1-1 h$$ TXT \\$\\\"x\\032", `h$ TXT $\"x\032`},
	} {
		g, err := newGenerator([]byte(tc.line), 1)
		require.NoError(t, err, tc.line)
		var got []string
		for e := new(entry); g.next(e); {
			got = append(got, strings.TrimSpace(string(e.text)))
		}
		require.Equal(t, tc.want, strings.Join(got, "|"), tc.line)
	}
	for line, want := range map[string]string{
		"1-2":                      "$GENERATE takes a range like 1-100 and a record with $ in it",
		"1 a A 192.0.2.1":          `"1" is no range`,
		"1-2/0 a A 192.0.2.1":      `"1-2/0" is no range`,
		"1-x a A 192.0.2.1":        `"1-x" is no range`,
		"-1-2 a A 192.0.2.1":       `"-1-2" is no range`,
		"5-2 a A 192.0.2.1":        "the range 5-2 ends before it begins",
		"0-65536 a A 192.0.2.1":    "the range 0-65536 has more than 65536 numbers: split it",
		"1-2 a${-2} A 192.0.2.1":   "the offset -2 leads below 0",
		"1-2 a${x} A 192.0.2.1":    "${x} is not of the form",
		"1-2 a${0,999} A 192.0.2.": "${0,999} is not of the form",
		"1-2 a${0,1,q} A 192.0.2.": "${0,1,q} is not of the form",
		"1-2 a${0 A 192.0.2.1":     "is not of the form",
	} {
		c, err := from(map[string]string{"zone": base + "$GENERATE " + line + "\nz A 192.0.2.1\n"})
		require.Error(t, err, line)
		require.Len(t, c.Problems, 1, line)
		require.Contains(t, c.Problems[0].String(), want)
	}
}

// One mistake in a $GENERATE is told once, not sixty thousand times.
func TestGenerateMistake(t *testing.T) {
	c, err := from(map[string]string{"zone": base + "$GENERATE 1-60000 h$ A 192.0.2.$\nz A x\n"})
	require.Error(t, err)
	require.Equal(t, []string{`zone:5: the data of the A record is wrong at "192.0.2.256"`, `zone:6: the data of the A record is wrong at "x"`}, problems(c))
}

// Names mean the same however they are written, and escapes are no part of them.
func TestNames(t *testing.T) {
	require.Equal(t, `\$ttl.example.org. 3600 IN A 192.0.2.5
a.example.org. 3600 IN A 192.0.2.1
a.example.org. 3600 IN A 192.0.2.2
a.example.org. 3600 IN A 192.0.2.3
x.example.org. 3600 IN NS a.example.org.
x\.y.example.org. 3600 IN A 192.0.2.4
`, records(t, map[string]string{"zone": base + `a A 192.0.2.1
A.Example.ORG. A 192.0.2.2
\097 A 192.0.2.3
x NS \065
x\.y A 192.0.2.4
\$TTL A 192.0.2.5
`}))
}

// Of many problems the first are told and the number of the others, fatal ones
// before warnings, and reading ends where nobody would read on.
func TestManyProblems(t *testing.T) {
	var b strings.Builder
	b.WriteString(base)
	for i := range 3 * MaxProblems {
		fmt.Fprintf(&b, "w%d NS 192.0.2.1\n", i)
	}
	c, err := from(map[string]string{"zone": b.String()})
	require.NoError(t, err)
	require.Len(t, c.Problems, MaxProblems)
	require.Equal(t, "zone:5: warning: w0.example.org.: the NS points to 192.0.2.1.example.org.: a name must be written there, not an address", c.Problems[0].String())
	require.Equal(t, fmt.Sprintf("warning: and %d problems more", 2*MaxProblems+1), c.Problems[MaxProblems-1].String())

	for i := range 3 * MaxProblems {
		fmt.Fprintf(&b, "f%d A x\n", i)
	}
	c, err = from(map[string]string{"zone": b.String()})
	require.Error(t, err)
	require.Len(t, c.Problems, MaxProblems)
	for _, p := range c.Problems {
		require.True(t, p.Fatal)
	}
	require.Equal(t, strings.Count(err.Error(), "\n"), MaxProblems)
	require.ErrorContains(t, err, `zone:155: the data of the A record is wrong at "x"`)

	c, err = from(map[string]string{"zone": strings.Repeat("what is this\n", 1_000_000)})
	require.Error(t, err)
	require.Equal(t, MaxProblems, c.Problems[MaxProblems-2].Line+1)
}

// A line without an end is refused before it fills the memory.
func TestLongLines(t *testing.T) {
	long := strings.Repeat("x", 3*MaxEntry)
	for text, want := range map[string]string{
		base + "a TXT " + long: "has more than 1048576 octets: is this a zone file?",
		base + "a TXT (" + strings.Repeat("x\n", MaxEntry) + ")": "zone:5: the record has more than 1048576 octets: is a bracket not closed?",
	} {
		_, err := from(map[string]string{"zone": text})
		require.ErrorContains(t, err, want)
	}
	c, err := from(map[string]string{"zone": base + "a TXT \"" + strings.Repeat("x", 200) + "\" \"" + strings.Repeat(`y" "y`, 10_000) + "\"\n"})
	require.NoError(t, err, "a long line is none of its own")
	require.NotNil(t, c.Version)
}

// Content from elsewhere is judged by the same rules.
func TestCheck(t *testing.T) {
	require.Empty(t, Check(zone.MustVersion(`example. 3600 SOA ns.example. root.example. 1 7200 900 1209600 300
example. 3600 NS ns.example.
ns.example. 3600 A 192.0.2.53`)))
	got := Check(zone.MustVersion(`example. 3600 SOA ns.example. root.example. 1 7200 900 1209600 300
ns.example. 3600 A 192.0.2.53
www.example. 3600 A 192.0.2.53
www.example. 3600 CNAME ns.example.`))
	require.Equal(t, []Problem{
		{Name: "example.", Text: "the zone has no NS records", Fatal: true},
		{Name: "www.example.", Text: "a CNAME stands beside records of type A (RFC 1034 3.6.2): remove one of the two", Fatal: true},
	}, got)
}

// An error lists what is fatal and nothing else.
func TestError(t *testing.T) {
	_, err := from(map[string]string{"zone": base + "a 1 A 192.0.2.1\na 2 A 192.0.2.2\nb A\n"})
	require.EqualError(t, err, "zone example.org. cannot be served\n\tzone:7: the record ends before its data")
	var problems *Error
	require.ErrorAs(t, err, &problems)
	require.Len(t, problems.Problems, 1)
}

// What goes in comes out: a zone that was read, written and read again is the
// same zone, and no text brings the reader down.
func FuzzZoneFile(f *testing.F) {
	for _, c := range readCases(f) {
		f.Add(c.zone(), "a A 192.0.2.1\n$INCLUDE zone\n")
	}
	f.Add(base+"$INCLUDE inc sub\n$GENERATE 1-3/2 a${1,2,n} TXT \"$\"\n", "@ TXT \\\"\\000\n$TTL 1w\n$ORIGIN x\n")
	f.Fuzz(func(t *testing.T, zoneText, include string) {
		c, err := from(map[string]string{"zone": zoneText, "inc": include})
		require.Equal(t, err != nil, c.Version == nil)
		require.Equal(t, "zone", c.Files[0])
		lines := map[string]int{"zone": strings.Count(zoneText, "\n") + 1, "inc": strings.Count(include, "\n") + 1}
		fatal := false
		for _, p := range c.Problems {
			fatal = fatal || p.Fatal
			require.LessOrEqual(t, p.Line, lines[p.File], p.String())
		}
		require.Equal(t, err != nil, fatal)
		require.LessOrEqual(t, len(c.Problems), MaxProblems)
		if err != nil {
			return
		}
		var b strings.Builder
		for n := range c.Version.All() {
			for s := range n.All() {
				b.WriteString(zone.Text(s))
			}
		}
		again, err := from(map[string]string{"zone": b.String()})
		require.NoError(t, err, b.String())
		require.Empty(t, zone.Compare(c.Version, again.Version).Changes, b.String())
	})
}

func bigZone(names int) []byte {
	var b bytes.Buffer
	b.WriteString(base)
	for i := range names {
		fmt.Fprintf(&b, "host%06d A 192.0.2.%d\n", i, i%250)
		fmt.Fprintf(&b, "host%06d AAAA 2001:db8::%x\n", i, i%65000)
	}
	return b.Bytes()
}

// BenchmarkReadLarge reads a zone of 100,000 names with an A and an AAAA each.
func BenchmarkReadLarge(b *testing.B) {
	path := filepath.Join(b.TempDir(), "zone")
	text := bigZone(100_000)
	require.NoError(b, os.WriteFile(path, text, 0o600))
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		c, err := ReadFile(path, apex)
		require.NoError(b, err)
		require.Equal(b, 100_002, c.Version.Names())
	}
}

// BenchmarkReadSmall reads one of many small zones.
func BenchmarkReadSmall(b *testing.B) {
	path := filepath.Join(b.TempDir(), "zone")
	require.NoError(b, os.WriteFile(path, bigZone(3), 0o600))
	b.ReportAllocs()
	for b.Loop() {
		_, err := ReadFile(path, apex)
		require.NoError(b, err)
	}
}
