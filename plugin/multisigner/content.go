package multisigner

import (
	"github.com/miekg/dns"

	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// Who signs with a key of a content-transfer line gets the unsigned content, under a serial
// of its own: the SOA and transfers are of that. Everything else is answered as to anybody.

// noContent is for them while there is none.
const noContent = "the unsigned content is not here, or too old"

// contentSOA answers with the SOA of the unsigned content.
func (q query) contentSOA(content *zone.Version) (int, error) {
	if content == nil {
		return q.refuse(dns.RcodeServerFailure, dns.ExtendedErrorCodeNotReady, noContent)
	}
	m := new(dns.Msg).SetReply(q.req)
	m.Authoritative = true
	m.Answer = content.SOA().RRs()
	withOPT(q.req, m, append(q.expireContent(content), q.version(content)...)...)
	return dns.RcodeSuccess, q.written(q.w.WriteMsg(m))
}

// transferOptions are those of the first message of a transfer.
func (q query) transferOptions() []dns.EDNS0 {
	serving := q.zone.Serving()
	if serving == nil {
		return nil
	}
	if content, is := contentFor(q.zone.Config(), serving, q.from); is {
		return append(q.expireContent(content), q.version(content)...)
	}
	return append(q.expire(serving.Version), q.version(serving.Version)...)
}
