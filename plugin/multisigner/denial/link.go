package denial

import (
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// flagOptOut says that delegations without DS may lie in the interval (RFC 5155 3.1.2.1).
const flagOptOut = 1

// nsec3Fixed is what precedes the next hashed owner in NSEC3 rdata without salt:
// algorithm, flags, iterations, and the lengths of salt and hash (RFC 5155 3.2).
const nsec3Fixed = 6

// links reports whether n has a record in the chain; n may be nil.
//
// Under opt-out RFC 5155 7.1 lets those empty non-terminals go too that lead to
// nothing but delegations without DS. We keep them: where a wildcard stands
// beside one, no proof could be found that a name below it does not exist, and
// validators differ on what is then bogus.
func (m Mode) links(n *zone.Node) bool {
	switch {
	case n == nil || n.Occluded():
		return false
	case m == NSEC:
		return n.Types() > 1 || n.Types() == 1 && !n.Has(zone.TypeNSEC)
	case m == NSEC3OptOut && n.IsCut():
		return n.Has(zone.TypeDS)
	}
	return true
}

// appendTypes appends the type bitmap of n (RFC 4034 4.1.2). At a cut it shows
// only what is the parent's. What NSEC adds, itself and its signature, is in an
// NSEC bitmap; in an NSEC3 bitmap RRSIG stands for other signatures (RFC 5155 7.1).
func (m Mode) appendTypes(dst []byte, n *zone.Node) []byte {
	var room [32]zone.Type
	types := room[:0]
	cut, signed := n.IsCut(), m == NSEC
	for s := range n.All() {
		switch s.Type {
		case zone.TypeRRSIG, zone.TypeNSEC, zone.TypeNSEC3:
			continue
		}
		if cut && s.Type != zone.TypeNS && s.Type != zone.TypeDS {
			continue
		}
		signed = signed || !cut || s.Type == zone.TypeDS
		types = append(types, s.Type)
	}
	if signed {
		types = insert(types, zone.TypeRRSIG)
	}
	if m == NSEC {
		types = insert(types, zone.TypeNSEC)
	}
	return appendBitmap(dst, types)
}

func insert(types []zone.Type, t zone.Type) []zone.Type {
	types = append(types, t)
	for i := len(types) - 1; i > 0 && types[i-1] > t; i-- {
		types[i], types[i-1] = types[i-1], t
	}
	return types
}

// appendBitmap writes ascending types as windows of a number, a length and bits.
func appendBitmap(dst []byte, types []zone.Type) []byte {
	for len(types) > 0 {
		window := byte(types[0] >> 8)
		var bits [32]byte
		size := 0
		for len(types) > 0 && byte(types[0]>>8) == window {
			low := byte(types[0])
			bits[low/8] |= 0x80 >> (low % 8)
			size = int(low/8) + 1
			types = types[1:]
		}
		dst = append(dst, window, byte(size))
		dst = append(dst, bits[:size]...)
	}
	return dst
}

// nsec makes the NSEC RRset of n.
func nsec(n *zone.Node, next zone.Name, ttl uint32) zone.RRset {
	var room [512]byte
	rdata := append(room[:0], next...)
	rdata = NSEC.appendTypes(rdata, n)
	return zone.RRset{Name: n.Name(), Type: zone.TypeNSEC, TTL: ttl, Rdata: zone.Pack(string(rdata))}
}

// nsec3 makes an NSEC3 RRset for what hashes to owner; next is a hash.
func nsec3(owner zone.Name, next, bitmap []byte, m Mode, ttl uint32) zone.RRset {
	var room [512]byte
	rdata := append(appendNSEC3(room[:0], next, m), bitmap...)
	return zone.RRset{Name: owner, Type: zone.TypeNSEC3, TTL: ttl, Rdata: zone.Pack(string(rdata))}
}

// appendNSEC3 appends the rdata of an NSEC3 record as far as the type bitmap.
func appendNSEC3(dst, next []byte, m Mode) []byte {
	return append(append(dst, 1, m.flags(), 0, 0, 0, hashSize), next...)
}
