package parent

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"github.com/miekg/dns"

	"github.com/multisigner/multisigner/plugin/multisigner/ask"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// maxTargets bounds how many addresses of an endpoint are used.
const maxTargets = 4

// Addresses finds the addresses of an endpoint that Discover has found, without
// those that nobody may make us send to: who can write the DSYNC record, or the
// addresses of its target, would else reach with our packets what he cannot reach
// himself. Loopback and private addresses are used only if one of the configured
// Servers has an address of that kind too; link-local and multicast ones, and ports
// below 1024 other than 53, never. An error says which were left out, if none remains.
func Addresses(ctx context.Context, c *ask.Client, w Where, e Endpoint) ([]netip.AddrPort, error) {
	if e.Port != port && e.Port < 1024 {
		return nil, fmt.Errorf("%s: port %d is that of another service, and is not used", e, e.Port)
	}
	l := &look{client: c, where: w}
	addrs, err := l.addresses(ctx, e.Target)
	if len(addrs) == 0 {
		if err == nil {
			err = errors.New("it has no address")
		}
		return nil, fmt.Errorf("%s: %w", e, err)
	}
	var use []netip.AddrPort
	var refused []error
	for _, addr := range addrs[:min(len(addrs), maxRecords)] {
		if why := w.refuses(addr); why != nil {
			refused = append(refused, fmt.Errorf("%s: %s %w", e, addr, why))
		} else if len(use) < maxTargets {
			use = append(use, netip.AddrPortFrom(addr, e.Port))
		}
	}
	if len(use) == 0 {
		return nil, errors.Join(refused[:min(len(refused), maxTargets)]...)
	}
	return use, nil
}

// addresses finds the addresses of a host, by the resolver, or else at the parent's
// servers, whose name it often is.
func (l *look) addresses(ctx context.Context, host zone.Name) ([]netip.Addr, error) {
	if l.where.Resolver.IsValid() {
		addrs, _, err := l.client.Addresses(ctx, ask.Server{Addr: l.where.Resolver}, host.String())
		return addrs, err
	}
	addrs, err := l.addressesAtServers(ctx, host)
	if len(addrs) > 0 || err == nil {
		return addrs, nil
	}
	if l.where.Names.IsValid() {
		addrs, _, err = l.client.Addresses(ctx, ask.Server{Addr: l.where.Names}, host.String())
		return addrs, err
	}
	return nil, fmt.Errorf("the parent's servers do not have its address, and no resolver is configured: %w", err)
}

func (l *look) addressesAtServers(ctx context.Context, host zone.Name) ([]netip.Addr, error) {
	var addrs []netip.Addr
	var errs []error
	for _, t := range []zone.Type{zone.TypeA, zone.TypeAAAA} {
		m, err := l.atServers(ctx, host, t)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		for _, rr := range m.Answer {
			var ip []byte
			switch rr := rr.(type) {
			case *dns.A:
				ip = rr.A
			case *dns.AAAA:
				ip = rr.AAAA
			}
			if addr, ok := netip.AddrFromSlice(ip); ok && !slices.Contains(addrs, addr.Unmap()) {
				addrs = append(addrs, addr.Unmap())
			}
		}
	}
	return addrs, errors.Join(errs...)
}

// kind says who can be behind an address.
type kind string

const (
	public   kind = "public"
	loopback kind = "loopback"
	private  kind = "private"
	nobody   kind = "not that of a server"
)

var (
	shared    = netip.MustParsePrefix("100.64.0.0/10")  // RFC 6598
	thisNet   = netip.MustParsePrefix("0.0.0.0/8")      // RFC 1122 3.2.1.3
	future    = netip.MustParsePrefix("240.0.0.0/4")    // RFC 1112 4, and the broadcast address
	translate = netip.MustParsePrefix("64:ff9b::/96")   // RFC 6052: an IPv4 address in its last octets
	localNAT  = netip.MustParsePrefix("64:ff9b:1::/48") // RFC 8215: leads to what is local
	sixToFour = netip.MustParsePrefix("2002::/16")      // RFC 3056: an IPv4 address after the prefix
	siteLocal = netip.MustParsePrefix("fec0::/10")      // RFC 3879
)

func kindOf(addr netip.Addr) kind {
	addr = addr.Unmap()
	b := addr.As16()
	switch {
	case translate.Contains(addr):
		return kindOf(netip.AddrFrom4([4]byte(b[12:16])))
	case sixToFour.Contains(addr):
		return kindOf(netip.AddrFrom4([4]byte(b[2:6])))
	case addr.IsLoopback():
		return loopback
	case addr.IsPrivate(), shared.Contains(addr), siteLocal.Contains(addr), localNAT.Contains(addr):
		return private
	case !addr.IsGlobalUnicast(), addr.Zone() != "", thisNet.Contains(addr), future.Contains(addr):
		return nobody
	}
	return public
}

// refuses says why addr must not be told.
func (w Where) refuses(addr netip.Addr) error {
	k := kindOf(addr)
	if k == nobody {
		return fmt.Errorf("is %s", k)
	}
	if k == public || slices.ContainsFunc(w.Servers, func(s netip.AddrPort) bool { return kindOf(s.Addr()) == k }) {
		return nil
	}
	return fmt.Errorf("is a %s address, and no server of the parent that is configured is: name it, if it is meant", k)
}
