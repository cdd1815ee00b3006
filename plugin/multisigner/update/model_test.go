package update_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

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

var (
	owners = []string{"example.", "a.example.", "b.example.", "x.b.example."}
	kinds  = []string{"A 192.0.2.1", "A 192.0.2.2", "TXT x", "TXT y", "CNAME a.example.", "CNAME b.example.", "NS a.example.", "NS ns.example."}
	ttls   = []string{"60", "300"}
)

// line makes one change of an octet.
func line(b byte) string {
	owner, kind := owners[b&3], kinds[b>>2&7]
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
// leads from the base to the content, survives the disk, and no new base is blocked or
// breaks a rule by it.
func FuzzUpdates(f *testing.F) {
	f.Add([]byte{0x00, 0x01, 0xff, 0x20, 0xfe, 0x82})
	f.Add([]byte("\x08\x11\xff\x31\xff\x09\xfe\xe9\xff\x11"))
	f.Add([]byte("\x19\x05\xfe\xfe\x11\x0d\xff\xfd\xff\x91\x15\xc5\xff"))
	f.Fuzz(run)
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
		if !t.Run(fmt.Sprint(seed), func(t *testing.T) { run(t, program) }) {
			return
		}
	}
}

// run takes a program through a zone: each octet is a change, 0xff sends them as an
// update, 0xfe makes a file of them.
func run(t *testing.T, program []byte) {
	if len(program) > 60 {
		return
	}
	s := newSide(t, "")
	var text []string
	for _, b := range program {
		if b < 0xfe {
			text = append(text, line(b))
			continue
		}
		is := model{{"example.", "NS", "ns.example.", "3600"}}
		if b == 0xfe { // what has gathered makes a new file
			base := is
			for _, l := range text {
				base = base.change(strings.Fields(l))
			}
			s.rebase(content(t, "")) // and for a moment there is none
			v, err := zone.ParseText("example. 3600 SOA ns.example. root.example. 7 3600 600 86400 300\n" + base.String())
			require.NoError(t, err)
			s.rebase(v)
			for _, p := range s.parked {
				require.Contains(t, s.overlay, p.Key)
			}
			text = nil
			s.check(t)
			continue
		}
		is = nil
		for l := range strings.SplitSeq(sortedShow(s.content), "\n") {
			w := strings.Fields(strings.ReplaceAll(l, `"`, ""))
			is = append(is, row{w[0], w[2], strings.Join(w[3:], " "), w[1]})
		}
		for _, l := range text {
			is = is.change(strings.Fields(l))
		}
		require.Nil(t, s.update(strings.Join(text, "\n")))
		require.Equal(t, is.String(), sortedShow(s.judged), "%q", text)
		text = nil
		s.check(t)
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
	v, _ := update.Compose(s.base, again)
	require.Equal(t, sortedShow(s.content), sortedShow(v), "a start makes the same of it")
	for n := range v.All() {
		if n.Has(zone.TypeCNAME) {
			require.Equal(t, 1, n.Types(), "%s", n.Name())
			s, _ := n.Get(zone.TypeCNAME)
			require.Equal(t, 1, s.Rdata.Len())
		}
	}
	require.True(t, v.Top().Has(zone.TypeNS))
}
