package simulation

import (
	"fmt"

	"github.com/multisigner/multisigner/plugin/multisigner/roll"
)

// oracle is every resolver there may be. It may hold any mix of what it could have
// cached: DS from any address of the parent, DNSKEY and data from any address of any
// signer, each within its TTL; a chain of forwarders, and a resolver that keeps to one
// server, can hold no other mix. It knows nothing of the rules. A mix can only become
// possible when a record is new, so only new records are asked about.
//
// Of each mix it asks what the strictest of resolvers would: one that uses the
// strongest digest type alone, one that wants every algorithm of the DS RRset, and one
// that gives up at the first of two keys with one tag. One that wants every
// algorithm of the DNSKEY RRset is asked about those that our own signers publish.
type oracle struct {
	w *world
	caches
	checks int // questions asked
}

// secure reports whether any resolver may hold a DS RRset.
func (o *oracle) secure() bool {
	for i := range o.ds {
		if o.ds[i].ends > o.w.t && !o.ds[i].set.empty() {
			return true
		}
	}
	return false
}

// wanted are the algorithms of all DS RRsets in caches.
func (o *oracle) wanted() uint8 {
	var a uint8
	for i := range o.ds {
		if o.ds[i].ends > o.w.t {
			a |= o.ds[i].algs
		}
	}
	return a
}

// newDS asks about all mixes with a new DS RRset. When it is the first, or has an
// algorithm that none had, data that nobody minded is looked at now.
func (o *oracle) newDS(from source, next *record) {
	secure, wanted := o.secure(), o.wanted()
	r := replace(&o.ds, from, next, o.w.t)
	if r == nil || r.set.empty() {
		return
	}
	for k := range o.dnskey {
		o.chain(r, &o.dnskey[k], r.wrong, "DNSKEY of %s under the DS of %s")
	}
	if !secure || r.algs&^wanted != 0 {
		for k := range o.dnskey {
			for d := range o.data {
				o.answer(&o.data[d], &o.dnskey[k], o.wanted())
			}
		}
	}
}

// newDNSKEY asks about all mixes with a new DNSKEY RRset, or with its absence.
func (o *oracle) newDNSKEY(from source, next *record) {
	r := replace(&o.dnskey, from, next, o.w.t)
	if r == nil {
		return
	}
	for d := range o.ds {
		if ds := &o.ds[d]; ds.ends > o.w.t && !ds.set.empty() {
			o.chain(ds, r, ds.wrong, "DNSKEY of %s under the DS of %s")
		}
	}
	for c := range o.orders {
		cds := &o.orders[c]
		if cds.set.empty() {
			continue // it asks for no DS
		}
		o.chain(cds, r, r.foreign+cds.foreign > 0, "DNSKEY of %s if the parent took the CDS of %s")
	}
	if o.secure() {
		wanted := o.wanted()
		for d := range o.data {
			o.answer(&o.data[d], r, wanted)
		}
	}
}

// newData asks about all mixes with new data.
func (o *oracle) newData(from source, next *record) {
	r := replace(&o.data, from, next, o.w.t)
	if r == nil || !o.secure() {
		return
	}
	wanted := o.wanted()
	for k := range o.dnskey {
		o.answer(r, &o.dnskey[k], wanted)
	}
}

// newOrder asks what would be if the parent took a CDS RRset at this moment or at any
// later one while it is served (PROTOCOL I12).
func (o *oracle) newOrder(from source, next *record) {
	r := replace(&o.orders, from, next, o.w.t)
	if r == nil || r.set.empty() {
		return
	}
	for k := range o.dnskey {
		key := &o.dnskey[k]
		o.chain(r, key, key.foreign+r.foreign > 0, "DNSKEY of %s if the parent took the CDS of %s")
	}
}

// chain asks whether a DNSKEY RRset validates under a DS RRset (PROTOCOL I2, I3, I4, I11).
func (o *oracle) chain(ds, key *record, excused bool, what string) {
	if key.ends <= o.w.t {
		return
	}
	o.checks++
	excused = excused || ds.set.meets(key.lost)
	good := ds.strong.and(key.set).and(key.signed)
	switch {
	case good.empty():
	case good.minus(key.twins).empty():
		what += ": two keys have one tag"
		excused = excused || key.strange
	case o.algorithms(good)&ds.algs != ds.algs:
		what += ": an algorithm of the DS RRset is missing"
	default:
		return
	}
	o.bogus(excused, what, key, ds)
}

