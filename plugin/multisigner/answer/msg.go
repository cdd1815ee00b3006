package answer

import (
	"bytes"
	"encoding/binary"

	"github.com/miekg/dns"

	"github.com/multisigner/multisigner/plugin/multisigner/zone"
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
	if !r.faithful() || m.Unpack(r.wire) != nil {
		if m = carried(r.wire); m == nil {
			return nil
		}
	}
	m.Compress = true
	return m
}

// faithful reports whether the library is known to write all of the response as it
// reads it.
func (r *Response) faithful() bool {
	for _, items := range [...][]Item{r.Answer, r.Authority, r.Additional} {
		for i := range items {
			if !zone.Faithful(items[i].Set.Type) {
				return false
			}
		}
	}
	return true
}

// carried reads a message record by record, so that each goes out with the octets that
// it has, whatever the library makes of its type.
func carried(wire []byte) *dns.Msg {
	head := bytes.Clone(wire)
	for i := 6; i < headerSize; i++ { // as if there were only the question
		head[i] = 0
	}
	m := new(dns.Msg)
	_, at, err := dns.UnpackDomainName(wire, headerSize)
	if err != nil || m.Unpack(head[:at+4]) != nil {
		return nil
	}
	at += 4
	for i, section := range [...]*[]dns.RR{&m.Answer, &m.Ns, &m.Extra} {
		for range binary.BigEndian.Uint16(wire[6+2*i:]) {
			var rr dns.RR
			if rr, at, err = carry(wire, at); err != nil {
				return nil
			}
			*section = append(*section, rr)
		}
	}
	return m
}

func carry(wire []byte, at int) (dns.RR, int, error) {
	owner, body, err := dns.UnpackDomainName(wire, at)
	if err != nil {
		return nil, 0, err
	}
	t, ttl := zone.Type(binary.BigEndian.Uint16(wire[body:])), binary.BigEndian.Uint32(wire[body+4:])
	end := body + 10 + int(binary.BigEndian.Uint16(wire[body+8:]))
	if _, names := compressible(t); names > 0 {
		return dns.UnpackRR(wire, at)
	}
	return zone.RR(owner, t, ttl, wire[body+10:end]), end, nil
}
