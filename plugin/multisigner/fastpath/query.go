package fastpath

import (
	"encoding/binary"

	"github.com/multisigner/multisigner/plugin/multisigner/answer"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// query is what an ordinary query asks. What it refers to is the packet's.
type query struct {
	id   uint16
	rd   bool
	name []byte // as it was asked, uncompressed
	kind zone.Type
	edns bool
	size int // octets that the asker takes, by its OPT; 0 without one
	do   bool
	// version: the version of the zone is asked for (RFC 9660).
	version bool
}

// Parts of a message's header (RFC 1035 4.1.1) and of an OPT (RFC 6891 6.1.2).
const (
	headerSize = 12
	flagRD     = 1 << 8
	// Of the flags only RD, AD and CD may be set: anything else is no query of
	// opcode QUERY, or none that says what it means.
	flagsOrdinary = flagRD | 1<<5 | 1<<4

	optSize   = 11 // without options
	typeOPT   = 41
	typeIXFR  = 251
	typeAXFR  = 252
	classIN   = 1
	flagDO    = 1 << 15
	optionTop = 4 // octets of an option before its content
)

// The options that change nothing for us: we give no cookies (RFC 7873 5.2.1 lets a
// server ignore them), and pad nothing over UDP (RFC 7830 3).
const (
	optionCookie  = 10
	optionPadding = 12
)

// parse reads an ordinary query: of opcode QUERY and class IN, with one question
// and nothing besides but an OPT of version 0 whose options change nothing. Of all
// other packets, malformed ones among them, it says ok = false: they are CoreDNS's.
func parse(packet []byte) (q query, ok bool) {
	if len(packet) < headerSize {
		return query{}, false
	}
	flags := binary.BigEndian.Uint16(packet[2:])
	additional := binary.BigEndian.Uint16(packet[10:])
	if flags&^flagsOrdinary != 0 ||
		binary.BigEndian.Uint32(packet[4:]) != 1<<16 || // one question, no answers
		binary.BigEndian.Uint16(packet[8:]) != 0 || additional > 1 {
		return query{}, false
	}
	q.id, q.rd = binary.BigEndian.Uint16(packet), flags&flagRD != 0
	end := nameEnd(packet, headerSize)
	if end < 0 || len(packet) < end+4 || binary.BigEndian.Uint16(packet[end+2:]) != classIN {
		return query{}, false
	}
	q.name = packet[headerSize:end]
	q.kind = zone.Type(binary.BigEndian.Uint16(packet[end:]))
	rest := packet[end+4:]
	if additional == 1 {
		return q, q.opt(rest)
	}
	return q, len(rest) == 0
}

// nameEnd is where the uncompressed name that begins at start ends; -1 if there is none.
func nameEnd(packet []byte, start int) int {
	for at := start; at < len(packet) && at-start < zone.MaxName; {
		size := int(packet[at])
		if size > zone.MaxLabel {
			return -1
		}
		at += 1 + size
		if size == 0 {
			return at
		}
	}
	return -1
}

// opt reads the OPT that the rest of a packet consists of.
func (q *query) opt(rest []byte) (ok bool) {
	if len(rest) < optSize || rest[0] != 0 || binary.BigEndian.Uint16(rest[1:]) != typeOPT {
		return false
	}
	const version = 6 // octet
	if rest[version] != 0 || int(binary.BigEndian.Uint16(rest[9:])) != len(rest)-optSize {
		return false
	}
	q.edns = true
	q.size = int(binary.BigEndian.Uint16(rest[3:]))
	q.do = binary.BigEndian.Uint16(rest[7:])&flagDO != 0
	for rest = rest[optSize:]; len(rest) > 0; {
		if len(rest) < optionTop {
			return false
		}
		code, size := binary.BigEndian.Uint16(rest), int(binary.BigEndian.Uint16(rest[2:]))
		switch {
		case len(rest) < optionTop+size:
			return false
		case code == optionCookie, code == optionPadding:
		case code == answer.OptionVersion && size == 0: // with content it is none of a query
			q.version = true
		default:
			return false
		}
		rest = rest[optionTop+size:]
	}
	return true
}

// OptionVersionAsked stands in the place of an empty ZONEVERSION in what is handed over: the
// DNS library of CoreDNS takes an option of that code without content for malformed. It is
// one for local use (RFC 6891 9), and empty, too.
const OptionVersionAsked = 65372

// readable has CoreDNS read a query that asks for the version of a zone. It changes the
// packet, and only one that consists of a question and an OPT: a TSIG would cover it.
func readable(packet []byte) {
	if len(packet) < headerSize || binary.BigEndian.Uint32(packet[4:]) != 1<<16 || binary.BigEndian.Uint32(packet[8:]) != 1 {
		return
	}
	end := nameEnd(packet, headerSize)
	if end < 0 || len(packet) < end+4+optSize {
		return
	}
	rest := packet[end+4:]
	if rest[0] != 0 || binary.BigEndian.Uint16(rest[1:]) != typeOPT {
		return
	}
	for rest = rest[optSize:]; len(rest) >= optionTop; {
		code, size := binary.BigEndian.Uint16(rest), int(binary.BigEndian.Uint16(rest[2:]))
		if code == answer.OptionVersion && size == 0 {
			binary.BigEndian.PutUint16(rest, OptionVersionAsked)
		}
		rest = rest[min(optionTop+size, len(rest)):]
	}
}
