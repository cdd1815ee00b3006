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
	cached
	checks   int   // questions asked
	overstay int64 // for so long resolvers keep what they have beyond its TTL
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
	r := o.replace(&o.ds, from, next)
	if r == nil || r.set.empty() {
		return
	}
	for k := range o.dnskey {
		o.chain(r, &o.dnskey[k], underDS)
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
	r := o.replace(&o.dnskey, from, next)
	if r == nil {
		return
	}
	for d := range o.ds {
		if ds := &o.ds[d]; ds.ends > o.w.t && !ds.set.empty() {
			o.chain(ds, r, underDS)
		}
	}
	for c := range o.orders {
		if cds := &o.orders[c]; !cds.set.empty() { // else it asks for no DS
			o.chain(cds, r, underCDS)
		}
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
	r := o.replace(&o.data, from, next)
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
	r := o.replace(&o.orders, from, next)
	if r == nil || r.set.empty() {
		return
	}
	for k := range o.dnskey {
		o.chain(r, &o.dnskey[k], underCDS)
	}
}

const (
	underDS  = "DNSKEY of %s under the DS of %s"
	underCDS = "DNSKEY of %s if the parent took the CDS of %s"
)

// chain asks whether a DNSKEY RRset validates under a DS RRset (PROTOCOL I2, I3, I4, I11).
func (o *oracle) chain(ds, key *record, what string) {
	if key.ends <= o.w.t {
		return
	}
	o.checks++
	fault := o.chainFault(*ds, *key)
	if fault == "" {
		return
	}
	rightDS, rightKey := ds.undone(), key.undone()
	early := false
	if ds.from.kind == theCDS && ds.foreign > 0 {
		early = o.w.parent.first == 0 // ours ask for the first DS when caches have the keys, and the parent takes none before
		rightDS.strong = o.rightOrder(ds)
		rightDS.algs = o.algorithms(rightDS.strong)
	}
	if ds.from.kind == theCDS && key.foreign > 0 {
		stays := o.w.signers[key.foreign-1].foreign.withdrawn(ds.strong)
		rightKey.set, rightKey.signed = rightKey.set.or(stays), rightKey.signed.or(stays)
	}
	o.bogus(early || o.chainFault(rightDS, rightKey) == "", what+fault, key, ds)
}

// rightOrder is what a foreign signer's CDS would name had neither it nor another one asked for another key by
// timers alone, had it not forgotten what others ask for, nor taken the new algorithm of one of them before that of all.
func (o *oracle) rightOrder(cds *record) (right keys) {
	p := o.w.parent
	for _, s := range o.w.signers {
		var part keys
		for n := range uint8(128) {
			if cds.set.has(n) && owner(o.ids[n]) == s.n {
				part.add(n)
			}
		}
		if there := o.bits(ownedBy(p.ds, s.n)); s.foreign != nil && !there.empty() || part.empty() {
			part = there
		}
		if s.foreign == nil && part.empty() && s.version != nil {
			part = o.bits(ownedBy(s.version.cds, s.n))
		}
		right = right.or(part)
	}
	if algs := o.algorithms(right); algs&(algs-1) != 0 {
		return o.bits(p.ds)
	}
	return right
}

// Validators that have little to spend look at the first mostDS records of a DS RRset (PowerDNS Recursor:
// max-ds-per-zone), in an order of theirs. In a group of up to mostSigners each may have two.
const (
	mostDS      = 8
	mostSigners = 4
)

// chainFault names what is wrong with a DNSKEY RRset under a DS RRset; "" when nothing is.
func (o *oracle) chainFault(ds, key record) string {
	good := ds.strong.and(key.set).and(key.signed)
	switch {
	case good.empty():
		return ": no key that signed it is there"
	case ds.strong.minus(good).size() >= mostDS && len(o.w.signers) <= mostSigners:
		return ": validators look at eight DS records only"
	case good.minus(key.twins).empty():
		return ": two keys have one tag"
	case o.algorithms(good)&ds.algs != ds.algs:
		return ": an algorithm of the DS RRset is missing"
	}
	return ""
}

// answer asks whether data validates under a DNSKEY RRset (PROTOCOL I1, I4, I7).
func (o *oracle) answer(data, key *record, wanted uint8) {
	if data.ends <= o.w.t || key.ends <= o.w.t {
		return
	}
	o.checks++
	fault := o.answerFault(*data, *key, wanted, 0)
	if fault == "" {
		return
	}
	rightData, rightKey := data.undone(), key.undone()
	if data.foreign > 0 && key.foreign > 0 && data.foreign != key.foreign {
		rightKey.set = rightKey.set.or(rightData.signed) // had they looked at each other
	}
	rightKey.set = rightKey.set.or(data.lost) // others follow who takes its keys away
	o.bogus(o.answerFault(rightData, rightKey, wanted, o.givenUp()) == "", "data of %[2]s under the DNSKEY of %[1]s"+fault, key, data)
}

// answerFault names what is wrong with data under a DNSKEY RRset; "" when nothing is. Of the
// algorithms of the DNSKEY RRset those need not have signed that are given up.
func (o *oracle) answerFault(data, key record, wanted, givenUp uint8) string {
	good := data.signed.and(key.set)
	switch {
	case good.empty():
		return ": no key that signed it is there"
	case good.minus(key.twins).empty():
		return ": two keys have one tag"
	case len(o.algs) == 1:
	case wanted&^o.algorithms(good) != 0:
		return ": not signed with every algorithm of the DS RRset"
	case key.foreign == 0 && key.algs&^o.algorithms(data.signed)&^data.left&^givenUp != 0:
		return ": not signed with every algorithm of the DNSKEY RRset"
	}
	return ""
}

// givenUp is the algorithm that not everybody was told yet to give up. Who was not may publish its key
// just when another one stops signing with the algorithm. Validators must not mind (RFC 6840 5.11).
func (o *oracle) givenUp() uint8 {
	if o.w.t >= o.w.givenUp {
		return 0
	}
	return o.leftOf(o.w.algorithm)
}

// undone is the record as it would be without the mistake of somebody who is not ours. A mix is
// excused if it would be good then: that is asked, and not supposed.
func (r *record) undone() record {
	right := *r
	right.set, right.signed = r.set.or(r.lost), r.signed.or(r.spared)
	right.twins = r.clash
	if r.wrong {
		right.set, right.strong, right.algs = r.right, r.right, r.rightAlgs
	}
	return right
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
			right := ds.undone()
			o.bogus(right.set.meets(signers), "CDS of %s is signed by no key of the DS RRset of %s", &record{from: source{server, theCDS}, set: o.bits(v.cds), signed: signers}, ds)
		}
	}
}

// rightAgain says that what the parent shows now is no mistake any more: everybody has had the time
// to see it.
func (o *oracle) rightAgain() {
	for i := range o.ds {
		ds := &o.ds[i]
		if ds.ends != forever {
			continue
		}
		ds.wrong = false
		for k := range o.dnskey {
			if !ds.set.empty() {
				o.chain(ds, &o.dnskey[k], underDS)
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
func (o *oracle) unsampled(v *version, lost keys, left, foreign uint8) *record {
	if v.rest == nil {
		return nil
	}
	r := &record{signed: o.bits(v.rest), spared: o.bits(v.spared), lost: lost, ttl: v.maxTTL, left: left, foreign: foreign}
	if v.slipped {
		r.spared = r.spared.or(o.bits(v.data))
	}
	return r
}

// leftOf gives an algorithm, if it is one, as bits.
func (o *oracle) leftOf(algorithm uint8) uint8 {
	if algorithm == 0 {
		return 0
	}
	return 1 << o.algorithm(algorithm)
}
