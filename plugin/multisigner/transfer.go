package multisigner

import (
	"context"
	"fmt"
	"net"
	"strings"

	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/plugin/metrics"
	"github.com/coredns/coredns/plugin/pkg/transport"
	"github.com/coredns/coredns/plugin/transfer"
	"github.com/miekg/dns"

	"github.com/multisigner/multisigner/plugin/multisigner/engine"
	"github.com/multisigner/multisigner/plugin/multisigner/xfr"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// maxTransferMessage leaves room in a message of 65,535 octets for what CoreDNS
// adds: OPT and TSIG. Names are not compressed by it when they fit, so the size
// is meant uncompressed.
const maxTransferMessage = 60_000

// transfer answers AXFR and IXFR: with the whole zone, or with a single SOA where
// the asker has it already, and over UDP (RFC 1995 2, 4).
func (q query) transfer(ctx context.Context) (int, error) {
	server := metrics.WithServer(ctx)
	serving := q.zone.Serving()
	incremental := q.req.Question[0].Qtype == dns.TypeIXFR
	refuse := func(rcode int, code uint16, why string) (int, error) {
		transfers.WithLabelValues(server, "refused").Inc()
		refused.log(q.req, q.apex, q.from, why)
		q.note(serving, "refused: "+why)
		return q.refuse(rcode, code, why)
	}
	switch {
	case q.name != q.zone.Apex():
		return refuse(dns.RcodeNotAuth, dns.ExtendedErrorCodeNotAuthoritative, "this is not the apex of a zone")
	case serving == nil || serving.Version == nil:
		return refuse(dns.RcodeServerFailure, dns.ExtendedErrorCodeNotReady, "the zone has nothing to answer with yet")
	}
	if rule := noTransfer(q.zone.Config(), serving, q.from); rule != "" {
		transfers.WithLabelValues(server, "refused").Inc()
		refused.log(q.req, q.apex, q.from, rule)
		q.note(serving, "refused: "+rule)
		return q.refuse(dns.RcodeRefused, dns.ExtendedErrorCodeProhibited, "no transfers to this address and key")
	}
	switch {
	case !q.messages(ctx) && !incremental:
		return refuse(dns.RcodeRefused, dns.ExtendedErrorCodeNotSupported, "transfers go over TCP or TLS")
	}
	v := serving.Version
	if incremental {
		serial, ok := knownSerial(q.req)
		if !ok {
			return refuse(dns.RcodeFormatError, dns.ExtendedErrorCodeOther, "IXFR without the SOA that is known")
		}
		if !q.messages(ctx) || !zone.SerialAfter(v.Serial(), serial) {
			transfers.WithLabelValues(server, "current").Inc()
			q.note(serving, "current")
			return dns.RcodeSuccess, q.send(v.SOA().RRs(), true)
		}
	}
	first := true
	for rrs := range xfr.AXFR(v, maxTransferMessage) {
		if err := q.send(rrs, first); err != nil {
			transfers.WithLabelValues(server, "broken").Inc()
			q.note(serving, "broke off: "+err.Error())
			return dns.RcodeSuccess, fmt.Errorf("transfer of %s to %s: %w", v.Apex(), q.from.addr, err)
		}
		first = false
	}
	if first {
		return refuse(dns.RcodeServerFailure, dns.ExtendedErrorCodeNotReady, "the zone has nothing to transfer")
	}
	transfers.WithLabelValues(server, "full").Inc()
	q.note(serving, "full")
	log.Debugf("transferred %s, serial %d, to %s", v.Apex(), v.Serial(), q.from.addr)
	return dns.RcodeSuccess, nil
}

// note has the status tell of a secondary's transfer.
func (q query) note(serving *engine.Serving, result string) {
	var serial uint32
	if serving != nil && serving.Version != nil {
		serial = serving.Version.Serial()
	}
	q.zone.Transferred(q.from.addr, q.from.key, serial, result)
}

// send writes one message of a transfer. From the second one on, a TSIG covers
// only the timers besides the message (RFC 8945 5.3.1).
func (q query) send(rrs []dns.RR, first bool) error {
	m := new(dns.Msg).SetReply(q.req)
	m.Authoritative = true
	m.Answer = rrs
	if !first {
		m.Question = nil // RFC 5936 2.2.1
		q.w.TsigTimersOnly(true)
	}
	withOPT(q.req, m)
	return q.w.WriteMsg(m)
}

// knownSerial is the serial that an IXFR's asker has (RFC 1995 3).
func knownSerial(r *dns.Msg) (serial uint32, ok bool) {
	if len(r.Ns) != 1 {
		return 0, false
	}
	soa, ok := r.Ns[0].(*dns.SOA)
	if !ok {
		return 0, false
	}
	return soa.Serial, true
}

// stream reports whether the query came over a connection, so that the response
// may have any size.
func (q query) stream() bool {
	_, udp := q.w.RemoteAddr().(*net.UDPAddr)
	return !udp
}

// messages reports whether more than one message can be sent in response: over
// TCP and TLS only. What CoreDNS has for QUIC, HTTPS and gRPC sends one.
func (q query) messages(ctx context.Context) bool {
	if !q.stream() {
		return false
	}
	server, ok := ctx.Value(dnsserver.Key{}).(*dnsserver.Server)
	if !ok {
		return true
	}
	return strings.HasPrefix(server.Addr, transport.DNS+"://") || strings.HasPrefix(server.Addr, transport.TLS+"://")
}

// Transfer implements transfer.Transferer, for a transfer block that names one of
// our zones. Its list alone decides then who may have it. All batches are made
// before the first is taken, so nothing goes on in the background when the
// transfer breaks off.
func (h *Handler) Transfer(name string, serial uint32) (<-chan []dns.RR, error) {
	apex, err := zone.ParseName(name)
	if err != nil || h.zones[apex] == nil {
		return nil, transfer.ErrNotAuthoritative
	}
	z := h.zones[apex].find(apex)
	if z == nil {
		return nil, fmt.Errorf("zone %s is being loaded", name)
	}
	serving := z.Serving()
	if serving == nil || serving.Version == nil || serving.Refuse != "" {
		return nil, fmt.Errorf("zone %s is not served now", name)
	}
	v := serving.Version
	var batches [][]dns.RR
	if serial != 0 && !zone.SerialAfter(v.Serial(), serial) {
		batches = append(batches, v.SOA().RRs())
	} else {
		for rrs := range xfr.AXFR(v, maxTransferMessage) {
			batches = append(batches, rrs)
		}
	}
	ch := make(chan []dns.RR, len(batches))
	for _, rrs := range batches {
		ch <- rrs
	}
	close(ch)
	return ch, nil
}
