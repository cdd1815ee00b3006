package source

import (
	"github.com/miekg/dns"

	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

func typeList(types []zone.Type) string {
	text := ""
	for i, t := range types {
		switch {
		case i > 0 && i == len(types)-1:
			text += " and "
		case i > 0:
			text += ", "
		}
		text += t.String()
	}
	return text
}

// isPrivate reports whether t is the type in which BIND keeps at the apex how far its
// signing has come: its sig-signing-type, as it is if nobody sets another.
func isPrivate(t zone.Type) bool { return t == 65534 }

// isMeta reports whether t is no type of records that are kept (RFC 6895 3.1).
func isMeta(t zone.Type) bool {
	return t == 0 || t == zone.Type(dns.TypeOPT) || t >= 128 && t <= 255
}

// isSingleton reports whether a name has at most one record of type t.
func isSingleton(t zone.Type) bool {
	return t == zone.TypeSOA || t == zone.TypeCNAME || t == zone.TypeDNAME
}

// hasStrings reports whether rdata of type t has text in it.
func hasStrings(t zone.Type) bool {
	switch uint16(t) {
	case dns.TypeTXT, dns.TypeSPF, dns.TypeHINFO, dns.TypeNAPTR, dns.TypeISDN, dns.TypeX25, dns.TypeAVC, dns.TypeNINFO, dns.TypeRESINFO:
		return true
	}
	return false
}
