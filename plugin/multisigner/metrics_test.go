package multisigner

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/prometheus/common/expfmt"
	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/status"
)

// zoneMetrics renders one zone as the collector does.
type zoneMetrics struct{ zone status.Zone }

func (z zoneMetrics) Describe(ch chan<- *prometheus.Desc) { prometheus.DescribeByCollect(z, ch) }
func (z zoneMetrics) Collect(ch chan<- prometheus.Metric) { collectZone(ch, z.zone) }

// The metrics of a zone say what its status says: an alert on them is an alert on
// what an operator would read.
func TestZoneMetrics(t *testing.T) {
	at := time.Unix(1_800_000_000, 0)
	z := status.Zone{
		Zone: "example.org.", Signer: "a", Serving: true, Serial: 7, DNSKEYOctets: 467,
		Signatures: status.Signatures{Earliest: at},
		Keys: []status.Key{
			{Owner: "a", Role: "zsk", State: "active"}, {Owner: "a", Role: "zsk", State: "active"}, {Owner: "b", Role: "ksk", State: "active"},
		},
		Waits:  []status.Wait{{What: "x", Since: at.Add(-time.Hour)}, {What: "x", Since: at.Add(-time.Hour)}, {What: "y", Since: at.Add(-2 * time.Hour)}, {What: "z"}},
		Alarms: []status.Alarm{{Name: "peer-silent", About: "b"}, {Name: "peer-silent", About: "c"}, {Name: "wait-too-long"}},
		Peers: []status.Peer{
			{Name: "b", Trusted: true, Reached: at.Add(-time.Minute), Addresses: []status.Address{{Seen: at}, {Seen: at}}},
			{Name: "c", Silent: true, Addresses: []status.Address{{Seen: at}}},
		},
		Parent: status.Parent{DS: []string{"1", "2"}},
		Guard:  status.Guard{Refusals: 3, Reasons: status.Reasons{Keys: 2, Denial: 1}, Withdrawals: 1},
		Matrix: &status.Matrix{Pairs: []status.Pair{
			{Answers: "a", Keys: "a", State: status.Green}, {Answers: "a", Keys: "b", State: status.Red}, {Answers: "b", Keys: "a", State: status.Unknown},
		}},
	}
	registry := prometheus.NewPedanticRegistry()
	require.NoError(t, registry.Register(zoneMetrics{z}))
	families, err := registry.Gather()
	require.NoError(t, err)
	var text bytes.Buffer
	for _, family := range families {
		_, err := expfmt.MetricFamilyToText(&text, family)
		require.NoError(t, err)
	}
	golden(t, "metrics", text.Bytes())
	problems, err := testutil.CollectAndLint(zoneMetrics{z})
	require.NoError(t, err)
	require.Empty(t, problems)
}

// The collector knows the engines of the process, and the same zone served twice
// under one name does not spoil the scrape.
func TestCollector(t *testing.T) {
	h := newLoadHome(t)
	h.start(block("example.org example.net", ""))
	other := newLoadHome(t)
	other.start(block("example.org", ""))
	got, err := testutil.CollectAndFormat(collector{process}, expfmt.TypeTextPlain, "coredns_multisigner_zones", "coredns_multisigner_zone_serving")
	require.NoError(t, err)
	require.Equal(t, `# HELP coredns_multisigner_zone_serving 1 if everybody is answered, 0 while resolvers get SERVFAIL.
# TYPE coredns_multisigner_zone_serving gauge
coredns_multisigner_zone_serving{signer="self",zone="example.net."} 1
coredns_multisigner_zone_serving{signer="self",zone="example.org."} 1
# HELP coredns_multisigner_zones Zones that are served, and that are refused.
# TYPE coredns_multisigner_zones gauge
coredns_multisigner_zones{signer="self",state="serving"} 3
`, string(got))
}

// only lets through what one metric says.
type only struct {
	metric string
	of     prometheus.Collector
}

func (o only) Describe(chan<- *prometheus.Desc) {}

func (o only) Collect(ch chan<- prometheus.Metric) {
	all := make(chan prometheus.Metric)
	go func() {
		o.of.Collect(all)
		close(all)
	}()
	for m := range all {
		if strings.Contains(m.Desc().String(), "_"+o.metric+`"`) {
			ch <- m
		}
	}
}
