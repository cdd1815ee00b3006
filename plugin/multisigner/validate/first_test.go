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
