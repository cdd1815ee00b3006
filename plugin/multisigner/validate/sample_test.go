package validate_test

import (
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/denial"
	"github.com/multisigner/multisigner/plugin/multisigner/sign"
	"github.com/multisigner/multisigner/plugin/multisigner/validate"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// Each signature of a change that is small is looked at, those of its denial, too; each is told of once.
func TestGuardEverySignature(t *testing.T) {
	for _, m := range modes {
		in := input(t, nasty(t), m)
		first := must(t, in)
		_, out := turn(t, in, first)
		looked := 0
		for _, c := range out.Diff.Changes {
			if c.New.Sigs == "" {
				continue
			}
			looked++
			v := with(out.Version, spoilt(c.New))
			found := validate.Guard{At: now}.Faults(first.Version, zone.Compare(first.Version, v), v)
			require.Len(t, found, 1, m)
			require.Equal(t, validate.Fault{Name: c.Name(), Type: c.Type(), Why: found[0].Why}, found[0])
			require.Contains(t, found[0].Why, "is bad")
		}
		require.GreaterOrEqual(t, looked, 4, m)
	}
}

// The keys are new, and none has signed them: that, too, is told of once.
func TestGuardKeysWithoutSignature(t *testing.T) {
	in, first := twoZSKs(t)
	in.Old, in.Content, in.Serial = first.Version, nil, 101
	in.Apex = []zone.RRset{merge(in.Apex[0], rrset(first.Version.Apex(), zone.TypeDNSKEY, string(key(t, 256, 13).Record)))}
	out := must(t, in).Version
	v := with(out, dnskeys(out).WithSigs(""))
	require.Equal(t, "nasty.example. DNSKEY: no signature", faults(first.Version, zone.Compare(first.Version, v), v, validate.Held{}, now))
}

// A DNSKEY RRset without a key that could sign is no way to be unsigned: validators that know of a DS would
// find everything bogus, and others never see such a zone from us.
func TestGuardKeysThatSignNothing(t *testing.T) {
	bare := nasty(t)
	revoked := rrset(bare.Apex(), zone.TypeDNSKEY, string(key(t, 257|zone.FlagRevoke, 1).Record))
	v := with(bare, revoked)
	for _, old := range []*zone.Version{nil, with(bare, parse("nasty.example. 3600 SOA . . 41 1 1 1 300").SOA())} {
		require.Contains(t, faults(old, zone.Compare(old, v), v, validate.Held{NoDS: true}, now), "nasty.example. DNSKEY: no signature")
	}
}

// A CNAME that stands beside NS, where it has no place, is what servers answer with: it has to be signed.
func TestGuardSeesCNAMEAtCut(t *testing.T) {
	in := input(t, nasty(t), denial.NSEC)
	first := must(t, in)
	_, out := turn(t, in, first)
	v := with(out.Version, rrset(zone.MustName("plain.nasty.example."), zone.TypeCNAME, string(in.Content.Apex())))
	require.Contains(t, faults(first.Version, zone.Compare(first.Version, v), v, held(t, first.Version), now), "plain.nasty.example. CNAME: no signature")
}

// Where keys change, names at both ends of a large zone are looked at, not only the very first and last: some of
// them still have the old key's signatures alone.
func TestGuardKeysOfALargeZone(t *testing.T) {
	in := input(t, large(200), denial.NSEC)
	in.Apex[0] = merge(in.Apex[0], rrset(in.Content.Apex(), zone.TypeDNSKEY, string(key(t, 256, 3).Record)))
	before := must(t, in).Version
	in.Keys.Data = append(in.Keys.Data, key(t, 256, 3))
	both := must(t, in).Version
	in.Old, in.Content, in.Serial = both, nil, 101
	in.Keys.Data = in.Keys.Data[1:]
	in.Apex = []zone.RRset{rrset(both.Apex(), zone.TypeDNSKEY, string(key(t, 257, 1).Record), string(key(t, 256, 3).Record))}
	out := must(t, in).Version
	look := func(old *zone.Version) string {
		v := with(old, dnskeys(out), out.SOA())
		return faults(old, zone.Compare(old, v), v, validate.Held{}, now)
	}
	require.Empty(t, look(both))
	for _, i := range []int{0, 2, 197, 199} {
		left, ok := before.RRset(zone.MustName(fmt.Sprintf("host-%07d.example.", i)), zone.TypeA)
		require.True(t, ok)
		require.Contains(t, look(with(both, left)), left.Name.String()+" A: no key with tag")
	}
}

// A sample has the whole apex and about as many others as was asked for, of a change as of a first version.
func TestGuardSample(t *testing.T) {
	for _, m := range modes[:2] {
		in := input(t, large(300), m)
		old := must(t, in).Version
		in.Old, in.Content, in.Serial, in.Resign, in.Now = old, nil, 101, true, now.Add(time.Hour)
		out := must(t, in).Version
		bad := out.Edit()
		var top []zone.RRset
		for _, nodes := range []func(func(*zone.Node) bool){out.All(), out.Hashed()} {
			for n := range nodes {
				for s := range n.All() {
					if n.IsApex() {
						top = append(top, s)
					} else {
						bad.Put(spoilt(s))
					}
				}
			}
		}
		v := bad.Version()
		var kept atomic.Int64
		g := validate.Guard{At: in.Now, Sample: 16, Place: func() (keep, leave func()) {
			return func() { kept.Add(1) }, func() {}
		}}
		for _, before := range []*zone.Version{old, nil} {
			found := g.Faults(before, zone.Compare(before, v), v)
			require.Greater(t, len(found), 8, m)
			require.Less(t, len(found), 24, m)
			for _, s := range top {
				apex := with(out, spoilt(s))
				require.Contains(t, why(g.Faults(before, zone.Compare(before, apex), apex)), "example. "+s.Type.String()+": ", m)
			}
		}

		// What is bad throughout is not looked at to the end.
		g.Sample = 0
		for _, before := range []*zone.Version{old, nil} {
			kept.Store(0)
			require.Empty(t, g.Faults(before, zone.Compare(before, out), out))
			whole := kept.Swap(0)
			require.Len(t, g.Faults(before, zone.Compare(before, v), v), 100)
			require.Less(t, kept.Load(), whole-200, m)
		}
	}
}

// An audit finds what a sample has left: a record of denial, and what a peer's keys do not accept.
func TestAudit(t *testing.T) {
	for _, m := range modes[:2] {
		in, first := twoZSKs(t)
		in.Denial = m
		first = must(t, in)
		in.Keys.Data = []sign.Key{key(t, 256, 3)}
		other := must(t, in).Version
		audit := func(v *zone.Version) (found []validate.Fault) {
			a := validate.NewAudit(v, held(t, v), now)
			for steps, done := 0, false; !done; steps++ {
				var faults []validate.Fault
				require.Less(t, steps, 100, "it has an end")
				faults, done = a.Next(100)
				found = append(found, faults...)
			}
			return found
		}
		require.Empty(t, audit(first.Version))
		forgot := held(t, first.Version)
		forgot.Keys[1].Set = peerKeys(t, in.Content, 9)
		found, _ := validate.NewAudit(first.Version, forgot, now).Next(1000)
		require.Empty(t, found, "the peer has never had our key")
		for _, nodes := range []func(func(*zone.Node) bool){first.Version.All(), first.Version.Hashed()} {
			for n := range nodes {
				sets := slices.Collect(n.All())
				if len(sets) == 0 || sets[len(sets)-1].Sigs == "" {
					continue
				}
				s := sets[len(sets)-1]
				found := audit(with(first.Version, spoilt(s)))
				require.Len(t, found, 1)
				require.Equal(t, s.Name.String()+" "+s.Type.String()+": ", found[0].String()[:len(s.Name.String()+s.Type.String())+3])
				require.Empty(t, found[0].Chain)

				s, _ = other.RRset(s.Name, s.Type)
				found = audit(with(first.Version, s))
				if n.IsApex() {
					require.Empty(t, found, "the guard has looked")
					continue
				}
				require.Len(t, found, 1)
				require.Equal(t, "the peer", found[0].Chain)
			}
		}
	}
}
