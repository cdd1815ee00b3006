package engine

import (
	"net/netip"
	"slices"
	"time"

	"github.com/multisigner/multisigner/plugin/multisigner/parent"
	"github.com/multisigner/multisigner/plugin/multisigner/peer"
	"github.com/multisigner/multisigner/plugin/multisigner/validate"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// held is an RRset that resolvers may hold: one that somebody serves, or that was
// replaced and has not passed its TTL since. What nobody has answered for since it
// was seen counts as served: unknown is not absent.
type held struct {
	Type zone.Type `json:"type"` // DS, DNSKEY; SOA stands for data that we signed with other keys
	Who  string    `json:"who"`
	// At is the address that serves it; the zero value is our own record of what we
	// have published.
	At    netip.AddrPort `json:"at"`
	TTL   uint32         `json:"ttl"` // the largest with which it was seen there
	Rdata []byte         `json:"rdata"`
	Sigs  []byte         `json:"sigs,omitempty"`
	// Until is when the last copy may have left the caches, if it is served no more, by
	// the zone's steady clock: a wall clock that is set makes no cache forget.
	Until  time.Time `json:"until"`
	Served bool      `json:"served,omitempty"`
}

func (h held) set(apex zone.Name) zone.RRset {
	return zone.RRset{Name: apex, Type: h.Type, TTL: h.TTL, Rdata: zone.Packed(h.Rdata), Sigs: zone.Packed(h.Sigs)}
}

// What is remembered is bounded for a zone and for each address, so that one signer
// cannot push out what others have shown: our choice, far above what ten signers in
// the middle of rollovers show. Beyond it what passes first is forgotten first.
const (
	maxHeld   = 256
	maxHeldAt = 16
)

// hold takes in what a look saw. What an address showed at the look before may have
// been fetched from it until now.
func (w *work) hold(seen *sight, now time.Time) {
	asked := map[netip.AddrPort]bool{}
	signer := func(who string, addresses []peer.Address) {
		for _, a := range addresses {
			if asked[a.Server.Addr] = true; a.TransferFrom {
				continue
			}
			if set, ok := a.Sets[zone.TypeDNSKEY]; ok {
				w.holdOne(who, a.Server.Addr, zone.TypeDNSKEY, set, now)
			}
		}
	}
	signer("us", seen.self.Addresses)
	for name, r := range seen.peers {
		signer(name, r.Addresses)
	}
	for _, a := range seen.parent.Addresses {
		if asked[a.Addr] = true; a.Status == parent.Good {
			w.holdOne("the parent", a.Addr, zone.TypeDS, a.DS, now)
		}
	}
	for i := range w.held {
		// An address that is no longer asked is nobody's any more.
		if h := &w.held[i]; h.Served && !asked[h.At] {
			w.retire(h, now)
		}
	}
	w.prune(now)
}

// holdOne remembers that an address serves set, or by now none, and in the place
// of which other ones.
func (w *work) holdOne(who string, at netip.AddrPort, t zone.Type, set zone.RRset, now time.Time) {
	known := false
	for i := range w.held {
		h := &w.held[i]
		if h.Type != t || h.At != at {
			continue
		}
		if !set.Exists() || string(h.Rdata) != string(set.Rdata) {
			if h.Served {
				w.retire(h, now)
			}
			continue
		}
		known = true
		w.dirty = w.dirty || !h.Served || set.TTL > h.TTL
		h.Who, h.Sigs, h.Served, h.TTL = who, []byte(set.Sigs), true, max(h.TTL, set.TTL)
	}
	if !known && set.Exists() {
		w.held = append(w.held, held{Type: t, Who: who, At: at, TTL: set.TTL, Rdata: []byte(set.Rdata), Sigs: []byte(set.Sigs), Served: true})
		w.dirty = true
	}
}

func (w *work) retire(h *held, now time.Time) {
	h.Served, h.Until = false, now.Add(seconds(h.TTL))
	w.dirty = true
}

// holdOwn remembers what of the version that is served next takes the place: its
// keys, and its SOA, if that is signed by other keys, for all data that is.
func (w *work) holdOwn(next *zone.Version, now time.Time) {
	if w.signed == nil {
		return
	}
	was, _ := w.signed.RRset(w.known.apex, zone.TypeDNSKEY)
	if is, _ := next.RRset(w.known.apex, zone.TypeDNSKEY); was.Exists() && was.Rdata != is.Rdata {
		w.keep(was, was.TTL, now)
	}
	if soa := w.signed.SOA(); soa.Sigs != "" && !slices.Equal(signatories(soa), signatories(next.SOA())) {
		w.keep(soa, w.signed.MaxTTL(), now)
	}
}

// keep remembers an RRset of ours for as long as a TTL.
func (w *work) keep(s zone.RRset, ttl uint32, now time.Time) {
	h := held{Type: s.Type, Who: "us", TTL: ttl, Rdata: []byte(s.Rdata), Sigs: []byte(s.Sigs), Until: now.Add(seconds(ttl))}
	w.held = slices.DeleteFunc(w.held, func(o held) bool {
		same := o.Type == h.Type && !o.At.IsValid() && string(o.Rdata) == string(h.Rdata)
		return same && string(o.Sigs) == string(h.Sigs)
	})
	w.held = append(w.held, h)
	w.dirty = true
	w.prune(now)
}

// signatories tell apart by which keys an RRset is signed.
func signatories(s zone.RRset) []uint32 {
	var by []uint32
	for sig := range s.Sigs.All() {
		r := zone.RRSIG(sig)
		by = append(by, uint32(r.Algorithm())<<16|uint32(r.KeyTag()))
	}
	slices.Sort(by)
	return slices.Compact(by)
}

// prune forgets what has passed. A clock that was set back makes nothing last
// longer than its TTL.
func (w *work) prune(now time.Time) {
	for i := range w.held {
		if h := &w.held[i]; !h.Served && h.Until.After(now.Add(seconds(h.TTL))) {
			h.Until = now.Add(seconds(h.TTL))
		}
	}
	w.held = slices.DeleteFunc(w.held, func(h held) bool { return !h.Served && !h.Until.After(now) })
	if len(w.held) > maxHeldAt {
		w.bound()
	}
}

func (w *work) bound() {
	slices.SortStableFunc(w.held, func(a, b held) int {
		if a.Served != b.Served {
			return map[bool]int{true: -1, false: 1}[a.Served]
		}
		return b.Until.Compare(a.Until)
	})
	count := map[netip.AddrPort]int{}
	w.held = slices.DeleteFunc(w.held, func(h held) bool {
		count[h.At]++
		return count[h.At] > maxHeldAt
	})
	w.held = w.held[:min(len(w.held), maxHeld)]
}

// recall takes over what an earlier process remembered. It may have been served
// until this moment.
func (w *work) recall(saved []held, now time.Time) {
	w.held = slices.Clone(saved)
	for i := range w.held {
		if h := &w.held[i]; h.Served {
			h.Until = now.Add(seconds(h.TTL))
			// What nobody looks at any more has no address that could show another.
			h.Served = h.At.IsValid()
		}
	}
	w.prune(now)
}

// heldNow says for the guard what resolvers may hold now.
func (w *work) heldNow(cfg *Config) validate.Held {
	w.prune(w.steady())
	var h validate.Held
	hasty := w.hasty()
	for _, each := range w.held {
		if hasty && !each.Served {
			continue
		}
		seen := validate.Seen{Name: each.Who, Set: each.set(cfg.Apex)}
		same := func(o validate.Seen) bool { return o.Set.Rdata == seen.Set.Rdata && o.Set.Sigs == seen.Set.Sigs }
		switch {
		case each.Type == zone.TypeDS:
			if !slices.ContainsFunc(h.DS, func(o zone.RRset) bool { return o.Rdata == seen.Set.Rdata }) {
				h.DS = append(h.DS, seen.Set)
			}
		case each.Type == zone.TypeDNSKEY && !slices.ContainsFunc(h.Keys, same):
			h.Keys = append(h.Keys, seen)
		case each.Type == zone.TypeSOA:
			h.Answers = append(h.Answers, seen)
		}
	}
	h.Answers = append(h.Answers, w.answersOfPeers()...)
	h.NoDS = len(h.DS) == 0 && w.noDS(cfg)
	for _, k := range w.own {
		h.Makers = append(h.Makers, zone.DNSKEY(k.Rdata))
	}
	return h
}

// hasty reports whether a compromised key is on its way out without waiting for
// caches: as long as we publish it. What is served anywhere counts all the same.
func (w *work) hasty() bool {
	if w.signed == nil || len(w.record.Hasty) == 0 {
		return false
	}
	s, _ := w.signed.RRset(w.known.apex, zone.TypeDNSKEY)
	return s.Rdata.Has(string(w.record.Hasty))
}

// answersOfPeers are the RRsets of the apex that the last look saw.
func (w *work) answersOfPeers() (answers []validate.Seen) {
	if w.sight == nil {
		return nil
	}
	for name, r := range w.sight.peers {
		for _, a := range r.Addresses {
			for t, set := range a.Sets {
				if t != zone.TypeDNSKEY && !a.TransferFrom {
					answers = append(answers, validate.Seen{Name: name, Set: set})
				}
			}
		}
	}
	return answers
}

// noDS reports whether the parent is known to have no DS at any of its addresses.
func (w *work) noDS(cfg *Config) bool {
	if cfg.Parent.Mode == ParentNone {
		return true
	}
	if w.sight == nil || len(w.sight.parent.Addresses) == 0 {
		return false
	}
	return !slices.ContainsFunc(w.sight.parent.Addresses, func(a parent.Address) bool {
		return a.Status != parent.Good || !a.DSAbsent
	})
}
