package denial_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/denial"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// kind is what there is to prove of a name.
type kind int

const (
	exists kind = iota // the name is there, some type is not
	fromWildcard
	wildcardLacks
	missing
	nothing // not this zone's to say
)

// question is a name with what a server finds for it.
type question struct {
	name     zone.Name
	found    zone.Found
	wildcard *zone.Node
	kind     kind
}

func find(v *zone.Version, name zone.Name) question {
	q := question{name: name, found: v.Find(name)}
	f := q.found
	switch {
	case f.DNAME != nil || f.Cut != nil && f.Cut != f.Node:
		q.kind = nothing
	case f.Node != nil:
		q.kind = exists
	default:
		q.kind = missing
		if w, ok := f.Encloser.Name().Wildcard(); ok {
			if q.wildcard = v.Get(w); q.wildcard != nil {
				q.kind = wildcardLacks
			}
		}
	}
	return q
}

func (q question) proof(v *zone.Version) []zone.RRset {
	switch q.kind {
	case exists:
		return denial.NoData(nil, v, q.name, q.found)
	case wildcardLacks:
		return denial.WildcardNoData(nil, v, q.name, q.found, q.wildcard)
	case fromWildcard:
		return denial.WildcardAnswer(nil, v, q.name, q.found)
	case missing:
		return q.nameError(nil, v)
	}
	return nil
}

func (q question) nameError(dst []zone.RRset, v *zone.Version) []zone.RRset {
	wildcard, _ := q.found.Encloser.Name().Wildcard()
	return denial.NXDomain(dst, v, q.name, q.found, v.Find(wildcard))
}

// A prover reads the records of a proof as text, with another library's hashes and
// comparison, and says what they prove.
type prover struct {
	apex string
	nsec []*dns.NSEC
	hash []*dns.NSEC3
}

func newProver(v *zone.Version, proof []zone.RRset) prover {
	p := prover{apex: v.Apex().String()}
	for _, s := range proof {
		for _, rr := range s.RRs() {
			switch rr := rr.(type) {
			case *dns.NSEC:
				p.nsec = append(p.nsec, rr)
			case *dns.NSEC3:
				p.hash = append(p.hash, rr)
			}
		}
	}
	return p
}

func (p prover) match(name string) []uint16 {
	for _, r := range p.nsec {
		if r.Hdr.Name == name {
			return append([]uint16{0}, r.TypeBitMap...)
		}
	}
	for _, r := range p.hash {
		if r.Match(name) {
			return append([]uint16{0}, r.TypeBitMap...)
		}
	}
	return nil
}

// cover says that name does not exist; next is what follows it, for NSEC.
func (p prover) cover(name string) (next string, optOut, ok bool) {
	n := zone.MustName(name)
	for _, r := range p.nsec {
		if zone.MustName(r.Hdr.Name).Compare(n) < 0 && (r.NextDomain == p.apex || n.Compare(zone.MustName(r.NextDomain)) < 0) {
			return r.NextDomain, false, true
		}
	}
	for _, r := range p.hash {
		if r.Cover(name) && !r.Match(name) {
			return "", r.Flags == 1, true
		}
	}
	return "", false, false
}

// denied says that name does not exist, and is no empty non-terminal.
func (p prover) denied(name string) bool {
	next, _, ok := p.cover(name)
	return ok && (next == "" || !zone.MustName(next).Under(zone.MustName(name)))
}

func parent(name string) string { return zone.MustName(name).Parent().String() }

// encloser is the closest name above that the proof shows to exist.
func (p prover) encloser(name string) (encloser, nextCloser string, ok bool) {
	for at := name; at != p.apex; at = parent(at) {
		if p.match(parent(at)) != nil {
			return parent(at), at, true
		}
	}
	return "", "", false
}

// check says what of the proof is missing; "" when nothing is.
func (q question) check(v *zone.Version, proof []zone.RRset) string {
	p, name := newProver(v, proof), q.name.String()
	enclosing, nextCloser := "", ""
	if q.kind != exists {
		enclosing = q.found.Encloser.Name().String()
		nextCloser = q.name.Ancestor(q.found.Encloser.Name().Labels() + 1).String()
	}
	wildcard := "*." + enclosing
	plain := len(p.nsec) > 0
	switch q.kind {
	case exists:
		if types := p.match(name); types != nil {
			return ""
		}
		if next, _, ok := p.cover(name); plain && ok && zone.MustName(next).Under(q.name) {
			return "" // an empty non-terminal
		}
		if _, closer, ok := p.encloser(name); ok && !plain {
			if _, optOut, ok := p.cover(closer); ok && optOut {
				return ""
			}
		}
		return "the name is not matched"
	case fromWildcard:
		if !p.denied(name) && plain || !plain && !p.denied(nextCloser) {
			return "the name is not denied"
		}
	case wildcardLacks:
		if plain && !p.denied(name) || !plain && (p.match(enclosing) == nil || !p.denied(nextCloser)) {
			return "the name is not denied"
		}
		next, _, covered := p.cover(wildcard)
		emptyWildcard := plain && covered && zone.MustName(next).Under(zone.MustName(wildcard))
		_, optOut, _ := p.cover(wildcard)
		if p.match(wildcard) == nil && !emptyWildcard && !optOut {
			return "the wildcard is not matched"
		}
	case missing:
		if plain && !p.denied(name) || !plain && (p.match(enclosing) == nil || !p.denied(nextCloser)) {
			return "the name is not denied"
		}
		if !p.denied(wildcard) {
			return "the wildcard is not denied"
		}
	}
	return ""
}

