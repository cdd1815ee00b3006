package simulation

import (
	"fmt"
	"math/bits"

	"github.com/multisigner/multisigner/plugin/multisigner/roll"
)

// keys is a set of keys, by numbers that the oracle gives out.
type keys uint64

// record is something that a server served, and that a cache may hold until it ends.
type record struct {
	who    string
	set    keys  // DNSKEY: the keys in it; DS: the keys it names
	signed keys  // who signed it
	ends   int64 // forever while it is served
	ttl    int64
	lost   keys // DNSKEY: keys in use that a foreign signer left out by itself
	timers bool // DNSKEY: of a foreign signer, which does not look at CDS before it drops a key
	early  bool // data: a foreign signer signed with what not everyone had
	wrong  bool // DS: the parent went back to what it had before
}

const forever = int64(1) << 62

// oracle is a resolver that may have any mix of what it could have cached: DS from
// any address of the parent, DNSKEY and data from any address of any signer.
type oracle struct {
	w      *world
	number map[roll.KeyID]uint8
	ds     []record
	dnskey []record
	data   []record
}

// room takes numbers back that no record needs. Call it before numbering a new record.
func (o *oracle) room() {
	if len(o.number) < 40 {
		return
	}
	var used keys
	for _, list := range [][]record{o.ds, o.dnskey, o.data} {
		for i := range list {
			if list[i].ends > o.w.t {
				used |= list[i].set | list[i].signed
			}
		}
	}
	for id, n := range o.number {
		if used&(1<<n) == 0 {
			delete(o.number, id)
		}
	}
}

// bit returns the number of a key.
func (o *oracle) bit(id roll.KeyID) keys {
	if n, ok := o.number[id]; ok {
		return 1 << n
	}
	if o.number == nil {
		o.number = map[roll.KeyID]uint8{}
	}
	var taken keys
	for _, n := range o.number {
		taken |= 1 << n
	}
	n := uint8(bits.TrailingZeros64(^uint64(taken)))
	if n >= 64 {
		panic("more than 64 keys in caches at once")
	}
	o.number[id] = n
	return 1 << n
}

func (o *oracle) bits(ids []roll.KeyID) keys {
	var s keys
	for _, id := range ids {
		s |= o.bit(id)
	}
	return s
}

// replace ends what who served of one kind, and adds what it serves now.
func (o *oracle) replace(list *[]record, who string, next *record) {
	live := (*list)[:0]
	for _, r := range *list {
		if r.who == who && r.ends == forever {
			r.ends = o.w.t + r.ttl
		}
		if r.ends > o.w.t {
			live = append(live, r)
		}
	}
	if next != nil {
		next.who, next.ends = who, forever
		live = append(live, *next)
	}
	*list = live
}

// ask looks for a mix that is bogus.
func (o *oracle) ask() {
	secure := false
	for d := range o.ds {
		ds := &o.ds[d]
		if ds.set == 0 || ds.ends <= o.w.t {
			continue
		}
		secure = true
		for k := range o.dnskey {
			key := &o.dnskey[k]
			if key.ends > o.w.t && ds.set&key.set&key.signed == 0 {
				o.bogus(ds.wrong, "DNSKEY of %s under the DS of %s", key, ds)
			}
		}
	}
	if !secure {
		return
	}
	for k := range o.dnskey {
		key := &o.dnskey[k]
		if key.ends <= o.w.t {
			continue
		}
		for d := range o.data {
			if data := &o.data[d]; data.ends > o.w.t && data.signed&key.set == 0 {
				o.bogus(data.early || data.signed&key.lost != 0, "data of %[2]s under the DNSKEY of %[1]s", key, data)
			}
		}
	}
}

// adopt asks what would be if the parent took a CDS now (I12).
func (o *oracle) adopt(cds *record) {
	for k := range o.dnskey {
		key := &o.dnskey[k]
		if key.ends > o.w.t && cds.set&key.set&key.signed == 0 {
			o.bogus(key.timers, "DNSKEY of %s if the parent took the CDS of %s", key, cds)
		}
	}
}

// wrong marks what the parent shows now.
func (o *oracle) wrong(is bool) {
	for i := range o.ds {
		if o.ds[i].ends == forever {
			o.ds[i].wrong = is
		}
	}
}

// inUse is what any data in a cache is signed with.
func (o *oracle) inUse() keys {
	var s keys
	for i := range o.data {
		if o.data[i].ends > o.w.t {
			s |= o.data[i].signed
		}
	}
	return s
}

// everyone reports whether no cache can hold a DNSKEY RRset without a key.
func (o *oracle) everyone(id roll.KeyID) bool {
	b := o.bit(id)
	for i := range o.dnskey {
		if o.dnskey[i].ends > o.w.t && o.dnskey[i].set&b == 0 {
			return false
		}
	}
	return true
}

func (o *oracle) bogus(excused bool, format string, a, b *record) {
	if excused {
		o.w.result.Excused++
		return
	}
	what := fmt.Sprintf(format, a.String(o), b.String(o))
	o.w.note("BOGUS: %s", what)
	o.w.result.Bogus = append(o.w.result.Bogus, what)
}

func (r *record) String(o *oracle) string {
	text := r.who + " {"
	for id, n := range o.number {
		if r.set&(1<<n) != 0 {
			text += " " + keyName(id)
		}
	}
	text += " } signed by {"
	for id, n := range o.number {
		if r.signed&(1<<n) != 0 {
			text += " " + keyName(id)
		}
	}
	return text + " }"
}
