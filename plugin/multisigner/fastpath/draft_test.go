package fastpath

import (
	"testing"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/answer"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// drafted is the example as a draft: but for the apex without signatures, which sign makes.
func drafted(t *testing.T, sign zone.Signatures) *zone.Version {
	t.Helper()
	end, _ := example().Earliest()
	bare, err := example().WithSigs(func() (zone.Signatures, func()) {
		return func(n *zone.Node, s zone.RRset) (zone.Packed, error) {
			if n.IsApex() {
				return s.Sigs, nil
			}
			return "", nil
		}, func() {}
	})
	require.NoError(t, err)
	return bare.Draft(sign, end)
}

// While a zone is being signed, what lacks a signature is left to CoreDNS, which can wait for
// it; from then on it is answered here, with the same octets, and without garbage.
func TestDraft(t *testing.T) {
	v := drafted(t, func(_ *zone.Node, s zone.RRset) (zone.Packed, error) {
		is, _ := example().RRset(s.Name, s.Type)
		return is.Sigs, nil
	})
	table, z := exampleTable()
	whole := z.version
	var a answerer
	var s sample
	room := make([]byte, 0, 2*MaxPayload)
	for name, kind := range map[string]uint16{"a.example.": dns.TypeA, "nowhere.example.": dns.TypeA, "x.a.example.": dns.TypeA} {
		packet := packetOf(t, name, kind, edns(1232, true))
		z.version = whole
		want, ok := a.answer(nil, table, packet, &s)
		require.True(t, ok)
		z.version = v
		_, ok = a.answer(nil, table, packet, &s)
		require.False(t, ok, name)

		var r answer.Response // CoreDNS asks for it
		r.Plan(v, answer.Question{Name: zone.MustName(name), Type: zone.Type(kind), DO: true, Sign: true})
		require.Equal(t, zone.Made, r.Unsigned())
		got, ok := a.answer(nil, table, packet, &s)
		require.True(t, ok, name)
		require.Equal(t, want, got)
		require.Zero(t, testing.AllocsPerRun(100, func() { _, _ = a.answer(room, table, packet, &s) }), name)
	}
	_, ok := a.answer(nil, table, packetOf(t, "b.example.", dns.TypeA), &s)
	require.True(t, ok, "who wants no signature waits for none")
}
