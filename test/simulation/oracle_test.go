package simulation

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/roll"
)

// The oracle is what everything else is measured by, so each kind of resolver must
// find what it is there for.
func TestOracle(t *testing.T) {
	id := func(n byte, tag uint16, algorithm uint8) roll.KeyID {
		return roll.KeyID{Algorithm: algorithm, Tag: tag, Sum: uint64(n)}
	}
	ksk, zsk, newer, other := id(1, 1, 13), id(2, 2, 13), id(3, 3, 13), id(4, 4, 15)
	twin := id(5, 2, 13)
	is := func(ids ...roll.KeyID) []roll.KeyID { return ids }
	// dropped has b, which is foreign, publish no key newer, with which server still signs.
	dropped := func(server string, foreign uint8) func(o *oracle) {
		return func(o *oracle) {
			set := o.bits([]roll.KeyID{ksk, zsk})
			o.holds([]roll.KeyID{ksk}, []roll.KeyID{ksk, zsk, newer}, []roll.KeyID{ksk}, []roll.KeyID{zsk})
			o.newDNSKEY(source{"b1", theDNSKEY}, &record{set: set, signed: set, algs: o.algorithms(set), foreign: 2})
			o.newData(source{server, theData}, &record{signed: o.bits([]roll.KeyID{newer}), foreign: foreign})
		}
	}
	for _, tc := range []struct {
		name  string
		cache func(o *oracle)
		finds string
	}{
		{"all is well", func(o *oracle) {
			o.holds([]roll.KeyID{ksk}, []roll.KeyID{ksk, zsk}, []roll.KeyID{ksk}, []roll.KeyID{zsk})
		}, ""},
		{"a new DS RRset, an old DNSKEY RRset", func(o *oracle) {
			o.holds([]roll.KeyID{newer}, []roll.KeyID{ksk, zsk}, []roll.KeyID{ksk}, []roll.KeyID{zsk})
		}, "under the DS"},
		{"the key is there and has not signed", func(o *oracle) {
			o.holds([]roll.KeyID{newer}, []roll.KeyID{ksk, newer, zsk}, []roll.KeyID{ksk}, []roll.KeyID{zsk})
		}, "under the DS"},
		{"new data, an old DNSKEY RRset", func(o *oracle) {
			o.holds([]roll.KeyID{ksk}, []roll.KeyID{ksk, zsk}, []roll.KeyID{ksk}, []roll.KeyID{newer})
		}, "under the DNSKEY"},
		{"the DS wants an algorithm that the DNSKEY RRset does not have", func(o *oracle) {
			o.holds([]roll.KeyID{ksk, other}, []roll.KeyID{ksk, zsk}, []roll.KeyID{ksk}, []roll.KeyID{zsk})
		}, "an algorithm of the DS RRset is missing"},
		{"the DS wants an algorithm that has not signed the data", func(o *oracle) {
			o.holds([]roll.KeyID{ksk, other}, []roll.KeyID{ksk, zsk, other}, []roll.KeyID{ksk, other}, []roll.KeyID{zsk})
		}, "not signed with every algorithm of the DS"},
		{"a published key of an algorithm that has not signed the data", func(o *oracle) {
			o.holds([]roll.KeyID{ksk}, []roll.KeyID{ksk, zsk, other}, []roll.KeyID{ksk}, []roll.KeyID{zsk})
		}, "not signed with every algorithm of the DNSKEY"},
		{"other software has not signed all with an algorithm that we publish", func(o *oracle) {
			o.holds([]roll.KeyID{ksk}, []roll.KeyID{ksk, zsk, other}, []roll.KeyID{ksk}, []roll.KeyID{zsk, other})
			o.newData(source{"b1", theRest}, o.unsampled(&version{rest: []roll.KeyID{zsk}}, keys{}, 0, 2))
		}, "data of b1"},
		{"other software has stopped signing with an algorithm that we still publish", func(o *oracle) {
			o.holds([]roll.KeyID{other}, []roll.KeyID{ksk, zsk, other}, []roll.KeyID{ksk, other}, []roll.KeyID{zsk, other})
			o.newData(source{"b1", theData}, &record{signed: o.bits([]roll.KeyID{other}), left: o.leftOf(13)})
		}, ""},
		{"other software dropped a key of other software", dropped("c1", 3), ""},
		{"other software dropped a key of its own", dropped("b2", 2), "data of b2 {} signed by {a3} under the DNSKEY of b1"},
		{"we dropped a key of other software", func(o *oracle) {
			o.holds([]roll.KeyID{ksk}, []roll.KeyID{ksk, zsk}, []roll.KeyID{ksk}, []roll.KeyID{zsk})
			o.newData(source{"b1", theData}, &record{signed: o.bits([]roll.KeyID{newer}), foreign: 2})
		}, "under the DNSKEY of a1"},
		{"signatures by a key that is not published yet", func(o *oracle) {
			o.holds([]roll.KeyID{ksk}, []roll.KeyID{ksk, zsk}, []roll.KeyID{ksk}, []roll.KeyID{zsk, other})
		}, ""},
		{"two keys have one tag, and one of them signs", func(o *oracle) {
			o.holds([]roll.KeyID{ksk}, []roll.KeyID{ksk, zsk, twin}, []roll.KeyID{ksk}, []roll.KeyID{zsk})
		}, "two keys have one tag"},
		{"only the strongest digest counts", func(o *oracle) {
			ds := o.bits([]roll.KeyID{ksk, newer})
			o.newDS(source{"p1", theDS}, &record{set: ds, strong: o.bits([]roll.KeyID{newer}), algs: o.algorithms(ds)})
			o.dnskeyOf([]roll.KeyID{ksk, zsk}, []roll.KeyID{ksk})
		}, "under the DS"},
		{"a DNSKEY RRset is kept beyond its TTL, by less than the margin", func(o *oracle) {
			o.keeps(10, is(ksk, zsk), is(ksk, newer, zsk))
			o.w.t = 14
			o.newData(source{"a1", theData}, &record{signed: o.bits(is(newer))})
		}, "under the DNSKEY"},
		{"it is kept for longer than the margin", func(o *oracle) {
			o.keeps(10, is(ksk, zsk), is(ksk, newer, zsk))
			o.w.t = 15
			o.newData(source{"a1", theData}, &record{signed: o.bits(is(newer))})
		}, ""},
		{"the margin is made smaller meanwhile", func(o *oracle) {
			o.keeps(10, is(ksk, zsk), is(ksk, newer, zsk))
			o.hasten(3)
			o.w.t = 8
			o.newData(source{"a1", theData}, &record{signed: o.bits(is(newer))})
		}, ""},
		{"there are more DS records than some validators look at", func(o *oracle) {
			many := is(ksk)
			for n := range byte(mostDS) {
				many = append(many, id(10+n, 100+uint16(n), 13))
			}
			o.holds(many, append(is(zsk), many...), is(ksk), is(zsk))
		}, "eight DS records"},
		{"absence of DNSKEY was cached, and has expired", func(o *oracle) {
			o.newDNSKEY(source{"a1", theDNSKEY}, &record{})
			o.dnskeyOf([]roll.KeyID{ksk, zsk}, []roll.KeyID{ksk})
			o.holds([]roll.KeyID{ksk}, []roll.KeyID{ksk, zsk}, []roll.KeyID{ksk}, []roll.KeyID{zsk})
		}, ""},
		{"absence of DNSKEY is cached still", func(o *oracle) {
			o.newDNSKEY(source{"a1", theDNSKEY}, &record{ttl: 10})
			o.dnskeyOf([]roll.KeyID{ksk, zsk}, []roll.KeyID{ksk})
			o.holds([]roll.KeyID{ksk}, []roll.KeyID{ksk, zsk}, []roll.KeyID{ksk}, []roll.KeyID{zsk})
		}, "under the DS"},
		{"a CDS that would take the DS away from someone", func(o *oracle) {
			o.holds([]roll.KeyID{ksk}, []roll.KeyID{ksk, zsk}, []roll.KeyID{ksk}, []roll.KeyID{zsk})
			cds := o.bits([]roll.KeyID{newer})
			o.newOrder(source{"b1", theCDS}, &record{set: cds, strong: cds, algs: o.algorithms(cds)})
		}, "if the parent took the CDS"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := &world{result: Result{Happened: map[string]int{}}, signers: []*signer{{}}, parent: &parent{first: 1}}
			w.oracle.w = w
			tc.cache(&w.oracle)
			if tc.finds == "" {
				require.Empty(t, w.result.Bogus)
				return
			}
			require.NotEmpty(t, w.result.Bogus)
			require.Contains(t, w.result.Bogus[0], tc.finds)
		})
	}
}

