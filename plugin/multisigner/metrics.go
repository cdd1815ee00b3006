package multisigner

import (
	"time"

	"github.com/coredns/coredns/plugin"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/multisigner/multisigner/plugin/multisigner/status"
)

// What is counted as it happens. All else is read from the status when asked for.
var (
	transfers = promauto.NewCounterVec(prometheus.CounterOpts{
		Namespace: plugin.Namespace,
		Subsystem: name,
		Name:      "transfers_total",
		Help:      "Counter of transfers asked of us.",
	}, []string{"server", "result"})
	notifies = promauto.NewCounterVec(prometheus.CounterOpts{
		Namespace: plugin.Namespace,
		Subsystem: name,
		Name:      "notifies_total",
		Help:      "Counter of NOTIFYs received.",
	}, []string{"server", "result"})
	updates = promauto.NewCounterVec(prometheus.CounterOpts{
		Namespace: plugin.Namespace,
		Subsystem: name,
		Name:      "updates_total",
		Help:      "Counter of UPDATEs received, by what became of them.",
	}, []string{"server", "result"})
)

func init() { prometheus.MustRegister(collector{process}) }

// maxZoneSeries is for how many zones of a signer there are series of their own:
// a hundred thousand would drown whoever scrapes them.
const maxZoneSeries = 1000

// collector renders the status of all zones of the process.
type collector struct{ registry *registry }

var (
	zonesDesc     = describe("zones", "Zones that are served, and that are refused.", "signer", "state")
	serialDesc    = describe("zone_serial", "Serial of the version that is served.", "signer", "zone")
	servingDesc   = describe("zone_serving", "1 if everybody is answered, 0 while resolvers get SERVFAIL.", "signer", "zone")
	octetsDesc    = describe("dnskey_response_bytes", "Length of the answer with the DNSKEY RRset; 1232 fit UDP.", "signer", "zone")
	expiresDesc   = describe("signature_expiration_timestamp_seconds", "When the first signature ends.", "signer", "zone")
	overdueDesc   = describe("signatures_overdue", "1 if signatures that were due for renewal have not been renewed.", "signer", "zone")
	keysDesc      = describe("keys", "Keys of all signers.", "signer", "zone", "owner", "role", "state")
	waitsDesc     = describe("waits", "Steps that wait for something.", "signer", "zone")
	waitSinceDesc = describe("wait_since_timestamp_seconds", "When the longest wait began.", "signer", "zone")
	alarmsDesc    = describe("alarms", "Things that a person must see to.", "signer", "zone")
	alarmDesc     = describe("alarm", "Alarms of one name that stand now.", "signer", "zone", "alarm")
	trustedDesc   = describe("peer_trusted", "1 if what the peer publishes is believed; as it was last known while it does not answer.", "signer", "zone", "peer")
	seenDesc      = describe("peer_seen_timestamp_seconds", "When all addresses of the peer answered last.", "signer", "zone", "peer")
	refusalsDesc  = describe("guard_refusals_total", "Versions that would have been worse than the one before, and were not shown, by what their first fault was about.", "signer", "zone", "reason")
	withdrawDesc  = describe("guard_withdrawals_total", "Versions that were taken away because a signature was bad.", "signer", "zone")
	matrixDesc    = describe("matrix", "1 if the answers of one signer validate under the keys of the other, 0 if not; absent when that is not known.", "signer", "zone", "answers", "keys")
	reloadDesc    = describe("reload_refused", "1 if the last reload of the Corefile was refused: all is served as before.")
	queriesDesc   = describe("fast_path_queries_total", "Queries that came to the fast path, and what became of them.", "server", "proto", "way")
	membersDesc   = describe("catalog_members", "Members of a catalog: named by it, served, held, and waiting for a person to accept their removal.", "signer", "catalog", "state")
	parentDesc    = describe("parent_ds", "DS records seen at the parent.", "signer", "zone")
)

func describe(metric, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(prometheus.BuildFQName(plugin.Namespace, name, metric), help, labels, nil)
}

// Describe implements prometheus.Collector.
func (c collector) Describe(ch chan<- *prometheus.Desc) { prometheus.DescribeByCollect(c, ch) }

