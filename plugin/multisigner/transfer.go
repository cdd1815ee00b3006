package multisigner

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net"
	"net/netip"
	"strings"
	"time"

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

// transfer answers AXFR and IXFR: with the whole zone; with what has changed, where
// that is known and shorter; or with a single SOA where the asker has all of it
// already, and over UDP (RFC 1995 2, 4).
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
	if !q.messages(ctx) && !incremental {
		return refuse(dns.RcodeRefused, dns.ExtendedErrorCodeNotSupported, "transfers go over TCP or TLS")
	}
	v := serving.Version
	if !v.SOA().Exists() {
		return refuse(dns.RcodeServerFailure, dns.ExtendedErrorCodeNotReady, "the zone has nothing to transfer")
	}
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
	done, err := transferTurns.take(q.from.addr.Addr())
	if err != nil {
		return refuse(dns.RcodeServerFailure, dns.ExtendedErrorCodeOther, err.Error())
	}
	defer done()
	result, answers := q.answers(serving, incremental)
	if err := q.stretch(answers); err != nil {
		transfers.WithLabelValues(server, "broken").Inc()
		q.note(serving, "broke off: "+err.Error())
		refused.say("broke off a transfer", q.apex, q.from, err.Error())
		return dns.RcodeSuccess, nil
	}
	q.zone.Sent(serving, q.from.addr.Addr(), q.from.key)
	transfers.WithLabelValues(server, result).Inc()
	q.note(serving, result)
	log.Debugf("transferred %s, serial %d, to %s: %s", v.Apex(), v.Serial(), q.from.addr, result)
	return dns.RcodeSuccess, nil
}

// answers gives the answer sections of a transfer of more than the SOA, and what it is
// called: full or incremental.
func (q query) answers(serving *engine.Serving, incremental bool) (result string, answers iter.Seq[[]dns.RR]) {
	if incremental {
		defer transferPace.begin()()
		serial, _ := knownSerial(q.req)
		if chain := q.zone.Differences(serving, q.from.addr.Addr(), q.from.key, serial); len(chain) > 0 {
			return "incremental", xfr.IXFR(maxTransferMessage, chain...)
		}
	}
	return "full", xfr.AXFR(serving.Version, maxTransferMessage)
}

// note has the status tell of a secondary's transfer.
func (q query) note(serving *engine.Serving, result string) {
	var serial uint32
	if serving != nil && serving.Version != nil {
		serial = serving.Version.Serial()
	}
	q.zone.Transferred(q.from.addr, q.from.key, serial, result)
}

// A transfer that is slower than this is ended: each message must be taken within
// unread, and all of them within transferGrace and messageTime for each. Our choice:
// 30,000 octets a second are needed in the long run.
const (
	transferGrace = time.Minute
	messageTime   = 2 * time.Second
)

var errSlow = errors.New("the client took it too slowly")

// stretch sends one message after another.
func (q query) stretch(answers iter.Seq[[]dns.RR]) error {
	begun, count := time.Now(), time.Duration(0)
	end := transferPace.begin()
	defer func() { end() }()
	for rrs := range answers {
		if err := q.send(rrs, count == 0); err != nil {
			return err
		}
		if count++; time.Since(begun) > transferGrace+count*messageTime {
			q.cutOff()
			return errSlow
		}
		end()
		end = transferPace.begin()
	}
	return nil
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
	var options []dns.EDNS0
	if serving := q.zone.Serving(); first && serving != nil {
		options = q.expire(serving.Version)
	}
	withOPT(q.req, m, options...)
	late := time.AfterFunc(unread(), q.cutOff)
	defer late.Stop()
	return q.written(q.w.WriteMsg(m))
}

// cutOff ends the connection, so that what is being written to it fails.
func (q query) cutOff() {
	if err := cutOff(addrPort(q.w.LocalAddr()), q.from.addr); err != nil {
		log.Debugf("cut off %s: %v", q.from.addr, err)
	}
}

func isTransfer(r *dns.Msg) bool {
	qtype := r.Question[0].Qtype
	return r.Opcode == dns.OpcodeQuery && (qtype == dns.TypeAXFR || qtype == dns.TypeIXFR)
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
// our zones. Its list alone decides then who may have it. We do not learn who asks:
// all these transfers count as one client's.
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
	if serving == nil || serving.Version == nil || serving.Refuse != "" && !serving.Feeds {
		return nil, fmt.Errorf("zone %s is not served now", name)
	}
	v := serving.Version
	if serial != 0 && !zone.SerialAfter(v.Serial(), serial) {
		ch := make(chan []dns.RR, 1)
		ch <- v.SOA().RRs()
		close(ch)
		return ch, nil
	}
	done, err := transferTurns.take(netip.Addr{})
	if err != nil {
		return nil, err
	}
	ch := make(chan []dns.RR)
	// The transfer plugin reads to the end, whatever happens.
	go func() {
		defer done()
		defer close(ch)
		for rrs := range xfr.AXFR(v, maxTransferMessage) {
			ch <- rrs
		}
	}()
	return ch, nil
}
