package engine

import (
	"slices"

	"github.com/multisigner/multisigner/plugin/multisigner/peer"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// A foreign signer is asked what it has before it is given anything for the first time: our state may have been
// lost, or others have given it the zone. It takes nothing whose serial is not greater than that of what it has. And what it
// has been given stays for as long as data may be in caches that was signed with those keys.

// standing is what a foreign signer has that we know nothing of. wait says why it can be given nothing yet.
func (w *work) standing(cfg *Config, signer string) (had supplied, wait string) {
	if w.sight == nil {
		return supplied{}, "nobody has been looked at yet"
	}
	seen := w.seenAt(signer)
	if !slices.ContainsFunc(seen.Addresses, func(a peer.Address) bool { return a.Serial != nil || a.Status == peer.NotAuthoritative }) {
		return supplied{}, "no address of " + signer + " says which serial it has"
	}
	if w.serialAt(signer) == nil {
		return supplied{}, "" // it does not serve the zone yet
	}
	for _, p := range cfg.Peers {
		if p.Name != signer && !w.seenAt(p.Name).Trusted {
			return supplied{}, p.Name + " is not seen, so that it is not known which of the keys at " + signer + " are its own"
		}
	}
	// A key that signs nothing there is its own, and not in use yet or any more, or it is another's.
	var kept []string
	sets := map[zone.Type][]string{}
	for _, a := range seen.Addresses {
		if !a.Believed {
			continue
		}
		for rdata := range a.Sets[zone.TypeDNSKEY].Rdata.All() {
			if len(signsThere(seen, keyID(zone.DNSKEY(rdata)))) == 0 && !slices.Contains(kept, rdata) {
				kept = append(kept, rdata)
			}
		}
		for _, t := range []zone.Type{zone.TypeCDS, zone.TypeCDNSKEY} {
			for rdata := range a.Sets[t].Rdata.All() {
				if !slices.Contains(sets[t], rdata) {
					sets[t] = append(sets[t], rdata)
				}
			}
		}
	}
	had = supplied{Kept: []byte(zone.Pack(kept...)), Until: w.steady().Add(cfg.EarlierTTL + cfg.Propagation), Sets: map[zone.Type]set{}}
	for t, rdata := range sets {
		had.Sets[t] = set{Rdata: []byte(zone.Pack(rdata...))}
	}
	return had, ""
}

// serialAt is the greatest serial that a signer was seen to have at the last look; nil: it is not known, or it has none.
func (w *work) serialAt(signer string) (serial *uint32) {
	for _, a := range w.seenAt(signer).Addresses {
		if a.Serial != nil && (serial == nil || zone.SerialAfter(*a.Serial, *serial)) {
			serial = a.Serial
		}
	}
	return serial
}

// noticePassedOver looks whether a foreign signer has a greater serial than it was given, and not what it
// was given: an older state of ours was put back, and it passes over what it is offered. That can
// be only of before the start, and is seen to once: whoever does not keep what he transfers would else get
// new serials for ever.
func (w *work) noticePassedOver(cfg *Config) {
	for _, c := range cfg.Contents {
		had, is := w.record.Supplied[c.For]
		seen := w.seenAt(c.For)
		if c.For == "" || !is || w.comparedSupply[c.For] || !seen.Trusted {
			continue
		}
		if w.comparedSupply == nil {
			w.comparedSupply, w.passesOver = map[string]bool{}, map[string]bool{}
		}
		w.comparedSupply[c.For] = true
		serial := w.serialAt(c.For)
		if serial != nil && zone.SerialAfter(*serial, had.Serial) && !keeps(seen, had) {
			w.passesOver[c.For] = true
		}
	}
}

// keeps reports whether every address of a signer that is believed has what it was given.
func keeps(seen peer.Report, had supplied) bool {
	for _, a := range seen.Addresses {
		for _, t := range []zone.Type{zone.TypeDNSKEY, zone.TypeCDS, zone.TypeCDNSKEY} {
			for rdata := range zone.Packed(had.Sets[t].Rdata).All() {
				if set, known := a.Sets[t]; a.Believed && (known || a.Absent[t]) && !set.Rdata.Has(rdata) {
					return false
				}
			}
		}
	}
	return true
}
