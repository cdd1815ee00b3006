package player

import (
	"fmt"
	"net/netip"
	"strings"
	"time"
)

// settings are what an operator has written of a signer.
type settings struct {
	csk, standby, double     bool
	algorithm, denial        string
	lifetimeKSK, lifetimeZSK time.Duration
	ttl, margin, propagation time.Duration
	lookBusy, lookIdle       time.Duration
	parent                   string // none, or ""
	secondaries              []*secondary
	allow                    []netip.Addr // who else may transfer
	peers                    []*peering
}

// peering is a peer block.
type peering struct {
	of        *signer
	addresses []netip.Addr
	query     bool
}

const (
	minute = time.Minute
	hour   = time.Hour
	day    = 24 * hour
)

// policy is one that lets much happen in a week.
func policy() settings {
	return settings{
		algorithm: "ECDSAP256SHA256", denial: "nsec", lifetimeKSK: 9 * day, lifetimeZSK: 4 * day,
		ttl: hour, margin: 10 * minute, propagation: minute, lookBusy: 15 * minute, lookIdle: 2 * hour,
	}
}

func (c settings) text(s *signer) string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, "\t"+format+"\n", args...) }
	b.WriteString("multisigner {\n")
	line("file %s", s.zoneFile())
	line("state %s", s.dir)
	line("signer %s %s", s.name, s.addr)
	line("algorithm %s", c.algorithm)
	line("denial %s", c.denial)
	line("lifetime ksk %s", c.lifetimeKSK)
	if c.csk {
		line("keys csk")
	} else {
		line("lifetime zsk %s", c.lifetimeZSK)
	}
	if c.standby {
		line("standby")
	}
	if c.double {
		line("ds-exchange double")
	}
	line("ttl dnskey %s", c.ttl)
	line("margin %s", c.margin)
	line("propagation %s", c.propagation)
	line("look %s %s", c.lookBusy, c.lookIdle)
	if c.parent == "none" {
		line("parent none")
	} else {
		var addrs []string
		for _, a := range s.w.parent.addrs {
			addrs = append(addrs, a.String())
		}
		line("parent %s", strings.Join(addrs, " "))
		line("parent-notify %s", addrs[0])
	}
	for _, sec := range c.secondaries {
		line("secondary %s", sec.addr)
	}
	for _, addr := range c.allow {
		line("allow-transfer %s", addr)
	}
	for _, p := range c.peers {
		line("peer %s {", p.of.name)
		var addrs []string
		for _, a := range p.addresses {
			addrs = append(addrs, a.String())
		}
		line("\taddress %s", strings.Join(addrs, " "))
		line("\tkey %s", groupKey.Name)
		if p.query {
			line("\tvia query")
		}
		line("}")
	}
	b.WriteString("}\n")
	return b.String()
}
