package engine

import (
	"maps"
	"net/netip"
	"slices"
	"time"

	"github.com/multisigner/multisigner/plugin/multisigner/caches"
	"github.com/multisigner/multisigner/plugin/multisigner/parent"
	"github.com/multisigner/multisigner/plugin/multisigner/peer"
	"github.com/multisigner/multisigner/plugin/multisigner/validate"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// theParent is the name that DS RRsets are held under.
const theParent = "the parent"

// hold takes in what a look saw of what resolvers may hold.
func (w *work) hold(seen *sight, now time.Time) {
	var shown []caches.Shown
	asked := map[netip.AddrPort]bool{}
	signer := func(who string, addresses []peer.Address, own bool) {
		for _, a := range addresses {
			if asked[a.Server.Addr] = true; a.TransferFrom {
				continue
			}
			least := uint32(0)
			if own {
				least = w.caches.LargestTTL(a.Sets[zone.TypeSOA], w.signed)
			}
			shown = append(shown, caches.AtSigner(who, a.Server.Addr, maps.Values(a.Sets), least)...)
		}
	}
	signer(caches.Us, seen.self.Addresses, true)
	for name, r := range seen.peers {
		signer(name, r.Addresses, false)
	}
	for _, a := range seen.parent.Addresses {
		if asked[a.Addr] = true; a.Status == parent.Good {
			shown = append(shown, caches.Shown{Who: theParent, At: a.Addr, Type: zone.TypeDS, Set: a.DS})
		}
	}
	if len(seen.parent.Unfound) > 0 { // those of its servers that were found before may be there still
		for _, at := range w.caches.Of(theParent) {
			asked[at] = true
		}
	}
	w.caches.Look(shown, asked, now)
}

// heldNow says for the guard what resolvers may hold now.
func (w *work) heldNow(cfg *Config) validate.Held {
	h := w.caches.Now(cfg.Apex, w.hasty(), w.steady())
	h.NoDS = len(h.DS) == 0 && w.noDS(cfg)
	for _, k := range w.own {
		h.Makers = append(h.Makers, zone.DNSKEY(k.Rdata))
	}
	return h
}

// hasty reports whether a compromised key is on its way out without waiting for
// caches: as long as we publish it. What is served anywhere counts all the same.
func (w *work) hasty() bool {
	if w.signed == nil {
		return false
	}
	s, _ := w.signed.RRset(w.known.apex, zone.TypeDNSKEY)
	return s.Rdata.Has(string(w.record.Hasty))
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
		return !a.DSAbsent
	})
}
