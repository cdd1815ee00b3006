package multisigner

import (
	"encoding/binary"
	"slices"
	"time"

	"github.com/miekg/dns"

	"github.com/multisigner/multisigner/plugin/multisigner/ask"
	"github.com/multisigner/multisigner/plugin/multisigner/fastpath"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// maxUDP is what we send over UDP at most, and say that we take: larger datagrams
// are fragmented, and fragments get lost or forged (DNS Flag Day 2020; RFC 9715 3).
const maxUDP = 1232

// clampSize lowers what the query says it takes. What stands in its OPT is what
// CoreDNS fits the response to and repeats as our own size.
func clampSize(r *dns.Msg) {
	if opt := r.IsEdns0(); opt != nil && opt.UDPSize() > maxUDP {
		opt.SetUDPSize(maxUDP)
	}
}

// oneOPT reports whether a query has no OPT, or one at the root: more, or one of
// another name, is an error of its format (RFC 6891 6.1.1, 6.1.2).
func oneOPT(r *dns.Msg) bool {
	found := false
	for _, rr := range r.Extra {
		if h := rr.Header(); h.Rrtype == dns.TypeOPT {
			if found || h.Name != "." {
				return false
			}
			found = true
		}
	}
	return true
}

func wantsDNSSEC(r *dns.Msg) bool {
	opt := r.IsEdns0()
	return opt != nil && opt.Do()
}

// expire answers a secondary that asks, with the SOA or a transfer, for how long it may
// serve what it gets: that is the SOA's EXPIRE where we are the primary (RFC 7314 3.1), and no
// more than what is left to us where we have the content from another (RFC 7314 3.2).
func (q query) expire(v *zone.Version) []dns.EDNS0 {
	switch q.req.Question[0].Qtype {
	case dns.TypeSOA, dns.TypeAXFR, dns.TypeIXFR:
	default:
		return nil
	}
	if !asksExpire(q.req) || v == nil || q.name != v.Apex() {
		return nil
	}
	for rdata := range v.SOA().Rdata.All() {
		expire := zone.SOAExpire(rdata)
		if left, ends := q.zone.Left(); ends {
			expire = uint32(min(int64(expire), int64(left/time.Second)))
		}
		return []dns.EDNS0{&dns.EDNS0_EXPIRE{Code: dns.EDNS0EXPIRE, Expire: expire}}
	}
	return nil
}

// expireContent does so for the unsigned content, which we may have from a primary
// ourselves: then it is what is left (RFC 7314 3.1).
func (q query) expireContent(v *zone.Version) []dns.EDNS0 {
	options := q.expire(v)
	for _, o := range options {
		if at := q.zone.ContentExpires(); !at.IsZero() {
			e := o.(*dns.EDNS0_EXPIRE)
			e.Expire = uint32(min(int64(e.Expire), max(int64(time.Until(at)/time.Second), 0)))
		}
	}
	return options
}

func asksExpire(r *dns.Msg) bool { return hasOption(r, dns.EDNS0EXPIRE) }

func hasOption(r *dns.Msg, code uint16) bool {
	opt := r.IsEdns0()
	return opt != nil && slices.ContainsFunc(opt.Option, func(o dns.EDNS0) bool { return o.Option() == code })
}

// version answers who asks for the version of the zone that the answer is from: its serial
// (RFC 9660). Queries ask here where the fast path has let them be read; off it the DNS
// library takes them for malformed before we see them.
func (q query) version(v *zone.Version) []dns.EDNS0 {
	if !asksVersion(q.req) || v == nil {
		return nil
	}
	serial := string(binary.BigEndian.AppendUint32(nil, v.Serial()))
	return []dns.EDNS0{&dns.EDNS0_ZONEVERSION{Code: dns.EDNS0ZONEVERSION, LabelCount: uint8(v.Apex().Labels()), Version: serial}}
}

func asksVersion(r *dns.Msg) bool { return hasOption(r, fastpath.OptionVersionAsked) }

// content tells who asks for it, which are our peers, the serial of the content that is
// served.
func (q query) content() []dns.EDNS0 {
	if !ask.AsksContent(q.req) {
		return nil
	}
	if serial, ok := q.zone.ContentSerial(); ok {
		return []dns.EDNS0{ask.ContentOption(serial)}
	}
	return nil
}

// Sizes of the options in a response.
const (
	expireSize  = 8
	versionSize = 10
)

// tsigSize is room for the TSIG record that the tsig plugin adds: fixed fields, an
// algorithm's name, and a MAC of SHA-512 (RFC 8945 4.2). The key's name comes on top.
const tsigSize = 130

// size is how many octets the response may take.
func (q query) size() int {
	size := dns.MinMsgSize
	if opt := q.req.IsEdns0(); opt != nil {
		size = max(size, int(opt.UDPSize()))
	}
	if asksExpire(q.req) {
		size -= expireSize
	}
	if asksVersion(q.req) {
		size -= versionSize
	}
	if ask.AsksContent(q.req) {
		size -= ask.ContentOptionSize
	}
	if q.from.key != "" {
		size -= tsigSize + len(q.from.key)
	}
	return size
}

// withOPT adds our OPT to a response, if the query had one (RFC 6891 6.1.1): ours,
// so that CoreDNS does not send the query's back with its options. Flags and size
// are set by CoreDNS.
func withOPT(req, m *dns.Msg, options ...dns.EDNS0) {
	opt := req.IsEdns0()
	if opt == nil {
		return
	}
	ours := &dns.OPT{Hdr: dns.RR_Header{Name: ".", Rrtype: dns.TypeOPT}, Option: options}
	ours.SetUDPSize(opt.UDPSize())
	if opt.Do() {
		ours.SetDo()
	}
	m.Extra = append(m.Extra, ours)
}

// maxReason keeps the text of an error small beside the question: it is read by
// people in the output of dig, and must not make anybody fall back to TCP.
const maxReason = 200

// refuse answers with rcode and, where the query has EDNS, why (RFC 8914). The
// response is written here, since CoreDNS's own would have no reason in it; to
// CoreDNS that is a success.
func (q query) refuse(rcode int, code uint16, why string) (int, error) {
	m := new(dns.Msg).SetRcode(q.req, rcode)
	if len(why) > maxReason {
		why = why[:maxReason]
	}
	withOPT(q.req, m, &dns.EDNS0_EDE{InfoCode: code, ExtraText: why})
	return dns.RcodeSuccess, q.written(q.w.WriteMsg(m))
}
