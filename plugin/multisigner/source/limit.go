package source

import "github.com/multisigner/multisigner/plugin/multisigner/zone"

// Limits of others that a zone meets when it is served or transferred. What goes
// beyond them is served as far as it goes, so it is a warning.
const (
	// maxAnswer is what a message can have over TCP (RFC 1035 4.2.2), less room for
	// header, OPT, TSIG and the signatures of two keys at a time.
	maxAnswer = 1<<16 - 1 - 1500
	// bindRecords and bindTypes are BIND's max-records-per-type and
	// max-types-per-name. The signatures of each type count as one more.
	bindRecords = 100
	bindTypes   = 100
)

// limits tells of what is too much for a message, or for BIND as a secondary.
func (c *checker) limits(n *zone.Node) {
	for s := range n.All() {
		records := s.Rdata.Len()
		// The question, and before each record's data a pointer to its name and ten octets.
		size := len(s.Name) + 4 + len(s.Rdata) + 10*records
		if size > maxAnswer {
			c.warn(s.Name, s.Type, "the %d records of type %s take %d octets: with signatures they do not fit a message of 65535, and nobody gets them; have fewer or smaller ones", records, s.Type, size)
		}
		if records > bindRecords {
			c.warn(s.Name, s.Type, "the name has %d records of type %s: BIND secondaries refuse a zone with more than %d, unless max-records-per-type is raised there", records, s.Type, bindRecords)
		}
	}
	made := 1 // NSEC
	if n.IsApex() {
		made = 4 // DNSKEY, CDS and CDNSKEY too
	}
	if types := 2 * (n.Types() + made); types > bindTypes {
		c.warn(n.Name(), firstType(n), "the name has %d types, with what signing adds %d: BIND secondaries refuse a zone with more than %d, unless max-types-per-name is raised there", n.Types(), types, bindTypes)
	}
}
