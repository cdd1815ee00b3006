package zone_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// One descent tells all that an answer needs: the node, the closest encloser,
// and the cut or DNAME above. Empty non-terminals are nodes, too.
func TestFind(t *testing.T) {
	v := zone.MustVersion(`
$ORIGIN example.
$TTL 3600
@            SOA ns.example. root.example. 7 3600 600 86400 300
@            NS  ns
a.ent        A   192.0.2.1
*.w          A   192.0.2.2
sub          NS  ns.sub
ns.sub       A   192.0.2.3
deep.ns.sub  A   192.0.2.4
cut.ns.sub   NS  ns.sub
d            DNAME other.
x.d          A   192.0.2.5
cut.d        NS  ns
both         NS  ns
both         DNAME other.
x.both       A   192.0.2.6
`)
	for _, tc := range []struct{ ask, node, encloser, cut, dname string }{
		{"example.", "example.", "example.", "-", "-"},
		{"ent.example.", "ent.example.", "ent.example.", "-", "-"},
		{"b.ent.example.", "-", "ent.example.", "-", "-"},
		{"b.a.ent.example.", "-", "a.ent.example.", "-", "-"},
		{"zz.example.", "-", "example.", "-", "-"},
		{"x.y.w.example.", "-", "w.example.", "-", "-"},
		{"sub.example.", "sub.example.", "sub.example.", "sub.example.", "-"},
		{"q.sub.example.", "-", "sub.example.", "sub.example.", "-"},
		{"deep.ns.sub.example.", "deep.ns.sub.example.", "deep.ns.sub.example.", "sub.example.", "-"},
		{"x.cut.ns.sub.example.", "-", "cut.ns.sub.example.", "sub.example.", "-"},
		{"d.example.", "d.example.", "d.example.", "-", "-"},
		{"x.d.example.", "x.d.example.", "x.d.example.", "-", "d.example."},
		{"cut.d.example.", "cut.d.example.", "cut.d.example.", "-", "d.example."},
		{"q.q.d.example.", "-", "d.example.", "-", "d.example."},
		{"both.example.", "both.example.", "both.example.", "both.example.", "-"},
		{"x.both.example.", "x.both.example.", "x.both.example.", "both.example.", "-"},
		{"other.", "-", "-", "-", "-"},
		{".", "-", "-", "-", "-"},
	} {
		t.Run(tc.ask, func(t *testing.T) {
			f := v.Find(zone.MustName(tc.ask))
			require.Equal(t, []string{tc.node, tc.encloser, tc.cut, tc.dname},
				[]string{named(f.Node), named(f.Encloser), named(f.Cut), named(f.DNAME)})
		})
	}
}

// A lookup allocates nothing, whatever it finds: it stands in the way of every answer.
func TestFindAllocatesNothing(t *testing.T) {
	v := zone.MustVersion(`
example.           1 SOA ns.example. root.example. 7 3600 600 86400 300
a.b.c.example.     1 NS  ns.example.
x.a.b.c.example.   1 A   192.0.2.1
`)
	for _, ask := range []string{"example.", "zz.b.c.example.", "x.a.b.c.example.", "y.x.a.b.c.example."} {
		n := zone.MustName(ask)
		require.Zero(t, testing.AllocsPerRun(100, func() {
			f := v.Find(n)
			f.Encloser.Get(zone.TypeSOA)
		}), ask)
	}
}

// The root zone has an apex without labels, above every name.
func TestRootZone(t *testing.T) {
	v := zone.MustVersion(`
.          1 SOA a.root. b.root. 7 3600 600 86400 300
example.   1 NS  ns.example.
ns.example. 1 A  192.0.2.1
`)
	require.Equal(t, ".", v.Apex().String())
	f := v.Find(zone.MustName("www.example."))
	require.Equal(t, []string{"-", "example.", "example."}, []string{named(f.Node), named(f.Encloser), named(f.Cut)})
	f = v.Find(zone.MustName("nowhere."))
	require.Equal(t, []string{"-", ".", "-"}, []string{named(f.Node), named(f.Encloser), named(f.Cut)})
	require.Equal(t, []zone.Name{zone.Root, zone.MustName("example."), zone.MustName("ns.example.")}, names(v.All()))
}

