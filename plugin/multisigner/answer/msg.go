package answer

import (
	"github.com/miekg/dns"
)

// optSize is what an OPT without options takes (RFC 6891 6.1.2).
const optSize = 11

// Msg makes the reply to req, which asks the question that was planned. On the
// wire it takes at most size octets, with room for a plain OPT when req has one:
// who adds options to that takes their octets off size. Over TCP size does not
// count. It is made of the wire form, so both renderers say the same, and whoever
// packs it again, compressed, arrives at no more octets.
func (r *Response) Msg(req *dns.Msg, size int, tcp bool) *dns.Msg {
	request := Request{ID: req.Id, RD: req.RecursionDesired, Limit: size}
	if tcp {
		request.Limit = maxMessage
	}
	if req.IsEdns0() != nil {
		request.Reserve = optSize
	}
	if len(req.Question) > 0 {
		request.Class = req.Question[0].Qclass
		if end, err := dns.PackDomainName(req.Question[0].Name, r.asked[:], 0, nil, false); err == nil {
			request.Name = r.asked[:end]
		}
	}
	r.wire = r.AppendWire(r.wire[:0], &request)
	m := new(dns.Msg)
	if err := m.Unpack(r.wire); err != nil {
		return new(dns.Msg).SetRcode(req, dns.RcodeServerFailure)
	}
	m.Compress = true
	return m
}
