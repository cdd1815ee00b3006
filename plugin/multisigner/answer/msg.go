package answer

import (
	"github.com/miekg/dns"
)

// lengthError bounds how much more than it packs a record counts in the lengths
// that the dns package estimates: it takes the padding of base64 for octets, and
// the letters of an NSEC3 hash.
const lengthError = 16

// Msg makes the reply to req, which asks the question that was planned. On the
// wire it takes at most size octets, 0 standing for 512, with room for a plain OPT
// when req has one: who adds more, options or a TSIG, takes their octets off size.
// Over TCP size does not count. It is made of the wire form, so both renderers say the same, and whoever
// packs it again, compressed, arrives at no more octets. It also fits by the dns
// package's estimate, which may be a few octets too many: else servers that go by
// that would cut it, and not where an RRset ends.
func (r *Response) Msg(req *dns.Msg, size int, tcp bool) *dns.Msg {
	request := r.request(req, size, tcp)
	if req.IsEdns0() != nil {
		request.Reserve = optSize
	}
	room := request.Limit - request.Reserve
	m := r.message(&request)
	for m != nil && len(r.wire)+lengthError*records(m) > room && m.Len() > room {
		request.Reserve += m.Len() - room
		m = r.message(&request)
	}
	if m == nil {
		return new(dns.Msg).SetRcode(req, dns.RcodeServerFailure)
	}
	return m
}

// AppendReply appends the packed reply to req, which asks the question that was
// planned, to dst: what Msg would make, and our OPT, with payload in it, when req
// has one.
func (r *Response) AppendReply(dst []byte, req *dns.Msg, size int, tcp bool, payload uint16) []byte {
	request := r.request(req, size, tcp)
	if req.IsEdns0() != nil {
		request.Payload = payload
	}
	return r.AppendWire(dst, &request)
}

// request is what to repeat of req.
func (r *Response) request(req *dns.Msg, size int, tcp bool) Request {
	request := Request{ID: req.Id, RD: req.RecursionDesired, Limit: size}
	switch {
	case tcp:
		request.Limit = maxMessage
	case size == 0:
		request.Limit = minMessage
	}
	if len(req.Question) > 0 {
		request.Class = req.Question[0].Qclass
		if end, err := dns.PackDomainName(req.Question[0].Name, r.asked[:], 0, nil, false); err == nil {
			request.Name = r.asked[:end]
		}
	}
	return request
}

func records(m *dns.Msg) int { return len(m.Answer) + len(m.Ns) + len(m.Extra) }

// message renders and reads what was rendered; nil when the zone has rdata that
// cannot be read.
func (r *Response) message(request *Request) *dns.Msg {
	r.wire = r.AppendWire(r.wire[:0], request)
	m := new(dns.Msg)
	if err := m.Unpack(r.wire); err != nil {
		return nil
	}
	m.Compress = true
	return m
}
