package validate_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/denial"
	"github.com/multisigner/multisigner/plugin/multisigner/sign"
	"github.com/multisigner/multisigner/plugin/multisigner/validate"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// held is what we serve and what a peer with KSK 11 and ZSK 12 does, which has our
// ZSK, too.
func held(t *testing.T, v *zone.Version) validate.Held {
	t.Helper()
	return validate.Held{
		DS:   []zone.RRset{ds(t, v.Apex(), 2, 1, 11)},
		Keys: []validate.Seen{{Name: "ours", Set: dnskeys(v)}, {Name: "the peer", Set: peerKeys(t, v, 2)}},
	}
}

// faults guards new against old.
func faults(old *zone.Version, d zone.Diff, new *zone.Version, h validate.Held, at time.Time) string {
	return why(validate.Guard{Held: h, At: at}.Faults(old, d, new))
}

// peerKeys is the peer's DNSKEY RRset, with one of our ZSKs.
func peerKeys(t *testing.T, v *zone.Version, zsk byte) zone.RRset {
	t.Helper()
	in := input(t, v, denial.NSEC)
	ksk := key(t, 257, 11)
	in.Apex = []zone.RRset{rrset(v.Apex(), zone.TypeDNSKEY, string(ksk.Record), string(key(t, 256, 12).Record), string(key(t, 256, zsk).Record))}
	in.Keys = sign.Keys{DNSKEY: []sign.Key{ksk}, Data: []sign.Key{key(t, 256, 12)}}
	return dnskeys(must(t, in).Version)
}

// signedBy signs a DNSKEY RRset with a key that is in it.
func signedBy(t *testing.T, set zone.RRset, by sign.Key) zone.RRset {
	t.Helper()
	in := input(t, nasty(t), denial.NSEC)
	in.Now = now.Add(12 * 24 * time.Hour)
	in.Apex = []zone.RRset{set.WithSigs("")}
	in.Keys = sign.Keys{DNSKEY: []sign.Key{by}, Data: []sign.Key{by}}
	return dnskeys(must(t, in).Version)
}

func why(faults []validate.Fault) string {
	var lines []string
	for _, f := range faults {
		lines = append(lines, f.String())
	}
	return strings.Join(lines, "\n")
}

// turn makes the next version with one more address.
func turn(t *testing.T, in sign.Input, out sign.Output) (sign.Input, sign.Output) {
	t.Helper()
	b := in.Content.Edit()
	b.Put(rrset(zone.MustName("new.nasty.example."), zone.TypeA, "\x01\x02\x03\x04"))
	in.Content, in.Old, in.Serial = b.Version(), out.Version, in.Serial+1
	return in, must(t, in)
}

// What we make passes: the first version, changes, refreshes, a rollover in the
// right order, a change of denial.
func TestGuardPasses(t *testing.T) {
	for _, m := range modes {
		in := input(t, nasty(t), m)
		out := must(t, in)
		pass := func() {
			t.Helper()
			require.True(t, out.Changed)
			require.Empty(t, faults(in.Old, out.Diff, out.Version, held(t, out.Version), in.Now))
			in.Old, in.Content = out.Version, nil
			in.Serial++
		}
		pass()
		for _, change := range []func(b *zone.Builder){
			func(b *zone.Builder) { b.Put(rrset(zone.MustName("a.cut.nasty.example."), zone.TypeNS, "\x00")) },
			func(b *zone.Builder) { b.Put(rrset(zone.MustName("wild.nasty.example."), zone.TypeNS, "\x00")) },
			func(b *zone.Builder) { b.Delete(zone.MustName("secure.nasty.example."), zone.TypeDS) },
			func(b *zone.Builder) { b.Delete(zone.MustName("secure.nasty.example."), zone.TypeNS) },
			func(b *zone.Builder) { b.Delete(zone.MustName("moved.nasty.example."), zone.TypeDNAME) },
			func(b *zone.Builder) { b.Delete(zone.MustName("a.b.c.ent.nasty.example."), zone.TypeA) },
			func(b *zone.Builder) { b.Put(rrset(zone.MustName("ent.nasty.example."), zone.TypeDNAME, "\x00")) },
		} {
			b := nasty(t).Edit()
			change(b)
			in.Content = b.Version()
			out = must(t, in)
			pass()
		}
		in.Now = now.Add(12 * 24 * time.Hour)
		out = must(t, in)
		pass()
		in.Denial = modes[(slices.Index(modes, m)+1)%len(modes)]
		out = must(t, in)
		pass()
	}
}

