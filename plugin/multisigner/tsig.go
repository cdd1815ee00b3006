package multisigner

import (
	"errors"

	"github.com/miekg/dns"
)

// macSizes are the lengths of full MACs, by algorithm (RFC 8945 6).
var macSizes = map[string]int{dns.HmacSHA1: 20, dns.HmacSHA224: 28, dns.HmacSHA256: 32, dns.HmacSHA384: 48, dns.HmacSHA512: 64}

// faultyTSIG finds those faults of a query's TSIG that the tsig plugin answers
// wrongly or not at all. Wrong times are left to it, for it signs the answer. fault
// is the TSIG error, 0 where the response has no TSIG.
func faultyTSIG(r *dns.Msg, status error) (rcode int, fault uint16, bad bool) {
	if misplacedTSIG(r) {
		return dns.RcodeFormatError, 0, true
	}
	t := r.IsTsig()
	if t == nil {
		return 0, 0, false
	}
	full, known := macSizes[dns.CanonicalName(t.Algorithm)]
	size := len(t.MAC) / 2
	switch {
	case t.Hdr.Class != dns.ClassANY: // RFC 8945 4.2
		return dns.RcodeFormatError, 0, true
	case !known || errors.Is(status, dns.ErrSecret): // RFC 8945 5.2.1
		return dns.RcodeNotAuth, dns.RcodeBadKey, true
	case size > full || size < max(10, full/2): // RFC 8945 5.2.2.1
		return dns.RcodeFormatError, 0, true
	case size < full: // RFC 8945 5.2.4
		return dns.RcodeNotAuth, dns.RcodeBadTrunc, true
	case errors.Is(status, dns.ErrSig): // the tsig plugin gives no time, and clients say that the clocks differ
		return dns.RcodeNotAuth, dns.RcodeBadSig, true
	}
	return 0, 0, false
}

// misplacedTSIG reports whether a TSIG stands anywhere but at the very end, where
// there is room for one (RFC 8945 5.1).
func misplacedTSIG(r *dns.Msg) bool {
	for _, section := range [][]dns.RR{r.Answer, r.Ns, r.Extra[:max(0, len(r.Extra)-1)]} {
		for _, rr := range section {
			if rr.Header().Rrtype == dns.TypeTSIG {
				return true
			}
		}
	}
	return false
}

// answerTSIG answers a query whose TSIG is no good. The response is not signed:
// what it says of the key or the MAC must not help anybody who has not shown that
// he has the key (RFC 8945 5.3.2). A MAC that is too short may be a right one, but
// is not looked at. The octets go out as they are, since every writer of messages
// would sign them, and fails for some of those MACs.
func answerTSIG(w dns.ResponseWriter, r *dns.Msg, rcode int, fault uint16) error {
	m := new(dns.Msg).SetRcode(r, rcode)
	if isMD5(r) {
		withOPT(r, m, &dns.EDNS0_EDE{InfoCode: dns.ExtendedErrorCodeNotSupported, ExtraText: noMD5})
	} else {
		withOPT(r, m)
	}
	if t := r.IsTsig(); t != nil && fault != 0 {
		m.Extra = append(m.Extra, &dns.TSIG{
			Hdr:        dns.RR_Header{Name: t.Hdr.Name, Rrtype: dns.TypeTSIG, Class: dns.ClassANY},
			Algorithm:  t.Algorithm,
			TimeSigned: t.TimeSigned,
			Fudge:      t.Fudge,
			OrigId:     r.Id,
			Error:      fault,
		})
	}
	wire, err := m.Pack()
	if err != nil {
		return err
	}
	_, err = w.Write(wire)
	return err
}

// noMD5 is for those who have left the algorithm to their program: for some of these it
// is HMAC-MD5 still, which nobody needs to take (RFC 8945 6).
const noMD5 = "HMAC-MD5 is not taken: name the key's algorithm to the client, hmac-sha256 as a rule"

func isMD5(r *dns.Msg) bool {
	t := r.IsTsig()
	return t != nil && dns.CanonicalName(t.Algorithm) == dns.HmacMD5
}

// whyTSIG says what is wrong with a TSIG in words.
func whyTSIG(malformed bool, fault uint16, status error) string {
	switch {
	case fault == dns.RcodeBadKey:
		return "no such key or algorithm here"
	case fault == dns.RcodeBadTrunc:
		return "the MAC of the TSIG is cut short"
	case fault == dns.RcodeBadSig:
		return "the TSIG is wrong: the secrets differ"
	case malformed:
		return "the TSIG is malformed"
	case errors.Is(status, dns.ErrTime):
		return "the TSIG is of another time: the clocks differ"
	}
	return "the TSIG cannot be verified"
}

// signer is who a query says that it is from, whether that is true or not.
func signer(w dns.ResponseWriter, r *dns.Msg) asker {
	from := asker{addr: addrPort(w.RemoteAddr())}
	if t := r.IsTsig(); t != nil {
		from.key = t.Hdr.Name
	}
	return from
}
