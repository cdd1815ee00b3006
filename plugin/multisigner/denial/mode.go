package denial

import "github.com/multisigner/multisigner/plugin/multisigner/zone"

// Mode is how a zone proves absence.
type Mode uint8

// The modes. NSEC3 has no iterations and no salt (RFC 9276 3.1); with opt-out,
// delegations without DS are left out of the chain (RFC 5155 6).
const (
	NSEC Mode = iota
	NSEC3
	NSEC3OptOut
)

// String gives nsec, nsec3 or nsec3-optout, as a Corefile has it.
func (m Mode) String() string {
	switch m {
	case NSEC:
		return "nsec"
	case NSEC3:
		return "nsec3"
	case NSEC3OptOut:
		return "nsec3-optout"
	}
	return "unknown"
}

// Param is the NSEC3PARAM rdata of our chains: SHA-1, no flags, no iterations, no
// salt. The opt-out flag is not shown there (RFC 5155 4.1.2).
const Param = "\x01\x00\x00\x00\x00"

// Of says how v proves absence: NSEC3 when it has an NSEC3PARAM record at the
// apex, and with opt-out when the apex's NSEC3 record has that flag.
func Of(v *zone.Version) Mode { return NSEC }

// Update gives the changes that make content's chain complete and true; see chain.go.
func Update(old, content *zone.Version, m Mode, ttl uint32) ([]zone.Change, error) { return nil, nil }

// NXDomain appends the proof that q does not exist.
func NXDomain(dst []zone.RRset, v *zone.Version, q zone.Name, f zone.Found) []zone.RRset { return dst }

// NoData appends the proof that q has no RRset of the type asked for.
func NoData(dst []zone.RRset, v *zone.Version, q zone.Name, f zone.Found) []zone.RRset { return dst }

// WildcardNoData appends the proof that wildcard answers for q and lacks the type.
func WildcardNoData(dst []zone.RRset, v *zone.Version, q zone.Name, f zone.Found, wildcard *zone.Node) []zone.RRset {
	return dst
}

// WildcardAnswer appends the proof that nothing closer than the wildcard matches q.
func WildcardAnswer(dst []zone.RRset, v *zone.Version, q zone.Name, f zone.Found) []zone.RRset {
	return dst
}

// NoDS appends the proof that a delegation has no DS.
func NoDS(dst []zone.RRset, v *zone.Version, cut *zone.Node) []zone.RRset { return dst }

// HashName is the NSEC3 hash of n.
func HashName(n zone.Name) []byte { return nil }

// HashedName is the owner of n's NSEC3 record in the zone apex.
func HashedName(n, apex zone.Name) zone.Name { return "" }
