package source

import (
	"fmt"
	"iter"

	"github.com/multisigner/multisigner/plugin/multisigner/rdata"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// Which problems are fatal: content that has no one meaning, or that a secondary
// or a validator would refuse. What makes only some names unreachable, and what
// the RFCs advise against, is a warning. What the checkers of BIND, Knot and NSD
// say is beside our own words in testdata/cases.txt.

// Check judges content that did not come from a file: a transfer. It finds what
// can be seen in a version: not DNSSEC records in it, names out of the zone and
// RRsets with differing TTLs.
func Check(v *zone.Version) []Problem {
	var t tally
	for f := range findings(v, true) {
		t.add(Problem{Name: f.name.String(), Text: f.text, Fatal: f.fatal})
	}
	return most(t.problems)
}

// finding is a problem of an RRset.
type finding struct {
	name    zone.Name
	t       zone.Type
	fatal   bool
	absence bool // something is missing, not wrong
	text    string
}

// findings judges all names of a version. came: it did not come from a file, whose data is
// read by its types.
func findings(v *zone.Version, came bool) iter.Seq[finding] {
	return func(yield func(finding) bool) {
		c := &checker{v: v, came: came, yield: yield}
		c.apex()
		for n := range v.All() {
			if c.stopped {
				return
			}
			c.node(n)
		}
	}
}

type checker struct {
	v       *zone.Version
	came    bool
	yield   func(finding) bool
	stopped bool
}

func (c *checker) tell(f finding) { c.stopped = c.stopped || !c.yield(f) }

func (c *checker) fatal(n zone.Name, t zone.Type, format string, args ...any) {
	c.tell(finding{name: n, t: t, fatal: true, text: fmt.Sprintf(format, args...)})
}

func (c *checker) warn(n zone.Name, t zone.Type, format string, args ...any) {
	c.tell(finding{name: n, t: t, text: fmt.Sprintf(format, args...)})
}

func (c *checker) missing(f finding) {
	f.absence = true
	c.tell(f)
}

// apex asks for what each zone has (RFC 1035 5.2, RFC 2181 6.1).
func (c *checker) apex() {
	top, apex := c.v.Top(), c.v.Apex()
	if !top.Has(zone.TypeSOA) {
		c.missing(finding{name: apex, t: zone.TypeSOA, fatal: true, text: "the zone has no SOA record"})
	}
	if !top.Has(zone.TypeNS) {
		c.missing(finding{name: apex, t: zone.TypeNS, fatal: true, text: "the zone has no NS records"})
	}
	if top.Has(zone.TypeDS) {
		c.fatal(apex, zone.TypeDS, "a DS belongs in the parent zone, not at the apex (RFC 4035 2.4): move it there")
	}
}

func (c *checker) node(n *zone.Node) {
	for s := range n.All() {
		if s.Rdata.Len() > 1 && isSingleton(s.Type) {
			c.fatal(s.Name, s.Type, "the name has %d %s records, at most one may be: remove the others", s.Rdata.Len(), s.Type)
		}
		if c.came {
			c.data(s)
		}
	}
	if !n.Empty() {
		c.limits(n)
	}
	if c.hidden(n) {
		return
	}
	c.shape(n)
	c.targets(n)
}

// data holds records to the form of their type. A zone file with others is refused; from a
// primary they are served as they came, for it serves them itself.
func (c *checker) data(s zone.RRset) {
	for data := range s.Rdata.All() {
		if err := rdata.Check(uint16(s.Type), []byte(data)); err != nil {
			c.warn(s.Name, s.Type, "the data of a record of type %s is none of that type (%v): secondaries of other makes may refuse the zone; mend it at the primary", s.Type, err)
			return
		}
	}
}

// hidden reports whether the name is below a cut or a DNAME, and says what is lost there.
func (c *checker) hidden(n *zone.Node) bool {
	if !n.Occluded() || n.Empty() {
		return n.Occluded()
	}
	f := c.v.Find(n.Name())
	if f.DNAME != nil {
		for s := range n.All() {
			c.fatal(s.Name, s.Type, "the name is below the DNAME of %s, where no records may be (RFC 6672 2.4): remove one of the two", f.DNAME.Name())
			break
		}
		return true
	}
	for s := range n.All() {
		if !isAddress(s.Type) {
			c.warn(s.Name, s.Type, "the name is below the delegation of %s: this is never answered; remove it, or put it into that zone", f.Cut.Name())
			break
		}
	}
	return true
}

// shape judges which types stand beside each other.
func (c *checker) shape(n *zone.Node) {
	name, isApex := n.Name(), n.IsApex()
	if n.Has(zone.TypeSOA) && !isApex {
		c.fatal(name, zone.TypeSOA, "an SOA stands at the apex only: the zone below needs a file of its own")
	}
	if n.Has(zone.TypeCNAME) {
		c.besideCNAME(n)
	}
	if n.Has(zone.TypeDNAME) && n.IsCut() {
		c.fatal(name, zone.TypeDNAME, "a DNAME stands beside NS records (RFC 6672 2.3): remove one of the two")
	}
	if name.IsWildcard() && n.IsCut() {
		c.fatal(name, zone.TypeNS, "a wildcard cannot delegate: what it would mean is not defined (RFC 4592 4.2)")
	}
	if name.IsWildcard() && n.Has(zone.TypeDNAME) {
		c.warn(name, zone.TypeDNAME, "a wildcard DNAME gives different answers from different servers and caches (RFC 4592 4.4)")
	}
	if !isApex && n.Has(zone.TypeDS) && !n.IsCut() {
		c.warn(name, zone.TypeDS, "a DS stands where nothing is delegated: NS records are missing beside it")
	}
	if n.IsCut() {
		for s := range n.All() {
			if !isAddress(s.Type) && s.Type != zone.TypeNS && s.Type != zone.TypeDS && s.Type != zone.TypeDNAME && !s.Type.SignerMade() {
				c.warn(name, s.Type, "the name is delegated: its %s is never answered; put it into the zone below", s.Type)
			}
		}
	}
	if first := firstType(n); first != 0 && doubled(name, c.v.Apex()) {
		c.warn(name, first, "the name ends with the zone's name twice: is the final dot missing?")
	}
	if s, ok := n.Get(zone.TypeDS); ok {
		c.digests(s)
	}
}

// firstType is the type of the node's first RRset, 0 without one.
func firstType(n *zone.Node) zone.Type {
	for s := range n.All() {
		return s.Type
	}
	return 0
}

// besideCNAME holds a CNAME to being alone (RFC 1034 3.6.2; RFC 4035 2.5 excepts
// what signs it).
func (c *checker) besideCNAME(n *zone.Node) {
	for s := range n.All() {
		switch s.Type {
		case zone.TypeCNAME, zone.TypeRRSIG, zone.TypeNSEC, 25: // 25: KEY
		default:
			c.fatal(s.Name, zone.TypeCNAME, "a CNAME stands beside records of type %s (RFC 1034 3.6.2): remove one of the two", s.Type)
			return
		}
	}
}

// digestSizes are those of the digest types of DS records, in octets.
var digestSizes = map[uint8]int{1: 20, 2: 32, 4: 48}

func (c *checker) digests(s zone.RRset) {
	for rdata := range s.Rdata.All() {
		if len(rdata) < 5 {
			c.fatal(s.Name, s.Type, "the DS has no digest")
			continue
		}
		if want := digestSizes[rdata[3]]; want != 0 && len(rdata)-4 != want {
			c.fatal(s.Name, s.Type, "the DS with tag %d has a digest of %d octets, digest type %d has %d: was it copied whole?",
				int(rdata[0])<<8|int(rdata[1]), len(rdata)-4, rdata[3], want)
		}
	}
}

func isAddress(t zone.Type) bool { return t == zone.TypeA || t == zone.TypeAAAA }
