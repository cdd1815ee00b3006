package multisigner

import (
	"context"

	"github.com/coredns/coredns/plugin/metrics"
	"github.com/miekg/dns"
)

// notify answers a NOTIFY at once and has the zone look (RFC 1996 3.11): the work
// that it causes is not the sender's to wait for. Whatever type it tells of, SOA,
// CDS or CSYNC (RFC 9859), the look is the same. A primary tells of its SOA: then it is
// asked whether there is more.
func (q query) notify(ctx context.Context) (int, error) {
	server := metrics.WithServer(ctx)
	why := ""
	switch {
	case q.zone == nil:
		why = "the zone is being loaded"
	case q.zone.Apex() != q.name:
		why = "it is not for the apex of a zone"
	case !mayNotify(q.zone.Config(), q.from) && !isPrimary(q.zone.Config(), q.from):
		why = "no primary, peer, secondary or server of the parent has this address or key"
	}
	if why != "" {
		notifies.WithLabelValues(server, "refused").Inc()
		refused.log(q.req, q.apex, q.from, why)
		return q.refuse(dns.RcodeNotAuth, dns.ExtendedErrorCodeNotAuthoritative, "this sender is not known for this zone")
	}
	notifies.WithLabelValues(server, "accepted").Inc()
	if isPrimary(q.zone.Config(), q.from) && q.req.Question[0].Qtype == dns.TypeSOA {
		serial, known := notifiedSerial(q.req)
		// A peer without a key tells of the signed zone in the same way.
		known = known && (q.from.key != "" || !isPeer(q.zone.Config(), q.from))
		q.zone.PrimaryNotified(q.from.addr, q.from.key, serial, known)
	}
	if mayNotify(q.zone.Config(), q.from) {
		q.zone.Notified(q.from.addr)
	}
	m := new(dns.Msg).SetReply(q.req)
	m.Authoritative = true
	withOPT(q.req, m)
	return dns.RcodeSuccess, q.w.WriteMsg(m)
}

// notifiedSerial is the serial that a NOTIFY may bring (RFC 1996 3.7).
func notifiedSerial(r *dns.Msg) (serial uint32, known bool) {
	for _, rr := range r.Answer {
		if soa, ok := rr.(*dns.SOA); ok {
			return soa.Serial, true
		}
	}
	return 0, false
}