// A cut or a DNAME that comes or goes above names that are there brings them into
// its shadow, or out of it: they must leave the chain of denial, or join it.
func TestOcclusionFollowsCuts(t *testing.T) {
	v := zone.MustVersion(`
example.         1 SOA ns.example. root.example. 7 3600 600 86400 300
x.example.       1 A   192.0.2.1
a.x.example.     1 A   192.0.2.1
b.a.x.example.   1 A   192.0.2.1
y.example.       1 A   192.0.2.1
`)
	occluded := func(v *zone.Version) (list []string) {
		for n := range v.All() {
			if n.Occluded() {
				list = append(list, n.Name().String())
			}
		}
		return list
	}
	set := func(owner string, t zone.Type) zone.RRset {
		return zone.RRset{Name: zone.MustName(owner), Type: t, TTL: 1, Rdata: zone.Pack("\x00")}
	}
	require.Empty(t, occluded(v))
	b := v.Edit()
	b.Put(set("a.x.example.", zone.TypeNS))
	lower := b.Version()
	require.Equal(t, []string{"b.a.x.example."}, occluded(lower))
	b.Put(set("x.example.", zone.TypeDNAME))
	upper := b.Version()
	require.Equal(t, []string{"a.x.example.", "b.a.x.example."}, occluded(upper))
	b.Delete(zone.MustName("x.example."), zone.TypeDNAME)
	require.Equal(t, []string{"b.a.x.example."}, occluded(b.Version()), "the lower cut is still there")
	b.Delete(zone.MustName("a.x.example."), zone.TypeNS)
	require.Empty(t, occluded(b.Version()))
	b.Put(set("example.", zone.TypeDNAME))
	require.Len(t, occluded(b.Version()), 4, "a DNAME at the apex shadows all below it")
	require.Equal(t, []string{"b.a.x.example."}, occluded(lower), "what was shown has changed")
}

// Empty non-terminals come with the names below them and go with the last.
func TestEmptyNonTerminals(t *testing.T) {
	v := zone.MustVersion(`
example.      1 SOA ns.example. root.example. 7 3600 600 86400 300
a.b.c.example. 1 A   192.0.2.1
x.c.example.   1 A   192.0.2.1
`)
	list := func(v *zone.Version) (list []string) {
		for n := range v.All() {
			if n.Empty() {
				list = append(list, n.Name().String())
			}
		}
		return list
	}
	require.Equal(t, []string{"c.example.", "b.c.example."}, list(v))
	b := v.Edit()
	b.Delete(zone.MustName("a.b.c.example."), zone.TypeA)
	require.Equal(t, []string{"c.example."}, list(b.Version()))
	b.Delete(zone.MustName("x.c.example."), zone.TypeA)
	require.Empty(t, list(b.Version()))
	require.Equal(t, 1, b.Version().Names())
	b.Delete(v.Apex(), zone.TypeSOA)
	require.Equal(t, []string{"example."}, list(b.Version()), "the apex stays")
	require.Zero(t, b.Version().Serial())
}

// NSEC3 records have owners that are no names of the zone: an answer must not
// find one where it looks for what was asked.
func TestHashed(t *testing.T) {
	v := zone.MustVersion(`
$ORIGIN example.
@ 1 SOA ns root 7 3600 600 86400 300
0p9mhaveqvm6t7vbl5lop2u3t2rp3tom 1 NSEC3 1 0 0 - 2t7b4g4vsa5smi47k61mv5bv1a22bojr A
2t7b4g4vsa5smi47k61mv5bv1a22bojr 1 NSEC3 1 0 0 - 0p9mhaveqvm6t7vbl5lop2u3t2rp3tom A
`)
	first := zone.MustName("0p9mhaveqvm6t7vbl5lop2u3t2rp3tom.example.")
	last := zone.MustName("2t7b4g4vsa5smi47k61mv5bv1a22bojr.example.")
	require.Nil(t, v.Get(first))
	require.Equal(t, 1, v.Names())
	require.Equal(t, 3, v.Records())
	require.Equal(t, []zone.Name{first, last}, names(v.Hashed()))
	_, ok := v.RRset(first, zone.TypeNSEC3)
	require.True(t, ok)
	for _, tc := range []struct {
		hash  string
		owner zone.Name
		exact bool
	}{
		{"0p9mhaveqvm6t7vbl5lop2u3t2rp3tom", first, true},
		{"1000", first, false},
		{"2t7b4g4vsa5smi47k61mv5bv1a22bojr", last, true},
		{"zzzz", last, false},
		{"0000", last, false}, // before the first: the last one's interval wraps
	} {
		at, exact := v.FindHashed(zone.MustName(tc.hash + ".example."))
		require.Equal(t, tc.owner, at.Name(), tc.hash)
		require.Equal(t, tc.exact, exact, tc.hash)
	}
	at, exact := v.FindHashed(zone.MustName("a."))
	require.Equal(t, last, at.Name())
	require.False(t, exact)
	b := v.Edit()
	b.Delete(first, zone.TypeNSEC3)
	b.Delete(last, zone.TypeNSEC3)
	at, _ = b.Version().FindHashed(first)
	require.Nil(t, at)
}

