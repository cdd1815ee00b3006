package validate

import (
	"errors"
	"fmt"
	"slices"

	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// What is held against the apex alone: the keys, and what parents are told of them.

// entries holds the DNSKEY RRset against each DS RRset, with each algorithm by which it followed before:
// validators that insist on each algorithm of the DS RRset want each to sign the keys, too.
func (g *guard) entries() (faults []Fault) {
	is, was := g.dnskey(), g.wasDNSKEY()
	if is == was {
		return nil
	}
	for _, ds := range g.DS {
		before, _ := entry(was, ds, g.new.Apex(), clock{})
		after, why := entry(is, ds, g.new.Apex(), g.ends)
		for _, k := range before {
			algorithm := k.record.Algorithm()
			if slices.ContainsFunc(after, func(k *key) bool { return k.record.Algorithm() == algorithm }) {
				continue
			}
			if why == nil {
				why = fmt.Errorf("no key of algorithm %d that has a DS signs it any more", algorithm)
			}
			faults = append(faults, Fault{g.new.Apex(), zone.TypeDNSKEY, "the parent", why.Error()})
			break
		}
	}
	return faults
}

// answers holds the keys against what other servers give out, and what caches have of the
// version before: some resolver has taken the keys from us, and has the rest from there.
func (g *guard) answers() (faults []Fault) {
	if !g.rekeyed || g.old == nil {
		return nil
	}
	for _, a := range append(slices.Clone(g.Answers), Seen{"the version before", g.old.SOA()}) {
		t := newTrial(g.new.Apex())
		why := t.accepts(g.own, a.Set, 0, g.ends, "")
		if why != nil && t.accepts(g.was, a.Set, 0, g.ends, "") == nil {
			faults = append(faults, Fault{g.new.Apex(), zone.TypeDNSKEY, a.Name, fmt.Sprintf("it no longer accepts the %s there: %v", a.Set.Type, why)})
		}
	}
	return faults
}

// adoption supposes that a parent takes up the CDS RRset as it is (PROTOCOL I12,
// adopted-cds-breaks-nobody): a new one holds for all keys, and new keys of ours hold for it.
func (g *guard) adoption() (faults []Fault) {
	is, was := top(g.new, zone.TypeCDS), top(g.old, zone.TypeCDS)
	apart := disagree(is, top(g.new, zone.TypeCDNSKEY), g.new.Apex())
	if apart && !disagree(was, top(g.old, zone.TypeCDNSKEY), g.new.Apex()) {
		faults = append(faults, Fault{g.new.Apex(), zone.TypeCDS, "", "CDS and CDNSKEY are not of the same keys"})
	}
	sets := append([]Seen{{"", g.dnskey()}}, g.Keys...)
	for i, k := range sets {
		before := k.Set
		if i == 0 && g.old != nil {
			before = g.wasDNSKEY()
		}
		if is.Rdata == was.Rdata && before == k.Set {
			continue
		}
		_, err := entry(k.Set, is, g.new.Apex(), g.ends)
		if err == nil || errors.Is(err, ErrInsecure) {
			continue // a request to delete is read as no usable DS
		}
		if g.stood(before, was) {
			faults = append(faults, Fault{g.new.Apex(), zone.TypeCDS, k.Name, "a parent that takes it up cuts off these keys: " + err.Error()})
		}
	}
	return faults
}

// stood reports whether keys follow from what the parent has, or would have had by
// the CDS RRset before.
func (g *guard) stood(keys, cds zone.RRset) bool {
	follows := func(ds zone.RRset) bool {
		_, err := entry(keys, ds, g.new.Apex(), clock{})
		return err == nil
	}
	if cds.Exists() && !follows(cds) {
		return false
	}
	return len(g.DS) == 0 || slices.ContainsFunc(g.DS, follows)
}

// disagree reports whether a key is named in one of CDS and CDNSKEY alone. What
// asks for deletion stands for itself in each (RFC 8078 4).
func disagree(cds, cdnskey zone.RRset, apex zone.Name) bool {
	if !cds.Exists() || !cdnskey.Exists() {
		return cds.Exists() != cdnskey.Exists()
	}
	named := map[zone.DS]bool{}
	for rdata := range cdnskey.Rdata.All() {
		any := false
		for digest := range strength {
			if d, _ := zone.DNSKEY(rdata).DS(apex, digest); cds.Rdata.Has(string(d)) {
				named[d], any = true, true
			}
		}
		if deletes := zone.DNSKEY(rdata).Algorithm() == 0; !any && !deletes {
			return true
		}
	}
	for rdata := range cds.Rdata.All() {
		if rdata != deleteCDS && !named[zone.DS(rdata)] {
			return true
		}
	}
	return false
}

// deleteCDS is the CDS record that asks for deletion (RFC 8078 4).
const deleteCDS = "\x00\x00\x00\x00\x00"

// insecure says what is wrong with a version that is not signed, in the place of one that
// is (PROTOCOL unsigned-only-without-ds).
func (g *guard) insecure() []Fault {
	fault := func(t zone.Type, why string) []Fault { return []Fault{{g.new.Apex(), t, "", why}} }
	switch _, signed := g.new.Earliest(); {
	case len(g.DS) > 0:
		return fault(zone.TypeDNSKEY, "it would not be signed any more, and a DS RRset is at the parent or may be cached")
	case !g.NoDS:
		return fault(zone.TypeDNSKEY, "it would not be signed any more, and it is not known that the parent has no DS")
	case signed:
		return fault(zone.TypeRRSIG, "there are signatures left in a version without keys")
	case g.links.chained:
		return fault(zone.TypeNSEC, "there is a chain of denial left in a version without keys")
	case top(g.new, zone.TypeCDS).Exists() || top(g.new, zone.TypeCDNSKEY).Exists():
		return fault(zone.TypeCDS, "it speaks to the parent of keys that are not there")
	}
	return nil
}
