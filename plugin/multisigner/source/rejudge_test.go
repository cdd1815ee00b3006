package source

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// Through thousands of changes of all kinds, what is found by the changes is what is found by
// judging all of the zone; and most changes are judged without that.
func TestRejudge(t *testing.T) {
	seed := rand.Uint64()
	rng := rand.New(rand.NewPCG(seed, 1))
	t.Logf("seed %d", seed)
	apex := zone.MustName("example.org.")
	var names []zone.Name
	for _, text := range []string{"example.org.", "a.example.org.", "b.example.org.", "c.b.example.org.", "d.c.b.example.org.", "*.example.org.", "*.b.example.org.",
		"sub.example.org.", "ns.sub.example.org.", "x.ns.sub.example.org.", "a.example.org.example.org.", "192\\.0\\.2\\.1.example.org."} {
		names = append(names, zone.MustName(text))
	}
	name := func() string { return string(names[rng.IntN(len(names))]) }
	set := func(n zone.Name) zone.RRset {
		s := zone.RRset{Name: n, TTL: 60}
		var rdata []string
		kinds := []zone.Type{zone.TypeA, zone.TypeA, zone.TypeAAAA, zone.TypeTXT, zone.TypeTXT, zone.TypeMX, zone.TypeCNAME, zone.TypeNS, zone.TypeDNAME, zone.TypeDS}
		s.Type = kinds[rng.IntN(len(kinds))]
		for range rng.IntN(3) {
			switch s.Type {
			case zone.TypeA:
				rdata = append(rdata, string([]byte{192, 0, 2, byte(rng.IntN(9))}))
			case zone.TypeAAAA:
				rdata = append(rdata, string(make([]byte, 15))+string([]byte{byte(rng.IntN(9))}))
			case zone.TypeTXT:
				rdata = append(rdata, string([]byte{byte(1 + rng.IntN(9)/8), byte('a' + rng.IntN(9))})) // some are cut
			case zone.TypeMX:
				rdata = append(rdata, "\x00\x01"+name())
			case zone.TypeDS:
				rdata = append(rdata, "\x00\x01\x0d\x02"+string(make([]byte, 31+rng.IntN(2))))
			default:
				rdata = append(rdata, name())
			}
		}
		s.Rdata = zone.Pack(rdata...)
		return s
	}
	v := zone.MustVersion("example.org. 60 SOA ns.example.org. root.example.org. 1 2 3 4 5\nexample.org. 60 NS a.example.org.")
	is := judge(v)
	whole := 0
	for range 5000 {
		edit := v.Edit()
		var changed []zone.Name
		for range 1 + rng.IntN(2) {
			n := names[rng.IntN(len(names))]
			s := set(n)
			if n == apex && (s.Type == zone.TypeNS || s.Type == zone.TypeCNAME) {
				continue
			}
			edit.Put(s)
			changed = append(changed, n)
		}
		next := edit.Version()
		if slices.ContainsFunc(changed, func(n zone.Name) bool { return is.reaches(next, n) }) {
			whole++
		}
		got, want := is.after(next, changed), judge(next)
		require.Equal(t, lines(want.findings), lines(got.findings), "seed %d: of %v", seed, changed)
		v, is = next, got
	}
	t.Logf("%d of 5000 changes needed all of the zone", whole)
	require.Less(t, whole, 4000)
}

func lines(findings []finding) (all []string) {
	for _, f := range findings {
		all = append(all, fmt.Sprint(f.name, f.t, f.fatal, f.absence, f.text))
	}
	return all
}

func BenchmarkRejudge(b *testing.B) {
	edit := zone.MustVersion("example.org. 60 SOA ns.example.org. root.example.org. 1 2 3 4 5\nexample.org. 60 NS a.example.org.\na.example.org. 60 A 192.0.2.1").Edit()
	for i := range 200_000 {
		edit.Put(zone.RRset{Name: zone.MustName(fmt.Sprintf("n%d.example.org.", i)), Type: zone.TypeA, TTL: 60, Rdata: zone.Pack("\xc0\x00\x02\x01")})
	}
	v := edit.Version()
	is, changed := judge(v), []zone.Name{zone.MustName("n4711.example.org.")}
	again := v.Edit()
	again.Put(zone.RRset{Name: changed[0], Type: zone.TypeA, TTL: 60, Rdata: zone.Pack("\xc0\x00\x02\x02")})
	next := again.Version()
	b.Run("whole", func(b *testing.B) {
		for b.Loop() {
			judge(next)
		}
	})
	b.Run("change", func(b *testing.B) {
		for b.Loop() {
			is.after(next, changed)
		}
	})
}

// Data that is none of its type is warned of where it came from a primary, and does not keep
// the zone out: the primary serves it as well.
func TestDataOfItsType(t *testing.T) {
	edit := zone.MustVersion("example.org. 60 SOA ns.example.org. root.example.org. 1 2 3 4 5\nexample.org. 60 NS ns.example.org.\nns.example.org. 60 A 192.0.2.1\nwww.example.org. 60 TXT good").Edit()
	edit.Put(zone.RRset{Name: zone.MustName("a.example.org."), Type: zone.TypeA, TTL: 60, Rdata: zone.Pack("\xc0\x00\x02")})
	edit.Put(zone.RRset{Name: zone.MustName("txt.example.org."), Type: zone.TypeTXT, TTL: 60, Rdata: zone.Pack("\x03abc", "\x05abc")})
	edit.Put(zone.RRset{Name: zone.MustName("unknown.example.org."), Type: 65280, TTL: 60, Rdata: zone.Pack("\x05abc")})
	v := edit.Version()
	var told []string
	for _, p := range Check(v) {
		require.False(t, p.Fatal)
		told = append(told, p.String())
	}
	require.Len(t, told, 2)
	require.Contains(t, told[0], "a.example.org.: the data of a record of type A is none of that type (")
	require.Contains(t, told[1], "txt.example.org.: the data of a record of type TXT is none of that type (")
	require.Len(t, judge(v).findings, 2)
}
