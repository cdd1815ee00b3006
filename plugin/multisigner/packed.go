package multisigner

import (
	"context"
	"encoding/binary"
	"iter"
	"time"

	"github.com/coredns/coredns/core/dnsserver"
	"github.com/miekg/dns"

	"github.com/multisigner/multisigner/plugin/multisigner/ask"
	"github.com/multisigner/multisigner/plugin/multisigner/xfr"
)

// A transfer of a large zone has thousands of messages. They are packed from what the zone
// has, with their names compressed, and signed here, where nothing on the way to the client
// wants to see a dns.Msg: to make one of each and pack it again took most of the time.

// transferMessage is how many octets a message has, without OPT and TSIG: all that stands in
// it can be pointed to by a compressed name (RFC 1035 4.1.4). Larger ones save no more
// than headers, and cannot refer to half of what they have.
const transferMessage = 16_000

// requestTSIG is where a transfer's context has the TSIG of the request, nil without one: the
// tsig plugin takes it off the message.
type requestTSIG struct{}

// packing sends the messages of one transfer.
type packing struct {
	query
	way    octetWay
	asked  xfr.Asked
	stream *ask.Stream // nil: the request is not signed
}

// packs says how packed messages are sent; ok is false when they cannot be.
func (q query) packs(ctx context.Context) (p *packing, ok bool) {
	p = &packing{query: q}
	if p.way, ok = octets(q.w, q.from.key != ""); !ok {
		return nil, false
	}
	question := q.req.Question[0]
	name := make([]byte, 256)
	end, err := dns.PackDomainName(question.Name, name, 0, nil, false)
	if err != nil {
		return nil, false
	}
	p.asked = xfr.Asked{ID: q.req.Id, RD: q.req.RecursionDesired, Name: name[:end], Incremental: question.Qtype == dns.TypeIXFR}
	if q.from.key == "" {
		return p, true
	}
	request, _ := ctx.Value(requestTSIG{}).(*dns.TSIG)
	server, _ := ctx.Value(dnsserver.Key{}).(*dnsserver.Server)
	if request == nil || server == nil || server.TsigSecret[q.from.key] == "" {
		return nil, false
	}
	key := &ask.TSIG{Name: q.from.key, Algorithm: request.Algorithm, Secret: server.TsigSecret[q.from.key]}
	p.stream, err = key.Stream(request)
	return p, err == nil
}

func (p *packing) each(messages iter.Seq[[]byte]) iter.Seq[sender] {
	return func(yield func(sender) bool) {
		for wire := range messages {
			if !yield(func(first bool) (int, error) { return p.send(wire, first) }) {
				return
			}
		}
	}
}

// send writes a message, with our OPT if the request had one, in every message (RFC 5936
// 2.2.5), and a TSIG if it was signed.
func (p *packing) send(wire []byte, first bool) (octets int, err error) {
	with := new(dns.Msg)
	var options []dns.EDNS0
	if first {
		options = p.transferOptions()
	}
	withOPT(p.req, with, options...)
	for _, rr := range with.Extra {
		record := make([]byte, dns.Len(rr))
		end, err := dns.PackRR(rr, record, 0, nil, false)
		if err != nil {
			return 0, err
		}
		wire = append(wire, record[:end]...)
		binary.BigEndian.PutUint16(wire[10:], binary.BigEndian.Uint16(wire[10:])+1)
	}
	if p.stream != nil {
		wire = p.stream.Sign(wire, time.Now())
	}
	late := time.AfterFunc(unread(), p.cutOff)
	defer late.Stop()
	return len(wire), p.written(p.way.write(wire, dns.RcodeSuccess))
}