// A mix is excused as somebody else's mistake only if it would be good without that mistake, and
// stays bogus if it would not.
func TestExcuses(t *testing.T) {
	id := func(owner, n byte, tag uint16) roll.KeyID {
		return roll.KeyID{Algorithm: 13, Tag: tag, Sum: uint64(owner)<<56 | uint64(n)}
	}
	ksk, zsk, next := id(0, 1, 1), id(0, 2, 2), id(0, 3, 3)
	theirs, rolled, theirZSK := id(1, 4, 4), id(1, 5, 5), id(1, 6, 6)
	twin := id(1, 7, 2)
	is := func(ids ...roll.KeyID) []roll.KeyID { return ids }
	for _, tc := range []struct {
		name  string
		cache func(o *oracle, right []roll.KeyID)
		right []roll.KeyID // what would be without the mistake
		wrong []roll.KeyID // what would be bogus all the same
	}{
		{"a foreign signer has forgotten a key", func(o *oracle, right []roll.KeyID) {
			o.dnskeyOf(is(ksk, zsk, next), is(ksk))
			set := o.bits(is(ksk, zsk))
			o.newDNSKEY(source{"b1", theDNSKEY}, &record{set: set, signed: set, algs: o.algorithms(set), foreign: 2, lost: o.bits(right)})
			o.newData(source{"a1", theData}, &record{signed: o.bits(is(next))})
		}, is(next), is(theirZSK)},
		{"a foreign signer signs with a key that not everybody has", func(o *oracle, right []roll.KeyID) {
			o.newData(source{"b1", theData}, &record{signed: o.bits(is(rolled)), foreign: 2, spared: o.bits(right)})
		}, is(zsk), is(theirZSK)},
		{"a foreign signer makes a key with a tag of ours", func(o *oracle, right []roll.KeyID) {
			set := o.bits(is(ksk, zsk, twin))
			o.newDNSKEY(source{"b1", theDNSKEY}, &record{set: set, signed: o.bits(is(ksk)), algs: o.algorithms(set), twins: o.bits(is(zsk, twin)), clash: o.bits(right)})
		}, nil, is(zsk, twin)},
		{"the parent goes back to what it had", func(o *oracle, right []roll.KeyID) {
			r := o.bits(right)
			o.newDS(source{"p2", theDS}, &record{set: o.bits(is(next)), strong: o.bits(is(next)), algs: 1, wrong: true, right: r, rightAlgs: 1})
		}, is(ksk), is(theirs)},
		{"a foreign signer asks for another key of its own", func(o *oracle, right []roll.KeyID) {
			cds := o.bits(append(right, rolled))
			o.dnskeyAt("b1", 2, is(theirs, zsk), is(theirs))
			o.newOrder(source{"b1", theCDS}, &record{set: cds, strong: cds, algs: 1, foreign: 2})
		}, is(ksk), is(next)},
		{"a foreign signer takes a KSK away for which another one still asks", func(o *oracle, right []roll.KeyID) {
			o.dnskeyAt("b1", 2, is(theirs, rolled, zsk), is(theirs))
			o.w.signers[1].foreign.withdraw(rolled)
			cds := o.bits(append(right, ksk))
			o.newOrder(source{"a1", theCDS}, &record{set: cds, strong: cds, algs: 1})
		}, is(rolled), is(next)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			for excused, mix := range map[bool][]roll.KeyID{true: tc.right, false: tc.wrong} {
				w := &world{result: Result{Happened: map[string]int{}}, parent: &parent{first: 1, ds: is(ksk, theirs)}}
				w.signers = []*signer{{w: w}, {w: w, n: 1}}
				w.signers[1].foreign = &foreign{s: w.signers[1]}
				w.oracle.w = w
				w.oracle.holds(is(ksk, theirs), is(ksk, zsk), is(ksk), is(zsk))
				require.Empty(t, w.result.Bogus)
				tc.cache(&w.oracle, slices.Clone(mix))
				if excused {
					require.Empty(t, w.result.Bogus)
					require.Positive(t, w.result.Excused)
				} else {
					require.NotEmpty(t, w.result.Bogus)
				}
			}
		})
	}
}

