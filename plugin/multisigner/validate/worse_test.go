package validate_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/denial"
	"github.com/multisigner/multisigner/plugin/multisigner/sign"
	"github.com/multisigner/multisigner/plugin/multisigner/validate"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// What follows are versions that are worse than the one before and look as if they
// were not: what is wrong stands where nothing has changed, or is signed well.

// after makes the version that follows first, with its content changed.
func after(t *testing.T, in sign.Input, first sign.Output, change func(b *zone.Builder)) sign.Output {
	t.Helper()
	b := in.Content.Edit()
	change(b)
	in.Content, in.Old, in.Serial = b.Version(), first.Version, in.Serial+1
	return must(t, in)
}

// Glue becomes the zone's to sign when its cut goes, though it has not changed.
func TestGuardSeesWhatSurfaces(t *testing.T) {
	for _, m := range modes {
		in := input(t, nasty(t), m)
		first := must(t, in)
		for _, tc := range []struct{ cut, glue string }{
			{"secure.nasty.example.", "ns.secure.nasty.example."}, {"insecure.nasty.example.", "insecure.nasty.example."},
		} {
			out := after(t, in, first, func(b *zone.Builder) {
				b.Delete(zone.MustName(tc.cut), zone.TypeNS)
				b.Delete(zone.MustName(tc.cut), zone.TypeDS)
			})
			require.Empty(t, faults(first.Version, out.Diff, out.Version, held(t, first.Version), now))
			glue, ok := out.Version.RRset(zone.MustName(tc.glue), zone.TypeA)
			require.True(t, ok)
			b := out.Version.Edit()
			b.Put(glue.WithSigs(""))
			bad := b.Version()
			require.Contains(t, faults(first.Version, zone.Compare(first.Version, bad), bad, held(t, first.Version), now), "no signature", "%v %s", m, tc.glue)

			// With another address besides, so that it stands in the difference.
			glue.Rdata = zone.Pack("\x0a\x00\x00\x01")
			b = out.Version.Edit()
			b.Put(glue.WithSigs(""))
			bad = b.Version()
			require.Equal(t, tc.glue+" A: no signature", faults(first.Version, zone.Compare(first.Version, bad), bad, held(t, first.Version), now), m) // and once
		}
	}
}

// A zone that is signed for the first time has a chain of denial.
func TestGuardWantsAChain(t *testing.T) {
	for _, m := range modes {
		in := input(t, nasty(t), m)
		unsigned := in.Content
		out := must(t, in)
		require.Empty(t, faults(unsigned, zone.Compare(unsigned, out.Version), out.Version, validate.Held{}, now))
		b := out.Version.Edit()
		for n := range out.Version.All() {
			b.Delete(n.Name(), zone.TypeNSEC)
		}
		for n := range out.Version.Hashed() {
			b.Delete(n.Name(), zone.TypeNSEC3)
		}
		b.Delete(out.Version.Apex(), zone.TypeNSEC3PARAM)
		bad := b.Version()
		require.Contains(t, faults(unsigned, zone.Compare(unsigned, bad), bad, validate.Held{}, now), "it should: true")
		require.Contains(t, faults(nil, zone.Compare(nil, bad), bad, validate.Held{}, now), "it should: true")
		require.Contains(t, faults(out.Version, zone.Compare(out.Version, bad), bad, validate.Held{}, now), "it should: true")
	}
}

// One record of an NSEC3 chain that no longer opts out makes the rest wrong.
func TestGuardOptOut(t *testing.T) {
	in := input(t, nasty(t), denial.NSEC3OptOut)
	first := must(t, in)
	apex := denial.HashedName(first.Version.Apex(), first.Version.Apex())
	s, ok := first.Version.RRset(apex, zone.TypeNSEC3)
	require.True(t, ok)
	var rdata string
	for r := range s.Rdata.All() {
		rdata = r[:1] + "\x00" + r[2:]
	}
	b := first.Version.Edit()
	s.Rdata = zone.Pack(rdata)
	b.Put(s)
	soa := must(t, func() sign.Input { in.Old, in.Resign, in.Serial = first.Version, true, 101; return in }()).Version.SOA()
	b.Put(soa)
	bad := b.Version()
	require.Contains(t, faults(first.Version, zone.Compare(first.Version, bad), bad, validate.Held{}, now), "opts out")
}

