package engine

import (
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// Resolvers ask the nameservers that an NS RRset names, the zone's or its delegation's, for
// as long as they may have that RRset in a cache. So a nameserver that nothing names any
// more is looked at, and counts, until that TTL has passed; and one that the delegation
// named counts until the parent was seen without it. A parent that does not answer has
// taken nothing back.

// named is one address, or the name alone, of a nameserver, as one source names it.
type named struct {
	Source string     `json:"source"` // zone, parent, or servers: see servedNames
	Host   string     `json:"host"`
	Addr   netip.Addr `json:"addr,omitzero"` // the zero value: the source has no address for it
	TTL    uint32     `json:"ttl"`           // with which it is named, or was when it went, in seconds
	// Held is until when a cache may have it with a larger TTL that it had before; Until, when
	// no cache can have it any more, the zero value: it is named now. Both go by the zone's
	// steady clock.
	Held  time.Time `json:"held,omitzero"`
	Until time.Time `json:"until,omitzero"`
}

// maxNamed bounds what is remembered, for a source that names ever new servers: our
// choice, far above the thirteen that a delegation has at most as a rule. Beyond it what
// passes first is forgotten first.
const maxNamed = 256

// keepNames takes in which nameservers are named now, and which are not any more.
func (w *work) keepNames(cfg *Config, now time.Time) {
	old := slices.Clone(w.record.Named)
	if v := w.signed; v != nil {
		ns, _ := v.RRset(cfg.Apex, zone.TypeNS)
		var is []named
		for _, host := range hosts(ns) {
			addrs, ttl := inZone(v, host)
			is = append(is, addressed("zone", host, addrs, max(ns.TTL, ttl))...)
		}
		w.nameAll("zone", is, true, now)
	}
	if w.sight != nil {
		var is []named
		all := len(w.sight.parent.Addresses) > 0 // every address was seen, and says what it delegates to
		for _, a := range w.sight.parent.Addresses {
			all = all && (a.NS.Exists() || a.NSAbsent)
			for _, host := range hosts(a.NS) {
				is = append(is, addressed("parent", host, a.Glue[zone.MustName(host)], a.NS.TTL)...)
			}
		}
		w.nameAll("parent", is, all, now)
		is, all = w.servedNames()
		w.nameAll("servers", is, all, now)
	}
	if w.record.Named = forgetNames(w.record.Named, now); !slices.Equal(old, w.record.Named) {
		w.dirty = true
	}
}

// addressed is a host as a source names it.
func addressed(source, host string, addrs []netip.Addr, ttl uint32) (all []named) {
	if len(addrs) == 0 {
		addrs = []netip.Addr{{}}
	}
	for _, addr := range addrs {
		all = append(all, named{Source: source, Host: host, Addr: addr, TTL: ttl})
	}
	return all
}

// nameAll notes what a source names now; whole: it names nothing else.
func (w *work) nameAll(source string, is []named, whole bool, now time.Time) {
	is = largest(is)
	for i := range w.record.Named {
		n := &w.record.Named[i]
		switch there := slices.ContainsFunc(is, n.same); {
		case n.Source != source:
		case there:
			n.Until = time.Time{}
		case whole && n.Until.IsZero():
			n.goes(now)
		}
	}
	for _, o := range is {
		if i := slices.IndexFunc(w.record.Named, o.same); i >= 0 {
			w.record.Named[i].falls(o.TTL, now)
		} else {
			w.record.Named = append(w.record.Named, o)
		}
	}
}

func (n named) same(o named) bool {
	return n.Source == o.Source && n.Host == o.Host && n.Addr == o.Addr
}

// largest gives what one source names, each once, with the largest TTL: the addresses of a
// parent may have several.
func largest(is []named) (all []named) {
	for _, n := range is {
		if i := slices.IndexFunc(all, n.same); i >= 0 {
			all[i].TTL = max(all[i].TTL, n.TTL)
		} else {
			all = append(all, n)
		}
	}
	return all
}

// goes notes that n is named no more. What was cached with a larger TTL counts as well.
func (n *named) goes(now time.Time) {
	if left := uint32(max(n.Held.Sub(now), 0) / time.Second); left > n.TTL {
		n.TTL = left
	}
	n.Until, n.Held = now.Add(seconds(n.TTL)), time.Time{}
}

// falls notes with which TTL n is named now.
func (n *named) falls(ttl uint32, now time.Time) {
	if end := now.Add(seconds(n.TTL)); ttl < n.TTL && end.After(n.Held) {
		n.Held = end
	}
	if n.TTL = ttl; !n.Held.After(now) {
		n.Held = time.Time{}
	}
}

// forgetNames drops what has passed. A clock that was set back makes nothing last longer.
func forgetNames(all []named, now time.Time) []named {
	for i := range all {
		if n := &all[i]; n.Until.After(now.Add(seconds(n.TTL))) {
			n.Until = now.Add(seconds(n.TTL))
		}
	}
	all = slices.DeleteFunc(slices.Clone(all), func(n named) bool { return !n.Until.IsZero() && !n.Until.After(now) })
	if len(all) > maxNamed {
		slices.SortStableFunc(all, func(a, b named) int {
			if a.Until.IsZero() != b.Until.IsZero() {
				return map[bool]int{true: -1, false: 1}[a.Until.IsZero()]
			}
			return b.Until.Compare(a.Until)
		})
		all = all[:maxNamed]
	}
	return all
}

// nameservers gives the nameservers that a resolver may ask, with the addresses that the
// zone itself and the parent's glue have for them.
func (w *work) nameservers() map[string][]netip.Addr {
	found := map[string][]netip.Addr{}
	for _, n := range w.record.Named {
		addrs := found[n.Host]
		if n.Addr.IsValid() && !slices.Contains(addrs, n.Addr) {
			addrs = append(addrs, n.Addr)
		}
		found[n.Host] = addrs
	}
	return found
}

// namedFor is for how long resolvers go on asking an address when nothing names it any
// more. 0: nothing names it now, and if it is looked at all the same that ends by itself. An
// address that the resolver has found for a host counts by its own TTL: resolvers ask for it
// anew, and go where it is then.
func (w *work) namedFor(addr netip.Addr, host, signer string) time.Duration {
	ttl := w.found.ttlOf(host, addr)
	for _, n := range w.record.Named {
		if n.Until.IsZero() && (n.Addr == addr || isCalled(n.Host, signer)) {
			ttl = max(ttl, seconds(n.TTL))
		}
	}
	return ttl
}

// ourHosts are the nameservers, of the zone or its delegation, that have an address of
// ours, or our name. Who asks them asks us: a signer without any state that is in the
// delegation has lost it, and does not just begin (PROTOCOL no-new-keys-beside-a-ds).
func (w *work) ourHosts(cfg *Config) (names []string) {
	found := w.nameservers()
	if w.signed == nil && w.content != nil {
		ns, _ := w.content.RRset(cfg.Apex, zone.TypeNS)
		for _, host := range hosts(ns) {
			addrs, _ := inZone(w.content, host)
			found[host] = append(found[host], addrs...)
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

// inZone gives the addresses that v has for a host, and their largest TTL; none when it is
// not in the zone.
func inZone(v *zone.Version, host string) (addrs []netip.Addr, ttl uint32) {
	name := zone.MustName(host)
	if !name.Under(v.Apex()) {
		return nil, 0
	}
	n := v.Get(name)
	if n == nil {
		return nil, 0
	}
	for _, t := range []zone.Type{zone.TypeA, zone.TypeAAAA} {
		s, _ := n.Get(t)
		ttl = max(ttl, s.TTL)
		for rdata := range s.Rdata.All() {
			if addr, ok := netip.AddrFromSlice([]byte(rdata)); ok {
				addrs = append(addrs, addr)
			}
		}
	}
	return addrs, ttl
}

// isSigners reports whether a nameserver has the name of a signer of the group.
func isSigners(cfg *Config, host string) bool {
	return isCalled(host, cfg.Signer) || slices.ContainsFunc(cfg.Peers, func(p Peer) bool { return isCalled(host, p.Name) })
}

// isCalled reports whether a host has a signer's name, which is written as one likes.
func isCalled(host, signer string) bool {
	return strings.TrimSuffix(host, ".") == strings.TrimSuffix(strings.ToLower(signer), ".")
}
