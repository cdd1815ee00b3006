package validate_test

import (
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/validate"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// Of a first version all is looked at, though nobody lists what has changed: links
// and the apex whole, signatures by a sample that is as large as was asked for.
func TestFirstVersion(t *testing.T) {
	for _, m := range modes {
		in := input(t, nasty(t), m)
		b := in.Content.Edit()
		for i := range 300 {
			b.Put(rrset(zone.MustName(fmt.Sprintf("h%d.nasty.example.", i)), zone.TypeA, "\x01\x02\x03\x04"))
		}
		in.Content = b.Version()
		v := must(t, in).Version
		var held, taken atomic.Int64
		g := validate.Guard{At: in.Now, Sample: 16, Place: func() (keep, leave func()) {
			held.Add(1)
			taken.Add(1)
			return func() {}, func() { held.Add(-1) }
		}}
		look := func(v *zone.Version) string { return why(g.Faults(nil, zone.Diff{}, v)) }
		require.Empty(t, look(v), m)
		require.Positive(t, taken.Load())
		require.Zero(t, held.Load())

		spoilt := func(change func(b *zone.Builder)) *zone.Version {
			b := v.Edit()
			change(b)
			return b.Version()
		}
		bad := func(s zone.RRset) zone.RRset {
			sigs := []byte(s.Sigs)
			sigs[len(sigs)-1] ^= 1
			return s.WithSigs(zone.Packed(sigs))
		}
		require.Contains(t, look(spoilt(func(b *zone.Builder) { b.Put(bad(v.SOA())) })), "SOA: signature by key", "the apex is no sample")
		found := 0
		for n := range v.Hashed() { // those are of the sample, too
			s, _ := n.Get(zone.TypeNSEC3)
			if look(spoilt(func(b *zone.Builder) { b.Put(bad(s)) })) != "" {
				found++
			}
		}
		if m.Hashed() {
			require.Greater(t, found, 2, m)
			require.Less(t, found, 32, m)
		}
		found = 0
		for i := range 300 {
			s, _ := v.RRset(zone.MustName(fmt.Sprintf("h%d.nasty.example.", i)), zone.TypeA)
			if look(spoilt(func(b *zone.Builder) { b.Put(bad(s)) })) != "" {
				found++
			}
		}
		require.Greater(t, found, 2, m)
		require.Less(t, found, 32, m)
		all := g
		all.Sample = 0
		last, _ := v.RRset("\x04h299\x05nasty\x07example\x00", zone.TypeA)
		is := spoilt(func(b *zone.Builder) { b.Put(bad(last)) })
		require.Contains(t, why(all.Faults(nil, zone.Diff{}, is)), "h299.nasty.example. A: signature by key")

		missing := spoilt(func(b *zone.Builder) {
			for n := range v.Backward("\x01\xff" + v.Apex()) {
				if n.Has(zone.TypeNSEC) {
					b.Delete(n.Name(), zone.TypeNSEC)
					break
				}
			}
			for n := range v.Hashed() {
				b.Delete(n.Name(), zone.TypeNSEC3)
				break
			}
		})
		require.Contains(t, look(missing), "NSEC", m)
	}
}

// An NSEC3 record of no name denies names that may exist: in a first version, too,
// it is found, though it is linked and signed as all others are.
func TestFirstVersionWithAStray(t *testing.T) {
	for _, m := range modes[1:] {
		in := input(t, nasty(t), m)
		b := in.Content.Edit()
		b.Put(rrset("\x05stray\x05nasty\x07example\x00", zone.TypeA, "\x01\x02\x03\x04"))
		with := in
		with.Content = b.Version()
		v := must(t, with).Version
		edit := v.Edit()
		edit.Delete("\x05stray\x05nasty\x07example\x00", zone.TypeA)
		edit.Put(must(t, in).Version.SOA())
		found := why(validate.Guard{At: in.Now, Sample: 4}.Faults(nil, zone.Diff{}, edit.Version()))
		require.Contains(t, found, "NSEC3", m)
		require.Contains(t, found, "it is of no name of the zone", m)
	}
}

// Each record of a first version's chain must be there, lead to the next one, and show the types
// that there are; and there must be no other.
func TestFirstChain(t *testing.T) {
	for _, m := range modes {
		v := must(t, input(t, nasty(t), m)).Version
		g := validate.Guard{At: input(t, nasty(t), m).Now, Sample: 1}
		look := func(change func(b *zone.Builder)) string {
			b := v.Edit()
			change(b)
			return why(g.Faults(nil, zone.Diff{}, b.Version()))
		}
		require.Empty(t, look(func(*zone.Builder) {}))
		kind, nodes := zone.TypeNSEC, v.All()
		if m.Hashed() {
			kind, nodes = zone.TypeNSEC3, v.Hashed()
		}
		records := 0
		for n := range nodes {
			s, ok := n.Get(kind)
			if !ok {
				continue
			}
			records++
			for i := range s.Rdata {
				if !m.Hashed() && i < 3 || m.Hashed() && (i < 2 || i >= 4 && i < 8) { // lengths, and what is no link
					continue
				}
				other := []byte(s.Rdata)
				other[i] ^= 1
				s := s
				s.Rdata = zone.Packed(other)
				require.NotEmpty(t, look(func(b *zone.Builder) { b.Put(s) }), "%s %s, octet %d", m, s.Name, i)
			}
			require.NotEmpty(t, look(func(b *zone.Builder) { b.Delete(s.Name, kind) }), "%s %s", m, s.Name)
		}
		require.Greater(t, records, 5)
		hidden := 0
		for n := range v.All() {
			if !n.Occluded() {
				continue
			}
			hidden++
			s := rrset(n.Name(), zone.TypeNSEC, string(v.Apex())+"\x00\x01\x40")
			require.Contains(t, look(func(b *zone.Builder) { b.Put(s) }), "NSEC", m)
		}
		require.Positive(t, hidden)
		if !m.Hashed() {
			s := rrset("\x20"+zone.Name("0123456789abcdefghijklmnopqrstuv")+v.Apex(), zone.TypeNSEC3, "\x01\x00\x00\x00\x00\x14aaaaaaaaaaaaaaaaaaaa")
			require.Contains(t, look(func(b *zone.Builder) { b.Put(s) }), "NSEC3 record is left")
		}
	}
}