// answer asks whether data validates under a DNSKEY RRset (PROTOCOL I1, I4, I7).
func (o *oracle) answer(data, key *record, wanted uint8) {
	if data.ends <= o.w.t || key.ends <= o.w.t {
		return
	}
	o.checks++
	excused := data.early || data.signed.meets(key.lost) || data.foreign != key.foreign && data.foreign > 0 && key.foreign > 0
	good := data.signed.and(key.set)
	what := "data of %[2]s under the DNSKEY of %[1]s"
	switch {
	case good.empty():
	case good.minus(key.twins).empty():
		what += ": two keys have one tag"
		excused = excused || key.strange
	case len(o.algs) == 1:
		return
	case wanted&^o.algorithms(good) != 0:
		what += ": not signed with every algorithm of the DS RRset"
	case key.foreign == 0 && key.algs&^o.algorithms(data.signed)&^data.left != 0:
		what += ": not signed with every algorithm of the DNSKEY RRset"
		// Who was not told yet may publish its key just when another one stops signing with
		// the algorithm. Validators must not mind (RFC 6840 5.11).
		excused = excused || o.w.t < o.w.givenUp
	default:
		return
	}
	o.bogus(excused, what, key, data)
}

// signedOrder asks whether a parent could accept a CDS answer of a signer of ours: it is
// signed by a key that is in the signer's DNSKEY RRset and in the DS RRset (PROTOCOL I8).
func (o *oracle) signedOrder(server string, v *version) {
	if len(v.cds) == 0 && !v.cdsDelete {
		return
	}
	signers := o.bits(v.cdsSigners).and(o.bits(v.dnskey))
	for i := range o.ds {
		if ds := &o.ds[i]; ds.ends == forever && !ds.set.empty() && !ds.set.meets(signers) {
			o.bogus(ds.wrong, "CDS of %s is signed by no key of the DS RRset of %s", &record{from: source{server, theCDS}, set: o.bits(v.cds), signed: signers}, ds)
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
	if is {
		return
	}
	for i := range o.ds {
		for k := range o.dnskey {
			if ds := &o.ds[i]; ds.ends == forever && !ds.set.empty() {
				o.chain(ds, &o.dnskey[k], false, "DNSKEY of %s under the DS of %s")
			}
		}
	}
}

// inUse is what any data in a cache is signed with.
func (o *oracle) inUse() keys {
	var s keys
	for i := range o.data {
		if o.data[i].ends > o.w.t {
			s = s.or(o.data[i].signed)
		}
	}
	return s
}

// everyone reports whether no cache can hold a DNSKEY RRset without a key.
func (o *oracle) everyone(id roll.KeyID) bool {
	n := o.numberOf(id)
	for i := range o.dnskey {
		if o.dnskey[i].ends > o.w.t && !o.dnskey[i].set.has(n) {
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
	what := fmt.Sprintf(format, o.tell(a), o.tell(b))
	o.w.note("BOGUS: %s", what)
	o.w.result.Bogus = append(o.w.result.Bogus, what)
}

// withdraw ends what a source served.
func (o *oracle) withdraw(from source) {
	switch from.kind {
	case theDS:
		o.newDS(from, nil)
	case theDNSKEY:
		o.newDNSKEY(from, nil)
	case theData:
		o.newData(from, nil)
	case theCDS:
		o.newData(from, nil)
		o.newOrder(from, nil)
	}
}

// unsampled is the data of a version that no look samples, or nil where it is as all other.
func (o *oracle) unsampled(v *version, left, foreign uint8) *record {
	if v.rest == nil {
		return nil
	}
	return &record{signed: o.bits(v.rest), ttl: v.maxTTL, early: v.early || v.slipped, left: left, foreign: foreign}
}

// leftOf gives an algorithm, if it is one, as bits.
func (o *oracle) leftOf(algorithm uint8) uint8 {
	if algorithm == 0 {
		return 0
	}
	return 1 << o.algorithm(algorithm)
}
