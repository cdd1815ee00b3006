package source

import (
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

// Names mean the same however they are written, and keep their letters; escapes
// are no part of them.
func TestNames(t *testing.T) {
	require.Equal(t, `\$TTL.example.org. 3600 IN A 192.0.2.5
a.example.org. 3600 IN A 192.0.2.1
a.example.org. 3600 IN A 192.0.2.2
a.example.org. 3600 IN A 192.0.2.3
x.example.org. 3600 IN NS A.example.org.
x\.y.example.org. 3600 IN A 192.0.2.4
`, records(t, map[string]string{"zone": base + `a A 192.0.2.1
A.Example.ORG. A 192.0.2.2
\097 A 192.0.2.3
x NS \065
x\.y A 192.0.2.4
\$TTL A 192.0.2.5
`}))
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

// The root and zones with odd names are zones like others.
func TestApexes(t *testing.T) {
	for _, name := range []string{".", "org.", "2.0.192.in-addr.arpa.", `a\.b.\000\255 x.example.`} {
		dir := t.TempDir()
		path := filepath.Join(dir, "zone")
		require.NoError(t, os.WriteFile(path, []byte(base+"www A 192.0.2.1\n$ORIGIN sub\n@ A 192.0.2.2\nmx MX 10 @\n"), 0o600))
		at := zone.MustName(name)
		c, err := ReadFile(path, at)
		require.NoError(t, err, name)
		require.Empty(t, c.Problems, name)
		require.Equal(t, at, c.Version.Apex())
		require.Equal(t, 5, c.Version.Names())
		mx, ok := c.Version.RRset("\x02mx\x03sub"+at, zone.TypeMX)
		require.True(t, ok, name)
		require.Equal(t, zone.Pack("\x00\x0a\x03sub"+string(at)), mx.Rdata)
	}
}

// What a message repeats of a file cannot play with the terminal that shows it.
func TestMessagesArePrintable(t *testing.T) {
	path := filepath.Join(t.TempDir(), "zone")
	for _, line := range []string{"w\\6\x1b[2J A 192.0.2.1", "w \x1b[2J A 192.0.2.1", "$\x1b[2J", "$TTL \x1b[2J", "$INCLUDE \x1b[2J", "$ORIGIN \x1b[2J.."} {
		require.NoError(t, os.WriteFile(path, []byte("$TTL 3600\n"+line+"\n"), 0o600))
		_, err := ReadFile(path, zone.MustName("example.org."))
		require.Error(t, err)
		require.NotContains(t, err.Error(), "\x1b", "%q", line)
	}
}
