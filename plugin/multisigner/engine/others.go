package engine

import (
	"context"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/multisigner/multisigner/plugin/multisigner/ask"
	"github.com/multisigner/multisigner/plugin/multisigner/peer"
	"github.com/multisigner/multisigner/plugin/multisigner/status"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// Resolvers ask every address of every nameserver, not the addresses that somebody has
// written into a Corefile. So a nameserver of the zone or of its delegation that nobody
// has named is looked at as well, and counts in every gate
// (PROTOCOL every-address-counts): as the signer's whose keys it shows, as ours as long
// as that is not known.

// addOthers finds the addresses of nameservers that are neither ours nor a peer's
// by configuration, and how they are looked at: believed by anybody's keys. An
// address counts as named whatever the port that stands with it: a nameserver is
// reached by its address alone, and who writes another port than 53 has something
// in between. So does a host that has the name of a signer: its addresses are those
// that stand there. The addresses of any other must be found.
func (w *work) addOthers(cfg *Config, g *gaze) {
	pins := w.ownEntry()
	for _, p := range cfg.Peers {
		pins = append(pins, w.memory(p.Name).Pins...)
	}
	g.others = peer.Target{
		Zone: cfg.Apex, Hosts: map[netip.AddrPort]string{},
		Memory: peer.Memory{Pins: pins}, Via: peer.Query,
	}
	g.named, g.resolver, g.found = map[netip.Addr]bool{}, cfg.Parent.Resolver, w.found
	g.margin = cfg.Margin
	g.covered, g.signers, g.ignored = map[string]bool{}, map[string]bool{}, cfg.Ignore
	for _, s := range subjects(cfg) {
		g.named[s.Server.Addr.Addr()] = true
	}
	for host, addrs := range w.nameservers() {
		g.signers[host] = isSigners(cfg, host)
		if len(addrs) == 0 {
			g.unknown = append(g.unknown, host)
		}
		g.addOther(host, addrs)
	}
	slices.Sort(g.unknown)
}

func (g *gaze) addOther(host string, addrs []netip.Addr) {
	g.covered[host] = true
	for _, addr := range addrs {
		g.covered[addr.String()] = true
		at := netip.AddrPortFrom(addr, 53)
		if _, twice := g.others.Hosts[at]; !twice && !g.named[addr] && !slices.Contains(g.ignored, addr) {
			g.others.Hosts[at] = host
			g.others.Servers = append(g.others.Servers, ask.Server{Addr: at})
		}
	}
}

// looksAtOthers reports whether it matters what servers show that nobody has named.
// Else nobody depends on what they serve.
func looksAtOthers(cfg *Config) bool {
	return cfg.Parent.Mode != ParentNone || len(cfg.Peers) > 0
}

// lookAtOthers asks the nameservers that nobody has named.
func (e *Engine) lookAtOthers(ctx context.Context, g gaze, s *sight) {
	target, lost, found := e.findOthers(ctx, g, s.at)
	s.found = found
	for _, server := range target.Servers {
		if !e.client.Routed(ctx, server.Addr) {
			s.unrouted = append(s.unrouted, server.Addr.Addr().String()+" ("+target.Hosts[server.Addr]+")")
		}
	}
	slices.Sort(s.unrouted)
	if g.refuses { // else whoever asks is answered, and others need not see an option that they do not know
		target.Servers = e.marked(target.Servers)
	}
	s.others = peer.Look(ctx, e.client, target, s.at)
	s.others.Addresses = append(s.others.Addresses, lost...)
}

// findOthers completes the target by what the resolver knows. A nameserver of which
// that is not all is an address at which nobody can look: it is in lost. Those that
// were found before are looked at on, for they are no worse than they were.
func (e *Engine) findOthers(ctx context.Context, g gaze, at time.Time) (t peer.Target, lost []peer.Address, found foundHosts) {
	found = foundHosts{}
	type answer struct {
		addrs []netip.Addr
		ttl   time.Duration
		why   string
	}
	// At once: a resolver that does not answer must leave time for the look itself.
	answers := ask.All(g.unknown, func(host string) (a answer) {
		a.addrs, a.ttl, a.why = e.addressesOf(ctx, g.resolver, host)
		return a
	})
	for i, host := range g.unknown {
		a := answers[i]
		if a.why != "" && !g.signers[host] {
			lost = append(lost, peer.Address{Host: host, At: at, Status: peer.Unfound, Err: a.why})
		}
		where := relocated(g.found[host], a.addrs, a.ttl, a.why == "", at, g.margin)
		if len(where) > 0 {
			found[host] = where
		}
		g.addOther(host, addressesIn(where))
	}
	return g.others, lost, found
}

// addressesOf asks the resolver; why says in what the answer falls short.
func (e *Engine) addressesOf(ctx context.Context, resolver netip.AddrPort, host string) (addrs []netip.Addr, ttl time.Duration, why string) {
	if !resolver.IsValid() {
		return nil, 0, "there is no resolver to ask"
	}
	addrs, ttl, err := e.client.Addresses(ctx, ask.Server{Addr: resolver}, host)
	switch {
	case err != nil:
		return addrs, ttl, err.Error()
	case len(addrs) == 0:
		return nil, 0, "the resolver says that it has none"
	}
	return addrs, ttl, ""
}

// notCovered are the nameservers, and addresses of theirs, that the last look did not
// know of: until the next one they could not be looked at.
func (w *work) notCovered(cfg *Config) (hosts []string) {
	if !looksAtOthers(cfg) {
		return nil
	}
	for host, addrs := range w.nameservers() {
		covered := w.sight.covered[host]
		for _, addr := range addrs {
			covered = covered && (w.sight.covered[addr.String()] || slices.Contains(cfg.Ignore, addr))
		}
		if !covered && !isSigners(cfg, host) {
			hosts = append(hosts, host)
		}
	}
	slices.Sort(hosts)
	return hosts
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

// alarmsOfOurs are for addresses of ours at which something else answers.
func (w *work) alarmsOfOurs(cfg *Config) (alarms []alarm) {
	if w.sight == nil {
		return nil
	}
	for _, a := range w.sight.self.Addresses {
		ours := a.Host == "" && slices.Contains(cfg.Addresses, a.Server.Addr)
		if ours && a.Status != peer.Good && a.Status != peer.Unreachable && !a.Server.Mark.Arrived() {
			alarms = append(alarms, newAlarm(status.AlarmOwnAddress, a.Server.String(),
				"at our own address "+a.Server.String()+" something else answers when it is asked for "+cfg.Apex.String()+": "+a.Err,
				"see what listens there. The address is in the `signer` line, so this server must listen there; a proxy in front of it must pass EDNS options on"))
		}
	}
	return alarms
}

// alarmsOfOthers are for nameservers at which nobody can look.
func (w *work) alarmsOfOthers() (alarms []alarm) {
	if w.sight == nil {
		return nil
	}
	for _, a := range w.sight.self.Addresses {
		if a.Status == peer.Unfound {
			alarms = append(alarms, newAlarm(status.AlarmUnfound, a.Host,
				"the address of nameserver "+a.Host+" is not known ("+a.Err+"): what it serves cannot be seen, and no step is taken that could break validation",
				"give a `resolver` that finds it; or, if it belongs to a signer, use this name for that signer in the `signer` line or the `peer` block, with its addresses; "+
					"or take it out of the NS records of the zone and its delegation"))
		}
	}
	if len(w.sight.unrouted) > 0 {
		alarms = append(alarms, newAlarm(status.AlarmUnrouted, "",
			"this machine has no route to "+strings.Join(w.sight.unrouted, ", ")+": what is served there cannot be seen, and no step is taken that could break validation",
			"give the machine a route there (IPv6, most likely); or write `ignore` with these addresses, if they serve what another address does"))
	}
	return alarms
}