func (o *oracle) dnskeyAt(server string, foreign uint8, dnskey, entry []roll.KeyID) {
	set := o.bits(dnskey)
	o.newDNSKEY(source{server, theDNSKEY}, &record{set: set, signed: o.bits(entry), algs: o.algorithms(set), foreign: foreign})
}

func (o *oracle) holds(ds, dnskey, entry, data []roll.KeyID) {
	set := o.bits(ds)
	o.newDS(source{"p1", theDS}, &record{set: set, strong: set, algs: o.algorithms(set)})
	o.dnskeyOf(dnskey, entry)
	o.newData(source{"a1", theData}, &record{signed: o.bits(data)})
}

// keeps has resolvers that keep what they have beyond its TTL hold a DNSKEY RRset of TTL 5, which is
// replaced.
func (o *oracle) keeps(overstay int64, before, after []roll.KeyID) {
	o.overstay = overstay
	ksk := after[:1]
	o.holds(ksk, before, ksk, before[1:])
	o.dnskey[0].ttl = 5
	o.dnskeyOf(after, ksk)
}

func (o *oracle) dnskeyOf(dnskey, entry []roll.KeyID) {
	twins, ours := o.twins(dnskey)
	set := o.bits(dnskey)
	o.newDNSKEY(source{"a1", theDNSKEY}, &record{set: set, signed: o.bits(entry), twins: twins, clash: ours, algs: o.algorithms(set)})
}
