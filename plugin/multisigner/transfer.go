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
	v, unsigned := contentFor(q.zone.Config(), serving, q.from)
	if !unsigned && serving != nil {
		v = serving.Version
	}
	switch {
	case q.name != q.zone.Apex():
		return refuse(dns.RcodeNotAuth, dns.ExtendedErrorCodeNotAuthoritative, "this is not the apex of a zone")
	case v == nil && unsigned:
		return refuse(dns.RcodeServerFailure, dns.ExtendedErrorCodeNotReady, noContent)
	case v == nil:
		return refuse(dns.RcodeServerFailure, dns.ExtendedErrorCodeNotReady, "the zone has nothing to answer with yet")
	}
	if rule := noTransfer(q.zone.Config(), serving, q.from); rule != "" && !unsigned {
		transfers.WithLabelValues(server, "refused").Inc()
		refused.log(q.req, q.apex, q.from, rule)
		q.note(serving, "refused: "+rule)
		return q.refuse(dns.RcodeRefused, dns.ExtendedErrorCodeProhibited, "no transfers to this address and key")
	}
	if !q.messages(ctx) && !incremental {
		return refuse(dns.RcodeRefused, dns.ExtendedErrorCodeNotSupported, "transfers go over TCP or TLS")
	}
	if !v.Whole() { // a secondary would serve it as it is
		return refuse(dns.RcodeServerFailure, dns.ExtendedErrorCodeNotReady, "the zone is still being signed, and is transferred when all of it is")
	}
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
	result, answers := q.answers(ctx, serving, v, incremental)
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

// answers gives the messages of a transfer of more than the SOA, and what it is called:
// full or incremental.
func (q query) answers(ctx context.Context, serving *engine.Serving, v *zone.Version, incremental bool) (result string, answers iter.Seq[sender]) {
	var chain []zone.Diff
	if result = "full"; incremental {
		defer transferPace.begin().end()
		serial, _ := knownSerial(q.req)
		if chain = q.zone.Differences(serving, q.from.addr.Addr(), q.from.key, serial); len(chain) > 0 {
			result = "incremental"
		}
	}
	p, packs := q.packs(ctx)
	switch {
	case packs && len(chain) > 0:
		return result, p.each(xfr.PackedDiffs(p.asked, transferMessage, chain...))
	case packs:
		return result, p.each(xfr.Packed(v, p.asked, transferMessage))
	case len(chain) > 0:
		return result, q.each(xfr.IXFR(maxTransferMessage, chain...))
	}
	return result, q.each(xfr.AXFR(v, maxTransferMessage))
}

// sender writes one message of a transfer, and gives how many octets it was, about.
type sender func(first bool) (octets int, err error)

func (q query) each(answers iter.Seq[[]dns.RR]) iter.Seq[sender] {
	return func(yield func(sender) bool) {
		for rrs := range answers {
			if !yield(func(first bool) (int, error) { return maxTransferMessage, q.send(rrs, first) }) {
				return
			}
		}
	}
}

// note has the status tell of the transfer of a secondary, or of a signer that is supplied.
func (q query) note(serving *engine.Serving, result string) {
	var serial uint32
	v, unsigned := contentFor(q.zone.Config(), serving, q.from)
	if serving != nil && !unsigned {
		v = serving.Version
	}
	if v != nil {
		serial = v.Serial()
	}
	q.zone.Transferred(q.from.addr, q.from.key, serial, result)
}

// A transfer that is slower than this is ended: each message must be taken within
// unread, and all of them within transferGrace and a second for every transferRate octets:
// our choice.
const (
	transferGrace = time.Minute
	transferRate  = 30_000
)

var errSlow = errors.New("the client took it too slowly")

// stretch sends one message after another.
func (q query) stretch(answers iter.Seq[sender]) error {
	begun, total := time.Now(), 0
	work := transferPace.begin()
	defer func() { work.end() }()
	for send := range answers {
		octets, err := send(total == 0)
		if err != nil {
			return err
		}
		total += octets
		if time.Since(begun) > transferGrace+time.Duration(total)*time.Second/transferRate {
			q.cutOff()
			return errSlow
		}
		work.end()
		work = transferPace.begin()
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
	if first {
		options = q.transferOptions()
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
	if err != nil || h.zones[apex] == nil && h.catalogs.member(apex) == nil {
		return nil, transfer.ErrNotAuthoritative
	}
	z := h.find(apex)
	if z == nil {
		return nil, fmt.Errorf("zone %s is being loaded", name)
	}
	serving := z.Serving()
	if serving == nil || serving.Version == nil || serving.Refuse != "" && !serving.Feeds {
		return nil, fmt.Errorf("zone %s is not served now", name)
	}
	v := serving.Version
	if !v.Whole() {
		return nil, fmt.Errorf("zone %s is still being signed, and is transferred when all of it is", name)
	}
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
