package validate_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/sign"
	"github.com/multisigner/multisigner/plugin/multisigner/validate"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// spoilt is an RRset whose last signature is wrong.
func spoilt(s zone.RRset) zone.RRset {
	sigs := []byte(s.Sigs)
	sigs[len(sigs)-1] ^= 1
	return s.WithSigs(zone.Packed(sigs))
}

// with is a version with RRsets in the place of others.
func with(v *zone.Version, sets ...zone.RRset) *zone.Version {
	b := v.Edit()
	for _, s := range sets {
		b.Put(s)
	}
	return b.Version()
}

// Of a first version that is small every signature is looked at, wherever it stands.
func TestFirstVersionWhole(t *testing.T) {
	for _, m := range modes[:2] {
		v := must(t, input(t, nasty(t), m)).Version
		sets := 0
		for _, nodes := range []func(func(*zone.Node) bool){v.All(), v.Hashed()} {
			for n := range nodes {
				for s := range n.All() {
					if s.Sigs == "" {
						continue
					}
					sets++
					require.Contains(t, faults(nil, zone.Diff{}, with(v, spoilt(s)), validate.Held{}, now), s.Name.String()+" "+s.Type.String()+": signature")
				}
			}
		}
		require.Greater(t, sets, 50)
	}
}

// What was below a DNAME becomes the zone's to sign when that goes, though it has not changed. What was bad
// beside the DNAME before is no worse by that.
func TestGuardSeesWhatADNAMEHid(t *testing.T) {
	moved := zone.MustName("moved.nasty.example.")
	for _, m := range modes {
		in := input(t, with(nasty(t),
			rrset(zone.MustName("x.moved.nasty.example."), zone.TypeA, "\x01\x02\x03\x04"),
			rrset(zone.MustName("y.moved.nasty.example."), zone.TypeA, "\x01\x02\x03\x04")), m)
		first := must(t, in)
		out := after(t, in, first, func(b *zone.Builder) { b.Delete(moved, zone.TypeDNAME) })
		txt, _ := first.Version.RRset(moved, zone.TypeTXT)
		old, v := with(first.Version, spoilt(txt)), with(out.Version, spoilt(txt))
		require.Empty(t, faults(old, zone.Compare(old, v), v, held(t, old), now))
		for _, name := range []string{"x.moved.nasty.example.", "y.moved.nasty.example."} {
			s, _ := v.RRset(zone.MustName(name), zone.TypeA)
			bad := with(v, s.WithSigs(""))
			require.Contains(t, faults(old, zone.Compare(old, bad), bad, held(t, old), now), name+" A: no signature", m)
		}
	}
}

// An RRset whose signature was wrong before may change and be no better: it holds up nothing else.
func TestGuardLetsBadStayBad(t *testing.T) {
	name := zone.MustName("ns1.nasty.example.")
	in := input(t, nasty(t), modes[0])
	first := must(t, in)
	out := after(t, in, first, func(b *zone.Builder) { b.Put(rrset(name, zone.TypeA, "\x01\x02\x03\x04")) })
	was, _ := first.Version.RRset(name, zone.TypeA)
	is, _ := out.Version.RRset(name, zone.TypeA)
	old, v := with(first.Version, spoilt(was)), with(out.Version, spoilt(is))
	require.Empty(t, faults(old, zone.Compare(old, v), v, held(t, old), now))
	require.Contains(t, faults(first.Version, zone.Compare(first.Version, v), v, held(t, old), now), "is bad")
}

// A ZSK goes, and one name is left that it alone has signed, though all else is signed by the next one: that it is
// not among what has changed does not hide it, at the beginning of the zone, at the end, or in between; nor
// that the apex has many RRsets that have not changed.
func TestGuardKeysOfWhatHasNotChanged(t *testing.T) {
	in, first := twoZSKs(t)
	in.Old, in.Serial, in.Keys.Data = first.Version, 101, []sign.Key{key(t, 256, 3)}
	in.Apex = []zone.RRset{rrset(in.Content.Apex(), zone.TypeDNSKEY, string(key(t, 257, 1).Record), string(key(t, 256, 3).Record), string(key(t, 256, 12).Record))}
	out := must(t, in).Version
	var sets []zone.RRset
	for n := range first.Version.All() {
		for s := range n.All() {
			if s.Sigs != "" && s.Type != zone.TypeNSEC && !n.IsApex() {
				sets = append(sets, s)
				break
			}
		}
	}
	last := len(sets) - 1
	require.Greater(t, last, 20)
	for _, s := range []zone.RRset{sets[0], sets[1], sets[last/2], sets[last-1], sets[last]} {
		bad := with(out, s)
		require.Contains(t, faults(first.Version, zone.Compare(first.Version, bad), bad, validate.Held{}, now), s.Name.String()+" "+s.Type.String()+": no key with tag")
	}

	both, _ := twoZSKs(t)
	for i := range 10 {
		both.Content = with(both.Content, rrset(both.Content.Apex(), zone.Type(1000+i), "\x00"))
	}
	both.Keys.Data = append(both.Keys.Data, key(t, 256, 3))
	old := with(must(t, both).Version, sets[0])
	in.Old, in.Content = old, both.Content
	out = must(t, in).Version
	v := with(old, dnskeys(out), out.SOA())
	require.Contains(t, faults(old, zone.Compare(old, v), v, validate.Held{}, now), sets[0].Name.String())
}