// A version knows without a walk when its first signature ends, so that nobody
// answers with one that has ended.
func TestEarliest(t *testing.T) {
	v := zone.MustVersion(`
example.   1 SOA ns.example. root.example. 7 3600 600 86400 300
example.   1 RRSIG SOA 13 1 1 20300101000000 20290101000000 1 example. AAAA
a.example. 1 A   192.0.2.1
a.example. 1 RRSIG A   13 2 1 20280101000000 20270101000000 1 example. AAAA
a.example. 1 RRSIG A   13 2 1 20290101000000 20270101000000 2 example. AAAA
b.example. 1 A   192.0.2.1
`)
	end, ok := v.Earliest()
	require.True(t, ok)
	require.Equal(t, time.Date(2028, 1, 1, 0, 0, 0, 0, time.UTC), end)
	var expiring []string
	for s := range v.Expiring(end.Add(time.Second)) {
		expiring = append(expiring, s.Name.String()+" "+s.Type.String())
	}
	require.Equal(t, []string{"a.example. A"}, expiring)
	for range v.Expiring(end) {
		t.Fatal("a signature that ends now does not end before now")
	}
	for s := range v.Expiring(end.Add(time.Nanosecond)) {
		expiring = append(expiring, s.Type.String())
	}
	require.Equal(t, []string{"a.example. A", "A"}, expiring)
	b := v.Edit()
	b.Delete(zone.MustName("a.example."), zone.TypeA)
	end, _ = b.Version().Earliest()
	require.Equal(t, 2030, end.Year())
	b.Delete(v.Apex(), zone.TypeSOA)
	_, ok = b.Version().Earliest()
	require.False(t, ok)
}

// A walk may be left at any node; what it would have cost to go on is saved.
func TestWalksStop(t *testing.T) {
	v := built(generated(2000))
	all := names(v.All())
	for _, stop := range []int{1, 31, 32, 33, 1000} {
		var up, down []zone.Name
		for n := range v.From(all[7]) {
			if up = append(up, n.Name()); len(up) == stop {
				break
			}
		}
		require.Equal(t, all[7:7+stop], up)
		for n := range v.Backward(all[len(all)-7]) {
			if down = append(down, n.Name()); len(down) == stop {
				break
			}
		}
		slices.Reverse(down)
		require.Equal(t, all[len(all)-6-stop:len(all)-6], down)
		left := stop
		for range v.Expiring(zone.Time(1<<32 - 1)) {
			if left--; left == 0 {
				break
			}
		}
		require.Zero(t, left)
	}
	types := 0
	for s := range v.Top().All() {
		require.Equal(t, zone.TypeA, s.Type)
		types++
		break
	}
	require.Equal(t, 1, types)
}

// What a node says of itself.
func TestNode(t *testing.T) {
	v := zone.MustVersion(before)
	require.True(t, v.Top().IsApex())
	require.Equal(t, v.Top(), v.Get(v.Apex()))
	b := v.Get(zone.MustName("b.example."))
	require.False(t, b.IsApex() || b.IsCut() || b.Empty())
	require.Equal(t, 2, b.Types())
	require.True(t, b.Has(zone.TypeTXT))
	require.False(t, b.Has(zone.TypeAAAA))
	txt, ok := b.Get(zone.TypeTXT)
	require.True(t, ok)
	require.True(t, txt.SameData(txt.WithSigs(zone.Pack("signature"))))
	other := txt
	other.TTL++
	require.False(t, txt.SameData(other))
	_, ok = b.Get(zone.TypeAAAA)
	require.False(t, ok)
}

// The estimate of the memory that a version takes follows its content.
func TestSize(t *testing.T) {
	small, large := built(generated(100)), built(generated(1000))
	require.InEpsilon(t, 10*small.Size(), large.Size(), 0.1)
	b, deleted := large.Edit(), 0
	for n := range large.All() {
		if n.Has(zone.TypeAAAA) {
			b.Delete(n.Name(), zone.TypeAAAA)
			deleted++
		}
	}
	// The packed record, its signature of 91 octets, their lengths, and a head.
	require.Equal(t, large.Size()-deleted*(2+16+2+91+14), b.Version().Size())
}
