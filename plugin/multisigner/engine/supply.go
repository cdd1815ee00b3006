package engine

import (
	"maps"
	"reflect"
	"slices"
	"time"

	"github.com/multisigner/multisigner/plugin/multisigner/ask"
	"github.com/multisigner/multisigner/plugin/multisigner/history"
	"github.com/multisigner/multisigner/plugin/multisigner/roll"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// A foreign signer that signs what it transfers, and keeps the keys that come with it, is
// supplied with those: it transfers the content, with what we publish at the apex of all
// signers but that one. What it does with it is seen there, or is not believed.

// supplied is what a foreign signer was given last, beside the content. It is saved first.
type supplied struct {
	Serial  uint32            `json:"serial"`
	Content uint32            `json:"content"` // the serial of that
	Sets    map[zone.Type]set `json:"sets"`
	// Kept are DNSKEY records that it had before it was given anything by this state, and that may be another's:
	// they stay until a time, see standing.
	Kept  []byte    `json:"kept,omitempty"`
	Until time.Time `json:"until,omitzero"` // by the steady clock
}

// set is an RRset of the apex.
type set struct {
	TTL   uint32 `json:"ttl"`
	Rdata []byte `json:"rdata"`
}

// supply is the same as it is transferred.
type supply struct {
	of      *zone.Version // the content
	version *zone.Version
	history history.Chronicle
}

// view is something to transfer, and how to get there.
type view struct {
	version *zone.Version
	chain   *history.Chain
}

// views are by the foreign signer that has them.
type views map[string]view

func (v *views) of(signer string) view {
	if v == nil {
		return view{}
	}
	return (*v)[signer]
}

// numberSupplies notes in the record what each foreign signer is given while we publish what
// plan says. With each change of it goes a new serial.
func (w *work) numberSupplies(cfg *Config, next *record, v *zone.Version, plan roll.Plan) {
	if v == nil || next.Content == nil {
		return
	}
	next.Supplied = maps.Clone(next.Supplied)
	for _, c := range cfg.Contents {
		if c.For == "" {
			continue
		}
		had, before := next.Supplied[c.For]
		if !before {
			var wait string
			if had, wait = w.standing(cfg, c.For); wait != "" {
				continue // reportSupply tells
			}
		}
		sets, ok := w.supplies(cfg, v, plan, c.For, had)
		if !ok || before && had.Content == next.Content.Serial && reflect.DeepEqual(had.Sets, sets) && !w.passesOver[c.For] {
			continue
		}
		is := supplied{next.Content.Serial, next.Content.Serial, sets, had.Kept, had.Until}
		if before && !zone.SerialAfter(is.Serial, had.Serial) {
			is.Serial = had.Serial + 1
		}
		if serial := w.serialAt(c.For); serial != nil && !zone.SerialAfter(is.Serial, *serial) {
			is.Serial = *serial + 1 // it takes nothing that is older than what it has
		}
		delete(w.passesOver, c.For)
		if next.Supplied == nil {
			next.Supplied = map[string]supplied{}
		}
		next.Supplied[c.For], w.dirty = is, true
	}
}

// supplies are the records that a foreign signer is given beside the content: the NS of v,
// and of the keys in plan those that are not its own. While we publish no CDS, what it had
// stays, as long as the keys do: a parent that reads there would else take our DS out.
func (w *work) supplies(cfg *Config, v *zone.Version, plan roll.Plan, signer string, had supplied) (sets map[zone.Type]set, ok bool) {
	h := w.handing(cfg, plan, signer)
	h.had = &had
	keys, cds := h.others(plan.DNSKEY), h.others(plan.CDS)
	ns, _ := v.RRset(cfg.Apex, zone.TypeNS)
	sets = map[zone.Type]set{zone.TypeNS: {ns.TTL, []byte(ns.Rdata)}}
	put := func(t zone.Type, rdata []string) {
		if len(rdata) > 0 {
			sets[t] = set{uint32(cfg.DNSKEYTTL / time.Second), []byte(zone.Pack(rdata...))}
		}
	}
	stay := func(t zone.Type, id func(rdata string) (roll.KeyID, bool)) (rdata []string) {
		for r := range zone.Packed(had.Sets[t].Rdata).All() {
			if of, known := id(r); known && slices.Contains(keys, of) {
				rdata = append(rdata, r)
			}
		}
		return rdata
	}
	put(zone.TypeDNSKEY, h.dnskeys(plan.DNSKEY))
	switch {
	case plan.CDSDelete:
		put(zone.TypeCDS, []string{cdsDelete})
		put(zone.TypeCDNSKEY, []string{cdnskeyDelete})
	case len(plan.CDS) > 0:
		put(zone.TypeCDS, h.cds(plan.CDS))
		put(zone.TypeCDNSKEY, h.dnskeys(plan.CDS))
	default:
		put(zone.TypeCDS, stay(zone.TypeCDS, func(r string) (roll.KeyID, bool) { return w.known.of(zone.DS(r)) }))
		put(zone.TypeCDNSKEY, stay(zone.TypeCDNSKEY, func(r string) (roll.KeyID, bool) { return keyID(zone.DNSKEY(r)), true }))
	}
	whole := zone.Packed(sets[zone.TypeDNSKEY].Rdata).Len() == len(keys) && zone.Packed(sets[zone.TypeCDS].Rdata).Len() >= len(cds)
	return sets, whole && ns.Exists()
}

// offerSupplies makes what was numbered, and saved, what foreign signers get.
func (w *work) offerSupplies(cfg *Config) (changed []Content) {
	for _, c := range cfg.Contents {
		is, numbered := w.record.Supplied[c.For]
		if !numbered || w.offering.of == nil || is.Content != w.record.Content.Serial {
			continue // or it is with content that is not given yet
		}
		had := w.supplied[c.For]
		if had != nil && had.of == w.offering.of && had.version.Serial() == is.Serial {
			continue
		}
		b := w.offering.of.Edit()
		b.Put(w.offering.of.SOA().WithSerial(is.Serial))
		for t, s := range is.Sets {
			b.Put(zone.RRset{Name: cfg.Apex, Type: t, TTL: s.TTL, Rdata: zone.Packed(s.Rdata)})
		}
		if had == nil {
			had = &supply{}
		}
		had.of, had.version = w.offering.of, b.Version()
		if w.supplied == nil {
			w.supplied = map[string]*supply{}
		}
		w.supplied[c.For] = had
		changed = append(changed, c)
	}
	return changed
}

// suppliedNow is what foreign signers may transfer now: was, if it is the same.
func (w *work) suppliedNow(cfg *Config, was *views) *views {
	if len(w.supplied) == 0 || w.lapsed(cfg) != "" {
		return nil
	}
	all := views{}
	for _, c := range cfg.Contents {
		if s := w.supplied[c.For]; s != nil {
			s.history.GoOn(s.version)
			all[c.For] = view{s.version, s.history.Chain}
		}
	}
	if was != nil && maps.Equal(*was, all) {
		return was
	}
	return &all
}

// tellSupplied sends NOTIFY to foreign signers for what they get.
func (e *Engine) tellSupplied(z *Zone, cfg *Config, changed []Content) {
	for _, c := range changed {
		addresses := c.Told
		for _, p := range cfg.Peers {
			if p.Name == c.For && len(addresses) == 0 {
				addresses = p.Addresses
			}
		}
		var servers []ask.Server
		for _, a := range addresses {
			servers = append(servers, ask.Server{Addr: a, TSIG: c.TSIG})
		}
		e.tellAll(z, &z.contentNotes, servers, z.work.supplied[c.For].version)
	}
}