// An NSEC3 record speaks of a name by its hash alone: that of a name which has not
// changed must say what it said, and a new one must be of some name.
func TestGuardStrayNSEC3(t *testing.T) {
	in := input(t, nasty(t), denial.NSEC3)
	first := must(t, in)
	_, good := turn(t, in, first)
	mail := denial.HashedName(zone.MustName("mail.nasty.example."), in.Content.Apex())
	s, ok := good.Version.RRset(mail, zone.TypeNSEC3)
	require.True(t, ok)
	for rdata := range s.Rdata.All() {
		s.Rdata = zone.Pack(rdata[:len(rdata)-1] + string([]byte{rdata[len(rdata)-1] ^ 0x01}))
	}
	b := good.Version.Edit()
	b.Put(s)
	bad := b.Version()
	require.Contains(t, faults(first.Version, zone.Compare(first.Version, bad), bad, validate.Held{}, now), mail.String()+" NSEC3: it is of no name")
}

// With a DS of two algorithms some validators want signatures of both.
func TestGuardAlgorithms(t *testing.T) {
	in := input(t, nasty(t), denial.NSEC)
	other := ecdsaKey(t, 256)
	ksk := ecdsaKey(t, 257)
	in.Apex = []zone.RRset{merge(in.Apex[0], rrset(in.Content.Apex(), zone.TypeDNSKEY, string(other.Record), string(ksk.Record)))}
	in.Keys.DNSKEY = append(in.Keys.DNSKEY, ksk)
	in.Keys.Data = append(in.Keys.Data, other)
	first := must(t, in)
	d, err := ksk.Record.DS(in.Content.Apex(), 2)
	require.NoError(t, err)
	h := validate.Held{DS: []zone.RRset{merge(ds(t, in.Content.Apex(), 2, 1), rrset(in.Content.Apex(), zone.TypeDS, string(d)))}}
	h.Keys = []validate.Seen{{Name: "ours", Set: dnskeys(first.Version)}}
	in.Keys.Data = in.Keys.Data[:1]
	in.Old, in.Content, in.Serial = first.Version, nil, 101
	out := must(t, in)
	require.Contains(t, faults(first.Version, out.Diff, out.Version, h, now), "no signature of algorithm 13")

	// When the DS of that algorithm is gone, so may they be: one signature is enough.
	h.DS = []zone.RRset{ds(t, first.Version.Apex(), 2, 1)}
	require.Empty(t, faults(first.Version, out.Diff, out.Version, h, now))

	// What no validator can use of a DS RRset asks for nothing: a record that is cut off, a digest that
	// is, one of an unknown type, and one of an unknown algorithm.
	h.DS[0] = merge(h.DS[0], rrset(first.Version.Apex(), zone.TypeDS, "\x00\x01\x0d", string(d[:len(d)-1]), string(d[:3])+"\x09"+string(d[4:]), string(d[:2])+"\xfd"+string(d[3:])))
	require.Empty(t, faults(first.Version, out.Diff, out.Version, h, now))
}

// Signatures by keys that are not published yet are there on purpose; bad ones are not.
func TestGuardUnpublishedSigners(t *testing.T) {
	in := input(t, nasty(t), denial.NSEC)
	first := must(t, in)
	coming := ecdsaKey(t, 256)
	in.Keys.Data = append(in.Keys.Data, coming)
	in.Old, in.Content, in.Serial = first.Version, nil, 101
	out := must(t, in)
	h := held(t, first.Version)
	h.Makers = []zone.DNSKEY{in.Keys.Data[0].Record, coming.Record}
	require.Empty(t, faults(first.Version, out.Diff, out.Version, h, now))
	b := out.Version.Edit()
	name := zone.MustName("ns1.nasty.example.")
	s, _ := out.Version.RRset(name, zone.TypeA)
	var sigs []string
	for sig := range s.Sigs.All() {
		if zone.RRSIG(sig).Algorithm() == 13 {
			sig = sig[:len(sig)-1] + string([]byte{sig[len(sig)-1] ^ 1})
		}
		sigs = append(sigs, sig)
	}
	b.Put(s.WithSigs(zone.Pack(sigs...)))
	bad := b.Version()
	require.Contains(t, faults(first.Version, zone.Compare(first.Version, bad), bad, h, now), "is bad")
}

