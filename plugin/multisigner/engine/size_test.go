package engine_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/answer"
	"github.com/multisigner/multisigner/plugin/multisigner/engine"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// A DNSKEY RRset that does not fit UDP needs TCP, which somebody may have blocked: the
// status has its length, and an alarm comes when a rollover makes it too long.
func TestLongDNSKEY(t *testing.T) {
	t.Parallel()
	for name, algorithm := range map[string]uint8{"ECDSAP256SHA256": 13, "ECDSAP384SHA384": 14, "ED25519": 15, "RSASHA256": 8} {
		t.Run(name, func(t *testing.T) {
			clock := newManual(moment)
			cfg := alone(t, write(t, content))
			cfg.Algorithm = algorithm
			e := by(t, clock, t.TempDir(), cfg)
			before := served(t, e)
			require.Equal(t, answerLength(t, before), statusOf(t, e).DNSKEYOctets)
			require.NotContains(t, alarms(statusOf(t, e)), "octets")

			_, err := e.Do(context.Background(), apex, engine.Command{Kind: "roll", Args: []string{"zsk"}})
			require.NoError(t, err)
			length := answerLength(t, served(t, e))
			require.Equal(t, length, statusOf(t, e).DNSKEYOctets)
			if algorithm != 8 {
				require.NotContains(t, alarms(statusOf(t, e)), "octets")
				return
			}
			require.Greater(t, length, 1232)
			require.True(t, alarmedOf(t, e, "the DNSKEY answer takes", "TCP port 53"))
			require.Eventually(t, func() bool {
				clock.step(time.Hour)
				return len(statusOf(t, e).Waits) == 0 && !slices.Equal(signatoriesOf(before), signatoriesOf(served(t, e)))
			}, 20*time.Second, 20*time.Millisecond)
			require.NotContains(t, alarms(statusOf(t, e)), "octets")
		})
	}
}

func answerLength(t *testing.T, v *zone.Version) int {
	t.Helper()
	q := new(dns.Msg).SetQuestion(apex.String(), dns.TypeDNSKEY)
	q.SetEdns0(4096, true)
	var r answer.Response
	r.Plan(v, answer.Question{Name: apex, Type: zone.TypeDNSKEY, DO: true})
	m := r.Msg(q, 4096, false)
	if m.IsEdns0() == nil {
		m.SetEdns0(4096, true)
	}
	wire, err := m.Pack()
	require.NoError(t, err)
	return len(wire)
}

func signatoriesOf(v *zone.Version) (tags []uint16) {
	for sig := range v.SOA().Sigs.All() {
		tags = append(tags, zone.RRSIG(sig).KeyTag())
	}
	return tags
}
