package source

import (
	"encoding/hex"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

const typesFile = "testdata/types.txt"

// typeCase is a record's type and data in presentation form, what became of it, and
// what others say.
type typeCase struct {
	line   string
	ours   string // the wire form in hexadecimal, or why it is refused
	others string // filled in by the interop tests
}

func readTypes(t testing.TB) (cases []typeCase) {
	content, err := os.ReadFile(typesFile)
	require.NoError(t, err)
	for _, line := range strings.Split(strings.TrimSpace(string(content)), "\n") {
		switch {
		case strings.HasPrefix(line, "  = "), strings.HasPrefix(line, "  ! "):
			cases[len(cases)-1].ours = line[2:]
		case strings.HasPrefix(line, "  # "):
			cases[len(cases)-1].others = line[4:]
		default:
			cases = append(cases, typeCase{line: line})
		}
	}
	return cases
}

func writeTypes(t testing.TB, cases []typeCase) {
	var b strings.Builder
	for _, c := range cases {
		fmt.Fprintf(&b, "%s\n  %s\n", c.line, c.ours)
		if c.others != "" {
			fmt.Fprintf(&b, "  # %s\n", c.others)
		}
	}
	require.NoError(t, os.WriteFile(typesFile, []byte(b.String()), 0o644))
}

// ourVerdict reads the record in a zone.
func ourVerdict(line string) string {
	c, err := from(map[string]string{"zone": base + "x " + line + "\n"})
	if err != nil {
		return "! " + strings.TrimPrefix(c.Problems[0].Text, "x.example.org. ")
	}
	n := c.Version.Get(zone.MustName("x.example.org."))
	if n == nil {
		return "= left out"
	}
	for s := range n.All() {
		_, written := s.Written()
		return "= " + hex.EncodeToString([]byte(written[2:]))
	}
	panic("an empty non-terminal")
}

// Every type of the registry is read from its own presentation form and from that of
// unknown types, to the octets that are written beside it, and data that its type cannot
// have is refused with the reason. go test ./plugin/multisigner/source -update writes
// what was found; TestTypesElsewhere holds it against other servers.
func TestTypes(t *testing.T) {
	cases := readTypes(t)
	require.Greater(t, len(cases), 250)
	for i, c := range cases {
		got := ourVerdict(c.line)
		if *update {
			cases[i].ours = got
			continue
		}
		require.Equal(t, c.ours, got, "%s: when this is right, run go test ./plugin/multisigner/source -update", c.line)
		if written, ok := strings.CutPrefix(got, "= "); ok && written != "left out" {
			typ, _, _ := strings.Cut(c.line, " ")
			require.Equal(t, got, ourVerdict(fmt.Sprintf(`%s \# %d %s`, typ, len(written)/2, written)), "%s, in the form of unknown types", c.line)
		}
	}
	if *update {
		writeTypes(t, cases)
	}
}

// Every legal record comes back from the zone file that an export writes as the octets
// that it has, whatever the library makes of its type.
func TestTypesAreWritten(t *testing.T) {
	for _, c := range readTypes(t) {
		v := written(t, c.line)
		if v == nil {
			continue
		}
		var text strings.Builder
		for lines := range v.Lines() {
			text.WriteString(lines)
		}
		again, err := from(map[string]string{"zone": text.String()})
		require.NoError(t, err, "%s\n%s", c.line, text.String())
		require.Empty(t, zone.Compare(v, again.Version).Changes, "%s\n%s", c.line, text.String())
	}
}

// written is a zone with the record; nil where that is none.
func written(t testing.TB, line string) *zone.Version {
	c, err := from(map[string]string{"zone": base + "x " + line + "\n"})
	if err != nil || c.Version.Get(zone.MustName("x.example.org.")) == nil {
		return nil
	}
	return c.Version
}
