package rdata

import (
	"errors"
	"strconv"
	"strings"
)

// Type gives the number of a type's mnemonic, in any case, or of TYPE1234 (RFC 3597
// 5). Types of questions only, such as ANY, are not among them.
func Type(mnemonic string) (t uint16, ok bool) {
	if t, ok = mnemonics[mnemonic]; ok {
		return t, true
	}
	upper := strings.ToUpper(mnemonic)
	if t, ok = mnemonics[upper]; ok {
		return t, true
	}
	digits, generic := strings.CutPrefix(upper, "TYPE")
	n, err := strconv.ParseUint(digits, 10, 16)
	return uint16(n), generic && err == nil
}

// mnemonics are those of the IANA registry, those out of use among them.
var mnemonics = map[string]uint16{
	"A": 1, "NS": 2, "MD": 3, "MF": 4, "CNAME": 5, "SOA": 6, "MB": 7, "MG": 8, "MR": 9, "NULL": 10,
	"WKS": 11, "PTR": 12, "HINFO": 13, "MINFO": 14, "MX": 15, "TXT": 16, "RP": 17, "AFSDB": 18, "X25": 19,
	"ISDN": 20, "RT": 21, "NSAP": 22, "NSAP-PTR": 23, "SIG": 24, "KEY": 25, "PX": 26, "GPOS": 27, "AAAA": 28,
	"LOC": 29, "NXT": 30, "EID": 31, "NIMLOC": 32, "SRV": 33, "ATMA": 34, "NAPTR": 35, "KX": 36, "CERT": 37,
	"A6": 38, "DNAME": 39, "SINK": 40, "OPT": 41, "APL": 42, "DS": 43, "SSHFP": 44, "IPSECKEY": 45,
	"RRSIG": 46, "NSEC": 47, "DNSKEY": 48, "DHCID": 49, "NSEC3": 50, "NSEC3PARAM": 51, "TLSA": 52,
	"SMIMEA": 53, "HIP": 55, "NINFO": 56, "RKEY": 57, "TALINK": 58, "CDS": 59, "CDNSKEY": 60,
	"OPENPGPKEY": 61, "CSYNC": 62, "ZONEMD": 63, "SVCB": 64, "HTTPS": 65, "DSYNC": 66, "HHIT": 67,
	"BRID": 68, "SPF": 99, "UINFO": 100, "UID": 101, "GID": 102, "UNSPEC": 103, "NID": 104, "L32": 105,
	"L64": 106, "LP": 107, "EUI48": 108, "EUI64": 109, "NXNAME": 128, "URI": 256, "CAA": 257, "AVC": 258,
	"DOA": 259, "AMTRELAY": 260, "RESINFO": 261, "WALLET": 262, "CLA": 263, "IPN": 264, "TA": 32768, "DLV": 32769,
}

var (
	algorithm = number(1, map[string]int{
		"DELETE": 0, "RSAMD5": 1, "DH": 2, "DSA": 3, "RSASHA1": 5, "DSA-NSEC3-SHA1": 6, "NSEC3DSA": 6,
		"RSASHA1-NSEC3-SHA1": 7, "NSEC3RSASHA1": 7, "RSASHA256": 8, "RSASHA512": 10, "ECC-GOST": 12, "ECCGOST": 12,
		"ECDSAP256SHA256": 13, "ECDSAP384SHA384": 14, "ED25519": 15, "ED448": 16,
		"INDIRECT": 252, "PRIVATEDNS": 253, "PRIVATEOID": 254,
	})
	certificate = number(2, map[string]int{
		"PKIX": 1, "SPKI": 2, "PGP": 3, "IPKIX": 4, "ISPKI": 5, "IPGP": 6, "ACPKIX": 7, "IACPKIX": 8, "URI": 253, "OID": 254,
	})
	scheme = number(1, map[string]int{"NOTIFY": 1})
	digest = number(1, map[string]int{"SHA-1": 1, "SHA1": 1, "SHA-256": 2, "SHA256": 2, "GOST": 3, "SHA-384": 4, "SHA384": 4})
)

