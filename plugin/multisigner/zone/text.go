package zone

import (
	"fmt"
	"strings"

	"github.com/miekg/dns"
)

// ParseText reads zone-file text of which the SOA's owner is the apex. It is for
// tests and small texts: package source reads files and judges content. DNSSEC
// records are kept.
func ParseText(text string) (*Version, error) {
	parser := dns.NewZoneParser(strings.NewReader(text), ".", "text")
	var rrs []dns.RR
	var apex Name
	for rr, ok := parser.Next(); ok; rr, ok = parser.Next() {
		if rr.Header().Rrtype == dns.TypeSOA && apex == "" {
			apex, _ = ParseName(rr.Header().Name)
		}
		rrs = append(rrs, rr)
	}
	if err := parser.Err(); err != nil {
		return nil, err
	}
	if apex == "" {
		return nil, fmt.Errorf("no SOA")
	}
	sets, err := writtenSets(rrs)
	if err != nil {
		return nil, err
	}
	b := NewBuilder(apex)
	for _, s := range sets {
		if !s.Name.Under(apex) {
			return nil, fmt.Errorf("%s is not in %s", s.Name, apex)
		}
		b.Put(s)
	}
	return b.Version(), nil
}

// MustVersion is ParseText for text known to be good; it panics on other text.
func MustVersion(text string) *Version {
	v, err := ParseText(text)
	if err != nil {
		panic(err)
	}
	return v
}
