package update_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/update"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// model is RFC 2136 3.4.2 as it is written there, over a list of records: slow, and with
// none of the product's code in it.
type model []row

type row struct{ owner, kind, data, ttl string }

func (m model) has(owner, kind string) bool {
	return slices.ContainsFunc(m, func(r row) bool { return r.owner == owner && (kind == "" || r.kind == kind) })
}

func (m model) change(f []string) model {
	switch owner := f[1]; {
	case f[0] == "add":
		r := row{owner, f[3], strings.Join(f[4:], " "), f[2]}
		others := slices.ContainsFunc(m, func(o row) bool { return o.owner == owner && o.kind != "CNAME" })
		if r.kind == "CNAME" && others || r.kind != "CNAME" && m.has(owner, "CNAME") {
			return m
		}
		next := slices.DeleteFunc(slices.Clone(m), func(o row) bool {
			return o.owner == owner && o.kind == r.kind && (o.data == r.data || r.kind == "CNAME")
		})
		for i := range next {
			if next[i].owner == owner && next[i].kind == r.kind {
				next[i].ttl = r.ttl
			}
		}
		return append(next, r)
	case len(f) == 2 && owner == "example.":
		return slices.DeleteFunc(slices.Clone(m), func(o row) bool { return o.owner == owner && o.kind != "NS" })
	case len(f) == 2:
		return slices.DeleteFunc(slices.Clone(m), func(o row) bool { return o.owner == owner })
	case len(f) == 3 && owner == "example." && f[2] == "NS":
		return m
	case len(f) == 3:
		return slices.DeleteFunc(slices.Clone(m), func(o row) bool { return o.owner == owner && o.kind == f[2] })
	default:
		data, count := strings.Join(f[3:], " "), 0
		for _, o := range m {
			if o.owner == owner && o.kind == f[2] {
				count++
			}
		}
		if owner == "example." && f[2] == "NS" && count == 1 {
			return m
		}
		return slices.DeleteFunc(slices.Clone(m), func(o row) bool { return o.owner == owner && o.kind == f[2] && o.data == data })
	}
}