// A signature that begins only tomorrow helps nobody today, unless the clock has
// been set back since it was made.
func TestGuardInception(t *testing.T) {
	in := input(t, nasty(t), denial.NSEC)
	first := must(t, in)
	in.Now = now.Add(48 * time.Hour)
	_, out := turn(t, in, first)
	require.Contains(t, faults(first.Version, out.Diff, out.Version, held(t, first.Version), now), "is not good before")
	require.Empty(t, faults(first.Version, out.Diff, out.Version, held(t, first.Version), in.Now))

	// The clock falls back: what was made before is still there, and passes.
	in.Now = now.Add(-365 * 24 * time.Hour)
	in.Mark = now.Add(48 * time.Hour)
	in.Serial = 101
	_, back := turn(t, in, first)
	require.Empty(t, faults(first.Version, back.Diff, back.Version, held(t, first.Version), in.Now))

	// So does what a version leaves as it is, when its keys are others and all of the apex is looked at.
	in.Old, in.Content = first.Version, nil
	in.Apex = []zone.RRset{merge(in.Apex[0], rrset(first.Version.Apex(), zone.TypeDNSKEY, string(key(t, 256, 13).Record)))}
	rekeyed := must(t, in).Version
	v := with(first.Version, dnskeys(rekeyed), rekeyed.SOA())
	require.Empty(t, faults(first.Version, zone.Compare(first.Version, v), v, held(t, first.Version), in.Now))
}

// In 2040, when signatures end beyond 2^31 seconds, a fault is a fault as today.
func TestGuardIn2040(t *testing.T) {
	in := input(t, nasty(t), denial.NSEC)
	in.Now = time.Date(2040, 1, 1, 0, 0, 0, 0, time.UTC)
	first := must(t, in)
	_, out := turn(t, in, first)
	require.Empty(t, faults(first.Version, out.Diff, out.Version, validate.Held{}, in.Now))
	bad := with(out.Version, spoilt(out.Version.SOA()))
	require.Contains(t, faults(first.Version, zone.Compare(first.Version, bad), bad, validate.Held{}, in.Now), "SOA: signature by key")
}

// What a wildcard made is no record of the zone: a name that is there is signed under its own name.
func TestGuardWantsNamesOfTheirOwn(t *testing.T) {
	in := input(t, nasty(t), denial.NSEC)
	first := must(t, in)
	out := after(t, in, first, func(b *zone.Builder) {
		b.Put(rrset(zone.MustName("new.wild.nasty.example."), zone.TypeA, "\xc0\x00\x02\x1e"))
	})
	s, ok := out.Version.RRset(zone.MustName("*.wild.nasty.example."), zone.TypeA)
	require.True(t, ok)
	s.Name = zone.MustName("new.wild.nasty.example.")
	bad := with(out.Version, s)
	require.Equal(t, "new.wild.nasty.example. A: signature is over TTL 3600 and 3 labels",
		faults(first.Version, zone.Compare(first.Version, bad), bad, held(t, first.Version), now))
}

// Who has taken the keys from us asks others, too: a key that still signs there is
// not dropped here. A peer that we never accepted holds up nothing.
func TestGuardAnswersOfOthers(t *testing.T) {
	in := input(t, nasty(t), denial.NSEC)
	first := must(t, in)
	peer := input(t, nasty(t), denial.NSEC)
	peer.Apex = []zone.RRset{peerKeys(t, in.Content, 2)}
	peer.Keys = sign.Keys{DNSKEY: []sign.Key{key(t, 257, 11)}, Data: []sign.Key{key(t, 256, 12)}}
	h := held(t, first.Version)
	h.Answers = []validate.Seen{{Name: "the peer", Set: must(t, peer).Version.SOA()}}
	in.Apex = []zone.RRset{rrset(in.Content.Apex(), zone.TypeDNSKEY, string(key(t, 257, 1).Record), string(key(t, 256, 2).Record))}
	in.Old, in.Content, in.Serial = first.Version, nil, 101
	out := must(t, in)
	require.Contains(t, faults(first.Version, out.Diff, out.Version, h, now), "no longer accepts the SOA there")
	peer.Keys.Data = []sign.Key{key(t, 256, 13)}
	h.Answers[0].Set = must(t, peer).Version.SOA()
	require.Empty(t, faults(first.Version, out.Diff, out.Version, h, now))
}

