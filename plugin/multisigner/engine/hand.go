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
	h := w.handing(cfg, w.plan, name)
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
	owner   string // the foreign signer
	foreign map[string]bool
	keys    map[roll.KeyID]roll.KeyStatus
	had     *supplied // what it was given before; nil: a person carries that, and nobody knows
	out     status.Hand
}

func (w *work) handing(cfg *Config, plan roll.Plan, signer string) *handing {
	h := &handing{work: w, owner: signer, foreign: map[string]bool{}, keys: make(map[roll.KeyID]roll.KeyStatus, len(plan.Keys))}
	for _, k := range plan.Keys {
		h.keys[k.ID] = k
	}
	for _, p := range cfg.Peers {
		h.foreign[p.Name] = p.Foreign
	}
	return h
}

// others are the keys among ids that are not the signer's own.
func (h *handing) others(ids []roll.KeyID) []roll.KeyID {
	return slices.DeleteFunc(slices.Clone(ids), h.own)
}

// own reports whether a key is the signer's, or may be: then it is not for us to give it back. Before a key signs,
// others that have a copy may seem to own it. A signer of our kind signs with each of its keys, so what it was seen not to sign
// with is a copy. What this signer was given before is another's, until it signs with it.
func (h *handing) own(id roll.KeyID) bool {
	k := h.keys[id]
	if k.Ours {
		return false
	}
	there, owners := h.seenAt(h.owner), h.seenAt(k.Owner)
	elsewhere := k.Owner != h.owner && len(signsThere(owners, id)) > 0
	given := h.had != nil && hasKey(zone.Packed(h.had.Sets[zone.TypeDNSKEY].Rdata), id)
	switch {
	case elsewhere:
		return false
	case h.had != nil && hasKey(zone.Packed(h.had.Kept), id):
		return len(signsThere(there, id)) > 0 || !h.steady().Before(h.had.Until)
	case k.Owner == h.owner:
		return true
	case given || !shows(there, id):
		return false
	case h.foreign[k.Owner]:
		return h.had != nil && h.had.Sets != nil
	}
	return owners.Trusted
}

// seenAt is what a signer was seen to publish at the last look.
func (w *work) seenAt(signer string) peer.Report {
	if w.sight == nil {
		return peer.Report{}
	}
	return w.sight.peers[signer]
}

// shows reports whether a signer was seen to publish a key.
func shows(seen peer.Report, id roll.KeyID) bool {
	return slices.ContainsFunc(seen.Addresses, func(a peer.Address) bool { return a.Believed && hasKey(a.Sets[zone.TypeDNSKEY].Rdata, id) })
}

func hasKey(set zone.Packed, id roll.KeyID) bool {
	for rdata := range set.All() {
		if keyID(zone.DNSKEY(rdata)) == id {
			return true
		}
	}
	return false
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
