package answer

import (
	"encoding/binary"

	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// Request is what the wire renderer repeats of a query, and keeps to for its sake.
type Request struct {
	ID      uint16
	RD      bool   // repeated (RFC 1035 4.1.1); CD and AD are not: they are not for us (RFC 4035 3.1.6)
	Name    []byte // the question's name as it came, uncompressed; nil or another name: as it was planned
	Class   uint16 // of the question; 0 stands for IN
	Limit   int    // octets that the whole message may take, at most 65,535; 0 stands for 512 (RFC 1035 4.2.1)
	Reserve int    // octets of them to leave for what the caller adds: TSIG, or an OPT of its own
	Payload uint16 // what our OPT says that we take over UDP; 0: without an OPT, as the query was (RFC 6891 6.1.1)
	Version bool   // our OPT says which version of the zone the answer is from (RFC 9660)
}

const (
	minMessage = 512       // what everybody takes over UDP (RFC 1035 4.2.1)
	maxMessage = 1<<16 - 1 // what a message over TCP can be (RFC 1035 4.2.2)
)

const (
	headerSize = 12
	classIN    = 1

	flagQR = 1 << 15
	flagAA = 1 << 10
	flagTC = 1 << 9
	flagRD = 1 << 8

	optSize     = 11 // what an OPT without options takes (RFC 6891 6.1.2)
	versionSize = 10 // and the option ZONEVERSION in it
	optDO       = 1 << 15
)

// AppendWire appends the packed response to dst. It allocates nothing when dst
// has room for Limit and a name more. Left out, in this order, is what does not
// fit: optional addresses, those of siblings, required ones, and then all; only
// for the last two TC is set (RFC 2181 9, RFC 9471 3.1). Whoever adds records
// adds them to ARCOUNT too, in octets 10 and 11 of the message. Header, question
// and the OPT that Payload asks for are always there, however small Limit is.
func (r *Response) AppendWire(dst []byte, req *Request) []byte {
	m := message{names: &r.names, base: len(dst), limit: min(req.Limit, maxMessage) - req.Reserve}
	if req.Limit == 0 {
		m.limit = minMessage - req.Reserve
	}
	if req.Payload > 0 {
		m.limit -= optSize
		if req.Version {
			m.limit -= versionSize
		}
	}
	m.names.forget()
	m.octets = append(dst, make([]byte, headerSize)...)
	m.question(req, r.question)
	m.sections(r)
	if req.Payload > 0 {
		m.opt(req.Payload, r.question.DO)
		if req.Version {
			m.version(r.version)
		}
	}
	m.header(req, r)
	return m.octets
}

// message is a response while it is written.
type message struct {
	octets    []byte
	base      int // where in octets it begins
	limit     int // octets it may take
	counts    [3]uint16
	truncated bool
	names     *compression
}

func (m *message) size() int { return len(m.octets) - m.base }

// question writes the name as it was asked. What is remembered of it is the name
// in lower case: that is what owners are compared with.
func (m *message) question(req *Request, q Question) {
	m.names.learn(q.Name, m.size())
	if sameName(req.Name, q.Name) {
		m.names.capitals = string(req.Name) != string(q.Name)
		m.octets = append(m.octets, req.Name...)
	} else {
		m.octets = append(m.octets, q.Name...)
	}
	class := req.Class
	if class == 0 {
		class = classIN
	}
	m.octets = binary.BigEndian.AppendUint16(m.octets, uint16(q.Type))
	m.octets = binary.BigEndian.AppendUint16(m.octets, class)
}

// sameName reports whether asked is n, whatever the case of its letters (RFC 4343 3).
func sameName(asked []byte, n zone.Name) bool {
	if len(asked) != len(n) {
		return false
	}
	for i, c := range asked {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != n[i] {
			return false
		}
	}
	return true
}

// sections writes what fits.
func (m *message) sections(r *Response) {
	start := len(m.octets)
	if !m.section(0, r.Answer) || !m.section(1, r.Authority) {
		m.octets, m.counts, m.truncated = m.octets[:start], [3]uint16{}, true
		return
	}
	for g := Required; g <= Optional && len(r.Additional) > 0; g++ {
		for i := range r.Additional {
			if item := &r.Additional[i]; item.Glue == g && !m.optional(2, item) && g == Required {
				m.truncated = true
			}
		}
	}
}

// section writes items; false when one does not fit.
func (m *message) section(number int, items []Item) bool {
	for i := range items {
		if !m.item(number, &items[i]) {
			return false
		}
	}
	return true
}

// optional writes an item or, when it does not fit, nothing.
func (m *message) optional(number int, item *Item) bool {
	size, count, names := len(m.octets), m.counts[number], m.names.count
	if m.item(number, item) {
		return true
	}
	m.octets, m.counts[number], m.names.count = m.octets[:size], count, names
	return false
}

// opt writes our OPT: no options, version 0, and DO as it came (RFC 3225 3).
func (m *message) opt(payload uint16, do bool) {
	flags := 0
	if do {
		flags = optDO
	}
	m.octets = append(m.octets, 0, 0, byte(typeOPT), byte(payload>>8), byte(payload), 0, 0, byte(flags>>8), 0, 0, 0)
	m.counts[2]++
}

// OptionVersion is the code of the option ZONEVERSION (RFC 9660 2).
const OptionVersion = 19

// version adds to our OPT, which is the last that was written, the option ZONEVERSION: the
// labels of the zone's name, the type SOA-SERIAL, and the serial (RFC 9660 2.1).
func (m *message) version(v *zone.Version) {
	length := len(m.octets) - 2
	m.octets = append(m.octets, 0, OptionVersion, 0, 6, byte(v.Apex().Labels()), 0)
	m.octets = binary.BigEndian.AppendUint32(m.octets, v.Serial())
	binary.BigEndian.PutUint16(m.octets[length:], versionSize)
}

// header writes the first twelve octets (RFC 1035 4.1.1).
func (m *message) header(req *Request, r *Response) {
	flags := uint16(flagQR | r.Rcode)
	if r.Authoritative {
		flags |= flagAA
	}
	if m.truncated {
		flags |= flagTC
	}
	if req.RD {
		flags |= flagRD
	}
	h := m.octets[m.base : m.base+headerSize]
	for i, v := range [...]uint16{req.ID, flags, 1, m.counts[0], m.counts[1], m.counts[2]} {
		binary.BigEndian.PutUint16(h[2*i:], v)
	}
}
