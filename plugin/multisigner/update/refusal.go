package update

import (
	"fmt"

	"github.com/miekg/dns"
)

// Refusal is why an UPDATE was not taken. It changes nothing then.
type Refusal struct {
	Rcode  int
	Code   uint16 // of the extended error (RFC 8914)
	Reason string // one of a few words, to count by
	Text   string // what is wrong, and what to do about it
}

// Error gives the text: refusals pass as errors where others do.
func (r *Refusal) Error() string { return r.Text }

// malformed is FORMERR.
func malformed(format string, args ...any) *Refusal {
	return &Refusal{Rcode: dns.RcodeFormatError, Code: dns.ExtendedErrorCodeOther, Reason: "malformed", Text: fmt.Sprintf(format, args...)}
}

// refusal is REFUSED for what nobody may do.
func refusal(reason, format string, args ...any) *Refusal {
	return &Refusal{Rcode: dns.RcodeRefused, Code: dns.ExtendedErrorCodeProhibited, Reason: reason, Text: fmt.Sprintf(format, args...)}
}

// unmet is a prerequisite that does not hold (RFC 2136 2.4).
func unmet(rcode int, format string, args ...any) *Refusal {
	return &Refusal{Rcode: rcode, Code: dns.ExtendedErrorCodeOther, Reason: "prerequisite", Text: fmt.Sprintf(format, args...)}
}
