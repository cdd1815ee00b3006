package source

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// An included file goes on with the origin and TTL of the line that includes it.
// Its origin ends with it (RFC 1035 5.1), but its $TTL holds for all that comes after
// (RFC 2308 4). Its own includes are found beside it.
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
a.example.org. 7 IN AAAA 2001:db8::a
b.example.org. 7 IN A 192.0.2.2
three.deep.example.org. 9 IN A 192.0.2.13
three.deep.elsewhere.example.org. 9 IN A 192.0.2.13
one.elsewhere.example.org. 7 IN A 192.0.2.11
two.elsewhere.example.org. 7 IN A 192.0.2.12
one.example.org. 100 IN A 192.0.2.11
c.other.example.org. 7 IN A 192.0.2.3
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
			[]string{`zone:6: A: the address: "x" is no IPv4 address`, `sub/a:3: A: the address: "y" is no IPv4 address`}},
		{"itself", map[string]string{"zone": base + "$INCLUDE a\n", "a": "$INCLUDE zone\n"},
			[]string{"a:1: $INCLUDE zone: the file would include itself"}},
		{"too deep", deep, []string{"7:1: $INCLUDE 8: files are included more than 8 deep"}},
		{"no owner", map[string]string{"zone": base + "$INCLUDE a\n", "a": "  A 192.0.2.1\n"},
			[]string{"a:1: the line begins with a blank, which repeats the name before, and there is none"}},
		{"no file", map[string]string{"zone": base + "$INCLUDE\n$INCLUDE a b c\n$INCLUDE a ..\n"},
			[]string{"zone:5: $INCLUDE takes a file, and perhaps an origin", "zone:6: $INCLUDE takes a file, and perhaps an origin", `zone:7: $INCLUDE: ".." is no name: a label is empty`}},
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
