package xfr

import (
	"iter"

	"github.com/miekg/dns"

	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// Collect makes a version out of the messages of a full transfer, as ask.Transfer
// yields them. It fails on the sequence's error, on a record that is not of the
// zone, and when what came does not begin and end with one SOA. What was received
// until an error is given beside it: partial may be nil, and is no version to serve.
func Collect(apex zone.Name, messages iter.Seq2[*dns.Msg, error]) (v, partial *zone.Version, err error) {
	return nil, nil, nil
}
