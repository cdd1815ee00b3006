package engine

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/multisigner/multisigner/plugin/multisigner/roll"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// known translates between DNSKEY records and the ids by which roll knows them,
// and finds the key that a DS or CDS record speaks of. It only ever learns.
type known struct {
	apex zone.Name
	keys []knownKey // few, even after years
	// digests are of all keys; nil: not made yet. They are as long as the keys, and most zones
	// need none while nothing is rolled.
	digests map[zone.DS]roll.KeyID
}

type knownKey struct {
	id     roll.KeyID
	record zone.DNSKEY
}

func newKnown(apex zone.Name) *known { return &known{apex: apex} }

// digestTypes are those by which a parent or a peer may speak of a key: SHA-1,
// SHA-256, SHA-384 (RFC 8624 3.3). We ourselves write SHA-256 only.
var digestTypes = []uint8{1, 2, 4}

// ourDigest is SHA-256: with one type at every signer a validator that takes the
// strongest type of the whole DS RRset finds an entry key of each (PROTOCOL I11).
const ourDigest = 2

// keyID is the id of a DNSKEY record. A revoked key is the same key: the REVOKE
// bit, which changes the tag, is left out (RFC 5011 3).
func keyID(k zone.DNSKEY) roll.KeyID {
	flags := k.Flags() &^ 0x0080
	plain := zone.NewDNSKEY(flags, k.Algorithm(), []byte(k.PublicKey()))
	sum := sha256.Sum256([]byte(plain))
	return roll.KeyID{Algorithm: k.Algorithm(), Tag: plain.Tag(), Sum: binary.BigEndian.Uint64(sum[:])}
}

// learn remembers k and gives its id.
func (n *known) learn(k zone.DNSKEY) roll.KeyID {
	id := keyID(k)
	if _, ok := n.record(id); !ok {
		n.keys = append(n.keys, knownKey{id, k})
		n.digests = nil
	}
	return id
}

// record is that of a key.
func (n *known) record(id roll.KeyID) (k zone.DNSKEY, ok bool) {
	for i := range n.keys {
		if n.keys[i].id == id {
			return n.keys[i].record, true
		}
	}
	return "", false
}

// of is the key that a DS or CDS record speaks of.
func (n *known) of(ds zone.DS) (id roll.KeyID, ok bool) {
	if n.digests == nil {
		n.digests = make(map[zone.DS]roll.KeyID, len(digestTypes)*len(n.keys))
		for _, k := range n.keys {
			for _, digest := range digestTypes {
				if ds, err := k.record.DS(n.apex, digest); err == nil {
					n.digests[ds] = k.id
				}
			}
		}
	}
	id, ok = n.digests[ds]
	return id, ok
}

// rest lets go what can be made again.
func (n *known) rest() { n.digests = nil }

// learnAll does so for each record of a DNSKEY or CDNSKEY RRset. A revoked key is as
// good as gone, and its record must not stand for the plain one (RFC 5011 2.1).
func (n *known) learnAll(p zone.Packed) []roll.KeyID {
	var ids []roll.KeyID
	for rdata := range p.All() {
		if rdata == cdnskeyDelete || zone.DNSKEY(rdata).Revoked() {
			continue
		}
		ids = append(ids, n.learn(zone.DNSKEY(rdata)))
	}
	return sortIDs(ids)
}

// find gives the keys that the records of a DS or CDS RRset speak of, each once,
// and how many records match no key that is known.
func (n *known) find(p zone.Packed) (ids []roll.KeyID, unknown int) {
	for rdata := range p.All() {
		if rdata == cdsDelete {
			continue
		}
		if id, ok := n.of(zone.DS(rdata)); ok {
			ids = append(ids, id)
		} else {
			unknown++
		}
	}
	return sortIDs(ids), unknown
}

// uneven gives the keys of a DS or CDS RRset without a record of a digest type that
// another key has one of. Validators go by the strongest type of the whole RRset
// (PROTOCOL I11), so that they do not find these. SHA-1 is asked of nobody: beside a
// stronger type it is ignored (RFC 4509 3).
func (n *known) uneven(p zone.Packed) (ids []roll.KeyID) {
	const all, sha1, ours = 1<<1 | 1<<2 | 1<<4, 1 << 1, 1 << ourDigest // as digestTypes
	types := uint8(0)
	for rdata := range p.All() {
		if t := zone.DS(rdata).DigestType(); t < 8 {
			types |= 1 << t & all
		}
	}
	if types == ours || types == 0 {
		return nil
	}
	has := map[roll.KeyID]uint8{}
	for rdata := range p.All() {
		if id, ok := n.of(zone.DS(rdata)); ok {
			has[id] |= 1 << zone.DS(rdata).DigestType()
		}
	}
	for id, of := range has {
		if types&^sha1&^of != 0 {
			ids = append(ids, id)
		}
	}
	return sortIDs(ids)
}

// The forms that ask a parent to remove the DS RRset (RFC 8078 4).
const (
	cdsDelete     = "\x00\x00\x00\x00\x00"
	cdnskeyDelete = "\x00\x00\x03\x00\x00"
)

// dnskeys packs the records of ids. An id without a record is an error: a set
// that lacks a key which the rules want in it must not be published.
func (n *known) dnskeys(ids []roll.KeyID) (zone.Packed, error) {
	rdata := make([]string, 0, len(ids))
	for _, id := range ids {
		k, ok := n.record(id)
		if !ok {
			return "", fmt.Errorf("the record of key %d is not known", id.Tag)
		}
		rdata = append(rdata, string(k))
	}
	return zone.Pack(rdata...), nil
}

// cds packs the CDS records of ids.
func (n *known) cds(ids []roll.KeyID) (zone.Packed, error) {
	rdata := make([]string, 0, len(ids))
	for _, id := range ids {
		k, _ := n.record(id)
		ds, err := k.DS(n.apex, ourDigest)
		if err != nil {
			return "", fmt.Errorf("make CDS of key %d: %w", id.Tag, err)
		}
		rdata = append(rdata, string(ds))
	}
	return zone.Pack(rdata...), nil
}

// toSave gives the records of the keys that plan speaks of.
func (n *known) toSave(plan roll.Plan) [][]byte {
	ids := slices.Concat(plan.DNSKEY, plan.CDS, plan.DS, plan.SignDNSKEY, plan.SignCDS, plan.SignData)
	for _, k := range plan.Keys {
		ids = append(ids, k.ID)
	}
	var records [][]byte
	for _, id := range sortIDs(ids) {
		if k, ok := n.record(id); ok {
			records = append(records, []byte(k))
		}
	}
	return records
}

// sortIDs orders ids and drops duplicates: equal sets are equal slices.
func sortIDs(ids []roll.KeyID) []roll.KeyID {
	slices.SortFunc(ids, compareIDs)
	return slices.Compact(ids)
}

func compareIDs(a, b roll.KeyID) int {
	return cmp.Or(cmp.Compare(a.Algorithm, b.Algorithm), cmp.Compare(a.Tag, b.Tag), cmp.Compare(a.Sum, b.Sum))
}
