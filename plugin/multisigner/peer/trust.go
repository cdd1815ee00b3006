package peer

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/miekg/dns"

	"github.com/multisigner/multisigner/plugin/multisigner/ask"
	"github.com/multisigner/multisigner/plugin/multisigner/validate"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// anchor is what a DNSKEY RRset is believed by.
type anchor interface {
	// believes says why a DNSKEY RRset is not signed by what is trusted.
	believes(l *look, set zone.RRset) error
	// has reports whether a key of this tag and algorithm may be trusted.
	has(tag uint16, algorithm uint8) bool
	String() string
}

// pinned are keys that are trusted from before.
type pinned []zone.DNSKEY

func (p pinned) believes(l *look, set zone.RRset) error {
	_, err := validate.Under(set, p, l.now)
	return err
}

func (p pinned) has(tag uint16, algorithm uint8) bool {
	return slices.ContainsFunc(p, func(k zone.DNSKEY) bool { return k.Tag() == tag && k.Algorithm() == algorithm })
}

func (p pinned) String() string {
	var tags []string
	for _, k := range p {
		tags = append(tags, fmt.Sprint(k.Tag()))
	}
	return "pinned: " + strings.Join(tags, ", ")
}

// delegated are keys that a DS RRset stands for.
type delegated struct {
	ds   zone.RRset
	from string
}

func (d delegated) believes(l *look, set zone.RRset) error {
	_, err := validate.Entry(set, d.ds, l.Zone, l.now)
	return err
}

func (d delegated) has(tag uint16, algorithm uint8) bool {
	for rdata := range d.ds.Rdata.All() {
		if ds := zone.DS(rdata); ds.Valid() == nil && ds.Tag() == tag && ds.Algorithm() == algorithm {
			return true
		}
	}
	return false
}

func (d delegated) String() string {
	var tags []string
	for rdata := range d.ds.Rdata.All() {
		if ds := zone.DS(rdata); ds.Valid() == nil {
			tags = append(tags, fmt.Sprint(ds.Tag()))
		}
	}
	slices.Sort(tags)
	return d.from + ": " + strings.Join(slices.Compact(tags), ", ")
}

// vouched are keys that are trusted from before, and others that a DS RRset stands for.
type vouched struct {
	pinned
	by delegated
}

func (v vouched) believes(l *look, set zone.RRset) error {
	err := v.pinned.believes(l, set)
	if err != nil && v.by.ds.Exists() && v.by.believes(l, set) == nil {
		return nil
	}
	return err
}

func (v vouched) has(tag uint16, algorithm uint8) bool {
	return v.pinned.has(tag, algorithm) || v.by.has(tag, algorithm)
}

// vouches gives the DS records that vouch for keys at s besides those that are pinned.
// Where trust came over TSIG, the parent's are good for what comes over TSIG.
func (l *look) vouches(s ask.Server) delegated {
	ds := l.Trust.DS
	switch {
	case l.Trust.Mode == TrustTSIG && s.TSIG == nil:
		return delegated{}
	case l.Trust.Mode == TrustDS:
		var left []string
		for rdata := range ds.Rdata.All() {
			if !l.Memory.Spent.Has(rdata) {
				left = append(left, rdata)
			}
		}
		ds.Rdata = zone.Pack(left...)
	}
	return delegated{ds: ds}
}

// spent are those of the configured DS records that have vouched for a key, pins included.
func (l *look) spent(pins []zone.DNSKEY) zone.Packed {
	var spent []string
	for rdata := range l.Trust.DS.Rdata.All() {
		of := slices.ContainsFunc(pins, func(k zone.DNSKEY) bool {
			ds, err := k.DS(l.Zone, zone.DS(rdata).DigestType())
			return err == nil && string(ds) == rdata
		})
		if of || l.Memory.Spent.Has(rdata) {
			spent = append(spent, rdata)
		}
	}
	return zone.Pack(spent...)
}

// itself believes every RRset that is signed by a key in it: it came over TSIG.
type itself struct{}

func (itself) believes(l *look, set zone.RRset) error {
	_, err := validate.Signatures(set, set, l.Zone, l.now)
	return err
}
func (itself) has(uint16, uint8) bool { return true }
func (itself) String() string         { return "its own keys, by TSIG" }

// nothing believes none; it says why.
type nothing string

func (n nothing) believes(*look, zone.RRset) error { return errors.New(string(n)) }
func (nothing) has(uint16, uint8) bool             { return false }
func (n nothing) String() string                   { return string(n) }

// seed is by what the keys seen at s are first believed.
func (l *look) seed(s ask.Server) anchor {
	switch mode := l.Trust.Mode; {
	case mode == TrustTSIG && s.TSIG == nil:
		return nothing("none yet, and this address shares no TSIG key with us")
	case mode == TrustTSIG:
		return itself{}
	case l.Trust.DS.Exists() && mode == TrustParent:
		return delegated{l.Trust.DS, "by the parent's DS"}
	case l.Trust.DS.Exists():
		return delegated{l.Trust.DS, "by configured DS"}
	case mode == TrustParent:
		return nothing("none: the parent has no DS that could vouch for it; use trust tsig or trust ds")
	}
	return nothing("none: no DS is configured")
}

// disbelief puts a name to why a DNSKEY RRset is not believed.
func (l *look) disbelief(set zone.RRset, by anchor, err error) *fault {
	var trusted []zone.RRSIG
	var tags []string
	for _, sig := range sigs(set) {
		tags = append(tags, fmt.Sprint(sig.KeyTag()))
		if by.has(sig.KeyTag(), sig.Algorithm()) {
			trusted = append(trusted, sig)
		}
	}
	if len(trusted) == 0 {
		return faultf(UnknownKey, "it is signed by %s, which is not trusted (%s)", strings.Join(tags, ", "), by)
	}
	return faultf(l.untimely(trusted, Bogus), "%s", l.bare(zone.TypeDNSKEY, err))
}

// bare is an error without the RRset that it is about: faults are listed by type.
func (l *look) bare(t zone.Type, err error) string {
	return strings.TrimPrefix(err.Error(), fmt.Sprintf("%s %s: ", l.Zone, t))
}

// untimely is Expired when none of the signatures is for now, else otherwise.
func (l *look) untimely(sigs []zone.RRSIG, otherwise Status) Status {
	now := uint32(l.now.Unix())
	for _, sig := range sigs {
		if !zone.SerialAfter(sig.Inception(), now) && !zone.SerialAfter(now, sig.Expiration()) {
			return otherwise
		}
	}
	if len(sigs) == 0 {
		return otherwise
	}
	return Expired
}

func sigs(set zone.RRset) []zone.RRSIG {
	var all []zone.RRSIG
	for sig := range set.Sigs.All() {
		all = append(all, zone.RRSIG(sig))
	}
	return all
}

// sigsOf gives the signatures of an authority section, up to the usual limit.
func sigsOf(m *dns.Msg) []zone.RRSIG {
	var all []zone.RRSIG
	for _, rr := range m.Ns {
		if rr.Header().Rrtype != dns.TypeRRSIG || len(all) == maxSignatures {
			continue
		}
		if _, _, _, rdata, err := zone.FromRR(rr); err == nil && zone.RRSIG(rdata).Valid() == nil {
			all = append(all, zone.RRSIG(rdata))
		}
	}
	return all
}

// signers verifies each signature of a DNSKEY RRset by itself, so that one that is
// wrong lends its times to none: who signed, and when at the latest.
func (l *look) signers(set zone.RRset) (keys []zone.DNSKEY, inception uint32) {
	for _, sig := range sigs(set) {
		good, err := validate.Signatures(set.WithSigs(zone.Pack(string(sig))), set, l.Zone, l.now)
		if err != nil {
			continue
		}
		if len(keys) == 0 || zone.SerialAfter(sig.Inception(), inception) {
			inception = sig.Inception()
		}
		keys = union(keys, good)
	}
	return keys, inception
}

// entryKeys are the signers of a DNSKEY RRset that trust may rest on. A ZSK may sign
// it besides (BIND's can be told to); where a key says that it is meant for an entry
// point, only such are, so that trust is never in a key that its owner keeps less well.
func entryKeys(signers []zone.DNSKEY) []zone.DNSKEY {
	sep := slices.DeleteFunc(slices.Clone(signers), func(k zone.DNSKEY) bool { return !k.SEP() })
	if len(sep) > 0 {
		return sep
	}
	return signers
}
