package validate_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/denial"
	"github.com/multisigner/multisigner/plugin/multisigner/sign"
	"github.com/multisigner/multisigner/plugin/multisigner/validate"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// twoZSKs is a zone with ZSKs 2 and 3, of which the first signs.
func twoZSKs(t *testing.T) (sign.Input, sign.Output) {
	t.Helper()
	in := input(t, nasty(t), denial.NSEC)
	in.Apex[0] = merge(in.Apex[0], rrset(in.Content.Apex(), zone.TypeDNSKEY, string(key(t, 256, 3).Record)))
	return in, must(t, in)
}

// A server shows keys that no DS leads to. Nobody believes them, so they hold up no rollover.
func TestGuardLetsRollPastKeysThatNobodyBelieves(t *testing.T) {
	in, first := twoZSKs(t)
	h := validate.Held{
		DS:   []zone.RRset{ds(t, in.Content.Apex(), 2, 1)},
		Keys: []validate.Seen{{Name: "a liar", Set: peerKeys(t, in.Content, 2)}},
	}
	in.Old, in.Serial, in.Keys.Data = first.Version, 101, []sign.Key{key(t, 256, 3)}
	out := must(t, in)
	require.Empty(t, faults(first.Version, out.Diff, out.Version, h, now))
	h.DS = []zone.RRset{ds(t, in.Content.Apex(), 2, 1, 11)}
	require.Contains(t, faults(first.Version, out.Diff, out.Version, h, now), "(for a liar)", "now the parent does")
}

// One name is signed by a ZSK that the peer does not have yet, though all else is by one that it has: who took
// the keys from the peer does not get at that name.
func TestGuardKeysBelowTheApex(t *testing.T) {
	in, first := twoZSKs(t)
	_, out := turn(t, in, first)
	in.Keys.Data = []sign.Key{key(t, 256, 3)}
	_, early := turn(t, in, first)
	s, ok := early.Version.RRset(zone.MustName("new.nasty.example."), zone.TypeA)
	require.True(t, ok)
	b := out.Version.Edit()
	b.Put(s)
	bad := b.Version()
	require.Empty(t, faults(first.Version, out.Diff, out.Version, held(t, first.Version), now))
	require.Equal(t, fmt.Sprintf("new.nasty.example. A: no key with tag %d and algorithm 15 (for the peer)", key(t, 256, 3).Record.Tag()),
		faults(first.Version, zone.Compare(first.Version, bad), bad, held(t, first.Version), now))
}

// One RRset of the apex, or one that has the type of the keys and stands elsewhere, is signed by a ZSK that the
// peer does not have yet: neither is excused for where it stands or what it is.
func TestGuardKeysAtTheApexAndElsewhere(t *testing.T) {
	in, first := twoZSKs(t)
	in.Content = with(in.Content, rrset(zone.MustName("ns1.nasty.example."), zone.TypeDNSKEY, string(key(t, 256, 20).Record)))
	_, out := turn(t, in, first)
	in.Keys.Data = []sign.Key{key(t, 256, 3)}
	_, early := turn(t, in, first)
	require.Empty(t, faults(first.Version, zone.Compare(first.Version, out.Version), out.Version, held(t, first.Version), now))
	for name, kind := range map[string]zone.Type{"nasty.example.": zone.TypeMX, "ns1.nasty.example.": zone.TypeDNSKEY} {
		s, ok := early.Version.RRset(zone.MustName(name), kind)
		require.True(t, ok)
		bad := with(out.Version, s)
		require.Equal(t, fmt.Sprintf("%s %s: no key with tag %d and algorithm 15 (for the peer)", name, kind, key(t, 256, 3).Record.Tag()),
			faults(first.Version, zone.Compare(first.Version, bad), bad, held(t, first.Version), now))
	}
}

// The ZSK, which the peer has, signed our keys as well, and does so no more. Nobody trusts keys because other keys
// signed them: a DS leads to them.
func TestGuardLetsZSKLeaveTheKeys(t *testing.T) {
	in := input(t, nasty(t), denial.NSEC)
	ksk := in.Keys.DNSKEY
	in.Keys.DNSKEY = append(ksk[:1:1], in.Keys.Data...)
	first := must(t, in).Version
	in.Old, in.Content, in.Serial, in.Keys.DNSKEY = first, nil, 101, ksk
	out := must(t, in)
	require.NotEqual(t, dnskeys(first).Sigs, dnskeys(out.Version).Sigs)
	require.Empty(t, faults(first, out.Diff, out.Version, held(t, first), now))
}
