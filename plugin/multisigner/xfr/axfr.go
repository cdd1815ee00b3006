// Package xfr turns versions of a zone into transfers and back, for the wire and
// for the disk: a version as AXFR, a difference of two as IXFR (RFC 5936, RFC 1995).
// It sends and receives nothing itself.
package xfr

import (
	"iter"

	"github.com/miekg/dns"

	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// AXFR yields v as the answer sections of a full transfer's messages: the SOA,
// every other record, and the SOA again (RFC 5936 2.2). A batch is at most size
// octets, uncompressed and without header and question; one record that is larger
// goes alone. v must have a SOA: else nothing is yielded.
func AXFR(v *zone.Version, size int) iter.Seq[[]dns.RR] {
	return func(yield func([]dns.RR) bool) {}
}
