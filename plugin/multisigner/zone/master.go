package zone

import (
	"fmt"
	"iter"
	"strings"

	"github.com/miekg/dns"
)

// Text gives the RRset and its signatures as lines of a zone file, as they were written.
// Data that would not be read back as the same octets is in the form of unknown types
// (RFC 3597 5).
func Text(s RRset) string {
	var b strings.Builder
	owner, rdata := s.Written()
	name := Name(owner).String()
	for rdata := range rdata.All() {
		b.WriteString(line(name, s.Type, s.TTL, rdata))
	}
	for sig := range s.Sigs.All() {
		b.WriteString(line(name, TypeRRSIG, s.TTL, sig))
	}
	return b.String()
}

// RdataText is data of type t as messages have it: in presentation form, without owner,
// TTL, class and type.
func RdataText(t Type, rdata string) string {
	rr := RR(".", t, 0, []byte(rdata))
	if _, unknown := rr.(*dns.RFC3597); unknown {
		return fmt.Sprintf("\\# %d %x", len(rdata), rdata)
	}
	return strings.TrimPrefix(rr.String(), rr.Header().String())
}

func line(owner string, t Type, ttl uint32, rdata string) string {
	rr := RR(owner, t, ttl, []byte(rdata))
	if _, unknown := rr.(*dns.RFC3597); !unknown {
		if text := inOthersWords(t, rr.String()); plain(t) || known(t, rdata) && readsAs(text, rdata) {
			return text + "\n"
		}
	}
	return fmt.Sprintf("%s\t%d\tIN\tTYPE%d\t\\# %d %x\n", owner, ttl, t, len(rdata), rdata)
}

// plain reports whether every text of type t reads back: most records of a zone are of these.
func plain(t Type) bool {
	switch t {
	case TypeA, TypeNS, TypeCNAME, TypeSOA, TypeMX, TypeAAAA, TypeDS, TypeRRSIG, TypeNSEC, TypeDNSKEY, TypeNSEC3, TypeNSEC3PARAM:
		return true
	}
	return false
}

// known reports whether other servers know what data of type t is written with: no RFC says
// how UINFO, UID and GID are, and of SVCB and HTTPS those parameters are meant that RFC 9460
// defines (14.3.2).
func known(t Type, rdata string) bool {
	const uinfo, gid = 100, 102
	if uinfo <= t && t <= gid {
		return false
	}
	if t != TypeSVCB && t != TypeHTTPS || len(rdata) < 2 {
		return true
	}
	const first, lastKnown = 2, 6
	at := first + nameSize([]byte(rdata[first:]))
	for at+4 <= len(rdata) {
		if u16(rdata[at:]) > lastKnown {
			return false
		}
		at += 4 + int(u16(rdata[at+2:]))
	}
	return true
}

// inOthersWords writes a parameter without a value as others read it.
func inOthersWords(t Type, text string) string {
	if t == TypeSVCB || t == TypeHTTPS {
		return strings.Replace(text, ` no-default-alpn=""`, " no-default-alpn", 1)
	}
	return text
}

// readsAs reports whether a line is one record with these octets.
func readsAs(text, rdata string) bool {
	rr, err := dns.NewRR(text)
	if err != nil || rr == nil {
		return false
	}
	r, err := ReadRR(rr)
	return err == nil && r.Written == rdata
}

// Lines yields v as a zone file (RFC 1035 5), one RRset with its signatures at a time: the
// SOA, then every name in canonical order (RFC 4034 6.1), the types of each ascending.
// Names are whole, and each line has its TTL. Equal versions have equal lines.
func (v *Version) Lines() iter.Seq[string] {
	return func(yield func(string) bool) {
		if soa := v.SOA(); soa.Exists() && !yield(Text(soa)) {
			return
		}
		hashed, stop := iter.Pull(v.Hashed())
		defer stop()
		h, more := hashed()
		for n := range v.All() {
			for ; more && h.key() < n.key(); h, more = hashed() {
				if !h.lines(yield) {
					return
				}
			}
			if !n.lines(yield) {
				return
			}
		}
		for ; more; h, more = hashed() {
			if !h.lines(yield) {
				return
			}
		}
	}
}

// lines yields all of a node but the zone's own SOA, which stands before everything.
func (n *Node) lines(yield func(string) bool) bool {
	for s := range n.All() {
		if opening := n.IsApex() && s.Type == TypeSOA; !opening && !yield(Text(s)) {
			return false
		}
	}
	return true
}
