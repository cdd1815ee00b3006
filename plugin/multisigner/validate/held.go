package validate

import (
	"slices"

	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// Held is what resolvers may hold, or get from others, while they ask us: each
// combination of it with a version must lead somewhere.
type Held struct {
	// DS are the DS RRsets that the parent was seen with, as long as one may be cached.
	DS []zone.RRset
	// NoDS: the parent is known to have none, and no cache can hold one. That none
	// is in DS says as much only of what was seen.
	NoDS bool
	// Keys are the DNSKEY RRsets, with their signatures, that any signer serves, or
	// that may be cached. Without any DS they are taken as given.
	Keys []Seen
	// Answers are other RRsets of the apex that signers serve, or that may be cached:
	// of each one that stands for all that the same keys have signed.
	Answers []Seen
	// Makers are the keys that sign the new version, whether or not they are
	// published: of those that are not, the signatures are there on purpose (RFC 6781
	// 4.1.4), and are verified all the same.
	Makers []zone.DNSKEY
}

// Seen is an RRset and who was seen to serve it, for messages.
type Seen struct {
	Name string
	Set  zone.RRset
}

// demand is what a resolver may ask of every RRset of ours: a signature by a key
// of ring and, if it insists on all algorithms of the DS RRset (RFC 4035 2.2; RFC
// 6840 5.11 frees validators of it, and some hold to it), one of each algorithm.
type demand struct {
	name       string
	ring, was  ring    // was is ring, but for our own keys those of the version before
	algorithms []uint8 // 0 is any
	// below are those that the version before met with its SOA: for names below the
	// apex there is nothing to lose with the others. So a set of many keys with our
	// tags, which somebody may publish to make work, costs one round of it.
	below []uint8
}

// demands lists what resolvers that hold something may ask. A DNSKEY RRset that
// does not itself follow from any DS is passed over: who holds it believes nothing.
func (g *guard) demands(known map[zone.DNSKEY]*key) (all []demand) {
	for _, k := range g.Keys {
		d := demand{name: k.Name, algorithms: []uint8{0}}
		follows := len(g.DS) == 0
		for _, ds := range g.DS {
			if _, err := entry(k.Set, ds, g.new.Apex(), g.ends); err == nil {
				follows, d.algorithms = true, append(d.algorithms, algorithmsOf(ds)...)
			}
		}
		if follows {
			d.ring = share(known, k.Set)
			d.was = d.ring
			d.algorithms = compact(d.algorithms)
			all = append(all, d)
		}
	}
	own := demand{ring: g.own, was: g.was}
	for _, ds := range g.DS {
		own.algorithms = append(own.algorithms, algorithmsOf(ds)...)
	}
	own.algorithms = compact(own.algorithms)
	all = append(all, own)
	for i := range all {
		all[i].below = g.met(all[i])
	}
	return all
}

// met lists the algorithms with which the SOA of the version before met a demand.
func (g *guard) met(d demand) (met []uint8) {
	if g.old == nil {
		return d.algorithms
	}
	t := newTrial(g.new.Apex())
	for _, algorithm := range d.algorithms {
		if t.accepts(d.was, g.old.SOA(), algorithm, clock{}, "") == nil {
			met = append(met, algorithm)
		}
	}
	return met
}

func compact(list []uint8) []uint8 {
	slices.Sort(list)
	return slices.Compact(list)
}

// algorithmsOf are those of the records of a DS RRset that validators can use, or could if they knew
// the algorithm: of one that is not known no version has met the demand.
func algorithmsOf(ds zone.RRset) (list []uint8) {
	for rdata := range ds.Rdata.All() {
		if d := zone.DS(rdata); d.Valid() == nil && strength[d.DigestType()] != 0 {
			list = append(list, d.Algorithm())
		}
	}
	return list
}

// share makes rings of which equal keys are the same key.
func share(known map[zone.DNSKEY]*key, keys zone.RRset) ring {
	r := newRing(keys)
	for i, k := range r {
		if known[k.record] == nil {
			known[k.record] = k
		}
		r[i] = known[k.record]
	}
	return r
}