// A CDS RRset is a DS RRset to be: one that would cut somebody off is not shown.
func TestGuardAdoption(t *testing.T) {
	in := input(t, nasty(t), denial.NSEC)
	in.Keys.CDS = append(in.Keys.CDS, in.Keys.Data...) // else the peer's keys do not accept it (PROTOCOL cds-signed-by-all-keys)
	first := must(t, in)
	apex := first.Version.Apex()
	with := func(cds []byte, cdnskey ...byte) sign.Output {
		next := in
		var records []string
		for _, k := range cdnskey {
			records = append(records, string(key(t, 257, k).Record))
		}
		c := ds(t, apex, 2, cds...)
		c.Type = zone.TypeCDS
		next.Apex = append([]zone.RRset{in.Apex[0]}, c, rrset(apex, zone.TypeCDNSKEY, records...))
		next.Old, next.Content, next.Serial = first.Version, nil, 101
		return must(t, next)
	}
	out := with([]byte{1, 11}, 1, 11)
	require.Empty(t, faults(first.Version, out.Diff, out.Version, held(t, first.Version), now))
	out = with([]byte{1}, 1)
	require.Contains(t, faults(first.Version, out.Diff, out.Version, held(t, first.Version), now), "cuts off these keys: no key matches a DS of digest type 2 (for the peer)")
	out = with([]byte{11, 5}, 11, 5)
	require.Contains(t, faults(first.Version, out.Diff, out.Version, held(t, first.Version), now), "cuts off these keys")
	out = with([]byte{1, 11}, 1)
	require.Contains(t, faults(first.Version, out.Diff, out.Version, held(t, first.Version), now), "not of the same keys")
	out = with([]byte{1, 11}, 1, 11, 5)
	require.Contains(t, faults(first.Version, out.Diff, out.Version, held(t, first.Version), now), "not of the same keys")
}

// A zone goes from signed to unsigned only when there is certainly no DS, and then
// as a whole; it comes back as any zone that is signed for the first time.
func TestGuardUnsigned(t *testing.T) {
	in := input(t, nasty(t), denial.NSEC)
	first := must(t, in).Version
	bare := must(t, sign.Input{Old: first, Serial: 101, Now: now, Denial: denial.NSEC}).Version
	require.False(t, bare.Top().Has(zone.TypeDNSKEY))
	safe := validate.Held{NoDS: true, Keys: held(t, first).Keys}
	for _, tc := range []struct {
		what, why string
		held      validate.Held
		change    func(b *zone.Builder)
	}{
		{"no DS anywhere", "", safe, nil},
		{"a DS that may be cached", "may be cached", validate.Held{NoDS: true, DS: held(t, first).DS}, nil},
		{"a parent that nobody has seen", "it is not known", validate.Held{}, nil},
		{"signatures that are left", "signatures left", safe, func(b *zone.Builder) {
			s, _ := first.RRset(zone.MustName("all.nasty.example."), zone.TypeMX)
			b.Put(s)
		}},
		{"a chain that is left", "chain of denial left", safe, func(b *zone.Builder) {
			s, _ := first.RRset(first.Apex(), zone.TypeNSEC)
			b.Put(s.WithSigs(""))
		}},
		{"a CDS that is left", "keys that are not there", safe, func(b *zone.Builder) {
			b.Put(rrset(first.Apex(), zone.TypeCDS, "\x00\x00\x00\x00\x00"))
		}},
		{"a CDNSKEY that is left", "keys that are not there", safe, func(b *zone.Builder) {
			b.Put(rrset(first.Apex(), zone.TypeCDNSKEY, deletesCDNSKEY))
		}},
	} {
		v := bare
		if tc.change != nil {
			b := bare.Edit()
			tc.change(b)
			v = b.Version()
		}
		for _, old := range []*zone.Version{first, nil} {
			got := faults(old, zone.Compare(old, v), v, tc.held, now)
			if tc.why == "" {
				require.Empty(t, got, tc.what)
			} else {
				require.Contains(t, got, tc.why, tc.what)
			}
		}
	}
	// Unsigned it changes freely, whatever the parent has: nothing is worse.
	added := rrset(zone.MustName("new.nasty.example."), zone.TypeA, "\x01\x02\x03\x04")
	out := must(t, sign.Input{Old: bare, Changes: []zone.Change{{New: added}}, Serial: bare.Serial() + 1, Now: now})
	require.Empty(t, faults(bare, out.Diff, out.Version, held(t, first), now))

	// And back: everything is looked at.
	in.Old, in.Serial = bare, 102
	signed := must(t, in)
	require.Empty(t, faults(bare, signed.Diff, signed.Version, validate.Held{NoDS: true}, now))
	s, _ := signed.Version.RRset(zone.MustName("all.nasty.example."), zone.TypeMX)
	edit := signed.Version.Edit()
	edit.Put(s.WithSigs(""))
	bad := edit.Version()
	require.Contains(t, faults(bare, zone.Compare(bare, bad), bad, validate.Held{NoDS: true}, now), "no signature")
}

