package fastpath

import (
	"unsafe"

	"github.com/coredns/coredns/plugin/metrics/vars"

	"github.com/multisigner/multisigner/plugin/multisigner/answer"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// MaxPayload is what we send at most, and say that we take: larger datagrams are
// fragmented, and fragments get lost or forged (DNS Flag Day 2020; RFC 9715 3).
const MaxPayload = 1232

const minPayload = 512 // what everybody takes (RFC 1035 4.2.1)

// answerer makes answers, one at a time, without garbage.
type answerer struct {
	response answer.Response
	lower    [zone.MaxName]byte
	stream   bool // it answers over connections, where a message may have any size
}

// sample is what is counted of an answer. Series is nil where nothing is.
type sample struct {
	series  *Series
	kind    uint16
	rcode   int
	do      bool
	ipv6    bool
	stream  bool
	in, out int // octets
}

// answer appends the answer to a packet to dst; ok is false when the packet is for
// CoreDNS.
func (a *answerer) answer(dst []byte, t *Table, packet []byte, s *sample) (wire []byte, ok bool) {
	defer func() {
		if broken := recover(); broken != nil {
			// It is one question about one zone. CoreDNS gets it and answers
			// SERVFAIL, should it panic as well; everybody else is answered on.
			vars.Panic.Inc()
			a.response = answer.Response{}
			wire, ok = dst, false
		}
	}()
	q, ok := parse(packet)
	if !ok || q.kind == typeAXFR || q.kind == typeIXFR {
		return dst, false
	}
	name := a.lowered(q.name)
	e, z := t.find(name, q.kind)
	if e == nil {
		return dst, false
	}
	v := z.Open()
	if v == nil {
		return dst, false
	}
	request := answer.Request{ID: q.id, RD: q.rd, Name: q.name, Limit: minPayload}
	if q.edns {
		request.Limit = min(max(q.size, minPayload), e.Payload)
		request.Payload, request.Version = MaxPayload, q.version
	}
	if a.stream {
		request.Limit = maxMessage
	}
	a.response.Plan(v, answer.Question{Name: name, Type: q.kind, DO: q.do})
	if a.response.Unsigned() == zone.Unmade {
		return dst, false // others wait behind it, and it takes as long as the key does
	}
	wire = a.response.AppendWire(dst, &request)
	*s = sample{series: e.Series, kind: uint16(q.kind), rcode: a.response.Rcode, do: q.do, stream: a.stream, in: len(packet), out: len(wire) - len(dst)}
	return wire, true
}

// rest lets go of the version that the last answer came from.
func (a *answerer) rest() { a.response.Reset() }

// lowered is the name in lower case. It holds until the next.
func (a *answerer) lowered(asked []byte) zone.Name {
	n := copy(a.lower[:], asked)
	for i, c := range a.lower[:n] {
		if 'A' <= c && c <= 'Z' { // a length octet is at most 63, below 'A'
			a.lower[i] = c + 'a' - 'A'
		}
	}
	return zone.Name(unsafe.String(&a.lower[0], n))
}
