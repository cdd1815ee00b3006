package engine

import (
	"context"
	"net/netip"
	"slices"
	"strings"

	"github.com/multisigner/multisigner/plugin/multisigner/ask"
	"github.com/multisigner/multisigner/plugin/multisigner/peer"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// Resolvers ask every address of every nameserver, not the addresses that somebody
// has written into a Corefile. So a nameserver of the zone or of its delegation
// that nobody has named is looked at as well, and counts in every gate (protocol
// b.15 C4): as the signer's whose keys it shows, as ours as long as that is not known.

// addOthers finds the addresses of nameservers that are neither ours nor a peer's
// by configuration, and how they are looked at: believed by anybody's keys. An
// address counts as named whatever the port that stands with it: a nameserver is
// reached by its address alone, and who writes another port than 53 has something
// in between.
func (w *work) addOthers(cfg *Config, g *gaze) {
	pins := w.ownEntry()
	for _, p := range cfg.Peers {
		pins = append(pins, w.memory(p.Name).Pins...)
	}
	g.others = peer.Target{
		Zone: cfg.Apex, Hosts: map[netip.AddrPort]string{},
		Memory: peer.Memory{Pins: pins}, Via: peer.Query,
	}
	g.named, g.resolver = map[netip.Addr]bool{}, cfg.Parent.Resolver
	for _, s := range subjects(cfg) {
		g.named[s.server.Addr.Addr()] = true
	}
	for host, addrs := range w.nameservers(cfg) {
		if len(addrs) == 0 && g.resolver.IsValid() {
			g.unknown = append(g.unknown, host)
		}
		g.addOther(host, addrs)
	}
}

func (g *gaze) addOther(host string, addrs []netip.Addr) {
	for _, addr := range addrs {
		at := netip.AddrPortFrom(addr, 53)
		if _, twice := g.others.Hosts[at]; !twice && !g.named[addr] {
			g.others.Hosts[at] = host
			g.others.Servers = append(g.others.Servers, ask.Server{Addr: at})
		}
	}
}

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
		ours := strings.TrimSuffix(host, ".") == strings.TrimSuffix(strings.ToLower(cfg.Signer), ".")
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

// findOthers completes the target by what the resolver knows, and leaves out
// addresses to which this machine has no route: a host without IPv6 would else
// wait for them for ever.
func (e *Engine) findOthers(ctx context.Context, g gaze) peer.Target {
	for _, host := range g.unknown {
		addrs, err := e.client.Addresses(ctx, ask.Server{Addr: g.resolver}, host)
		if err != nil {
			e.log.Debug("nameserver was not found", "zone", g.apex, "host", host, "error", err)
			continue
		}
		g.addOther(host, addrs)
	}
	g.others.Servers = slices.DeleteFunc(g.others.Servers, func(s ask.Server) bool { return !e.client.Routed(ctx, s.Addr) })
	return g.others
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
