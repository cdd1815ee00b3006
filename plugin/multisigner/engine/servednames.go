package engine

import (
	"net/netip"
	"slices"

	"github.com/multisigner/multisigner/plugin/multisigner/peer"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// Our version names a nameserver no more, and a secondary that is hours behind, or a peer that
// has not got the change, gives out the older NS RRset: resolvers learn the name there, and ask
// it for another TTL. So what any server names that was looked at is named
// (PROTOCOL named-until-its-ttl).

// servedNames are the nameservers that servers of the zone were seen to name, where resolvers
// may ask them. whole: all of those were seen, and name no others. One that nobody names by
// now has no say in that.
func (w *work) servedNames() (is []named, whole bool) {
	asked := w.askedNow()
	left := w.sight.self.Addresses
	for _, a := range left {
		asked.add(named{Addr: a.Server.Addr.Addr()})
	}
	for _, r := range w.sight.peers {
		left = append(slices.Clip(left), r.Addresses...)
	}
	whole = true
	for next := asked.take(&left); len(next) > 0; next = asked.take(&left) {
		for _, a := range next {
			ns := a.Sets[zone.TypeNS]
			if !a.Believed || !ns.Exists() {
				whole = whole && a.Host != "" && !w.namesNow(a.Host)
				continue
			}
			for _, host := range hosts(ns) {
				for _, n := range addressed("servers", host, w.knownAt(host), ns.TTL) {
					asked.add(n)
					is = append(is, n)
				}
			}
		}
	}
	return is, whole
}

// askable are the addresses at which resolvers may ask for the zone: that of a signer which
// joins, and which nobody names yet, is none of them.
type askable struct {
	addrs map[netip.Addr]bool
	any   bool // the address of one nameserver is not known: it may be any
}

// askedNow are those that the zone and its delegation name, or named within their TTLs.
func (w *work) askedNow() *askable {
	asked := &askable{addrs: make(map[netip.Addr]bool)}
	for _, n := range w.record.Named {
		if n.Source != "servers" {
			asked.add(n)
		}
	}
	return asked
}

func (k *askable) add(n named) {
	k.any = k.any || !n.Addr.IsValid()
	k.addrs[n.Addr.Unmap()] = true
}

// take takes those of left that may be asked.
func (k *askable) take(left *[]peer.Address) (are []peer.Address) {
	var others []peer.Address
	for _, a := range *left {
		if k.any || a.Host != "" || k.addrs[a.Server.Addr.Addr().Unmap()] {
			are = append(are, a)
		} else {
			others = append(others, a)
		}
	}
	*left = others
	return are
}

// namesNow reports whether the zone or its delegation names a host now.
func (w *work) namesNow(host string) bool {
	return slices.ContainsFunc(w.record.Named, func(n named) bool { return n.Source != "servers" && n.Host == host && n.Until.IsZero() })
}

// knownAt are the addresses that the zone has, or had, or the parent's glue, for a host.
func (w *work) knownAt(host string) (addrs []netip.Addr) {
	if w.signed != nil {
		addrs, _ = inZone(w.signed, host)
	}
	if len(addrs) > 0 {
		return addrs
	}
	for _, n := range w.record.Named {
		if n.Host == host && n.Addr.IsValid() && !slices.Contains(addrs, n.Addr) {
			addrs = append(addrs, n.Addr)
		}
	}
	return addrs
}