// What is broken in between is seen, each fault for what it is.
func TestGuardCatches(t *testing.T) {
	name := zone.MustName("new.nasty.example.")
	for _, m := range modes {
		in := input(t, nasty(t), m)
		first := must(t, in)
		_, good := turn(t, in, first)
		old := first.Version
		link := func(v *zone.Version, of zone.Name) (zone.Name, zone.Type) {
			if m.Hashed() {
				return denial.HashedName(of, v.Apex()), zone.TypeNSEC3
			}
			return of, zone.TypeNSEC
		}
		for _, tc := range []struct {
			what, why string
			spoil     func(b *zone.Builder, v *zone.Version)
		}{
			{"a tampered signature", "is bad", func(b *zone.Builder, v *zone.Version) {
				s, _ := v.RRset(name, zone.TypeA)
				b.Put(s.WithSigs(s.Sigs[:len(s.Sigs)-1] + zone.Packed([]byte{s.Sigs[len(s.Sigs)-1] ^ 1})))
			}},
			{"a missing signature", "no signature", func(b *zone.Builder, v *zone.Version) {
				s, _ := v.RRset(name, zone.TypeA)
				b.Put(s.WithSigs(""))
			}},
			{"data that was not signed", "is bad", func(b *zone.Builder, v *zone.Version) {
				s, _ := v.RRset(name, zone.TypeA)
				s.Rdata = zone.Pack("\x04\x03\x02\x01")
				b.Put(s)
			}},
			{"another TTL", "TTL", func(b *zone.Builder, v *zone.Version) {
				s, _ := v.RRset(name, zone.TypeA)
				s.TTL++
				b.Put(s)
			}},
			{"a missing link", "NSEC", func(b *zone.Builder, v *zone.Version) { b.Delete(link(v, name)) }},
			{"an old link before it", "does not lead to", func(b *zone.Builder, v *zone.Version) {
				for _, c := range good.Diff.Changes {
					if (c.Type() == zone.TypeNSEC || c.Type() == zone.TypeNSEC3) && c.Old.Exists() {
						b.Put(c.Old)
					}
				}
			}},
			{"a wrong bitmap", "other types", func(b *zone.Builder, v *zone.Version) {
				b.Put(rrset(name, zone.TypeTXT, "\x00"))
			}},
			{"the serial before", "is not after", func(b *zone.Builder, v *zone.Version) { b.Put(old.SOA()) }},
		} {
			t.Run(m.String()+"/"+tc.what, func(t *testing.T) {
				b := good.Version.Edit()
				tc.spoil(b, good.Version)
				bad := b.Version()
				require.Contains(t, faults(old, zone.Compare(old, bad), bad, held(t, old), now), tc.why)
			})
		}
		t.Run(m.String()+"/expired", func(t *testing.T) {
			require.Contains(t, faults(old, good.Diff, good.Version, held(t, old), now.Add(30*24*time.Hour)), "expired")
		})
		t.Run(m.String()+"/nothing", func(t *testing.T) {
			require.Empty(t, faults(old, good.Diff, good.Version, held(t, old), now))
		})
	}
}

