package source

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// $GENERATE makes what BIND's makes.
func TestGenerate(t *testing.T) {
	for _, tc := range []struct{ line, want string }{
		{"$GENERATE 1-2 h$ A 192.0.2.$", "h1 A 192.0.2.1|h2 A 192.0.2.2"},
		{"$generate 0-6/3\th$\tCNAME\tx$", "h0 CNAME x0|h3 CNAME x3|h6 CNAME x6"},
		{"$GENERATE 8-9 h${2,4,d} 60 IN TXT \"a $ b\"", `h0010 60 IN TXT a 8 b|h0011 60 IN TXT a 9 b`},
		{`$GENERATE 1-1 h$ TXT "two words"`, "h1 TXT two words"},
		{`$GENERATE 1-1 h$ TXT "\"two words\" three"`, `h1 TXT "two words" three`},
		{`$GENERATE 1-1 h$ TXT "one" "two $"`, `h1 TXT "one" "two 1"`},
		{`$GENERATE 1-1 h$ MX "0 ."`, "h1 MX 0 ."},
		{`$GENERATE 1-1 txt 5 CLASS1 TXT "a$\;b"`, `txt 5 CLASS1 TXT a1\;b`},
		{"$GENERATE 10-11 h${-10} A 192.0.2.1", "h0 A 192.0.2.1|h1 A 192.0.2.1"},
		{"$GENERATE 0-1 h${-1,3}x${-1} A 192.0.2.$", "h-01x-1 A 192.0.2.0|h000x0 A 192.0.2.1"},
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
		"1-2 a${-2,1,x} A 192.0.2": "the offset -2 leads below 0, and such a number is written with the base d alone",
		"1-2 a${2147483646} A 192": "the offset 2147483646 leads above 2147483647",
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
	require.Equal(t, []string{`zone:5: A: the address: "192.0.2.256" is no IPv4 address`, `zone:6: A: the address: "x" is no IPv4 address`}, problems(c))
}
