package simulation

import (
	"fmt"
	"math/bits"
	"strings"

	"github.com/multisigner/multisigner/plugin/multisigner/roll"
)

// keys is a set of keys, by numbers that the oracle gives out.
type keys [2]uint64

func (a keys) and(b keys) keys   { return keys{a[0] & b[0], a[1] & b[1]} }
func (a keys) or(b keys) keys    { return keys{a[0] | b[0], a[1] | b[1]} }
func (a keys) minus(b keys) keys { return keys{a[0] &^ b[0], a[1] &^ b[1]} }
func (a keys) empty() bool       { return a[0]|a[1] == 0 }
func (a keys) meets(b keys) bool { return a[0]&b[0]|a[1]&b[1] != 0 }
func (a keys) has(n uint8) bool  { return a[n>>6]&(1<<(n&63)) != 0 }
func (a *keys) add(n uint8)      { a[n>>6] |= 1 << (n & 63) }

// record is an RRset that a server served, and that a cache may hold until it ends.
type record struct {
	from   source
	set    keys  // DNSKEY: the keys in it; DS and CDS: the keys they name
	strong keys  // DS and CDS: those named with the strongest digest type there
	twins  keys  // DNSKEY: those that share tag and algorithm with another in it
	signed keys  // who signed it
	algs   uint8 // DNSKEY, DS and CDS: the algorithms in it, by the oracle's numbers
	ends   int64 // forever while it is served
	ttl    int64

	foreign uint8 // DNSKEY, data and CDS: the foreign signer whose it is, which does not look at others; 0: ours
	lost    keys  // DNSKEY: keys in use that a foreign signer left out by itself
	strange bool  // DNSKEY: the younger of two with one tag is a foreign signer's, or older than the first DS
	left    uint8 // data: the algorithms with which a foreign signer has stopped signing by its timers
	early   bool  // data: a foreign signer signed with what not everyone had, or what it lets go too soon
	wrong   bool  // DS: the parent went back to what it had before
}

// source is what serves a record: a server, or an address of the parent, and which
// kind of data it is.
type source struct {
	server string
	kind   kind
}

type kind uint8

const (
	theDS kind = iota
	theDNSKEY
	theData
	theRest // data that no look samples, where other keys sign it
	theCDS  // as data that is signed, or as an order to the parent
)

const forever = int64(1) << 62

// caches number the keys and hold what resolvers may have cached.
type caches struct {
	number []uint8 // by the key's place in the world; 0: it has none, else one more than the number
	ids    [128]roll.KeyID
	taken  keys
	algs   []uint8 // algorithms met
	of     [4]keys // by the place in algs: the keys of it

	ds, dnskey, data []record
	orders           []record // the CDS RRsets that are served now
}

// room takes numbers back that no record needs. Call it before numbering a new record.
func (c *caches) room(t int64) {
	if bits.OnesCount64(c.taken[0])+bits.OnesCount64(c.taken[1]) < 64 {
		return
	}
	var used keys
	for _, list := range [][]record{c.ds, c.dnskey, c.data, c.orders} {
		for i := range list {
			if list[i].ends > t {
				used = used.or(list[i].set).or(list[i].signed).or(list[i].lost)
			}
		}
	}
	for n := range uint8(128) {
		if c.taken.has(n) && !used.has(n) {
			c.number[place(c.ids[n])] = 0
			for a := range c.of {
				c.of[a] = c.of[a].and(used)
			}
		}
	}
	c.taken = used
}

// place is the number of a key in the world.
func place(id roll.KeyID) int {
	return int(id.Sum & (1<<32 - 1))
}

// bits returns the numbers of keys.
func (c *caches) bits(ids []roll.KeyID) keys {
	var s keys
	for i := range ids {
		s.add(c.numberOf(ids[i]))
	}
	return s
}

func (c *caches) numberOf(id roll.KeyID) uint8 {
	p := place(id)
	for p >= len(c.number) {
		c.number = append(c.number, make([]uint8, 256)...)
	}
	if c.number[p] != 0 {
		return c.number[p] - 1
	}
	n := uint8(bits.TrailingZeros64(^c.taken[0]))
	if n == 64 {
		n += uint8(bits.TrailingZeros64(^c.taken[1]))
	}
	if n == 128 {
		panic("more than 128 keys in caches at once")
	}
	c.taken.add(n)
	c.number[p], c.ids[n] = n+1, id
	c.of[c.algorithm(id.Algorithm)].add(n)
	return n
}

// algorithm numbers algorithms.
func (c *caches) algorithm(number uint8) int {
	for i, a := range c.algs {
		if a == number {
			return i
		}
	}
	if len(c.algs) == len(c.of) {
		panic("more algorithms than a world should have")
	}
	c.algs = append(c.algs, number)
	return len(c.algs) - 1
}

// algorithms are those of a set of keys, as bits.
func (c *caches) algorithms(s keys) uint8 {
	var a uint8
	for i := range c.algs {
		if c.of[i].meets(s) {
			a |= 1 << i
		}
	}
	return a
}

// twins returns the keys of a sorted list that share a tag and an algorithm, and whether
// the younger of any two is a stranger's, who does not look, or there was no DS yet:
// first keys sign at once, and the first DS waits until one of them is rolled
// (PROTOCOL I10).
func (o *oracle) twins(ids []roll.KeyID) (twins keys, strange bool) {
	for i := 1; i < len(ids); i++ {
		if a, b := ids[i-1], ids[i]; a.Tag == b.Tag && a.Algorithm == b.Algorithm {
			twins.add(o.numberOf(a))
			twins.add(o.numberOf(b))
			if place(a) > place(b) {
				b = a
			}
			strange = strange || o.w.signers[owner(b)].foreign != nil || o.w.parent.first == 0
			o.w.did("tags clash")
		}
	}
	return twins, strange
}

// replace ends what a source served, and adds what it serves now. It returns the new
// record, or nil when there is none, or when it has nothing new to it.
func replace(list *[]record, from source, next *record, t int64) *record {
	live := (*list)[:0]
	var same *record
	for i := range *list {
		r := &(*list)[i]
		if r.from == from && r.ends == forever {
			if next != nil && r.equal(next) {
				same = r
			} else {
				r.ends = t + r.ttl
			}
		}
		if r.ends > t {
			live = append(live, *r)
		}
	}
	*list = live
	if next == nil || same != nil {
		return nil
	}
	next.from, next.ends = from, forever
	*list = append(live, *next)
	return &(*list)[len(*list)-1]
}

func (r *record) equal(o *record) bool {
	return r.set == o.set && r.signed == o.signed && r.ttl == o.ttl && r.strong == o.strong && r.lost == o.lost &&
		r.early == o.early && r.left == o.left && r.foreign == o.foreign && r.wrong == o.wrong
}

// tell describes a record for people.
func (c *caches) tell(r *record) string {
	return fmt.Sprintf("%s {%s} signed by {%s}", r.from.server, c.names(r.set), c.names(r.signed))
}

func (c *caches) names(s keys) string {
	var names []string
	for n := range uint8(128) {
		if s.has(n) {
			names = append(names, keyName(c.ids[n]))
		}
	}
	return strings.Join(names, " ")
}
