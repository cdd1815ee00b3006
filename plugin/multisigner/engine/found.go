package engine

import (
	"net/netip"
	"slices"
	"time"
)

// A nameserver whose addresses stand neither in the zone nor in the parent's glue is where the
// resolver finds it. It may be elsewhere tomorrow, or at another of its addresses at each
// question: resolvers go on asking where they have found it for the TTL of its address record,
// and not for that of the NS record that names it. So for that long it is looked at there, too
// (PROTOCOL named-until-its-ttl).

// located is an address at which the resolver has found a host.
type located struct {
	addr netip.Addr
	// ttl is the largest with which it was found. The resolver tells what is left of it: at the
	// first look that may be little.
	ttl   time.Duration
	until time.Time // it is looked at until then; the zero value: it is found there now
}

// foundHosts are the hosts that the resolver has found, by name.
type foundHosts map[string][]located

// locatedAtMost bounds what is remembered of a host: our choice. Beyond it the rules remember
// the address, and hold.
const locatedAtMost = 64

// ttlOf is the TTL of an address that is a host's now, or 0.
func (f foundHosts) ttlOf(host string, addr netip.Addr) time.Duration {
	for _, l := range f[host] {
		if l.addr == addr && l.until.IsZero() {
			return l.ttl
		}
	}
	return 0
}

// relocated is where to look for a host that was found at addresses: there, and where it was
// before, for as long as resolvers may ask there, and longer by a margin. If it was not found
// whole, it may still be everywhere.
func relocated(before []located, addrs []netip.Addr, ttl time.Duration, whole bool, at time.Time, margin time.Duration) (all []located) {
	for _, addr := range addrs {
		all = append(all, located{addr: addr, ttl: ttl})
	}
	for _, l := range before {
		if i := slices.Index(addrs, l.addr); i >= 0 {
			all[i].ttl = max(ttl, l.ttl)
			continue
		}
		if whole && l.until.IsZero() {
			l.until = at.Add(l.ttl + margin)
		}
		if (l.until.IsZero() || l.until.After(at)) && len(all) < locatedAtMost {
			all = append(all, l)
		}
	}
	return all
}

func addressesIn(all []located) (addrs []netip.Addr) {
	for _, l := range all {
		addrs = append(addrs, l.addr)
	}
	return addrs
}
