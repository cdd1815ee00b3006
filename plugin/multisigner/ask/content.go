package ask

import (
	"encoding/binary"

	"github.com/miekg/dns"
)

// Signers tell each other the serial of their content, which their primary counts: that of
// the zone they serve is each one's own. Who wants to know it asks for the SOA with an EDNS
// option, and gets it in the same option. Others must not mind it (RFC 6891 6.1.2).

// contentOption is the code of the option: one of those for local use (RFC 6891 9). It is
// empty in a question.
const contentOption = 65373

// ContentOptionSize is how many octets the option takes in a response.
const ContentOptionSize = 8

// ContentQuestion asks for the SOA of a zone, and for the serial of its content.
func ContentQuestion(apex string) *dns.Msg {
	m := Question(apex, dns.TypeSOA)
	opt := m.IsEdns0()
	opt.Option = append(opt.Option, &dns.EDNS0_LOCAL{Code: contentOption})
	return m
}

// AsksContent reports whether m asks for the serial of the content, too.
func AsksContent(m *dns.Msg) bool {
	data, ok := contentIn(m)
	return ok && len(data) == 0
}

// ContentOption tells the serial of the content.
func ContentOption(serial uint32) dns.EDNS0 {
	return &dns.EDNS0_LOCAL{Code: contentOption, Data: binary.BigEndian.AppendUint32(nil, serial)}
}

// ContentTold is the serial that a response tells; ok is false when it tells none.
func ContentTold(m *dns.Msg) (serial uint32, ok bool) {
	data, ok := contentIn(m)
	if !ok || len(data) != 4 {
		return 0, false
	}
	return binary.BigEndian.Uint32(data), true
}

func contentIn(m *dns.Msg) (data []byte, ok bool) {
	opt := m.IsEdns0()
	if opt == nil {
		return nil, false
	}
	for _, o := range opt.Option {
		if local, is := o.(*dns.EDNS0_LOCAL); is && local.Code == contentOption {
			return local.Data, true
		}
	}
	return nil, false
}
