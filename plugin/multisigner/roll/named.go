package roll

import (
	"slices"
	"time"
)

// Resolvers ask every address that an NS RRset in their cache leads to. So an address that
// was a nameserver's and is looked at no more, because nothing names it now, holds every gate
// like one that was not asked, until no cache can have the RRsets that named it
// (PROTOCOL named-until-its-ttl).

// naming is an address at which a nameserver of the zone, or of its parent (-1), was.
type naming struct {
	Signer int8   `json:"signer"`
	Addr   string `json:"addr"`
	For    moment `json:"for"`            // so long may resolvers ask it when nothing names it any more
	Held   moment `json:"held,omitempty"` // and until then, by a larger TTL that it had
	Left   moment `json:"gone,omitempty"` // since then it is not among those that are looked at

	seen bool // in this step
}

// linger adds to what was seen the addresses that resolvers may ask although nothing names
// them any more.
func (z *step) linger() {
	for i := range z.views {
		for n := range z.addresses(i) {
			if a := &z.views[i].Addresses[n]; !a.Transfer {
				z.keepName(int8(i), a.Addr, a.Named)
			}
		}
	}
	for n := range z.seen.Parent.Addresses {
		a := &z.seen.Parent.Addresses[n]
		z.keepName(-1, a.Addr, a.Named)
	}
	live := z.f.Named[:0]
	for _, n := range z.f.Named {
		switch {
		case n.seen:
			n.seen, n.Left = false, 0
			if n.For == 0 && z.t >= n.Held+z.margin() {
				continue // whoever looks at it knows that nothing has named it for long
			}
		case n.Left == 0:
			n.Left = z.t
		}
		if n.Left != 0 {
			if z.t >= z.named(&n) {
				continue
			}
			z.addUnasked(&n)
		}
		live = append(live, n)
	}
	z.f.Named = live
}

// named is until when an address that is looked at no more counts.
func (z *step) named(n *naming) moment { return max(n.Left+n.For, n.Held) + z.margin() }

// keepName notes that an address is among those that are looked at, and for how long it counts
// when it is no more. A TTL that falls counts until what was cached with it has passed; so does
// that of an address which nothing names by now, but which is looked at.
func (z *step) keepName(signer int8, addr string, keep time.Duration) {
	for n := range z.f.Named { // they are looked up in the order in which they stand
		i := (z.nextName + n) % len(z.f.Named)
		if n := &z.f.Named[i]; n.Addr == addr && (n.Signer < 0) == (signer < 0) {
			z.nextName = i + 1
			if moment(keep) < n.For {
				n.Held = max(n.Held, z.t+n.For)
			}
			n.Signer, n.seen, n.For = signer, true, moment(keep)
			return
		}
	}
	if keep > 0 && len(z.f.Named) < namesAtMost {
		z.f.Named = append(z.f.Named, naming{Signer: signer, Addr: addr, For: moment(keep), seen: true})
	}
}

// namesAtMost bounds what is remembered: our choice, far above what a zone has.
const namesAtMost = 1024

// addUnasked adds an address to what was seen, in a copy: what the caller gave is his.
func (z *step) addUnasked(n *naming) {
	if n.Signer >= 0 && z.views[n.Signer] == nil {
		return // it holds every gate as it is
	}
	z.wakeAt(z.named(n))
	if n.Signer < 0 {
		seen := *z.seen
		seen.Parent.Addresses = append(slices.Clip(seen.Parent.Addresses), ParentAddress{Addr: n.Addr, State: Unnamed})
		z.seen = &seen
		return
	}
	v := *z.views[n.Signer]
	v.Addresses = append(slices.Clip(v.Addresses), Address{Addr: n.Addr, State: Unnamed})
	z.views[n.Signer] = &v
}
