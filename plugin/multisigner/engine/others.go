package engine

import (
	"cmp"
	"net/netip"
	"slices"

	"github.com/multisigner/multisigner/plugin/multisigner/ask"
	"github.com/multisigner/multisigner/plugin/multisigner/peer"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// Resolvers ask every address of every nameserver, not the addresses that somebody
// has written into a Corefile. So a nameserver of the zone or of its delegation
// that nobody has named is looked at as well, and counts in every gate (protocol
// b.15 C4): as the signer's whose keys it shows, as ours as long as that is not known.

// others are the addresses of nameservers that are neither ours nor a peer's by
// configuration. An address counts as named whatever the port that stands with it:
// a nameserver is reached by its address alone, and who writes another port than
// 53 has something in between.
func (w *work) others(cfg *Config) []ask.Server {
	named := map[netip.Addr]bool{}
	for _, s := range subjects(cfg) {
		named[s.server.Addr.Addr()] = true
	}
	var found []ask.Server
	for addr := range w.nameservers(cfg) {
		if !named[addr] {
			found = append(found, ask.Server{Addr: netip.AddrPortFrom(addr, 53)})
		}
	}
	slices.SortFunc(found, func(a, b ask.Server) int { return a.Addr.Compare(b.Addr) })
	return found
}

// nameservers gives the addresses that the zone itself and the parent's glue have
// for nameservers, with the names.
func (w *work) nameservers(cfg *Config) map[netip.Addr]string {
	found := map[netip.Addr]string{}
	if w.signed != nil {
		ns, _ := w.signed.RRset(cfg.Apex, zone.TypeNS)
		for _, host := range hosts(ns) {
			name := zone.MustName(host)
			if n := w.signed.Get(name); n != nil && name.Under(cfg.Apex) {
				for _, t := range []zone.Type{zone.TypeA, zone.TypeAAAA} {
					s, _ := n.Get(t)
					for rdata := range s.Rdata.All() {
						if addr, ok := netip.AddrFromSlice([]byte(rdata)); ok {
							found[addr] = host
						}
					}
				}
			}
		}
	}
	if w.sight != nil {
		for _, a := range w.sight.parent.Addresses {
			for host, addrs := range a.Glue {
				for _, addr := range addrs {
					found[addr] = cmp.Or(found[addr], host.String())
				}
			}
		}
	}
	return found
}

// othersTarget is how they are looked at: believed by anybody's keys.
func (w *work) othersTarget(cfg *Config) peer.Target {
	pins := w.ownEntry()
	for _, p := range cfg.Peers {
		pins = append(pins, w.memory(p.Name).Pins...)
	}
	target := peer.Target{
		Zone: cfg.Apex, Servers: w.others(cfg), Hosts: map[netip.AddrPort]string{},
		Memory: peer.Memory{Pins: pins}, Via: peer.Query,
	}
	for addr, host := range w.nameservers(cfg) {
		target.Hosts[netip.AddrPortFrom(addr, 53)] = host
	}
	return target
}

// attribute adds what the other addresses show to the reports of those whose they are.
func (w *work) attribute(cfg *Config, s *sight) {
	for _, a := range s.others.Addresses {
		owner := ""
		for _, p := range cfg.Peers {
			pins := w.memory(p.Name).Pins
			if slices.ContainsFunc(a.Entry, func(k zone.DNSKEY) bool { return slices.Contains(pins, k) }) {
				owner = p.Name
			}
		}
		if r, ok := s.peers[owner]; ok {
			r.Addresses = append(r.Addresses, a)
			s.peers[owner] = r
		} else {
			s.self.Addresses = append(s.self.Addresses, a)
		}
	}
	s.others = peer.Report{}
}
