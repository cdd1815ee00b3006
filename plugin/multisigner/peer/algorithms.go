package peer

import "github.com/multisigner/multisigner/plugin/multisigner/zone"

// common collects the algorithms with which every one of several RRsets is signed.
type common struct {
	any bool
	in  [256]bool
}

// add takes in the signatures of s, if it has any: what is not authoritative has none.
func (c *common) add(s zone.RRset) {
	if s.Sigs == "" {
		return
	}
	var has [256]bool
	for sig := range s.Sigs.All() {
		has[zone.RRSIG(sig).Algorithm()] = true
	}
	for i := range c.in {
		c.in[i] = has[i] && (c.in[i] || !c.any)
	}
	c.any = true
}

func (c *common) list() (all []uint8) {
	for i, in := range c.in {
		if in {
			all = append(all, uint8(i))
		}
	}
	return all
}

// algorithmsOf gives the algorithms with which all of v but its DNSKEY RRset is signed.
func algorithmsOf(v *zone.Version) []uint8 {
	var c common
	for n := range v.All() {
		for s := range n.All() {
			if s.Type != zone.TypeDNSKEY {
				c.add(s)
			}
		}
	}
	for n := range v.Hashed() {
		for s := range n.All() {
			c.add(s)
		}
	}
	return c.list()
}
