package answer_test

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/answer"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// unmade is whole as a draft: but for the apex without the signatures, which it gets from there.
func unmade(t *testing.T, whole *zone.Version) *zone.Version {
	t.Helper()
	end, _ := whole.Earliest()
	bare, err := whole.WithSigs(func() (zone.Signatures, func()) {
		return func(n *zone.Node, s zone.RRset) (zone.Packed, error) {
			if n.IsApex() {
				return s.Sigs, nil
			}
			return "", nil
		}, func() {}
	})
	require.NoError(t, err)
	return bare.Draft(func(_ *zone.Node, s zone.RRset) (zone.Packed, error) {
		is, _ := whole.RRset(s.Name, s.Type)
		return is.Sigs, nil
	}, end)
}

// While a zone is being signed each answer is the one that it will be, or SERVFAIL: none
// lacks a signature. Both renderers say the same, and a validator accepts it. What only spares
// the asker a query may be missing.
func TestAnswersOfADraft(t *testing.T) {
	for _, mode := range modes {
		whole := signed(example(t), mode)
		draft := unmade(t, whole)
		var names []string
		for n := range whole.All() {
			names = append(names, n.Name().String(), "x."+n.Name().String(), "x.y."+n.Name().String())
		}
		random := rand.New(rand.NewPCG(4711, uint64(len(names))))
		random.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
		var is, will answer.Response
		lacked := 0
		for _, name := range names {
			for _, kind := range []zone.Type{zone.TypeA, zone.TypeNS, zone.TypeMX, zone.TypeDS, zone.TypeSRV, zone.TypeHTTPS, zone.TypeRRSIG, zone.TypeANY, zone.TypeSOA} {
				for _, do := range []bool{false, true} {
					request := new(dns.Msg).SetQuestion(name, uint16(kind))
					if do {
						request.SetEdns0(4096, true)
					}
					q := answer.Question{Name: zone.MustName(strings.ToLower(name)), Type: kind, DO: do}
					will.Plan(whole, q)
					is.Plan(draft, q)
					if is.Unsigned() != zone.Made {
						lacked++
						require.Equal(t, zone.Unmade, is.Unsigned())
						require.True(t, do || kind == zone.TypeRRSIG)
						m := agree(t, &is, request, 65535)
						require.Equal(t, dns.RcodeServerFailure, m.Rcode)
						require.False(t, m.Authoritative)
						require.Empty(t, append(append(m.Answer, m.Ns...), m.Extra...))
						q.Sign = true
						is.Plan(draft, q)
						require.Equal(t, zone.Made, is.Unsigned())
					}
					got, want := agree(t, &is, request, 65535), agree(t, &will, request, 65535)
					for _, rr := range got.Extra {
						require.Contains(t, text(want.Extra), rr.String())
					}
					got.Extra, want.Extra = nil, nil
					require.Equal(t, want.String(), got.String())
					if do {
						accepted(t, whole, request, got, do)
					}
				}
			}
		}
		require.Greater(t, lacked, 20)
	}
}

func text(rrs []dns.RR) (lines []string) {
	for _, rr := range rrs {
		lines = append(lines, rr.String())
	}
	return lines
}
