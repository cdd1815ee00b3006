package update

import (
	"github.com/miekg/dns"

	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// Class is the class of a record in an UPDATE, which says what is meant by it
// (RFC 2136 2.4, 2.5).
type Class uint16

// The classes that have a meaning there.
const (
	IN   Class = 1   // the record is there, or is added
	None Class = 254 // it is not there, or is removed
	Any  Class = 255 // any of its type is there, or all are removed
)

// Record is one of the prerequisites or of the updates.
type Record struct {
	zone.Record
	Class Class
	Bare  bool // it has no data
}

// Message is an UPDATE that is well-formed (RFC 2136 3.1, 3.2.5, 3.4.1.3).
type Message struct {
	Apex          zone.Name
	Prerequisites []Record
	Updates       []Record
}

// MaxRecords is how many records a message may have in both sections: our choice,
// more than 64 KiB mostly hold, and a turn takes many messages.
const MaxRecords = 1000

// Read takes over an UPDATE for the zone apex. It looks at form only: the zone section,
// the classes, types and TTLs, and that every name is in the zone. m is packed from in
// places, so it must not be in other hands meanwhile.
func Read(m *dns.Msg, apex zone.Name) (*Message, *Refusal) {
	if len(m.Question) != 1 || m.Question[0].Qtype != dns.TypeSOA || m.Question[0].Qclass != dns.ClassINET {
		return nil, malformed("the zone section is not one SOA of class IN")
	}
	if name, err := zone.ParseName(m.Question[0].Name); err != nil || name != apex {
		return nil, &Refusal{Rcode: dns.RcodeNotAuth, Reason: "not a zone", Text: "the zone section does not name a zone of this server"}
	}
	if n := len(m.Answer) + len(m.Ns); n > MaxRecords {
		return nil, refusal("limit", "%d records in one message: at most %d are taken, send several", n, MaxRecords)
	}
	u := &Message{Apex: apex}
	for _, rr := range m.Answer {
		r, bad := u.read(rr)
		if bad == nil {
			bad = prerequisite(r)
		}
		if bad != nil {
			return nil, bad
		}
		u.Prerequisites = append(u.Prerequisites, r)
	}
	for _, rr := range m.Ns {
		r, bad := u.read(rr)
		if bad == nil {
			bad = change(r)
		}
		if bad != nil {
			return nil, bad
		}
		u.Updates = append(u.Updates, r)
	}
	return u, nil
}

func (u *Message) read(rr dns.RR) (Record, *Refusal) {
	h := rr.Header()
	r := Record{Class: Class(h.Class), Bare: h.Rdlength == 0}
	if r.Bare {
		name, err := zone.ParseName(h.Name)
		if err != nil {
			return r, malformed("%v", err)
		}
		r.Record = zone.Record{Name: name, Owner: string(name), Type: zone.Type(h.Rrtype), TTL: h.Ttl}
	}
	if !r.Bare || r.Class == IN {
		if isMeta(zone.Type(h.Rrtype)) {
			return r, malformed("%s %s: no record is of that type", h.Name, zone.Type(h.Rrtype))
		}
		var err error
		ttl := h.Ttl
		if r.Record, err = zone.ReadRR(rr); err != nil {
			return r, malformed("%v", err)
		}
		if r.Class != IN {
			r.TTL = ttl
		}
	}
	if !r.Name.Under(u.Apex) {
		return r, &Refusal{Rcode: dns.RcodeNotZone, Reason: "not in the zone", Text: r.Name.String() + " is not in " + u.Apex.String()}
	}
	return r, nil
}

// prerequisite judges the form of one (RFC 2136 3.2.5).
func prerequisite(r Record) *Refusal {
	switch {
	case r.TTL != 0:
		return malformed("prerequisite %s %s: it has a TTL", r.Name, r.Type)
	case r.Class != IN && r.Class != Any && r.Class != None:
		return malformed("prerequisite %s %s: its class is none of IN, ANY and NONE", r.Name, r.Type)
	case r.Class != IN && !r.Bare:
		return malformed("prerequisite %s %s: it has data, and is not of class IN", r.Name, r.Type)
	case isMeta(r.Type) && r.Type != zone.TypeANY:
		return malformed("prerequisite %s %s: no record is of that type", r.Name, r.Type)
	}
	return nil
}

// change judges the form of an update (RFC 2136 3.4.1.3).
func change(r Record) *Refusal {
	switch {
	case r.Class != IN && r.Class != Any && r.Class != None:
		return malformed("update %s %s: its class is none of IN, ANY and NONE", r.Name, r.Type)
	case r.Class != IN && r.TTL != 0:
		return malformed("update %s %s: what removes has no TTL", r.Name, r.Type)
	case r.Class == Any && !r.Bare:
		return malformed("update %s %s: what removes an RRset has no data", r.Name, r.Type)
	case isMeta(r.Type) && (r.Class != Any || r.Type != zone.TypeANY):
		return malformed("update %s %s: no record is of that type", r.Name, r.Type)
	case r.Class == None && r.Bare && !mayBeEmpty(r.Type):
		return malformed("update %s %s: what removes one record has its data", r.Name, r.Type)
	}
	return nil
}

// isMeta reports whether t is no type of records that are kept (RFC 6895 3.1).
func isMeta(t zone.Type) bool { return t == 0 || t == 41 || t >= 128 && t <= 255 }

// mayBeEmpty reports whether a record of type t may have no data at all: NULL and
// APL (RFC 1035 3.3.10, RFC 3123 4), and types that nobody knows here.
func mayBeEmpty(t zone.Type) bool {
	_, known := dns.TypeToRR[uint16(t)]
	return t == 10 || t == 42 || !known
}
