package source

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// targets judges the names that a name's records point to, as far as they are in
// this zone. All of it is a warning: what points wrongly harms only itself.
func (c *checker) targets(n *zone.Node) {
	for s := range n.All() {
		at, ok := targetAt[s.Type]
		if !ok {
			continue
		}
		for rdata := range s.Rdata.All() {
			if len(rdata) <= at {
				continue
			}
			target, _, err := zone.NameFromWire([]byte(rdata[at:]))
			if err == nil {
				c.target(n, s, target)
			}
		}
	}
}

// targetAt is where in the rdata the name stands that must have addresses, or in
// a CNAME may be anything.
var targetAt = map[zone.Type]int{zone.TypeNS: 0, zone.TypeCNAME: 0, zone.TypeMX: 2, zone.TypeSRV: 6}

func (c *checker) target(n *zone.Node, s zone.RRset, target zone.Name) {
	switch {
	case target == zone.Root:
		if s.Type == zone.TypeMX && s.Rdata.Len() > 1 {
			c.warn(s.Name, s.Type, "an MX to the root says that there is no mail, and stands beside others (RFC 7505 3)")
		}
		return
	case !target.Under(c.v.Apex()):
		return
	case c.v.Get(target) == nil && doubled(target, c.v.Apex()):
		c.warn(s.Name, s.Type, "the %s points to %s, which has the zone's name twice: is the final dot missing?", s.Type, target)
		return
	case s.Type == zone.TypeCNAME:
		if c.circles(s.Name, target) {
			c.warn(s.Name, s.Type, "the CNAME leads back to itself: nothing is found there")
		}
		return
	}
	switch c.reach(target) {
	case alias:
		c.warn(s.Name, s.Type, "the %s points to %s, which is a CNAME: it must have addresses itself (RFC 2181 10.3)", s.Type, target)
	case underDNAME:
		c.warn(s.Name, s.Type, "the %s points to %s, which is below a DNAME: it must have addresses itself (RFC 2181 10.3)", s.Type, target)
	case nothing:
		text := "the %s points to %s, which has no address here"
		switch f := c.v.Find(target); {
		case looksLikeAddress(target, c.v.Apex()):
			text = "the %s points to %s: a name must be written there, not an address"
		case f.Cut != nil && f.Cut.Name() != s.Name && !n.IsApex():
			return // a sibling's glue: the other zone is asked for it
		case f.Cut != nil:
			text += ": without this glue the delegation leads nowhere"
		}
		c.missing(finding{name: s.Name, t: s.Type, text: fmt.Sprintf(text, s.Type, target)})
	}
}

// reached is what a target has.
type reached uint8

const (
	addresses reached = iota
	alias
	underDNAME
	nothing
)

func (c *checker) reach(target zone.Name) reached {
	f := c.v.Find(target)
	at := f.Node
	if f.DNAME != nil {
		return underDNAME
	}
	if at == nil && f.Cut == nil {
		if w, ok := f.Encloser.Name().Wildcard(); ok {
			at = c.v.Get(w)
		}
	}
	switch {
	case at == nil:
		return nothing
	case at.Has(zone.TypeA) || at.Has(zone.TypeAAAA):
		return addresses
	case at.Has(zone.TypeCNAME):
		return alias
	}
	return nothing
}

// maxChain is how far a chain of CNAMEs is followed: resolvers go no further.
const maxChain = 16

// circles reports whether the CNAMEs from start through target come back to start.
func (c *checker) circles(start, target zone.Name) bool {
	for range maxChain {
		if target == start {
			return true
		}
		n := c.v.Get(target)
		if n == nil || n.Occluded() {
			return false
		}
		s, ok := n.Get(zone.TypeCNAME)
		if !ok {
			return false
		}
		for rdata := range s.Rdata.All() {
			target = zone.Name(rdata)
			break
		}
	}
	return false
}

// doubled reports whether name ends with the apex twice, as a name does that was
// meant to be absolute. Below a single label, such as com., such names are usual.
func doubled(name, apex zone.Name) bool {
	twice := string(apex[:len(apex)-1]) + string(apex)
	return apex.Labels() > 1 && strings.HasSuffix(string(name), twice) && name.Under(zone.Name(twice))
}

// looksLikeAddress reports whether what stands before the apex is an IP address.
func looksLikeAddress(name, apex zone.Name) bool {
	text := strings.TrimSuffix(name.String(), "."+apex.String())
	_, err := netip.ParseAddr(text)
	return err == nil
}
