package answer

import (
	"encoding/binary"

	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// item writes an RRset and its signatures; false when it does not fit.
func (m *message) item(number int, item *Item) bool {
	o := owner{item.Owner, string(item.Owner)}
	written, rdata := item.Set.Written()
	if item.Owner == item.Set.Name {
		o.written = written
	}
	if item.Data && !m.records(number, o, item.Set.Type, item.Set.TTL, item.Set.Rdata, rdata) {
		return false
	}
	return !item.Sigs || m.records(number, o, zone.TypeRRSIG, item.Set.TTL, item.Set.Sigs, item.Set.Sigs)
}

// owner is a name, and how it is written where no earlier place has it.
type owner struct {
	name    zone.Name
	written string
}

// records writes a list; written is list as it is to be read.
func (m *message) records(number int, o owner, t zone.Type, ttl uint32, list, written zone.Packed) bool {
	for list != "" {
		var rdata string
		rdata, list = first(list)
		as := string(written[2 : 2+len(rdata)])
		written = written[2+len(rdata):]
		if !m.record(o, t, ttl, rdata, as) {
			return false
		}
		m.counts[number]++
	}
	return true
}

// record writes one record; false when it does not fit.
func (m *message) record(o owner, t zone.Type, ttl uint32, rdata, written string) bool {
	m.octets = m.names.owner(m.octets, m.base, o.name, o.written)
	m.octets = append(m.octets,
		byte(t>>8), byte(t), 0, classIN,
		byte(ttl>>24), byte(ttl>>16), byte(ttl>>8), byte(ttl), 0, 0)
	start := len(m.octets)
	switch before, names := compressible(t); {
	case names > 0:
		m.rdata(rdata, written, before, names)
	case m.size()+len(rdata) > m.limit: // seen before the buffer grows
		return false
	default:
		if n, ok := nameAt(rdata, 0); ok && t == zone.TypeDNAME {
			m.names.note(n, written)
			m.names.learn(n, m.size()) // the CNAME made from it will point here
		}
		m.octets = append(m.octets, written...)
	}
	binary.BigEndian.PutUint16(m.octets[start-2:], uint16(len(m.octets)-start))
	return m.size() <= m.limit
}

// compressible says how many octets and then names the rdata of a type begins
// with. Only in the types of RFC 1035 may names be compressed (RFC 3597 4).
func compressible(t zone.Type) (before, names int) {
	switch t {
	case zone.TypeNS, zone.TypeCNAME, typePTR, typeMD, typeMF, typeMB, typeMG, typeMR:
		return 0, 1
	case zone.TypeSOA, typeMINFO:
		return 0, 2
	case zone.TypeMX:
		return 2, 1
	}
	return 0, 0
}

// The types of RFC 1035 3.3 that hold names and have no constant in package zone.
const (
	typeMD    zone.Type = 3
	typeMF    zone.Type = 4
	typeMB    zone.Type = 7
	typeMG    zone.Type = 8
	typeMR    zone.Type = 9
	typePTR   zone.Type = 12
	typeMINFO zone.Type = 14
)

// rdata writes rdata with names to compress; what does not look so goes as it is.
func (m *message) rdata(rdata, written string, before, names int) {
	at := min(before, len(rdata))
	m.octets = append(m.octets, rdata[:at]...)
	for ; names > 0; names-- {
		n, ok := nameAt(rdata, at)
		if !ok {
			break
		}
		m.octets = m.names.inside(m.octets, m.base, n, written[at:at+len(n)])
		at += len(n)
	}
	m.octets = append(m.octets, written[at:]...)
}
