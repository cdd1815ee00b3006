package engine

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// nameservers gives the zone's nameservers and those of the delegation, with the
// addresses that the zone itself and the parent's glue have for them.
func (w *work) nameservers(cfg *Config) map[string][]netip.Addr {
	found := map[string][]netip.Addr{}
	if w.signed != nil {
		ns, _ := w.signed.RRset(cfg.Apex, zone.TypeNS)
		for _, host := range hosts(ns) {
			found[host] = inZone(w.signed, host)
		}
	}
	if w.sight != nil {
		for _, a := range w.sight.parent.Addresses {
			for _, host := range hosts(a.NS) {
				found[host] = append(found[host], a.Glue[zone.MustName(host)]...)
			}
		}
	}
	return found
}

// ourHosts are the nameservers, of the zone or its delegation, that have an address
// of ours, or our name. Who asks them asks us: a signer without any state that is in
// the delegation has lost it, and does not just begin (protocol b.15 C8).
func (w *work) ourHosts(cfg *Config) (names []string) {
	found := w.nameservers(cfg)
	if w.signed == nil && w.content != nil {
		ns, _ := w.content.RRset(cfg.Apex, zone.TypeNS)
		for _, host := range hosts(ns) {
			found[host] = append(found[host], inZone(w.content, host)...)
		}
	}
	for host, addrs := range found {
		ours := isCalled(host, cfg.Signer)
		for _, a := range cfg.Addresses {
			ours = ours || slices.Contains(addrs, a.Addr())
		}
		if ours {
			names = append(names, host)
		}
	}
	slices.Sort(names)
	return names
}

// inZone gives the addresses that v has for a host; none when it is not in the zone.
func inZone(v *zone.Version, host string) (addrs []netip.Addr) {
	name := zone.MustName(host)
	if !name.Under(v.Apex()) {
		return nil
	}
	n := v.Get(name)
	if n == nil {
		return nil
	}
	for _, t := range []zone.Type{zone.TypeA, zone.TypeAAAA} {
		s, _ := n.Get(t)
		for rdata := range s.Rdata.All() {
			if addr, ok := netip.AddrFromSlice([]byte(rdata)); ok {
				addrs = append(addrs, addr)
			}
		}
	}
	return addrs
}

// isSigners reports whether a nameserver has the name of a signer of the group.
func isSigners(cfg *Config, host string) bool {
	return isCalled(host, cfg.Signer) || slices.ContainsFunc(cfg.Peers, func(p Peer) bool { return isCalled(host, p.Name) })
}

// isCalled reports whether a host has a signer's name, which is written as one likes.
func isCalled(host, signer string) bool {
	return strings.TrimSuffix(host, ".") == strings.TrimSuffix(strings.ToLower(signer), ".")
}
