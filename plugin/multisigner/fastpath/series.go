package fastpath

import (
	"time"

	"github.com/coredns/coredns/plugin/metrics/vars"
	"github.com/coredns/coredns/plugin/pkg/rcode"
	"github.com/miekg/dns"
	"github.com/prometheus/client_golang/prometheus"
)

// Series names where the prometheus plugin of a server block counts: the metrics
// coredns_dns_* of this server and zone. We count there what it does not see.
type Series struct {
	Server string // as in the label: dns://:53
	Zone   string // of the server block
}

// counters are what one kind of answer is counted in, looked up once.
type counters struct {
	requests, responses, do           prometheus.Counter
	duration, requestSize, answerSize prometheus.Observer
}

// counterKey is bounded: types that have no name are one.
type counterKey struct {
	series *Series
	kind   uint16
	rcode  int
	ipv6   bool
	stream bool
}

const view, name = "", "multisigner" // labels

// named are the types that the plugin has a label for; all others are "other".
var named = map[uint16]bool{
	dns.TypeA: true, dns.TypeAAAA: true, dns.TypeCNAME: true, dns.TypeDNSKEY: true, dns.TypeDS: true,
	dns.TypeMX: true, dns.TypeNSEC3: true, dns.TypeNSEC: true, dns.TypeNS: true, dns.TypePTR: true,
	dns.TypeRRSIG: true, dns.TypeSOA: true, dns.TypeSRV: true, dns.TypeTXT: true, dns.TypeHTTPS: true,
	dns.TypeSVCB: true, dns.TypeANY: true,
}

// tally counts answers. It is one worker's, so that it needs no lock.
type tally struct {
	counting counting
	about    *Table
}

// begin is when a batch came that a table is asked about, if anybody wants to know.
func (t *tally) begin(about *Table) time.Time {
	if t.about != about {
		t.about, t.counting = about, make(counting)
	}
	if !about.counts {
		return time.Time{}
	}
	return time.Now()
}

// count tells the metrics of the answers of a batch. Each has taken as long as the batch.
func (t *tally) count(samples []sample, began time.Time) {
	if began.IsZero() {
		return
	}
	took := time.Since(began)
	for i := range samples {
		if s := &samples[i]; s.series != nil {
			t.counting.add(s, took)
		}
	}
}

type counting map[counterKey]*counters

// add counts an answer as the plugin does.
func (c counting) add(s *sample, took time.Duration) {
	key := counterKey{s.series, s.kind, s.rcode, s.ipv6, s.stream}
	if !named[s.kind] {
		key.kind = 0
	}
	at := c[key]
	if at == nil {
		at = key.counters()
		c[key] = at
	}
	at.requests.Inc()
	if s.do {
		if at.do == nil {
			at.do = vars.RequestDo.WithLabelValues(s.series.Server, s.series.Zone, view)
		}
		at.do.Inc()
	}
	at.duration.Observe(took.Seconds())
	at.requestSize.Observe(float64(s.in))
	at.answerSize.Observe(float64(s.out))
	at.responses.Inc() // last, as there
}

func (k counterKey) counters() *counters {
	proto, family, kind := "udp", "1", "other"
	if k.stream {
		proto = "tcp"
	}
	if k.ipv6 {
		family = "2"
	}
	if k.kind != 0 {
		kind = dns.TypeToString[k.kind]
	}
	server, zone := k.series.Server, k.series.Zone
	return &counters{
		requests:    vars.RequestCount.WithLabelValues(server, zone, view, proto, family, kind),
		responses:   vars.ResponseRcode.WithLabelValues(server, zone, view, rcode.ToString(k.rcode), name),
		duration:    vars.RequestDuration.WithLabelValues(server, zone, view),
		requestSize: vars.RequestSize.WithLabelValues(server, zone, view, proto),
		answerSize:  vars.ResponseSize.WithLabelValues(server, zone, view, proto),
	}
}