// proveAll proves everything about names at, beside and below those of v.
func proveAll(t testing.TB, v *zone.Version, more ...zone.Name) {
	t.Helper()
	names := slices.Clone(more)
	for n := range v.All() {
		names = append(names, n.Name(), "\x01!"+n.Name(), "\x01~"+n.Name(), "\x01a\x01b"+n.Name())
	}
	for _, name := range names {
		q := find(v, name)
		kinds := []kind{q.kind}
		if q.kind == wildcardLacks {
			kinds = append(kinds, fromWildcard)
		}
		for _, q.kind = range kinds {
			proof := q.proof(v)
			if missing := q.check(v, proof); missing != "" {
				t.Fatalf("%s (%d): %s\nproof:\n%s\nzone:\n%s%s", name, q.kind, missing, sets(proof), text(v), strings.Join(lines(v), "\n"))
			}
			for i := range proof {
				less := slices.Delete(slices.Clone(proof), i, i+1)
				if q.check(v, less) == "" {
					t.Fatalf("%s (%d): the proof goes without %s:\n%s\nzone:\n%s", name, q.kind, proof[i].Name, sets(proof), text(v))
				}
			}
			if q.kind == exists && q.found.Node.IsCut() {
				require.Equal(t, proof, denial.NoDS(nil, v, q.found.Node))
			}
			require.Equal(t, append(proof[:len(proof):len(proof)], proof...)[:len(proof)], q.proof(v))
		}
	}
}

func sets(proof []zone.RRset) string {
	var b strings.Builder
	for _, s := range proof {
		b.WriteString(zone.Text(s))
	}
	return b.String()
}

// Whatever a zone is made of, each name in it, beside it and below it can be
// proved, and with no record more than it takes.
func TestProofs(t *testing.T) {
	e := drawn(t)
	for _, m := range modes {
		t.Run(m.String(), func(t *testing.T) {
			for range 25 { // zones that grow to some dozens of names
				v := chained(t, parse(soa), m)
				for range 4 {
					b := v.Edit()
					for range 8 {
						e.edit(b)
					}
					v = update(t, v, b.Version(), m)
					proveAll(t, v)
				}
			}
		})
	}
}

// What a proof shares with one before it, as in a chain of aliases, is not sent twice.
func TestProofsTogether(t *testing.T) {
	for _, m := range modes {
		v := chained(t, parse(soa+"a.example. 60 A 192.0.2.1\nc.example. 60 A 192.0.2.1"), m)
		q := find(v, zone.MustName("b.example."))
		once := q.proof(v)
		require.Equal(t, once, q.nameError(once, v))
	}
}

// A zone without a chain proves nothing, and nothing breaks.
func TestProofsWithoutChain(t *testing.T) {
	v := parse(soa + "a.b.example. 60 A 192.0.2.1\n*.example. 60 A 192.0.2.1\nd.example. 60 NS x.")
	for _, hashed := range []bool{false, true} {
		if hashed {
			v = v2(v, denial.NSEC3)
		}
		for _, name := range []string{"b.example.", "x.b.example.", "q.example.", "d.example.", "example."} {
			q := find(v, zone.MustName(name))
			require.Empty(t, q.proof(v))
		}
	}
}

// Build chain, then prove every name: the input draws the edits and the question.
func FuzzDenial(f *testing.F) {
	f.Add([]byte("\x00\x03a\x01\x02b"), `x.a.example.`)
	f.Add([]byte("NSEC3 and a longer history of edits, all of them odd"), `\000.*.b.example.`)
	f.Fuzz(func(t *testing.T, history []byte, ask string) {
		asked, err := zone.ParseName(ask)
		if err != nil || !asked.Under(zone.MustName("example.")) || len(history) > 200 || len(asked) > 200 {
			return
		}
		e := drawn(t)
		for _, m := range modes {
			v := chained(t, parse(soa), m)
			for rest := history; len(rest) > 0; {
				b := v.Edit()
				for n := 1 + int(rest[0])%4; n > 0 && len(rest) >= 4; n-- {
					step(b, e, rest[:4])
					rest = rest[4:]
				}
				if len(rest) < 4 {
					rest = nil
				}
				v = update(t, v, b.Version(), m)
			}
			require.Equal(t, model(v, m), lines(v))
			proveAll(t, v, asked)
		}
	})
}

// step makes the edit that four octets say.
func step(b *zone.Builder, e edits, octets []byte) {
	name := "example."
	for i := range int(octets[0]) % 4 {
		name = e.labels[int(octets[1]>>(2*i)+octets[3])%len(e.labels)] + "." + name
	}
	line := e.types[int(octets[2])%len(e.types)]
	rr, err := dns.NewRR(fmt.Sprintf("%s 3600 IN %s", name, line))
	if err != nil {
		panic(err)
	}
	n, t, ttl, rdata, err := zone.FromRR(rr)
	if err != nil {
		panic(err)
	}
	switch {
	case name == "example." && t == zone.TypeNS:
	case octets[3]%3 == 0:
		b.Delete(n, t)
	default:
		b.Put(zone.RRset{Name: n, Type: t, TTL: ttl, Rdata: zone.Pack(rdata)})
	}
}
