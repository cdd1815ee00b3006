package validate

import (
	"crypto/sha512"
	"encoding/binary"
	"fmt"
	"hash"

	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// Digest is what the ZONEMD records of a zone say of it.
type Digest uint8

// The verdicts.
const (
	NoDigest   Digest = iota // there is no ZONEMD
	Unreadable               // none has a scheme and an algorithm that we know
	Matches                  // one is right
)

// ZONEMD holds a whole zone against the ZONEMD records at its apex (RFC 8976 4). One
// that is right is enough. An error says why none is, although one could be verified.
// Who made the records is not looked at: that is for DNSSEC.
func ZONEMD(v *zone.Version) (Digest, error) {
	set, ok := v.RRset(v.Apex(), zone.TypeZONEMD)
	if !ok || !set.Exists() {
		return NoDigest, nil
	}
	var wrong error
	seen := map[[2]byte]int{}
	for rdata := range set.Rdata.All() {
		if len(rdata) >= 6 {
			seen[[2]byte{rdata[4], rdata[5]}]++
		}
	}
	for rdata := range set.Rdata.All() {
		if len(rdata) < 6 {
			wrong = fmt.Errorf("a ZONEMD of %d octets, which is too short", len(rdata))
			continue
		}
		serial, scheme, algorithm, digest := binary.BigEndian.Uint32([]byte(rdata)), rdata[4], rdata[5], rdata[6:]
		h := digestOf(scheme, algorithm)
		switch {
		case h == nil:
		case seen[[2]byte{scheme, algorithm}] > 1:
			wrong = fmt.Errorf("several ZONEMD records of scheme %d and algorithm %d, of which none counts (RFC 8976 2.2)", scheme, algorithm)
		case serial != v.Serial():
			wrong = fmt.Errorf("the ZONEMD is of serial %d, the zone of %d", serial, v.Serial())
		case len(digest) != h.Size():
			wrong = fmt.Errorf("the ZONEMD's digest has %d octets, not %d", len(digest), h.Size())
		case string(v.Digest(h)) != digest:
			wrong = fmt.Errorf("the zone does not match its ZONEMD of algorithm %d", algorithm)
		default:
			return Matches, nil
		}
	}
	if wrong != nil {
		return Unreadable, wrong
	}
	return Unreadable, nil
}

// digestOf is the hash of a ZONEMD of scheme SIMPLE; nil of what we do not know.
func digestOf(scheme, algorithm byte) hash.Hash {
	switch {
	case scheme == 1 && algorithm == 1:
		return sha512.New384()
	case scheme == 1 && algorithm == 2:
		return sha512.New()
	}
	return nil
}
