package validate_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/denial"
	"github.com/multisigner/multisigner/plugin/multisigner/sign"
	"github.com/multisigner/multisigner/plugin/multisigner/validate"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// twoAlgorithms is a zone with a KSK and a ZSK of each of two algorithms, and a DS RRset of both KSKs. The
// Keys of the input have first what is of algorithm 15, and then what is of 13.
func twoAlgorithms(t *testing.T) (sign.Input, validate.Held) {
	t.Helper()
	in := input(t, nasty(t), denial.NSEC)
	ksk, zsk := ecdsaKey(t, 257), ecdsaKey(t, 256)
	in.Apex[0] = merge(in.Apex[0], rrset(in.Content.Apex(), zone.TypeDNSKEY, string(zsk.Record), string(ksk.Record)))
	in.Keys = sign.Keys{DNSKEY: append(in.Keys.DNSKEY, ksk), CDS: append(in.Keys.CDS, ksk), Data: append(in.Keys.Data, zsk)}
	d, err := ksk.Record.DS(in.Content.Apex(), 2)
	require.NoError(t, err)
	return in, validate.Held{DS: []zone.RRset{merge(ds(t, in.Content.Apex(), 2, 1), rrset(in.Content.Apex(), zone.TypeDS, string(d)))}}
}

// The DNSKEY RRset, too, is signed with each algorithm of the DS RRset: validators that insist on them take no
// key of it otherwise.
func TestGuardAlgorithmsOfKeys(t *testing.T) {
	in, h := twoAlgorithms(t)
	first := must(t, in).Version
	in.Old, in.Content, in.Serial, in.Keys.DNSKEY = first, nil, 101, in.Keys.DNSKEY[:1]
	out := must(t, in)
	require.Equal(t, "nasty.example. DNSKEY: no key of algorithm 13 that has a DS signs it any more (for the parent)",
		faults(first, out.Diff, out.Version, h, now))

	// When the DS of that algorithm is gone, so may its signature be.
	h.DS[0] = ds(t, first.Apex(), 2, 1)
	require.Empty(t, faults(first, out.Diff, out.Version, h, now))
}

// CDS and CDNSKEY are signed by KSKs, too, and so with algorithms that other data may do without: what a
// parent could verify with each of them it can verify still.
func TestGuardAlgorithmsOfCDS(t *testing.T) {
	in, h := twoAlgorithms(t)
	cds := h.DS[0]
	cds.Type = zone.TypeCDS
	in.Apex, in.Keys.Data = append(in.Apex, cds, rrset(cds.Name, zone.TypeCDNSKEY, string(in.Keys.DNSKEY[0].Record), string(in.Keys.DNSKEY[1].Record))), in.Keys.Data[:1]
	first := must(t, in).Version
	in.Old, in.Content, in.Serial, in.Keys.CDS = first, nil, 101, in.Keys.CDS[:1]
	out := must(t, in)
	require.Equal(t, "nasty.example. CDS: no signature of algorithm 13, which the DS RRset has\nnasty.example. CDNSKEY: no signature of algorithm 13, which the DS RRset has",
		faults(first, out.Diff, out.Version, h, now))
}

// The SOA has lost an algorithm already, and one name still has it. Who insists on it cannot use the zone in any
// case, so the name may lose it as well.
func TestGuardAlgorithmsThatTheZoneHasLost(t *testing.T) {
	in, h := twoAlgorithms(t)
	name := zone.MustName("ns1.nasty.example.")
	left, _ := must(t, in).Version.RRset(name, zone.TypeA)
	in.Keys.Data = in.Keys.Data[:1]
	first := must(t, in).Version
	old := with(first, left)
	in.Old, in.Content, in.Serial, in.Renumber = first, nil, 101, true
	v := must(t, in).Version
	require.Empty(t, faults(old, zone.Compare(old, v), v, h, now))

	left.Sigs = "" // but not the one that is left
	v = with(v, left)
	require.Contains(t, faults(old, zone.Compare(old, v), v, h, now), "ns1.nasty.example. A: no signature")
}
