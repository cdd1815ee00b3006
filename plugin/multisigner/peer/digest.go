package peer

import (
	"crypto/sha256"
	"encoding/binary"

	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// Digest is of a zone's content without SOA, what DNSSEC adds, and the apex NS:
// signers whose digests are equal serve the same zone, whatever their serials.
type Digest [32]byte

// leftOut are the types that each signer makes for itself, or that signers manage
// together. 65534 is where BIND notes how far it has signed.
var leftOut = map[zone.Type]bool{
	zone.TypeSOA: true, zone.TypeRRSIG: true, zone.TypeNSEC: true, zone.TypeNSEC3: true, zone.TypeNSEC3PARAM: true,
	zone.TypeDNSKEY: true, zone.TypeCDS: true, zone.TypeCDNSKEY: true, zone.TypeCSYNC: true, zone.TypeZONEMD: true, 65534: true,
}

// Sum computes the digest of v's content: SHA-256 over its RRsets in canonical
// form and order (RFC 4034 6), TTLs included.
func Sum(v *zone.Version) Digest {
	h := sha256.New()
	var head []byte
	for n := range v.All() {
		for s := range n.All() {
			if leftOut[s.Type] || n.IsApex() && s.Type == zone.TypeNS {
				continue
			}
			for rdata := range s.Rdata.All() {
				head = append(head[:0], s.Name...)
				head = binary.BigEndian.AppendUint16(head, uint16(s.Type))
				head = binary.BigEndian.AppendUint32(head, s.TTL)
				head = binary.BigEndian.AppendUint16(head, uint16(len(rdata)))
				h.Write(append(head, rdata...))
			}
		}
	}
	return Digest(h.Sum(nil))
}
