package zone

import (
	"encoding/binary"
	"hash"
	"iter"
	"slices"
)

// Digest writes to h what a ZONEMD record of scheme SIMPLE is made over (RFC 8976
// 3.3.2), and gives the sum: every record once, in canonical form and order, but for
// the ZONEMD RRset at the apex and the signatures over it.
func (v *Version) Digest(h hash.Hash) []byte {
	var buf []byte
	for owner, sets := range v.owners() {
		apex := owner == v.apex
		sigs := signed(sets, apex)
		written := false
		for _, s := range sets {
			if !written && s.Type >= TypeRRSIG {
				buf, written = appendSigs(buf, owner, sigs), true
			}
			if s.Type == TypeRRSIG || apex && s.Type == TypeZONEMD {
				continue
			}
			for rdata := range s.Rdata.All() {
				buf = appendRR(buf, owner, s.Type, s.TTL, rdata)
			}
		}
		if !written {
			buf = appendSigs(buf, owner, sigs)
		}
		h.Write(buf)
		buf = buf[:0]
	}
	return h.Sum(nil)
}

// owners yields each name in canonical order with its RRsets, ascending by type. Those of
// NSEC3 are among them.
func (v *Version) owners() iter.Seq2[Name, []RRset] {
	return func(yield func(Name, []RRset) bool) {
		next, stop := iter.Pull(v.Hashed())
		defer stop()
		hashed, more := next()
		for n := range v.All() {
			name := n.Name()
			for ; more && hashed.Name().Compare(name) < 0; hashed, more = next() {
				if !yield(hashed.Name(), slices.Collect(hashed.All())) {
					return
				}
			}
			sets := slices.Collect(n.All())
			if more && hashed.Name() == name {
				sets = append(sets, slices.Collect(hashed.All())...)
				slices.SortStableFunc(sets, func(a, b RRset) int { return int(a.Type) - int(b.Type) })
				hashed, more = next()
			}
			if !yield(name, sets) {
				return
			}
		}
		for ; more; hashed, more = next() {
			if !yield(hashed.Name(), slices.Collect(hashed.All())) {
				return
			}
		}
	}
}

// digested is a signature with the TTL of what it covers.
type digested struct {
	ttl   uint32
	rdata string
}

// signed gives the signatures among an owner's RRsets in canonical order.
func signed(sets []RRset, apex bool) []digested {
	var sigs []digested
	add := func(s RRset, all Packed) {
		for sig := range all.All() {
			if !apex || RRSIG(sig).Covered() != TypeZONEMD {
				sigs = append(sigs, digested{s.TTL, sig})
			}
		}
	}
	for _, s := range sets {
		if s.Type == TypeRRSIG {
			add(s, s.Rdata)
		}
		add(s, s.Sigs)
	}
	slices.SortFunc(sigs, func(a, b digested) int {
		if a.rdata < b.rdata {
			return -1
		}
		return 1
	})
	return sigs
}

func appendSigs(buf []byte, owner Name, sigs []digested) []byte {
	for _, s := range sigs {
		buf = appendRR(buf, owner, TypeRRSIG, s.ttl, s.rdata)
	}
	return buf
}

// appendRR appends a record of class IN in wire form.
func appendRR(buf []byte, owner Name, t Type, ttl uint32, rdata string) []byte {
	buf = append(buf, owner...)
	buf = binary.BigEndian.AppendUint16(buf, uint16(t))
	buf = append(buf, 0, 1)
	buf = binary.BigEndian.AppendUint32(buf, ttl)
	buf = binary.BigEndian.AppendUint16(buf, uint16(len(rdata)))
	return append(buf, rdata...)
}
