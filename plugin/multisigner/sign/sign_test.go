package sign_test

import (
	"crypto"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/denial"
	"github.com/multisigner/multisigner/plugin/multisigner/sign"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

var seed = flag.Uint64("seed", 0, "of random edits; 0: drawn anew")

// each yields all RRsets.
func each(v *zone.Version, yield func(n *zone.Node, s zone.RRset)) {
	for n := range v.All() {
		for s := range n.All() {
			yield(n, s)
		}
	}
	for n := range v.Hashed() {
		for s := range n.All() {
			yield(n, s)
		}
	}
}

// tags are those of the keys that signed s.
func tags(s zone.RRset) []uint16 {
	var list []uint16
	for sig := range s.Sigs.All() {
		list = append(list, zone.RRSIG(sig).KeyTag())
	}
	slices.Sort(list)
	return list
}

func tagsOf(keys ...sign.Key) []uint16 {
	var list []uint16
	for _, k := range keys {
		list = append(list, k.Record.Tag())
	}
	slices.Sort(list)
	return list
}

// Everything authoritative is signed by whom it should be, and verifies with
// another library; nothing else is signed (RFC 4035 2.2).
func TestSignatures(t *testing.T) {
	for _, a := range algorithms {
		for _, m := range modes {
			t.Run(a.name+"/"+m.String(), func(t *testing.T) {
				in := input(t, content(t, "nasty.zone"), a.number, m)
				v := must(t, in).Version
				require.Equal(t, uint32(100), v.Serial())
				each(v, func(n *zone.Node, s zone.RRset) {
					want := tagsOf(in.Keys.Data...)
					switch {
					case n.Occluded() || n.IsCut() && s.Type != zone.TypeDS && s.Type != zone.TypeNSEC:
						want = nil
					case s.Type == zone.TypeDNSKEY:
						want = tagsOf(in.Keys.DNSKEY...)
					case s.Type == zone.TypeCDS || s.Type == zone.TypeCDNSKEY:
						want = tagsOf(in.Keys.CDS...)
					}
					require.Equal(t, want, tags(s), "%s %s", s.Name, s.Type)
					for _, rr := range s.SigRRs() {
						sig := rr.(*dns.RRSIG)
						require.Equal(t, s.TTL, sig.OrigTtl)
						require.Equal(t, s.TTL, sig.Hdr.Ttl)
						if s.Name.IsWildcard() {
							require.Equal(t, s.Name.Labels()-1, int(sig.Labels)) // RFC 4034 3.1.3
						}
						require.True(t, sig.ValidityPeriod(now.Add(-59*time.Minute)) && sig.ValidityPeriod(now.Add(5*24*time.Hour)))
						verify(t, v, s, sig)
					}
				})
			})
		}
	}
}

func verify(t *testing.T, v *zone.Version, s zone.RRset, sig *dns.RRSIG) {
	t.Helper()
	keys, _ := v.RRset(v.Apex(), zone.TypeDNSKEY)
	for _, rr := range keys.RRs() {
		if k := rr.(*dns.DNSKEY); k.KeyTag() == sig.KeyTag {
			if _, unknown := s.RRs()[0].(*dns.RFC3597); !unknown { // which that library cannot pack again
				require.NoError(t, sig.Verify(k, s.RRs()), "%s %s", s.Name, s.Type)
			}
			return
		}
	}
	t.Errorf("%s %s is signed by an unknown key", s.Name, s.Type)
}

// Equal arguments give equal zones: a restart or a second machine signs the same.
func TestDeterministic(t *testing.T) {
	for _, a := range algorithms {
		in := input(t, content(t, "nasty.zone"), a.number, denial.NSEC3)
		require.Empty(t, zone.Compare(must(t, in).Version, must(t, in).Version).Changes, a.name)
	}
}

// However a version came about, by edits of its predecessors or at once, it is
// the same one, signatures and all; and with nothing new nothing is done.
func TestIncrementalIsAsFromScratch(t *testing.T) {
	s := *seed
	if s == 0 {
		s = rand.Uint64()
	}
	t.Logf("seed %d: repeat with -seed=%d", s, s)
	e := rand.New(rand.NewPCG(s, 1))
	labels := []string{"a", "b", "c", "*", "z"}
	types := []string{"A 192.0.2.1", "A 192.0.2.2", "TXT x", "NS ns.x.", "NS ns.x.", "DS 1 13 2 00", "DNAME other."}
	for round := range 90 {
		in := input(t, zone.MustVersion("x. 60 SOA . . 9 1 1 1 30\nx. 60 NS ns.x.\nx. 60 CDS 1 1 1 00"), 15, modes[round%3])
		out := must(t, in)
		for range 15 {
			b := in.Content.Edit()
			for range 1 + e.IntN(4) {
				name := "x."
				for range 1 + e.IntN(4) {
					name = labels[e.IntN(len(labels))] + "." + name
				}
				rr, err := dns.NewRR(fmt.Sprintf("%s %d IN %s", name, 60+e.IntN(2), types[e.IntN(len(types))]))
				require.NoError(t, err)
				n, typ, ttl, rdata, err := zone.FromRR(rr)
				require.NoError(t, err)
				if e.IntN(2) == 0 {
					b.Delete(n, typ)
				} else {
					b.Put(zone.RRset{Name: n, Type: typ, TTL: ttl, Rdata: zone.Pack(rdata)})
				}
			}
			if e.IntN(10) == 0 {
				in.Denial = modes[e.IntN(3)]
			}
			was := in.Content
			in.Content = b.Version()
			in.Serial++
			scratch := in
			scratch.Old = nil
			want := must(t, scratch)
			in.Old = out.Version
			step := in
			if e.IntN(2) == 0 { // a part of it, instead of the whole
				step.Changes, step.Content = zone.Compare(was, in.Content).Changes, nil
			}
			got := must(t, step)
			if !got.Changed {
				require.Same(t, out.Version, got.Version)
				scratch.Serial = out.Version.Serial()
				want = must(t, scratch)
			}
			require.Empty(t, zone.Compare(want.Version, got.Version).Changes)
			after, err := out.Version.Apply(got.Diff)
			require.NoError(t, err)
			require.Empty(t, zone.Compare(after, got.Version).Changes)
			out = got

			again := in
			again.Old, again.Serial = out.Version, in.Serial+1
			same := must(t, again)
			require.False(t, same.Changed)
			require.Same(t, out.Version, same.Version)
			require.Empty(t, same.Diff.Changes)
			require.Equal(t, out.Refresh, same.Refresh)
		}
	}
}

// New signers of the data: in one call their signatures are made, those of former
// ones go, and those of who stays stay.
func TestKeysChange(t *testing.T) {
	old, stays, fresh := key(t, 256, 13, 1), key(t, 256, 15, 2), key(t, 256, 13, 3)
	in := input(t, content(t, "nasty.zone"), 13, denial.NSEC3)
	in.Keys.Data = []sign.Key{old, stays}
	first := must(t, in)
	in.Old, in.Serial, in.Now = first.Version, 101, now.Add(time.Hour)
	in.Keys.Data = []sign.Key{stays, fresh}
	next := must(t, in)
	count := 0
	each(next.Version, func(n *zone.Node, s zone.RRset) {
		if n.IsApex() && slices.Contains([]zone.Type{zone.TypeSOA, zone.TypeDNSKEY, zone.TypeCDS, zone.TypeCDNSKEY}, s.Type) || s.Sigs == "" {
			return
		}
		count++
		require.Equal(t, tagsOf(stays, fresh), tags(s), "%s %s", s.Name, s.Type)
		was, _ := first.Version.RRset(s.Name, s.Type)
		for sig := range s.Sigs.All() {
			if zone.RRSIG(sig).KeyTag() == stays.Record.Tag() {
				require.True(t, was.Sigs.Has(sig), "%s %s: a good signature was made again", s.Name, s.Type)
			}
		}
	})
	require.Equal(t, count+1, next.Signed)

	in.Old, in.Serial = next.Version, 102
	in.Keys.Data = []sign.Key{fresh}
	last := must(t, in)
	require.Equal(t, 1, last.Signed, "to drop signatures is no work but the SOA's")
	each(last.Version, func(_ *zone.Node, s zone.RRset) {
		require.NotContains(t, tags(s), stays.Record.Tag())
	})
}

// Another key of the same tag and algorithm is another key.
func TestSameTag(t *testing.T) {
	k := key(t, 256, 15, 0)
	in := input(t, content(t, "nasty.zone"), 15, denial.NSEC)
	in.Keys.Data = []sign.Key{k}
	in.Apex[0] = rrset(in.Apex[0].Name, zone.TypeDNSKEY, 3600, string(in.Keys.DNSKEY[0].Record))
	first := must(t, in)
	twin := twinOf(t, k)
	require.Equal(t, k.Record.Tag(), twin.Record.Tag())
	in.Old, in.Serial, in.Keys.Data = first.Version, 101, []sign.Key{twin}
	next := must(t, in)
	require.True(t, next.Changed)
	require.Greater(t, next.Signed, 50)
	in.Old, in.Serial = next.Version, 102
	require.False(t, must(t, in).Changed)
}

// twinOf searches a key of the same tag: one in 65536 has it.
func twinOf(t *testing.T, k sign.Key) sign.Key {
	t.Helper()
	for i := range 1 << 20 {
		seed := make([]byte, 32)
		seed[0], seed[1], seed[2] = byte(i), byte(i>>8), byte(i>>16)
		twin, err := sign.NewKey(256, 15, ed25519Key(seed))
		require.NoError(t, err)
		if twin.Record.Tag() == k.Record.Tag() && twin.Record != k.Record {
			return twin
		}
	}
	t.Fatal("no key of the same tag")
	return sign.Key{}
}

// A change of the keys at the apex costs what the apex costs.
func TestApexChange(t *testing.T) {
	for _, m := range modes {
		in := input(t, content(t, "nasty.zone"), 15, m)
		first := must(t, in)
		peer := key(t, 256, 15, 7)
		in.Old, in.Content, in.Serial = first.Version, nil, 101
		in.Apex[0] = rrset(in.Apex[0].Name, zone.TypeDNSKEY, 3600, string(in.Keys.DNSKEY[0].Record), string(in.Keys.Data[0].Record), string(peer.Record))
		next := must(t, in)
		require.Equal(t, 2, next.Signed, "DNSKEY and SOA")
		require.Len(t, next.Diff.Changes, 2)

		in.Old, in.Serial = next.Version, 102
		in.Apex = in.Apex[:1]
		next = must(t, in)
		require.Equal(t, 2, next.Signed, "the SOA, and the bitmap that no longer has CDS and CDNSKEY")
		require.Len(t, next.Diff.Changes, 4)
	}
}

// NS from the group's plan stands in the place of the content's, until the content
// comes again without it.
func TestOverride(t *testing.T) {
	in := input(t, content(t, "nasty.zone"), 15, denial.NSEC)
	apex := in.Content.Apex()
	ns := rrset(apex, zone.TypeNS, 60, "\x00")
	own := in.Apex
	in.Apex = append(slices.Clone(own), ns)
	first := must(t, in)
	is, _ := first.Version.RRset(apex, zone.TypeNS)
	require.True(t, is.SameData(ns))
	in.Old, in.Serial, in.Apex = first.Version, 101, own
	back := must(t, in)
	is, _ = back.Version.RRset(apex, zone.TypeNS)
	want, _ := in.Content.RRset(apex, zone.TypeNS)
	require.True(t, is.SameData(want))
}

// CDS below the apex are signals about other zones (RFC 9615): content like any
// other. What content brings of our own work is left out.
func TestContentOfOthers(t *testing.T) {
	signal := zone.MustName("_dsboot.child.test._signal.ns1.nasty.example.")
	b := content(t, "nasty.zone").Edit()
	b.Put(rrset(signal, zone.TypeCDS, 60, "\x00\x01\x0d\x02\x00"))
	in := input(t, b.Version(), 15, denial.NSEC3)
	out := must(t, in)
	s, ok := out.Version.RRset(signal, zone.TypeCDS)
	require.True(t, ok)
	require.Equal(t, tagsOf(in.Keys.Data...), tags(s))

	echoed := in
	echoed.Content = out.Version // a bump in the wire that comes around
	echoed.Keys.Data = []sign.Key{key(t, 256, 15, 8)}
	again := must(t, echoed)
	clean := echoed
	clean.Content = in.Content
	require.Empty(t, zone.Compare(must(t, clean).Version, again.Version).Changes)
	echoed.Old, echoed.Serial = again.Version, 101
	require.False(t, must(t, echoed).Changed)
}

// Without keys a zone is not signed; with them it is, and not again once they go.
func TestUnsigned(t *testing.T) {
	for _, m := range modes {
		in := input(t, content(t, "nasty.zone"), 15, m)
		signed := must(t, in)
		plain := sign.Input{Old: signed.Version, Serial: 101, Now: now, Denial: m}
		out := must(t, plain)
		require.True(t, out.Changed)
		require.Zero(t, out.Signed)
		require.True(t, out.Refresh.IsZero())
		want := withSerial(in.Content, 101)
		require.Empty(t, zone.Compare(want, out.Version).Changes)
		plain.Old, plain.Serial = out.Version, 102
		require.False(t, must(t, plain).Changed)
		in.Old, in.Serial = out.Version, 102
		back := must(t, in)
		in.Old = nil
		require.Empty(t, zone.Compare(must(t, in).Version, back.Version).Changes)
	}
}

func withSerial(v *zone.Version, serial uint32) *zone.Version {
	b := v.Edit()
	soa := v.SOA()
	for rdata := range soa.Rdata.All() {
		b.Put(rrset(soa.Name, soa.Type, soa.TTL, zone.SOAWithSerial(rdata, serial)))
	}
	return b.Version()
}

// A DNSKEY RRset that was signed elsewhere is served as it came, and a later one
// takes its place.
func TestSignedElsewhere(t *testing.T) {
	in := input(t, content(t, "nasty.zone"), 15, denial.NSEC)
	whole := must(t, in).Version
	dnskey, _ := whole.RRset(whole.Apex(), zone.TypeDNSKEY)
	in.Keys.DNSKEY, in.Keys.CDS = nil, nil
	in.Apex = []zone.RRset{dnskey}
	first := must(t, in)
	is, _ := first.Version.RRset(whole.Apex(), zone.TypeDNSKEY)
	require.Equal(t, dnskey, is)

	other := in
	other.Now = now.Add(24 * time.Hour)
	other.Keys.DNSKEY = []sign.Key{key(t, 257, 15, 0)}
	other.Apex = []zone.RRset{dnskey.WithSigs("")}
	later, _ := must(t, other).Version.RRset(whole.Apex(), zone.TypeDNSKEY)
	in.Apex, in.Old, in.Serial = []zone.RRset{later}, first.Version, 101
	next := must(t, in)
	is, _ = next.Version.RRset(whole.Apex(), zone.TypeDNSKEY)
	require.Equal(t, later, is)
}

// What would be served without a signature, or signed by nobody's key, is refused
// and named.
func TestRefuses(t *testing.T) {
	good := input(t, content(t, "nasty.zone"), 15, denial.NSEC)
	apex := good.Content.Apex()
	old := must(t, good).Version
	other := key(t, 256, 13, 0)
	for _, tc := range []struct {
		why   string
		spoil func(in *sign.Input)
	}{
		{"neither content", func(in *sign.Input) { in.Content = nil }},
		{"no key signs the content", func(in *sign.Input) { in.Keys.Data = nil }},
		{"no key signs DNSKEY", func(in *sign.Input) { in.Keys.DNSKEY = nil }},
		{"no key signs CDS", func(in *sign.Input) { in.Keys.CDS = nil }},
		{"none is published", func(in *sign.Input) { in.Apex = nil }},
		{"NSEC is not for others", func(in *sign.Input) { in.Apex = []zone.RRset{rrset(apex, zone.TypeNSEC, 1, "\x00")} }},
		{"of example.", func(in *sign.Input) {
			in.Apex = append(slices.Clone(in.Apex), rrset("\x07example\x00", zone.TypeNS, 1, "\x00"))
		}},
		{"is not the record of its private key", func(in *sign.Input) {
			in.Keys.Data = []sign.Key{{Record: key(t, 256, 15, 5).Record, Signer: key(t, 256, 15, 6).Signer}}
		}},
		{"is no key of algorithm 15", func(in *sign.Input) {
			in.Keys.Data = []sign.Key{{Record: key(t, 256, 15, 5).Record, Signer: other.Signer}}
		}},
		{"has no private key", func(in *sign.Input) { in.Keys.Data = []sign.Key{{Record: other.Record}} }},
		{"cannot be renewed", func(in *sign.Input) { in.Policy = sign.Policy{Validity: time.Hour, Refresh: time.Hour} }},
		{"serial 100 is not after 100", func(in *sign.Input) { in.Old, in.Resign, in.Now = old, true, now.Add(time.Hour) }},
		{"sign nasty.example. SOA with key", func(in *sign.Input) {
			in.Keys.Data = []sign.Key{{Record: other.Record, Signer: broken{other.Signer}}}
		}},
	} {
		in := good
		tc.spoil(&in)
		_, err := sign.Zone(in)
		require.ErrorContains(t, err, tc.why)
	}
	_, err := sign.NewKey(256, 99, other.Signer)
	require.Error(t, err)
}

// broken is a token that has gone away.
type broken struct{ crypto.Signer }

func (broken) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) {
	return nil, errors.New("token is gone")
}

// A large zone takes minutes to sign, and who is told to end does not have them:
// then signing stops at once, with the reason and no version.
func TestStop(t *testing.T) {
	in := input(t, content(t, "nasty.zone"), 13, denial.NSEC)
	var asked atomic.Int64
	told := errors.New("told to end")
	in.Stop = func() error {
		if asked.Add(1) > 3 {
			return told
		}
		return nil
	}
	out, err := sign.Zone(in)
	require.ErrorIs(t, err, told)
	require.Nil(t, out.Version)
	require.LessOrEqual(t, asked.Load(), 3+int64(runtime.GOMAXPROCS(0)), "each processor hears it once")
}
