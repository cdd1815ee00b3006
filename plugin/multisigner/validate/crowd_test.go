package validate_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/sign"
	"github.com/multisigner/multisigner/plugin/multisigner/validate"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// crowd is keys with the tag of another one, which stand before it in an RRset.
func crowd(t *testing.T, k zone.DNSKEY, size int) (crowd []string) {
	t.Helper()
	lots := rand.New(rand.NewPCG(1, 2))
	octets, seen := []byte(k), map[string]bool{}
	for range 100_000 {
		if len(crowd) == size {
			return crowd
		}
		lots.Shuffle(16, func(i, j int) { octets[4+2*i], octets[4+2*j] = octets[4+2*j], octets[4+2*i] })
		if other := string(octets); other < string(k) && !seen[other] {
			seen[other] = true
			require.Equal(t, k.Tag(), zone.DNSKEY(other).Tag())
			crowd = append(crowd, other)
		}
	}
	require.FailNow(t, "there are not so many")
	return nil
}

// A key with the tag of ours is not ours: for who has it our signatures are bad.
func TestGuardTakesNoTagForAKey(t *testing.T) {
	in, first := twoZSKs(t)
	h := held(t, first.Version)
	both := merge(peerKeys(t, in.Content, 2).WithSigs(""), rrset(in.Content.Apex(), zone.TypeDNSKEY, crowd(t, key(t, 256, 3).Record, 1)...))
	h.Keys[1].Set = signedBy(t, both, key(t, 257, 11))
	in.Old, in.Serial, in.Keys.Data = first.Version, 101, []sign.Key{key(t, 256, 3)}
	out := must(t, in)
	require.Contains(t, faults(first.Version, out.Diff, out.Version, h, now), fmt.Sprintf("signature by key %d is bad (for the peer)", key(t, 256, 3).Record.Tag()))
}

// Validators try so many keys with one tag and no more: ours must be among those.
func TestGuardCountsKeysOfOneTag(t *testing.T) {
	in, first := twoZSKs(t)
	zsk := key(t, 256, 2).Record
	for size, why := range map[int]string{63: "", 64: fmt.Sprintf("too many keys with tag %d", zsk.Tag())} {
		in.Old, in.Content, in.Serial = first.Version, nil, 101
		next := in
		next.Apex = []zone.RRset{merge(in.Apex[0], rrset(first.Version.Apex(), zone.TypeDNSKEY, crowd(t, zsk, size)...))}
		out := must(t, next)
		found := faults(first.Version, out.Diff, out.Version, validate.Held{}, now)
		if why == "" {
			require.Empty(t, found)
			makers := validate.Held{Makers: []zone.DNSKEY{zone.DNSKEY(crowd(t, zsk, 1)[0])}} // one of which signs elsewhere
			require.Empty(t, faults(first.Version, out.Diff, out.Version, makers, now))
			continue
		}
		require.Contains(t, found, "it no longer accepts the SOA there: "+why+" (for the version before)")
		require.Contains(t, found, "nasty.example. SOA: "+why)
		_, err := validate.Signatures(first.Version.SOA(), dnskeys(out.Version), first.Version.Apex(), now)
		require.ErrorContains(t, err, "too many keys with the same tags")
	}
}

// A signature of an algorithm that no key with its tag has is by no known key: it may be there.
func TestGuardLetsSignaturesOfUnknownKeysBe(t *testing.T) {
	in, first := twoZSKs(t)
	_, out := turn(t, in, first)
	s, _ := out.Version.RRset(zone.MustName("new.nasty.example."), zone.TypeA)
	var good string
	for sig := range s.Sigs.All() {
		good = sig
	}
	look := func(other string) string {
		v := with(out.Version, s.WithSigs(zone.Pack(good, other)))
		return faults(first.Version, zone.Compare(first.Version, v), v, held(t, first.Version), now)
	}
	require.Empty(t, look(good[:2]+"\x08"+good[3:]))
	require.Contains(t, look(good[:len(good)-1]+string([]byte{good[len(good)-1] ^ 1})), "is bad")

	// But what is no signature of that RRset is a fault, though there is a good one.
	require.Equal(t, "new.nasty.example. A: RRSIG is too short", look(good[:18]))
	require.Equal(t, "new.nasty.example. A: signature is over AAAA", look("\x00\x1c"+good[2:]))
}

// What another server gives out with a signature that is cut off was accepted by nobody.
func TestGuardAnswersThatAreCutOff(t *testing.T) {
	in, first := twoZSKs(t)
	in.Old, in.Content, in.Serial = first.Version, nil, 101
	in.Apex = []zone.RRset{merge(in.Apex[0], rrset(first.Version.Apex(), zone.TypeDNSKEY, string(key(t, 256, 13).Record)))}
	out := must(t, in)
	h := held(t, first.Version)
	h.Answers = []validate.Seen{{Name: "the peer", Set: first.Version.SOA().WithSigs(zone.Pack("\x00"))}}
	require.Empty(t, faults(first.Version, out.Diff, out.Version, h, now))
}