// A sample looks at the apex, every link and some signatures; an audit, later, at
// every signature, however small its steps are.
func TestSampleAndAudit(t *testing.T) {
	for _, m := range modes {
		in := input(t, nasty(t), m)
		old := must(t, in).Version
		in.Old, in.Serial, in.Resign, in.Now = old, 101, true, now.Add(time.Hour)
		out := must(t, in)
		sampled := validate.Guard{Held: held(t, old), At: in.Now, Sample: 4}
		require.Empty(t, why(sampled.Faults(old, out.Diff, out.Version)))
		audit := func(v *zone.Version, step int) (all []validate.Fault, steps int) {
			a := validate.NewAudit(v, held(t, old), in.Now)
			for done := false; !done; steps++ {
				var faults []validate.Fault
				require.Less(t, steps, 1000, "it has an end")
				faults, done = a.Next(step)
				all = append(all, faults...)
			}
			return all, steps
		}
		found, _ := audit(out.Version, 7)
		require.Empty(t, why(found))

		missed, names := 0, []string{"with\\.dot", "all", "secure"}
		for _, name := range names {
			n := out.Version.Get(zone.MustName(name + ".nasty.example."))
			b := out.Version.Edit()
			var of zone.RRset
			for s := range n.All() {
				if s.Sigs != "" {
					of = s
				}
			}
			if of.Sigs == "" { // its denial is another's record
				missed++
				continue
			}
			sigs := []byte(of.Sigs)
			sigs[len(sigs)-1] ^= 1
			b.Put(of.WithSigs(zone.Packed(sigs)))
			bad := b.Version()
			if why(sampled.Faults(old, zone.Compare(old, bad), bad)) == "" {
				missed++
			}
			for _, step := range []int{1, 1000} {
				found, steps := audit(bad, step)
				require.Len(t, found, 1, "%v %s step %d", m, name, step)
				require.Equal(t, of.Name, found[0].Name)
				require.Equal(t, step == 1000, steps == 1)
			}
		}
		require.NotZero(t, missed, "a sample is no audit")
		// Links are not sampled.
		b := out.Version.Edit()
		for n := range out.Version.Backward("\x01\xff" + old.Apex()) {
			if s, ok := n.Get(zone.TypeNSEC); ok {
				b.Delete(s.Name, s.Type)
				break
			}
		}
		for n := range out.Version.Hashed() {
			b.Delete(n.Name(), zone.TypeNSEC3)
			break
		}
		bad := b.Version()
		require.Contains(t, why(sampled.Faults(old, zone.Compare(old, bad), bad)), "NSEC")
	}
}
