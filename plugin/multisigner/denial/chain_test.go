package denial_test

import (
	"cmp"
	"flag"
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/denial"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

var modes = []denial.Mode{denial.NSEC, denial.NSEC3, denial.NSEC3OptOut}

var seed = flag.Uint64("seed", 0, "of the random edits; 0: drawn anew")

const soa = "example. 3600 SOA ns.example. root.example. 7 3600 600 86400 300\nexample. 3600 NS ns.example.\n"

// parse reads zone-file lines, which may be indented.
func parse(text string) *zone.Version {
	return zone.MustVersion(regexp.MustCompile(`(?m)^\s+`).ReplaceAllString(text, ""))
}

// chained gives v a chain made from scratch.
func chained(t testing.TB, v *zone.Version, m denial.Mode) *zone.Version {
	t.Helper()
	if m.Hashed() {
		b := v.Edit()
		b.Put(zone.RRset{Name: v.Apex(), Type: zone.TypeNSEC3PARAM, Rdata: zone.Pack(denial.Param)})
		v = b.Version()
	}
	return update(t, nil, v, m)
}

func update(t testing.TB, old, content *zone.Version, m denial.Mode) *zone.Version {
	t.Helper()
	changes, err := denial.Update(old, content, m, 300)
	require.NoError(t, err)
	v, err := content.Apply(zone.Diff{Apex: content.Apex(), Changes: changes})
	require.NoError(t, err, "the changes must begin at what is there")
	put := put(t, old, content, m)
	require.Empty(t, zone.Compare(v, put).Changes, "what is put into an edit must be what is listed")
	require.Equal(t, v.Records(), put.Records())
	require.Equal(t, v.Names(), put.Names())
	return v
}

// put is update by an edit. Who makes the chain asks for a place, and gives each back.
func put(t testing.TB, old, content *zone.Version, m denial.Mode) *zone.Version {
	t.Helper()
	var places atomic.Int64
	edit := content.Edit()
	require.NoError(t, denial.Put(edit, old, content, m, 300, func() (keep, leave func()) {
		places.Add(1)
		return func() { require.Positive(t, places.Load()) }, func() { places.Add(-1) }
	}))
	require.Zero(t, places.Load())
	return edit.Version()
}

// model makes the lines of a chain in the obvious way: it knows nothing of trees,
// edits or packed wire, and hashes with another library.
func model(v *zone.Version, m denial.Mode) []string {
	apex := v.Apex().String()
	types := map[string][]string{} // of names with records of their own
	for n := range v.All() {
		for s := range n.All() {
			if s.Type != zone.TypeNSEC {
				types[n.Name().String()] = append(types[n.Name().String()], s.Type.String())
			}
		}
	}
	isCut := func(name string) bool { return name != apex && slices.Contains(types[name], "NS") }
	occluded := func(name string) bool {
		for at := name; at != apex; {
			at = at[strings.Index(at, ".")+1:]
			if isCut(at) || slices.Contains(types[at], "DNAME") {
				return true
			}
		}
		return false
	}
	bitmaps := map[string][]string{}
	for name, has := range types {
		if occluded(name) {
			continue
		}
		signed := true
		if isCut(name) {
			signed = slices.Contains(has, "DS")
			has = slices.DeleteFunc(slices.Clone(has), func(t string) bool { return t != "NS" && t != "DS" })
			if m == denial.NSEC3OptOut && !signed {
				has = []string{"out"}
			}
		}
		if m == denial.NSEC {
			has = append(slices.Clone(has), "RRSIG", "NSEC")
		} else if signed {
			has = append(slices.Clone(has), "RRSIG")
		}
		bitmaps[name] = has
		for at := name; m.Hashed() && at != apex; { // empty non-terminals
			at = at[strings.Index(at, ".")+1:]
			if _, ok := bitmaps[at]; !ok && types[at] == nil {
				bitmaps[at] = nil
			}
		}
	}
	type link struct{ name, owner string }
	var links []link
	for name, has := range bitmaps {
		switch {
		case slices.Contains(has, "out"):
		case m.Hashed():
			h := strings.ToLower(dns.HashName(name, dns.SHA1, 0, ""))
			links = append(links, link{name, h})
		default:
			links = append(links, link{name, name})
		}
	}
	slices.SortFunc(links, func(a, b link) int {
		if m.Hashed() {
			return cmp.Compare(a.owner, b.owner)
		}
		return zone.MustName(a.name).Compare(zone.MustName(b.name))
	})
	var lines []string
	for i, l := range links {
		has := bitmaps[l.name]
		slices.SortFunc(has, func(a, b string) int { return int(number(a)) - int(number(b)) })
		list := strings.Join(has, " ")
		after := links[(i+1)%len(links)].owner
		if m.Hashed() {
			flags := 0
			if m == denial.NSEC3OptOut {
				flags = 1
			}
			lines = append(lines, strings.TrimSpace(fmt.Sprintf("%s.%s 300 NSEC3 1 %d 0 - %s %s", l.owner, apex, flags, after, list)))
		} else {
			lines = append(lines, fmt.Sprintf("%s 300 NSEC %s %s", l.owner, after, list))
		}
	}
	return lines
}

func number(t string) uint16 {
	if n, ok := dns.StringToType[t]; ok {
		return n
	}
	var n uint16
	if _, err := fmt.Sscanf(t, "TYPE%d", &n); err != nil {
		panic(t)
	}
	return n
}

// lines are the chain's records as v has them.
func lines(v *zone.Version) []string {
	var lines []string
	each := func(n *zone.Node) {
		for s := range n.All() {
			if s.Type == zone.TypeNSEC || s.Type == zone.TypeNSEC3 {
				rr := s.RRs()[0]
				text := strings.TrimPrefix(rr.String(), rr.Header().String())
				if s.Type == zone.TypeNSEC3 {
					text = strings.ToLower(text[:len("1 0 0 - ")+32]) + text[len("1 0 0 - ")+32:]
				}
				lines = append(lines, strings.Join(strings.Fields(fmt.Sprintf("%s %d %s %s", s.Name, s.TTL, s.Type, text)), " "))
			}
		}
	}
	for n := range v.All() {
		each(n)
	}
	for n := range v.Hashed() {
		each(n)
	}
	return lines
}

// Every special case of a chain once, as a person would draw it.
func TestChain(t *testing.T) {
	v := parse(soa + `
		ns.example. 3600 A 192.0.2.1
		*.example. 3600 TXT "wild"
		ent.example. 3600 A 192.0.2.9
		a.b.c.example. 3600 A 192.0.2.2
		secure.example. 3600 NS ns.secure.example.
		secure.example. 3600 DS 1 13 2 00
		ns.secure.example. 3600 A 192.0.2.3
		insecure.example. 3600 NS ns.insecure.example.
		insecure.example. 3600 A 192.0.2.4
		ns.insecure.example. 3600 A 192.0.2.4
		x.only.insecure2.example. 3600 NS ns.example.
		alias.example. 3600 DNAME target.example.
		below.alias.example. 3600 A 192.0.2.5
		many.example. 3600 A 192.0.2.6
		many.example. 3600 CAA 0 issue "ca.example"
		many.example. 3600 TYPE65534 \# 1 00`)
	require.Equal(t, []string{
		"example. 300 NSEC *.example. NS SOA RRSIG NSEC",
		"*.example. 300 NSEC alias.example. TXT RRSIG NSEC",
		"alias.example. 300 NSEC a.b.c.example. DNAME RRSIG NSEC",
		"a.b.c.example. 300 NSEC ent.example. A RRSIG NSEC",
		"ent.example. 300 NSEC insecure.example. A RRSIG NSEC",
		"insecure.example. 300 NSEC x.only.insecure2.example. NS RRSIG NSEC",
		"x.only.insecure2.example. 300 NSEC many.example. NS RRSIG NSEC",
		"many.example. 300 NSEC ns.example. A RRSIG NSEC CAA TYPE65534",
		"ns.example. 300 NSEC secure.example. A RRSIG NSEC",
		"secure.example. 300 NSEC example. NS DS RRSIG NSEC",
	}, lines(chained(t, v, denial.NSEC)))
	for _, m := range modes {
		t.Run(m.String(), func(t *testing.T) {
			got := chained(t, v, m)
			require.Equal(t, model(v2(v, m), m), lines(got))
			require.Equal(t, m, denial.Of(got))
			require.True(t, denial.Chained(got))
			require.False(t, denial.Chained(v))
		})
	}
}

// v2 is v with the NSEC3PARAM record that a mode wants.
func v2(v *zone.Version, m denial.Mode) *zone.Version {
	b := v.Edit()
	if m.Hashed() {
		b.Put(zone.RRset{Name: v.Apex(), Type: zone.TypeNSEC3PARAM, Rdata: zone.Pack(denial.Param)})
	} else {
		b.Delete(v.Apex(), zone.TypeNSEC3PARAM)
	}
	return b.Version()
}

// edits draws changes of content from so few names and types that cuts, DNAMEs,
// wildcards and empty non-terminals come and go all the time.
type edits struct {
	*rand.Rand
	labels []string
	types  []string
}

func (e edits) name() string {
	name := "example."
	for range e.IntN(5) {
		name = e.labels[e.IntN(len(e.labels))] + "." + name
	}
	return name
}

func (e edits) edit(b *zone.Builder) string {
	name, line := e.name(), e.types[e.IntN(len(e.types))]
	rr, err := dns.NewRR(name + " 3600 IN " + line)
	if err != nil {
		panic(err)
	}
	n, t, ttl, rdata, err := zone.FromRR(rr)
	if err != nil {
		panic(err)
	}
	if name == "example." && (t == zone.TypeNS || t == zone.TypeDNAME && e.IntN(4) > 0) {
		return ""
	}
	if e.IntN(5) < 2 {
		b.Put(zone.RRset{Name: n, Type: t, TTL: ttl, Rdata: zone.Pack(rdata)})
		return "+ " + rr.String()
	}
	b.Delete(n, t)
	return "- " + rr.String()
}

func drawn(t testing.TB) edits {
	s := *seed
	if s == 0 {
		s = rand.Uint64()
	}
	t.Logf("seed %d: repeat with -seed=%d", s, s)
	return edits{
		rand.New(rand.NewPCG(s, 1)),
		[]string{"a", "b", "c", "*", "z", `\001`},
		[]string{"A 192.0.2.1", "TXT x", "NS ns.example.", "NS ns.example.", "DS 1 13 2 00", "DNAME other.", `TYPE65280 \# 1 00`},
	}
}

// A chain that is made page by page leads over pages of glue, and from the last page to the
// apex. What is left of a broken chain does not stay.
func TestPages(t *testing.T) {
	var b strings.Builder
	b.WriteString(soa + "cut.example. 60 NS ns.cut.example.\n")
	for i := range 150 {
		fmt.Fprintf(&b, "a%d.example. 60 A 192.0.2.1\ng%d.cut.example. 60 A 192.0.2.1\nd%d.example. 60 TXT x\n", i, i, i)
	}
	whole := parse(b.String())
	remains := parse(b.String() + `
		g7.cut.example. 60 NSEC x.example. A
		a7.example. 60 NSEC x.example. A
		left.example. 60 NSEC x.example. A`)
	for _, m := range modes {
		want := lines(chained(t, whole, m))
		require.Equal(t, model(v2(whole, m), m), want)
		require.Equal(t, want, lines(chained(t, remains, m)), m)
	}
}

// An update must come to the same chain as making it from scratch, whatever the
// edits before it did: else answers depend on history, and history is not seen.
func TestUpdateIsAsFromScratch(t *testing.T) {
	e := drawn(t)
	for _, m := range modes {
		t.Run(m.String(), func(t *testing.T) {
			v := chained(t, parse(soa), m)
			for round := range 400 {
				b := v.Edit()
				var done []string
				for range 1 + e.IntN(1+e.IntN(12)) {
					done = append(done, e.edit(b))
				}
				content := b.Version()
				got := update(t, v, content, m)
				if want := model(content, m); !slices.Equal(want, lines(got)) {
					t.Fatalf("round %d, after\n%s\nof\n%s", round, strings.Join(done, "\n"), text(v))
				}
				require.Equal(t, lines(update(t, nil, content, m)), lines(got))
				v = got
			}
		})
	}
}

// A change of mode replaces the whole chain at once, while content changes too.
func TestModeChange(t *testing.T) {
	e := drawn(t)
	v, m := chained(t, parse(soa), denial.NSEC), denial.NSEC
	for range 200 {
		m = modes[e.IntN(len(modes))]
		b := v2(v, m).Edit()
		for range 1 + e.IntN(6) {
			e.edit(b)
		}
		content := b.Version()
		got := update(t, v, content, m)
		require.Equal(t, model(content, m), lines(got))
		require.Equal(t, m, denial.Of(got))
		v = got
	}
}

// Another TTL is another chain: records of one RRset must not live differently.
func TestTTLChange(t *testing.T) {
	for _, m := range modes {
		v := chained(t, parse(soa+"a.example. 3600 A 192.0.2.1"), m)
		changes, err := denial.Update(v, v, m, 60)
		require.NoError(t, err)
		require.Len(t, changes, len(lines(v)))
		for _, c := range changes {
			require.Equal(t, uint32(60), c.New.TTL)
		}
	}
}

// Nothing changed: nothing to do.
func TestUpdateOfNothing(t *testing.T) {
	for _, m := range modes {
		v := chained(t, parse(soa+"a.example. 3600 A 192.0.2.1"), m)
		changes, err := denial.Update(v, v, m, 300)
		require.NoError(t, err)
		require.Empty(t, changes)
	}
}

// An apex that leaves no room for a hash below it is an error, not a panic.
func TestLongApex(t *testing.T) {
	label := strings.Repeat("a", 55)
	apex := strings.Join([]string{label, label, label, label}, ".") + "."
	v := parse(apex + " 3600 SOA . . 1 1 1 1 1\n" + apex + " 3600 NS .\n")
	_, err := denial.Update(nil, v2(v, denial.NSEC3), denial.NSEC3, 1)
	require.ErrorContains(t, err, "no room for a hash")
	_, err = denial.Update(nil, v, denial.NSEC, 1)
	require.NoError(t, err)
}

func text(v *zone.Version) string {
	var b strings.Builder
	for n := range v.All() {
		for s := range n.All() {
			b.WriteString(zone.Text(s))
		}
	}
	return b.String()
}