// Collect implements prometheus.Collector.
func (c collector) Collect(ch chan<- prometheus.Metric) {
	type label struct{ signer, value string }
	zones := make(map[label]int)
	shown := make(map[label]bool) // the same series twice would spoil the whole scrape
	for _, e := range c.registry.engines() {
		for i, apex := range e.Zones() {
			s, ok := e.Status(apex)
			if !ok {
				continue
			}
			state := "serving"
			if !s.Serving {
				state = "refusing"
			}
			zones[label{s.Signer, state}]++
			if l := (label{s.Signer, s.Zone}); i < maxZoneSeries && !shown[l] {
				shown[l] = true
				collectZone(ch, s)
			}
		}
		for _, s := range e.Catalogs() {
			if l := (label{s.Signer, s.Catalog}); !shown[l] {
				shown[l] = true
				collectCatalog(ch, s)
			}
		}
	}
	gauge(ch, reloadDesc, truth(c.registry.refused.Load() != nil))
	for server, f := range c.registry.fronts.all() {
		answered, handed, lost := f.Stats()
		for way, n := range map[string]uint64{"answered": answered, "handed over": handed, "lost": lost} {
			counter(ch, queriesDesc, float64(n), server, "udp", way)
		}
		answered, handed = f.StreamStats()
		for way, n := range map[string]uint64{"answered": answered, "handed over": handed} {
			counter(ch, queriesDesc, float64(n), server, "tcp", way)
		}
	}
	for l, n := range zones {
		gauge(ch, zonesDesc, float64(n), l.signer, l.value)
	}
}

func collectZone(ch chan<- prometheus.Metric, z status.Zone) {
	zone := func(desc *prometheus.Desc, value float64, labels ...string) {
		gauge(ch, desc, value, append([]string{z.Signer, z.Zone}, labels...)...)
	}
	zone(serialDesc, float64(z.Serial))
	zone(servingDesc, truth(z.Serving))
	zone(octetsDesc, float64(z.DNSKEYOctets))
	if !z.Signatures.Earliest.IsZero() {
		zone(expiresDesc, seconds(z.Signatures.Earliest))
	}
	zone(overdueDesc, truth(z.Signatures.Overdue))
	type kind struct{ owner, role, state string }
	keys := make(map[kind]int)
	for _, k := range z.Keys {
		keys[kind{k.Owner, k.Role, k.State}]++
	}
	for k, n := range keys {
		zone(keysDesc, float64(n), k.owner, k.role, k.state)
	}
	zone(waitsDesc, float64(z.Waiting()))
	var since time.Time
	for _, w := range z.Waits {
		if !w.Since.IsZero() && (since.IsZero() || w.Since.Before(since)) {
			since = w.Since
		}
	}
	if !since.IsZero() {
		zone(waitSinceDesc, seconds(since))
	}
	collectAlarms(ch, z.Signer, z.Zone, z.Alarms)
	for _, p := range z.Peers {
		zone(trustedDesc, truth(p.Trusted), p.Name)
		if !p.Reached.IsZero() {
			zone(seenDesc, seconds(p.Reached), p.Name)
		}
	}
	zone(parentDesc, float64(len(z.Parent.DS)))
	reasons := z.Guard.Reasons
	for reason, n := range map[string]int{"keys": reasons.Keys, "cds": reasons.CDS, "denial": reasons.Denial, "data": reasons.Data} {
		counter(ch, refusalsDesc, float64(n), z.Signer, z.Zone, reason)
	}
	counter(ch, withdrawDesc, float64(z.Guard.Withdrawals), z.Signer, z.Zone)
	if z.Matrix != nil {
		for _, p := range z.Matrix.Pairs {
			if p.State != status.Unknown {
				zone(matrixDesc, truth(p.State == status.Green), p.Answers, p.Keys)
			}
		}
	}
}

// collectAlarms tells of the alarms of a zone, or of a catalog.
func collectAlarms(ch chan<- prometheus.Metric, signer, of string, alarms []status.Alarm) {
	gauge(ch, alarmsDesc, float64(len(alarms)), signer, of)
	names := make(map[status.AlarmName]int)
	for _, a := range alarms {
		names[a.Name]++
	}
	for name, n := range names {
		gauge(ch, alarmDesc, float64(n), signer, of, string(name))
	}
}

func collectCatalog(ch chan<- prometheus.Metric, c status.Catalog) {
	for state, n := range map[string]int{"named": c.Named, "served": c.Served, "held": c.Held, "waiting": c.Waiting} {
		gauge(ch, membersDesc, float64(n), c.Signer, c.Catalog, state)
	}
	collectAlarms(ch, c.Signer, c.Catalog, c.Alarms)
}

func gauge(ch chan<- prometheus.Metric, desc *prometheus.Desc, value float64, labels ...string) {
	ch <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, labels...)
}

func counter(ch chan<- prometheus.Metric, desc *prometheus.Desc, value float64, labels ...string) {
	ch <- prometheus.MustNewConstMetric(desc, prometheus.CounterValue, value, labels...)
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

func seconds(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }
