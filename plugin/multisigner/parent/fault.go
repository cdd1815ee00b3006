package parent

import (
	"errors"

	"github.com/miekg/dns"

	"github.com/multisigner/multisigner/plugin/multisigner/ask"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// fault is an error that says how it stands with whoever is at fault.
type fault struct {
	status Status
	err    error
}

func (f *fault) Error() string { return f.err.Error() }
func (f *fault) Unwrap() error { return f.err }

// statusOf is what an error of finding the parent or its keys means for its
// addresses. A resolver that does not answer leaves all unknown, which is no lie of theirs.
func statusOf(err error) Status {
	if f, ok := errors.AsType[*fault](err); ok {
		return f.status
	}
	if errors.Is(err, ask.ErrUnreachable) {
		return Unreachable
	}
	return Bogus
}

// fault is what is wrong with an answer that does not validate and has these
// signatures: there are none, none is for now, or they are wrong.
func (l *look) fault(sigs []zone.RRSIG) Status {
	if len(sigs) == 0 {
		return Unsigned
	}
	now := uint32(l.now.Unix())
	for _, sig := range sigs {
		if !zone.SerialAfter(sig.Inception(), now) && !zone.SerialAfter(now, sig.Expiration()) {
			return Bogus
		}
	}
	return Stale
}

// sigsOf gives the signatures of an RRset.
func sigsOf(set zone.RRset) []zone.RRSIG {
	var all []zone.RRSIG
	for sig := range set.Sigs.All() {
		all = append(all, zone.RRSIG(sig))
	}
	return all
}

// sigsIn gives the signatures of a section, up to the usual limit.
func sigsIn(section []dns.RR) []zone.RRSIG {
	var all []zone.RRSIG
	for _, rr := range of(section, dns.TypeRRSIG) {
		if _, _, _, rdata, err := zone.FromRR(rr); err == nil && zone.RRSIG(rdata).Valid() == nil && len(all) < maxSignatures {
			all = append(all, zone.RRSIG(rdata))
		}
	}
	return all
}

// refused is the error of a resolver's answer. SERVFAIL may be its verdict on what
// it found, or that it found nobody; an extended error may tell (RFC 8914).
func refused(m *dns.Msg) *fault {
	err := &ask.Refused{Rcode: m.Rcode}
	status := Unreachable
	if opt := m.IsEdns0(); opt != nil {
		for _, o := range opt.Option {
			ede, ok := o.(*dns.EDNS0_EDE)
			if !ok {
				continue
			}
			switch ede.InfoCode {
			case dns.ExtendedErrorCodeSignatureExpired, dns.ExtendedErrorCodeSignatureNotYetValid:
				status = Stale
			case dns.ExtendedErrorCodeDNSBogus, dns.ExtendedErrorCodeDNSSECIndeterminate, dns.ExtendedErrorCodeDNSKEYMissing,
				dns.ExtendedErrorCodeRRSIGsMissing, dns.ExtendedErrorCodeNoZoneKeyBitSet, dns.ExtendedErrorCodeNSECMissing:
				status = Bogus
			}
		}
	}
	return &fault{status, err}
}
