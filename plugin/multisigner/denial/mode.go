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

// Hashed reports whether the chain is of NSEC3 records.
func (m Mode) Hashed() bool { return m != NSEC }

func (m Mode) flags() byte {
	if m == NSEC3OptOut {
		return flagOptOut
	}
	return 0
}

// Param is the NSEC3PARAM rdata of our chains: SHA-1, no flags, no iterations, no
// salt. The opt-out flag is not shown there (RFC 5155 4.1.2).
const Param = "\x01\x00\x00\x00\x00"

// Of says how v proves absence: NSEC3 when it has an NSEC3PARAM record at the
// apex, and with opt-out when the apex's NSEC3 record has that flag.
func Of(v *zone.Version) Mode {
	if !v.Top().Has(zone.TypeNSEC3PARAM) {
		return NSEC
	}
	if s, ok := matching(v, v.Apex()); ok && first(s.Rdata)[1]&flagOptOut != 0 {
		return NSEC3OptOut
	}
	return NSEC3
}

// Chained reports whether v has a chain at all, which begins at the apex. A zone
// that is not signed has none, and its mode says nothing.
func Chained(v *zone.Version) bool {
	if Of(v).Hashed() {
		_, ok := matching(v, v.Apex())
		return ok
	}
	return v.Top().Has(zone.TypeNSEC)
}

func first(p zone.Packed) string {
	for rdata := range p.All() {
		return rdata
	}
	return ""
}
