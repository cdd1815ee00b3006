package engine

import (
	"slices"
	"time"

	"github.com/multisigner/multisigner/plugin/multisigner/peer"
	"github.com/multisigner/multisigner/plugin/multisigner/roll"
	"github.com/multisigner/multisigner/plugin/multisigner/status"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// hand is what a person carries to a foreign signer: which records of keys that are not
// its own belong into its DNSKEY, CDS and CDNSKEY RRsets now. It is nil where what that
// signer publishes is not known: unseen is not absent. Of the signer's own keys it says
// nothing, and neither of one that nobody is known to own.
func (w *work) hand(cfg *Config, name string, seen peer.Report) *status.Hand {
	if !slices.ContainsFunc(seen.Addresses, func(a peer.Address) bool { return a.Believed }) {
		return nil
	}
	h := w.handing(w.plan, name)
	h.out = status.Hand{TTL: uint32(cfg.DNSKEYTTL / time.Second), Records: []status.Record{}, Add: []status.Record{}, Remove: []status.Record{}}
	h.compare(cfg.Apex, zone.TypeDNSKEY, h.dnskeys(w.plan.DNSKEY), seen)
	switch {
	case w.plan.CDSDelete:
		h.compare(cfg.Apex, zone.TypeCDS, []string{cdsDelete}, seen)
		h.compare(cfg.Apex, zone.TypeCDNSKEY, []string{cdnskeyDelete}, seen)
	case len(w.plan.CDS) > 0:
		// While we publish none, what stands there stays: a parent that reads there would
		// else take our DS out.
		h.compare(cfg.Apex, zone.TypeCDS, h.cds(w.plan.CDS), seen)
		h.compare(cfg.Apex, zone.TypeCDNSKEY, h.dnskeys(w.plan.CDS), seen)
	}
	return &h.out
}

// handing is one making of a Hand.
type handing struct {
	*work
	owner string // the foreign signer
	keys  map[roll.KeyID]roll.KeyStatus
	out   status.Hand
}

func (w *work) handing(plan roll.Plan, signer string) *handing {
	h := &handing{work: w, owner: signer, keys: make(map[roll.KeyID]roll.KeyStatus, len(plan.Keys))}
	for _, k := range plan.Keys {
		h.keys[k.ID] = k
	}
	return h
}

// others are the keys among ids that are not the signer's own.
func (h *handing) others(ids []roll.KeyID) []roll.KeyID {
	return slices.DeleteFunc(slices.Clone(ids), func(id roll.KeyID) bool { return h.keys[id].Owner == h.owner })
}

func (h *handing) dnskeys(ids []roll.KeyID) []string {
	return h.records(h.known.dnskeys(h.others(ids)))
}

func (h *handing) cds(ids []roll.KeyID) []string { return h.records(h.known.cds(h.others(ids))) }

// records unpacks a set. One that cannot be made is not published by us either.
func (h *handing) records(set zone.Packed, err error) []string {
	if err != nil {
		return nil
	}
	return slices.Collect(set.All())
}

// compare notes what of want an address of the signer lacks, and what it has of keys that
// have been withdrawn. A set that was not seen there is not compared.
func (h *handing) compare(apex zone.Name, t zone.Type, want []string, seen peer.Report) {
	note := func(to *[]status.Record, rdata string) {
		r := status.Record{Type: t.String(), Rdata: zone.RdataText(t, rdata)}
		if !slices.Contains(*to, r) {
			*to = append(*to, r)
		}
	}
	for _, rdata := range want {
		note(&h.out.Records, rdata)
	}
	for _, a := range seen.Addresses {
		set, known := a.Sets[t]
		if !a.Believed || !known && !a.Absent[t] {
			continue
		}
		for _, rdata := range want {
			if !set.Rdata.Has(rdata) {
				note(&h.out.Add, rdata)
			}
		}
		for rdata := range set.Rdata.All() {
			if !slices.Contains(want, rdata) && h.withdrawn(t, rdata) {
				note(&h.out.Remove, rdata)
			}
		}
	}
}

// withdrawn reports whether a record speaks of a key of another signer that no longer
// belongs into this set.
func (h *handing) withdrawn(t zone.Type, rdata string) bool {
	if rdata == cdsDelete || rdata == cdnskeyDelete {
		return false // the signer's own wish, and its operator's to take back
	}
	id, known := h.known.of(zone.DS(rdata))
	if t != zone.TypeCDS {
		id, known = keyID(zone.DNSKEY(rdata)), true
	}
	k, ours := h.keys[id]
	if !known || !ours || k.Owner == h.owner {
		return false
	}
	return t != zone.TypeDNSKEY || k.State == "removed" || k.State == "withdrawn"
}

// signsThere says what a peer's key was seen to sign at its owner.
func signsThere(seen peer.Report, id roll.KeyID) []string {
	signs := []string{}
	for _, each := range []struct {
		what string
		t    zone.Type
	}{{"dnskey", zone.TypeDNSKEY}, {"cds", zone.TypeCDS}, {"data", zone.TypeSOA}} {
		if slices.ContainsFunc(seen.Addresses, func(a peer.Address) bool {
			for sig := range a.Sets[each.t].Sigs.All() {
				if s := zone.RRSIG(sig); a.Believed && s.KeyTag() == id.Tag && s.Algorithm() == id.Algorithm {
					return true
				}
			}
			return false
		}) {
			signs = append(signs, each.what)
		}
	}
	return signs
}
