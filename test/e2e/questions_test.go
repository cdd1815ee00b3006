package e2e

import (
	"strings"

	"github.com/miekg/dns"
)

// question is one that a resolver may ask about the lab's zone.
type question struct {
	name  string // relative to the zone
	t     uint16
	kind  kind
	rcode int // that a resolver ends with
}

type kind int

const (
	positive kind = iota
	denied        // NODATA or NXDOMAIN of a name that no opt-out span covers
	spanned       // proved by an NSEC3 record that may cover unsigned delegations: no AD with opt-out (RFC 5155 9.2)
	local         // only the signers are asked: there is no server below the cut, or validators do not understand it
)

func (q question) String() string { return q.full() + " " + dns.Type(q.t).String() }

func (q question) full() string {
	if q.name == "@" {
		return "example.test."
	}
	return q.name + ".example.test."
}

// questions are of every kind of answer that an authoritative server gives.
var questions = []question{
	{"@", dns.TypeSOA, positive, dns.RcodeSuccess},
	{"@", dns.TypeNS, positive, dns.RcodeSuccess},
	{"@", dns.TypeMX, positive, dns.RcodeSuccess},
	{"@", dns.TypeCAA, positive, dns.RcodeSuccess},
	{"@", dns.TypeHTTPS, positive, dns.RcodeSuccess},
	{"@", dns.TypeDNSKEY, positive, dns.RcodeSuccess},
	{"@", dns.TypeCDS, positive, dns.RcodeSuccess},
	{"@", dns.TypeCDNSKEY, positive, dns.RcodeSuccess},
	{"@", dns.TypeSRV, denied, dns.RcodeSuccess},
	{"www", dns.TypeA, positive, dns.RcodeSuccess},
	{"www", dns.TypeAAAA, positive, dns.RcodeSuccess},
	{"WwW", dns.TypeA, positive, dns.RcodeSuccess},
	{"www", dns.TypeMX, denied, dns.RcodeSuccess},
	{"mixedcase", dns.TypeTXT, positive, dns.RcodeSuccess},
	{"big", dns.TypeTXT, positive, dns.RcodeSuccess},
	{"host-7", dns.TypeA, positive, dns.RcodeSuccess},
	{"unknown", 65280, positive, dns.RcodeSuccess},
	{"loc", dns.TypeLOC, positive, dns.RcodeSuccess},
	{"naptr", dns.TypeNAPTR, positive, dns.RcodeSuccess},
	{"_sip._tcp", dns.TypeSRV, positive, dns.RcodeSuccess},
	{"_443._tcp.www", dns.TypeTLSA, positive, dns.RcodeSuccess},
	{"_tcp.www", dns.TypeA, denied, dns.RcodeSuccess},
	{"svc", dns.TypeSVCB, positive, dns.RcodeSuccess},
	{`a\.b`, dns.TypeTXT, positive, dns.RcodeSuccess},
	{`sp\032ace`, dns.TypeTXT, positive, dns.RcodeSuccess},
	{`\200\255`, dns.TypeTXT, positive, dns.RcodeSuccess},
	{strings.Repeat("a", 63), dns.TypeTXT, positive, dns.RcodeSuccess},
	{strings.Repeat("a", 62), dns.TypeTXT, spanned, dns.RcodeNameError},
	{"alias", dns.TypeA, positive, dns.RcodeSuccess},
	{"chain", dns.TypeA, positive, dns.RcodeSuccess},
	{"chain", dns.TypeCNAME, positive, dns.RcodeSuccess},
	{"alias", dns.TypeMX, denied, dns.RcodeSuccess},
	{"dangling", dns.TypeA, spanned, dns.RcodeNameError},
	{"nobody", dns.TypeA, spanned, dns.RcodeNameError},
	{"a.b.nobody", dns.TypeA, spanned, dns.RcodeNameError},
	{"below.www", dns.TypeA, spanned, dns.RcodeNameError},
	{"z.wild", dns.TypeA, spanned, dns.RcodeSuccess},
	{"a.b.z.wild", dns.TypeTXT, spanned, dns.RcodeSuccess},
	{"z.wild", dns.TypeMX, spanned, dns.RcodeSuccess},
	{"*.wild", dns.TypeA, positive, dns.RcodeSuccess},
	{"wild", dns.TypeA, denied, dns.RcodeSuccess},
	{"y.wild", dns.TypeA, denied, dns.RcodeSuccess},
	{"z.y.wild", dns.TypeA, spanned, dns.RcodeNameError},
	{"z.walias", dns.TypeA, spanned, dns.RcodeSuccess},
	{"z.*.deep", dns.TypeA, spanned, dns.RcodeSuccess},
	{"z.deep", dns.TypeA, local, dns.RcodeSuccess}, // NODATA from a wildcard that is an empty non-terminal: Unbound and delv refuse it from everybody
	{"ent", dns.TypeA, denied, dns.RcodeSuccess},
	{"c.ent", dns.TypeTXT, denied, dns.RcodeSuccess},
	{"x.c.ent", dns.TypeA, spanned, dns.RcodeNameError},
	{"moved", dns.TypeDNAME, positive, dns.RcodeSuccess},
	{"www.moved", dns.TypeA, positive, dns.RcodeSuccess},
	{"nobody.moved", dns.TypeA, spanned, dns.RcodeNameError},
	{"secure", dns.TypeDS, positive, dns.RcodeSuccess},
	{"insecure", dns.TypeDS, spanned, dns.RcodeSuccess},
	{"far", dns.TypeDS, spanned, dns.RcodeSuccess},
	{"ent2", dns.TypeA, spanned, dns.RcodeSuccess},
	{"host.secure", dns.TypeA, local, dns.RcodeServerFailure},
	{"host.insecure", dns.TypeA, local, dns.RcodeServerFailure},
	{"far", dns.TypeA, local, dns.RcodeServerFailure},
	{"x.sub.ent2", dns.TypeA, local, dns.RcodeServerFailure},
	{"out", dns.TypeA, local, dns.RcodeNameError}, // a CNAME out of the zone: the rest is the parent's to deny
}
