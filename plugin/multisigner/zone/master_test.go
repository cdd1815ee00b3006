package zone_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// A zone file of a version has the SOA first, then every name in its place, hashed owners
// among them, with the capitals that were written; and what it is read to is the version.
func TestLines(t *testing.T) {
	v := zone.MustVersion(strings.ReplaceAll(`
		b.Example.  60 TXT "two; \"words\"" "\\"
		example. 300 SOA ns.example. root.example. 7 7200 900 1209600 300
		example. 300 NS ns.example.
		example. 300 A 192.0.2.1
		example. 300 RRSIG A 13 1 300 20300101000000 20260101000000 1 example. AAAA
		z.example. 60 A 192.0.2.9
		2t7b4g4vsa5smi47k61mv5bv1a22bojr.example. 300 NSEC3 1 0 0 - 2vptu5timamqttgl4luu9kg21e0aor3s A
		example. 300 CAA 0 issue "ca.example"
		*.b.example. 60 TYPE65280 \# 3 010203
		b.example. 60 TXT "one"`, "\t", ""))
	var got strings.Builder
	for text := range v.Lines() {
		got.WriteString(text)
	}
	require.Equal(t, strings.TrimSpace(`
example.	300	IN	SOA	ns.example. root.example. 7 7200 900 1209600 300
example.	300	IN	A	192.0.2.1
example.	300	IN	RRSIG	A 13 1 300 20300101000000 20260101000000 1 example. AAAA
example.	300	IN	NS	ns.example.
example.	300	IN	CAA	0 issue "ca.example"
2t7b4g4vsa5smi47k61mv5bv1a22bojr.example.	300	IN	NSEC3	1 0 0 - 2VPTU5TIMAMQTTGL4LUU9KG21E0AOR3S A
b.Example.	60	IN	TXT	"one"
b.Example.	60	IN	TXT	"two; \"words\"" "\\"
*.b.example.	60	IN	TYPE65280	\# 3 010203
z.example.	60	IN	A	192.0.2.9
`), strings.TrimSpace(got.String()))
	again := zone.MustVersion(got.String())
	require.Empty(t, zone.Compare(v, again).Changes)
	require.Equal(t, slices.Collect(v.Lines()), slices.Collect(again.Lines()))
}

// Whoever reads only the beginning ends it there.
func TestLinesAreEnded(t *testing.T) {
	v := zone.MustVersion("example. 300 SOA ns.example. root.example. 7 7200 900 1209600 300\na.example. 60 A 192.0.2.1\nb.example. 60 A 192.0.2.1\n" +
		"2t7b4g4vsa5smi47k61mv5bv1a22bojr.example. 300 NSEC3 1 0 0 - 2vptu5timamqttgl4luu9kg21e0aor3s A")
	all := slices.Collect(v.Lines())
	for n := 1; n <= len(all); n++ {
		var some []string
		for text := range v.Lines() {
			if some = append(some, text); len(some) == n {
				break
			}
		}
		require.Equal(t, all[:n], some)
	}
}

// Messages show data of every type without what stands before it, also where nobody knows
// the type.
func TestRdataText(t *testing.T) {
	require.Equal(t, "10 mx.example.", zone.RdataText(zone.TypeMX, "\x00\x0a\x02mx\x07example\x00"))
	require.Equal(t, `\# 3 010203`, zone.RdataText(65280, "\x01\x02\x03"))
	require.Equal(t, `\# 1 ff`, zone.RdataText(zone.TypeMX, "\xff"), "no MX")
}
