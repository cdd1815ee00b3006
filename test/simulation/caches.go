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
func (a keys) size() int         { return bits.OnesCount64(a[0]) + bits.OnesCount64(a[1]) }
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
	left    uint8 // data: the algorithms with which a foreign signer has stopped signing by its timers

	// What would be otherwise without the mistake of somebody who is not ours; see undone.
	lost      keys  // DNSKEY: what a foreign signer left out. Data: what it took out of its DNSKEY RRset too soon
	spared    keys  // DNSKEY and data: by what a foreign signer would have signed it
	clash     keys  // DNSKEY: those of twins that are not there because of others alone
	wrong     bool  // DS: the parent went back to what it had before,
	right     keys  // from this,
	rightAlgs uint8 // with its algorithms
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

// cached numbers the keys and holds what resolvers may have.
type cached struct {
	number []uint8 // by the key's place in the world; 0: it has none, else one more than the number
	ids    [128]roll.KeyID
	taken  keys
	algs   []uint8 // algorithms met
	of     [4]keys // by the place in algs: the keys of it

	ds, dnskey, data []record
	orders           []record // the CDS RRsets that are served now
}

// room takes numbers back that no record needs. Call it before numbering a new record.
func (c *cached) room(t int64) {
	if bits.OnesCount64(c.taken[0])+bits.OnesCount64(c.taken[1]) < 64 {
		return
	}
	var used keys
	for _, list := range [][]record{c.ds, c.dnskey, c.data, c.orders} {
		for i := range list {
			if list[i].ends > t {
				used = used.or(list[i].set).or(list[i].signed).or(list[i].lost).or(list[i].spared).or(list[i].right)
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
func (c *cached) bits(ids []roll.KeyID) keys {
	var s keys
	for i := range ids {
		s.add(c.numberOf(ids[i]))
	}
	return s
}

func (c *cached) numberOf(id roll.KeyID) uint8 {
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
func (c *cached) algorithm(number uint8) int {
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
func (c *cached) algorithms(s keys) uint8 {
	var a uint8
	for i := range c.algs {
		if c.of[i].meets(s) {
			a |= 1 << i
		}
	}
	return a
}

// twins returns the keys of a sorted list that share a tag and an algorithm, and of them those of
// which nobody else is to blame: neither is the younger of the two a foreign signer's, who does not
// look, nor was there no DS yet. First keys sign at once, and the first DS waits until one of them
// is rolled (PROTOCOL I10).
func (o *oracle) twins(ids []roll.KeyID) (twins, ours keys) {
	for i := 1; i < len(ids); i++ {
		if a, b := ids[i-1], ids[i]; a.Tag == b.Tag && a.Algorithm == b.Algorithm {
			var pair keys
			pair.add(o.numberOf(a))
			pair.add(o.numberOf(b))
			twins = twins.or(pair)
			if place(a) > place(b) {
				b = a
			}
			if o.w.signers[owner(b)].foreign == nil && o.w.parent.first != 0 {
				ours = ours.or(pair)
			}
			o.w.did("tags clash")
		}
	}
	return twins, ours
}

// replace ends what a source served, and adds what it serves now. It returns the new
// record, or nil when there is none, or when it has nothing new to it.
func (o *oracle) replace(list *[]record, from source, next *record) *record {
	t := o.w.t
	live := (*list)[:0]
	var same *record
	for i := range *list {
		r := &(*list)[i]
		if r.from == from && r.ends == forever {
			if next != nil && r.equal(next) {
				same = r
			} else if r.ends = t + r.ttl; r.ttl > 0 {
				r.ends += o.overstay
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

// hasten has resolvers keep nothing for longer beyond its TTL than a time.
func (o *oracle) hasten(overstay int64) {
	if less := o.overstay - overstay; less > 0 {
		for _, list := range [][]record{o.ds, o.dnskey, o.data} {
			for i := range list {
				if r := &list[i]; r.ends != forever && r.ttl > 0 {
					r.ends -= less
				}
			}
		}
	}
	o.overstay = overstay
}

func (r *record) equal(o *record) bool {
	return r.set == o.set && r.signed == o.signed && r.ttl == o.ttl && r.strong == o.strong && r.lost == o.lost && r.spared == o.spared &&
		r.left == o.left && r.foreign == o.foreign && r.wrong == o.wrong
}

// tell describes a record for people.
func (c *cached) tell(r *record) string {
	return fmt.Sprintf("%s {%s} signed by {%s}", r.from.server, c.names(r.set), c.names(r.signed))
}

func (c *cached) names(s keys) string {
	var names []string
	for n := range uint8(128) {
		if s.has(n) {
			names = append(names, keyName(c.ids[n]))
		}
	}
	return strings.Join(names, " ")
}
