package source

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

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
	require.ErrorContains(t, err, `zone:155: A: the address: "x" is no IPv4 address`)

	c, err = from(map[string]string{"zone": strings.Repeat("what is this\n", 1_000_000)})
	require.Error(t, err)
	require.Equal(t, MaxProblems, c.Problems[MaxProblems-2].Line+1)
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
	require.EqualError(t, err, "zone example.org. cannot be served\n\tzone:7: A: the record ends before its data")
	var problems *Error
	require.ErrorAs(t, err, &problems)
	require.Len(t, problems.Problems, 1)
}