// A rollover that goes too fast breaks a chain, and the guard names it.
func TestGuardKeys(t *testing.T) {
	base := input(t, nasty(t), denial.NSEC)
	first := must(t, base)
	old := first.Version
	apex := old.Apex()
	base.Old, base.Content, base.Serial = old, nil, 101
	for _, tc := range []struct {
		what, why string
		change    func(in *sign.Input)
	}{
		{"a ZSK that the peer does not have", "(for the peer)", func(in *sign.Input) {
			zsk := key(t, 256, 3)
			in.Apex = []zone.RRset{merge(dnskeys(old), rrset(apex, zone.TypeDNSKEY, string(zsk.Record)))}
			in.Keys.Data = []sign.Key{zsk}
		}},
		{"a DNSKEY RRset signed by a key without DS", "no key matches a DS", func(in *sign.Input) {
			ksk := key(t, 257, 4)
			in.Apex = []zone.RRset{rrset(apex, zone.TypeDNSKEY, string(ksk.Record), string(key(t, 256, 2).Record))}
			in.Keys.DNSKEY = []sign.Key{ksk}
		}},
		{"a DNSKEY RRset that has the entry key and is signed by another", "there is no DS of that key", func(in *sign.Input) {
			ksk := key(t, 257, 4)
			in.Apex = []zone.RRset{merge(dnskeys(old), rrset(apex, zone.TypeDNSKEY, string(ksk.Record)))}
			in.Keys.DNSKEY = []sign.Key{ksk}
		}},
		{"a ZSK that signs and is not published", "no key with tag", func(in *sign.Input) { in.Keys.Data = []sign.Key{key(t, 256, 3)} }},
	} {
		t.Run(tc.what, func(t *testing.T) {
			in := base
			tc.change(&in)
			out := must(t, in)
			require.Contains(t, faults(old, out.Diff, out.Version, held(t, old), now), tc.why)
		})
	}
	t.Run("a published ZSK removed while its signatures are served", func(t *testing.T) {
		in := base
		in.Apex = []zone.RRset{rrset(apex, zone.TypeDNSKEY, string(key(t, 257, 1).Record), string(key(t, 256, 12).Record))}
		out := must(t, in)
		found := validate.Guard{At: now}.Faults(old, out.Diff, out.Version)
		require.True(t, slices.ContainsFunc(found, func(f validate.Fault) bool { return f.Name != apex }), "%s", why(found))
	})
}

// A fault that was there before is none of this version's: a peer that forgot our
// key must not freeze us into expiry.
func TestGuardLetsRefreshPass(t *testing.T) {
	in := input(t, nasty(t), denial.NSEC3)
	old := must(t, in).Version
	in.Old, in.Content, in.Serial, in.Now = old, nil, 101, now.Add(12*24*time.Hour)
	out := must(t, in)
	forgot := held(t, old)
	forgot.Keys[1].Set = peerKeys(t, old, 9)
	require.Empty(t, faults(old, out.Diff, out.Version, forgot, in.Now))
	gone := validate.Held{DS: []zone.RRset{ds(t, old.Apex(), 2, 7)}, Keys: held(t, old).Keys}
	require.Empty(t, faults(old, out.Diff, out.Version, gone, in.Now))

	// A poisoned set, whether it is signed or not, and whatever keys it has.
	poisoned := held(t, old)
	var crowd []string
	for i := range 60 {
		k := []byte(key(t, 256, 2).Record)
		k[4+2*i%28], k[6+2*i%28] = k[6+2*i%28], k[4+2*i%28] // the same tag
		crowd = append(crowd, string(k))
	}
	set := peerKeys(t, old, 9)
	poisoned.Keys = append(poisoned.Keys,
		validate.Seen{Name: "a liar", Set: merge(set, rrset(old.Apex(), zone.TypeDNSKEY, crowd...))},
		validate.Seen{Name: "a signer of nonsense", Set: signedBy(t, merge(set, rrset(old.Apex(), zone.TypeDNSKEY, crowd...)), key(t, 257, 11))})
	require.Empty(t, faults(old, out.Diff, out.Version, poisoned, in.Now))

	// After all signatures have ended, too.
	in.Now = now.Add(60 * 24 * time.Hour)
	out = must(t, in)
	require.Empty(t, faults(old, out.Diff, out.Version, held(t, out.Version), in.Now))
}
