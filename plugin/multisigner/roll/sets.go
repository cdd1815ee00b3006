package roll

import (
	"math/bits"
	"slices"
)

// keysAtMost is how many keys of all signers a state remembers: our choice. Sixty
// signers with four keys each need less.
const keysAtMost = 255

// keySet is a set of keys by their places in facts.Keys. It holds until a key is
// dropped, which is the last that a step does.
type keySet [(keysAtMost + 1) / 64]uint64

// allKeys has a place for every key there may be.
var allKeys = keySet{^uint64(0), ^uint64(0), ^uint64(0), ^uint64(0)}

func (s *keySet) add(k int)      { s[uint8(k)>>6] |= 1 << (k & 63) }
func (s *keySet) drop(k int)     { s[uint8(k)>>6] &^= 1 << (k & 63) }
func (s *keySet) has(k int) bool { return s[uint8(k)>>6]&(1<<(k&63)) != 0 }

func (s *keySet) meets(o *keySet) bool {
	for w := range s {
		if s[w]&o[w] != 0 {
			return true
		}
	}
	return false
}

func (s *keySet) join(o *keySet) {
	for w := range s {
		s[w] |= o[w]
	}
}

func (s *keySet) keep(o *keySet) {
	for w := range s {
		s[w] &= o[w]
	}
}

func (s *keySet) size() int {
	n := 0
	for w := range s {
		n += bits.OnesCount64(s[w])
	}
	return n
}

// places finds keys by their ids: an open hash table of one more than the place; 0 is free.
type places [512]uint8

// slot is where the search for a key begins: it has a hash in itself.
func (k KeyID) slot() uint { return uint(k.Sum) % uint(len(places{})) }

func (p *places) add(id KeyID, place int) {
	n := id.slot()
	for p[n] != 0 {
		n = (n + 1) % uint(len(p))
	}
	p[n] = uint8(place + 1)
}

// key returns the place of a key, or -1.
func (z *step) key(id KeyID) int {
	for n := id.slot(); z.places[n] != 0; n = (n + 1) % uint(len(z.places)) {
		if k := int(z.places[n]) - 1; z.f.Keys[k].ID == id {
			return k
		}
	}
	return -1
}

// setOf returns those of a list that are known.
func (z *step) setOf(ids []KeyID) (s keySet) {
	for i := range ids {
		if k := z.key(ids[i]); k >= 0 {
			s.add(k)
		}
	}
	return s
}

// ids returns the keys of a set, sorted.
func (z *step) ids(s *keySet) keyIDs {
	list := make(keyIDs, 0, s.size())
	for k := range z.f.Keys {
		if s.has(k) {
			list = append(list, z.f.Keys[k].ID)
		}
	}
	slices.SortFunc(list, KeyID.Compare)
	return list
}

// index finds the places of all keys anew.
func (z *step) index() {
	z.places = places{}
	for k := range z.f.Keys {
		z.places.add(z.f.Keys[k].ID, k)
	}
}

// sight is what one address was seen to have.
type sight struct {
	keys keySet // its DNSKEY RRset
	data keySet // what signs anything else
}

// sight of the nth address of signer i.
func (z *step) sight(i, n int) *sight { return &z.sights[z.first[i]+n] }

// sameList reports whether two lists are one in memory: servers of one version share it.
func sameList(a, b []KeyID) bool {
	return len(a) == len(b) && len(a) > 0 && &a[0] == &b[0]
}