func (m model) String() string {
	var lines []string
	for _, r := range m {
		data := r.data
		if r.kind == "TXT" {
			data = `"` + data + `"`
		}
		lines = append(lines, fmt.Sprintf("%s %s %s %s", r.owner, r.ttl, r.kind, data))
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// sortedShow is all of a version but its SOA, in the model's order.
func sortedShow(v *zone.Version) string {
	var lines []string
	for n := range v.All() {
		for s := range n.All() {
			for _, rr := range s.RRs() {
				if s.Type != zone.TypeSOA {
					lines = append(lines, strings.Replace(strings.Join(strings.Fields(rr.String()), " "), " IN ", " ", 1))
				}
			}
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// rows is a version in the model's form, but for its SOA.
func rows(v *zone.Version) (all model) {
	for l := range strings.SplitSeq(sortedShow(v), "\n") {
		w := strings.Fields(strings.ReplaceAll(l, `"`, ""))
		all = append(all, row{w[0], w[2], strings.Join(w[3:], " "), w[1]})
	}
	return all
}

// promises is what was acknowledged and is still to be kept: no update and no new base
// has taken it back. It knows nothing of overlays.
type promises struct {
	added   map[record3]bool // not in the base
	removed map[record3]bool // of the base
}

type record3 struct{ owner, kind, data string }

func records3(m model) map[record3]bool {
	all := map[record3]bool{}
	for _, r := range m {
		all[record3{r.owner, r.kind, r.data}] = true
	}
	return all
}

// took takes in an update that was acknowledged, which has made judged of the content
// before: what was served and is no longer, it has taken back.
func (p *promises) took(lines []string, before, judged, base map[record3]bool) {
	for k := range p.added {
		if before[k] && !judged[k] {
			delete(p.added, k)
		}
	}
	for _, l := range lines {
		f := strings.Fields(l)
		if f[0] == "add" {
			k := record3{f[1], f[3], strings.Join(f[4:], " ")}
			if !judged[k] {
				continue // it was passed over, or the same update has removed it again
			}
			if delete(p.removed, k); !base[k] {
				p.added[k] = true
			}
			for o := range p.added {
				if o.owner == k.owner && o.kind == k.kind && o != k && (k.kind == "CNAME" || k.kind == "DNAME") {
					delete(p.added, o)
				}
			}
			continue
		}
		means := func(k record3) bool {
			stays := k.owner == "example." && k.kind == "NS" && len(f) < 4
			return k.owner == f[1] && (len(f) < 3 || k.kind == f[2]) && (len(f) < 4 || k.data == strings.Join(f[3:], " ")) && !stays && !judged[k]
		}
		for k := range p.added {
			if means(k) {
				delete(p.added, k)
			}
		}
		for k := range base {
			if means(k) {
				p.removed[k] = true
			}
		}
	}
}

// rebased takes in a new base: what it says itself is its owner's from then on.
func (p *promises) rebased(base map[record3]bool) {
	for k := range p.added {
		if base[k] {
			delete(p.added, k)
		}
	}
	for k := range p.removed {
		if !base[k] {
			delete(p.removed, k)
		}
	}
}

// kept holds the promises against what is served and what is parked.
func (p *promises) kept(t *testing.T, s *side) {
	is := records3(rows(s.content))
	parked := func(k record3, of func(update.Entry) zone.Packed) bool {
		key := update.Key{Name: zone.MustName(k.owner), Type: zone.Type(dns.StringToType[k.kind])}
		if !s.parked.Has(key) {
			return false
		}
		for _, rr := range (zone.RRset{Name: key.Name, Type: key.Type, Rdata: of(s.overlay[key])}).RRs() {
			if w := strings.Fields(strings.ReplaceAll(rr.String(), `"`, "")); strings.Join(w[4:], " ") == k.data {
				return true
			}
		}
		return false
	}
	for k := range p.added {
		if !is[k] {
			require.True(t, parked(k, func(e update.Entry) zone.Packed { return e.Added.Rdata }), "%v was added, and is lost", k)
		}
	}
	for k := range p.removed {
		if is[k] {
			require.True(t, parked(k, func(e update.Entry) zone.Packed { return e.Removed }), "%v was removed, and is back", k)
		}
	}
}

// alphabet is what a program may say. Of DNAMEs the model knows nothing; all else that
// must hold does with them, too.
type alphabet struct {
	kinds    []string
	modelled bool
}

var (
	owners = []string{"example.", "a.example.", "b.example.", "x.b.example."}
	plain  = alphabet{[]string{"A 192.0.2.1", "A 192.0.2.2", "TXT x", "TXT y", "CNAME a.example.", "CNAME b.example.", "NS a.example.", "NS ns.example."}, true}
	dnames = alphabet{[]string{"A 192.0.2.1", "A 192.0.2.2", "TXT x", "DNAME a.other.", "DNAME b.other.", "CNAME b.example.", "NS a.example.", "NS ns.example."}, false}
	ttls   = []string{"60", "300"}
)

// line makes one change of an octet.
func (a alphabet) line(b byte) string {
	owner, kind := owners[b&3], a.kinds[b>>2&7]
	switch b >> 5 {
	case 0, 1, 2, 3:
		return "add " + owner + " " + ttls[b>>5&1] + " " + kind
	case 4, 5:
		return "delete " + owner + " " + kind
	case 6:
		return "delete " + owner + " " + strings.Fields(kind)[0]
	}
	return "delete " + owner
}

// Updates and new files in any order: each update makes what the RFC says, the overlay
// leads from the base to the content, survives the disk, loses nothing that was
// acknowledged, and no new base is blocked or breaks a rule by it.
func FuzzUpdates(f *testing.F) {
	f.Add([]byte{0x00, 0x01, 0xff, 0x20, 0xfe, 0x82})
	f.Add([]byte("\x08\x11\xff\x31\xff\x09\xfe\xe9\xff\x11"))
	f.Add([]byte("\x19\x05\xfe\xfe\x11\x0d\xff\xfd\xff\x91\x15\xc5\xff"))
	f.Fuzz(func(t *testing.T, program []byte) {
		run(t, program, plain)
		run(t, program, dnames)
	})
}

// The same over many programs, at each run of the tests.
func TestUpdatesAtRandom(t *testing.T) {
	for seed := range uint64(3000) {
		random := rand.New(rand.NewPCG(seed, 0))
		program := make([]byte, 5+random.IntN(40))
		for i := range program {
			if program[i] = byte(random.IntN(256)); random.IntN(4) == 0 {
				program[i] = 0xfe + byte(random.IntN(2))
			}
		}
		if !t.Run(fmt.Sprint(seed), func(t *testing.T) { run(t, program, plain) }) ||
			!t.Run(fmt.Sprint("dnames-", seed), func(t *testing.T) { run(t, program, dnames) }) {
			return
		}
	}
}

// run takes a program through a zone: each octet is a change, 0xff sends them as an
// update, 0xfe makes a file of them.
func run(t *testing.T, program []byte, letters alphabet) {
	if len(program) > 60 {
		return
	}
	s := newSide(t, "")
	p := &promises{map[record3]bool{}, map[record3]bool{}}
	var text []string
	for _, b := range program {
		if b < 0xfe {
			text = append(text, letters.line(b))
			continue
		}
		lines := text
		text = nil
		if b == 0xfe { // what has gathered makes a new file
			empty := content(t, "")
			next, bad := read(t, strings.Join(lines, "\n")).Judge(empty, served)
			if bad != nil {
				continue
			}
			s.rebase(empty) // and for a moment there is none
			p.rebased(records3(rows(empty)))
			s.rebase(next.Content)
			p.rebased(records3(rows(next.Content)))
		} else {
			is := rows(s.content)
			before := records3(is)
			if bad := s.update(strings.Join(lines, "\n")); bad != nil {
				require.False(t, letters.modelled, "%q: %v", lines, bad)
				continue
			}
			for _, l := range lines {
				is = is.change(strings.Fields(l))
			}
			if letters.modelled {
				require.Equal(t, is.String(), sortedShow(s.judged), "%q", lines)
			}
			p.took(lines, before, records3(rows(s.judged)), records3(rows(s.base)))
		}
		s.check(t)
		p.kept(t, s)
	}
}

// check holds what is always true.
func (s *side) check(t *testing.T) {
	t.Helper()
	again := update.Overlay{}
	for _, e := range s.overlay {
		require.False(t, e.Empty())
		read, err := update.Decode(e.Encode(), apex)
		require.NoError(t, err)
		again[read.Key] = read
	}
	require.Equal(t, s.overlay, again)
	again = again.With(update.Settle(s.base, again))
	v, parked := update.Compose(s.base, again)
	require.Equal(t, s.parked, parked)
	require.Equal(t, sortedShow(s.content), sortedShow(v), "a start makes the same of it")
	for n := range v.All() {
		if n.Has(zone.TypeCNAME) {
			require.Equal(t, 1, n.Types(), "%s", n.Name())
			s, _ := n.Get(zone.TypeCNAME)
			require.Equal(t, 1, s.Rdata.Len())
		}
	}
	for n := range v.All() {
		for m := range v.All() {
			below := m.Name() != n.Name() && m.Name().Under(n.Name()) && !m.Empty()
			require.False(t, n.Has(zone.TypeDNAME) && below, "%s is below the DNAME of %s", m.Name(), n.Name())
		}
	}
	for n, at := range s.parked {
		for k := range at {
			require.Contains(t, s.overlay, update.Key{Name: n, Type: k})
		}
	}
	require.True(t, v.Top().Has(zone.TypeNS))
}