// forms are those of all types of the registry that have a presentation form.
var forms = map[uint16]form{
	1:     of("the address", ipv4),
	2:     of("the name server", name),
	3:     with(of("the name", name), obsolete), // MD
	4:     with(of("the name", name), obsolete), // MF
	5:     of("the target", name),
	6:     of("the primary", name, "the mailbox", name, "the serial", u32, "the refresh time", period, "the retry time", period, "the expire time", period, "the minimum", period),
	7:     of("the name", name), // MB
	8:     of("the name", name), // MG
	9:     of("the name", name), // MR
	11:    of("the address", ipv4, "the protocol and its ports", services),
	12:    of("the target", name),
	13:    of("the CPU", str, "the operating system", str),
	14:    of("the mailbox", name, "the mailbox for errors", name),
	15:    of("the preference", u16, "the exchange", name),
	16:    of("the text", strs),
	17:    of("the mailbox", name, "the name of the text", name),
	18:    of("the subtype", u16, "the host", name),
	19:    with(of("the address", str), digitsOf(4)),
	20:    of("the address", str, "the subaddress", optional(str)),
	21:    of("the preference", u16, "the host", name),
	22:    of("the address", nsap),
	23:    of("the name", name), // NSAP-PTR
	24:    of("the type", rrtype, "the algorithm", algorithm, "the labels", u8, "the TTL", period, "the expiration", moment, "the inception", moment, "the key tag", u16, "the signer", name, "the signature", base64s),
	25:    with(of("the flags", u16, "the protocol", u8, "the algorithm", algorithm, "the key", maybe64), keyed),
	26:    of("the preference", u16, "the first name", name, "the second name", name),
	27:    of("the longitude", str, "the latitude", str, "the altitude", str),
	28:    of("the address", ipv6),
	29:    with(of("the location", location), located),
	30:    of("the next name", name, "the types", oldBitmap),
	31:    of("the endpoint", hexs),
	32:    of("the locator", hexs),
	33:    of("the priority", u16, "the weight", u16, "the port", u16, "the target", name),
	34:    of("the address", atma),
	35:    with(of("the order", u16, "the preference", u16, "the flags", str, "the services", str, "the expression", str, "the replacement", name), substitution),
	36:    of("the preference", u16, "the exchanger", name),
	37:    of("the type", certificate, "the key tag", u16, "the algorithm", algorithm, "the certificate", base64s),
	38:    of("the prefix", a6),
	39:    of("the target", name),
	40:    of("the coding", u8, "the subcoding", u8, "the rest", base64s),
	42:    {fields: []field{{"the prefixes", prefixes}}, empty: true},
	43:    of("the key tag", u16, "the algorithm", algorithm, "the digest type", digest, "the digest", hexs),
	44:    with(of("the algorithm", u8, "the type", u8, "the fingerprint", hexs), fingerprint),
	45:    of("the precedence", u8, "the gateway and key", gateway),
	46:    made(of("the type", rrtype, "the algorithm", algorithm, "the labels", u8, "the TTL", period, "the expiration", moment, "the inception", moment, "the key tag", u16, "the signer", name, "the signature", base64s)),
	47:    made(of("the next name", name, "the types", bitmap)),
	48:    made(of("the flags", u16, "the protocol", u8, "the algorithm", algorithm, "the key", maybe64)),
	49:    of("the identity", base64s),
	50:    made(of("the hash algorithm", u8, "the flags", u8, "the iterations", u16, "the salt", shortHex, "the next hash", hash, "the types", bitmap)),
	51:    made(of("the hash algorithm", u8, "the flags", u8, "the iterations", u16, "the salt", shortHex)),
	52:    of("the usage", u8, "the selector", u8, "the matching type", u8, "the certificate", hexs),
	53:    of("the usage", u8, "the selector", u8, "the matching type", u8, "the certificate", hexs),
	55:    of("the identity", hip),
	56:    of("the text", strs),
	57:    with(of("the flags", u16, "the protocol", u8, "the algorithm", algorithm, "the key", base64s), unflagged),
	58:    of("the first name", name, "the second name", name),
	59:    made(of("the key tag", u16, "the algorithm", algorithm, "the digest type", digest, "the digest", hexs)),
	60:    made(of("the flags", u16, "the protocol", u8, "the algorithm", algorithm, "the key", maybe64)),
	61:    of("the key", base64s),
	62:    of("the serial", u32, "the flags", u16, "the types", bitmap),
	63:    made(of("the serial", u32, "the scheme", u8, "the hash algorithm", u8, "the digest", hexs)),
	64:    of("the priority", u16, "the target", name, "the parameters", parameters),
	65:    of("the priority", u16, "the target", name, "the parameters", parameters),
	66:    of("the type", rrtype, "the scheme", scheme, "the port", u16, "the target", name),
	67:    of("the certificate", base64s),
	68:    of("the identity", base64s),
	99:    of("the text", strs),
	100:   of("the text", str),
	101:   of("the number", u32),
	102:   of("the number", u32),
	103:   of("the data", base64s),
	104:   of("the preference", u16, "the node", groups(4, 4, ":")),
	105:   of("the preference", u16, "the locator", ipv4),
	106:   of("the preference", u16, "the locator", groups(4, 4, ":")),
	107:   of("the preference", u16, "the name", name),
	108:   of("the address", groups(6, 2, "-")),
	109:   of("the address", groups(8, 2, "-")),
	256:   of("the priority", u16, "the weight", u16, "the target", text),
	257:   of("the flags", u8, "the tag", tag, "the value", text),
	258:   of("the text", strs),
	259:   of("the enterprise", u32, "the type", u32, "the location", u8, "the media type", str, "the data", maybe64),
	260:   of("the precedence", u8, "the relay", relay),
	261:   of("the text", strs),
	262:   of("the text", strs),
	263:   of("the text", strs),
	264:   of("the number", u64),
	32768: with(of("the key tag", u16, "the algorithm", algorithm, "the digest type", digest, "the digest", hexs), digested),
	32769: with(of("the key tag", u16, "the algorithm", algorithm, "the digest type", digest, "the digest", hexs), digested),
}

// obsolete refuses what servers take no more.
func obsolete([]byte) error {
	return errors.New("the type is obsolete, and secondaries refuse it (RFC 973 3): write an MX")
}

// made is the form of what a signer makes: it is taken out of what is read, so that its
// wire form does not matter.
func made(f form) form {
	f.raw = true
	return f
}

func with(f form, whole func([]byte) error) form {
	f.whole = whole
	return f
}
