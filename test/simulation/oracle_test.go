package simulation

import (
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
			o.newData(source{"b1", theRest}, o.unsampled(&version{rest: []roll.KeyID{zsk}}, 0, 2))
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
			w := &world{result: Result{Happened: map[string]int{}}, signers: []*signer{{}}, parent: &parent{}}
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

func (o *oracle) holds(ds, dnskey, entry, data []roll.KeyID) {
	set := o.bits(ds)
	o.newDS(source{"p1", theDS}, &record{set: set, strong: set, algs: o.algorithms(set)})
	o.dnskeyOf(dnskey, entry)
	o.newData(source{"a1", theData}, &record{signed: o.bits(data)})
}

func (o *oracle) dnskeyOf(dnskey, entry []roll.KeyID) {
	twins, _ := o.twins(dnskey)
	set := o.bits(dnskey)
	o.newDNSKEY(source{"a1", theDNSKEY}, &record{set: set, signed: o.bits(entry), twins: twins, algs: o.algorithms(set)})
}
