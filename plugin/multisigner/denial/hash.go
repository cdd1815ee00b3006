package denial

import (
	"crypto/sha1"
	"encoding/base32"
	"unsafe"

	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// hashSize is that of SHA-1, the only hash there is (RFC 5155 11).
const hashSize = sha1.Size

// labelSize is a hash in base 32, with its length octet.
const labelSize = 1 + hashSize*8/5

// base32hex is RFC 4648's, in lower case as all our names are.
var base32hex = base32.NewEncoding("0123456789abcdefghijklmnopqrstuv").WithPadding(base32.NoPadding)

// HashName is the NSEC3 hash of n without iterations or salt (RFC 5155 5).
func HashName(n zone.Name) []byte {
	h := hash(n)
	return h[:]
}

func hash(n zone.Name) [hashSize]byte {
	var wire [zone.MaxName]byte
	return sha1.Sum(wire[:copy(wire[:], n)])
}

// HashedName is the owner that n's NSEC3 record has in the zone apex, which must
// leave room for it: see Update.
func HashedName(n, apex zone.Name) zone.Name {
	var room [labelSize + zone.MaxName]byte
	return zone.Name(appendHashed(room[:0], n, apex))
}

func appendHashed(dst []byte, n, apex zone.Name) []byte {
	return appendOwner(dst, hash(n), apex)
}

// appendOwner appends the owner of the record for a hash.
func appendOwner(dst []byte, h [hashSize]byte, apex zone.Name) []byte {
	dst = append(dst, labelSize-1)
	dst = base32hex.AppendEncode(dst, h[:])
	return append(dst, apex...)
}

// unhash reads the hash out of an owner that HashedName made.
func unhash(owner zone.Name) []byte {
	h, err := base32hex.DecodeString(owner.Label())
	if err != nil || len(h) != hashSize {
		panic("denial: " + owner.String() + " owns an NSEC3 record and is no hash")
	}
	return h
}

// matching gives the NSEC3 RRset of n.
func matching(v *zone.Version, n zone.Name) (zone.RRset, bool) {
	s, exact := nearest(v, n)
	return s, exact
}

// nearest gives the NSEC3 RRset that matches n, or else the one that covers it.
// It does not exist in a version without NSEC3 records.
func nearest(v *zone.Version, n zone.Name) (s zone.RRset, exact bool) {
	var room [labelSize + zone.MaxName]byte
	owner := appendHashed(room[:0], n, v.Apex())
	// The lookup only compares this name, so that it need not outlive the call.
	at, exact := v.FindHashed(zone.Name(unsafe.String(&owner[0], len(owner))))
	if at == nil {
		return zone.RRset{}, false
	}
	s, _ = at.Get(zone.TypeNSEC3)
	return s, exact
}
