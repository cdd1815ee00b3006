package ask

import (
	"context"
	"net"
	"net/netip"
	"slices"
)

// fromKey is where a context has the origin of what is asked under it.
type fromKey struct{}

type origin struct{ addrs, but []netip.Addr }

// From has what is asked under the context leave from the first of addrs that is of
// the server's family; without one the system chooses, as it does without From, and for
// the servers in but. Of an address on loopback only loopback is asked, and link-local
// of such; what else is there cannot be reached from them, nor they from elsewhere.
func From(ctx context.Context, addrs []netip.Addr, but ...netip.Addr) context.Context {
	return context.WithValue(ctx, fromKey{}, origin{addrs, but})
}

// local is the address to ask s from; nil leaves it to the system.
func local(ctx context.Context, network string, s Server) net.Addr {
	from, _ := ctx.Value(fromKey{}).(origin)
	to := s.Addr.Addr().Unmap()
	if slices.Contains(from.but, to) {
		return nil
	}
	for _, a := range from.addrs {
		if a.Is4() != to.Is4() || a.IsLoopback() != to.IsLoopback() || a.IsLinkLocalUnicast() != to.IsLinkLocalUnicast() {
			continue
		}
		if network == "udp" {
			return &net.UDPAddr{IP: a.AsSlice(), Zone: a.Zone()}
		}
		return &net.TCPAddr{IP: a.AsSlice(), Zone: a.Zone()}
	}
	return nil
}
