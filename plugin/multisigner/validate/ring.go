package validate

import (
	"errors"
	"fmt"
	"time"

	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// ring is the keys of a DNSKEY RRset that may sign a zone.
type ring []*key

type key struct {
	record zone.DNSKEY
	tag    uint16
	verify verifier
	unfit  error // why it cannot be used
}

// newRing reads a DNSKEY RRset. What is no zone key or is revoked signs nothing
// (RFC 4034 2.1.1, RFC 5011 2.1); what has an unknown algorithm stays, to be named.
func newRing(keys zone.RRset) ring {
	var r ring
	for rdata := range keys.Rdata.All() {
		record := zone.DNSKEY(rdata)
		if record.Valid() != nil || record.Revoked() {
			continue
		}
		k := &key{record: record, tag: record.Tag()}
		k.verify, k.unfit = newVerifier(record)
		r = append(r, k)
	}
	return r
}

// clock says by what time a signature is judged.
type clock struct {
	at        uint32
	ends      bool // its end counts
	inception bool // its beginning counts
}

func resolverClock(at time.Time) clock {
	return clock{at: uint32(at.Unix()), ends: true, inception: true}
}

// maxTries bounds the verifications that one RRset can cost, so that colliding
// key tags are no attack: our choice, far above what honest zones need.
const maxTries = 64

// check says which keys of r have signed s in the zone apex; when none has, why.
func (r ring) check(s zone.RRset, apex zone.Name, c clock) (good []*key, err error) {
	if s.Sigs == "" {
		return nil, errors.New("no signature")
	}
	tries := 0
	for sig := range s.Sigs.All() {
		k, why := r.checkOne(zone.RRSIG(sig), s, apex, c, &tries)
		if why != nil {
			err = why
			continue
		}
		good = append(good, k)
	}
	if len(good) > 0 {
		return good, nil
	}
	return nil, err
}

// checkOne judges one signature (RFC 4035 5.3).
func (r ring) checkOne(sig zone.RRSIG, s zone.RRset, apex zone.Name, c clock, tries *int) (*key, error) {
	if err := form(sig, s, apex); err != nil {
		return nil, err
	}
	if err := c.check(sig); err != nil {
		return nil, err
	}
	why := fmt.Errorf("no key with tag %d and algorithm %d", sig.KeyTag(), sig.Algorithm())
	for _, k := range r {
		if k.tag != sig.KeyTag() || k.record.Algorithm() != sig.Algorithm() {
			continue
		}
		if why = k.unfit; why != nil {
			continue
		}
		if *tries++; *tries > maxTries {
			return nil, errors.New("too many keys with the same tags")
		}
		if k.verify(zone.AppendSigned(nil, sig.Header(), s), []byte(sig.Signature())) {
			return k, nil
		}
		why = fmt.Errorf("signature by key %d is bad", sig.KeyTag())
	}
	return nil, why
}

// form refuses a signature that is not about s.
func form(sig zone.RRSIG, s zone.RRset, apex zone.Name) error {
	if err := sig.Valid(); err != nil {
		return err
	}
	labels := s.Name.Labels()
	if s.Name.IsWildcard() {
		labels--
	}
	switch {
	case sig.Covered() != s.Type:
		return fmt.Errorf("signature is over %s", sig.Covered())
	case sig.Signer() != apex:
		return fmt.Errorf("signature is by zone %s", sig.Signer())
	case !s.Name.Under(apex):
		return fmt.Errorf("owner is not in zone %s", apex)
	case sig.Labels() > labels || sig.Labels() < apex.Labels():
		return fmt.Errorf("signature is over a name of %d labels", sig.Labels())
	}
	return nil
}

// check compares by serial arithmetic, as RFC 4034 3.1.5 says.
func (c clock) check(sig zone.RRSIG) error {
	switch {
	case int32(sig.Expiration()-sig.Inception()) < 0:
		return fmt.Errorf("signature by key %d ends before it begins", sig.KeyTag())
	case c.ends && int32(sig.Expiration()-c.at) < 0:
		return fmt.Errorf("signature by key %d expired %v", sig.KeyTag(), zone.Time(sig.Expiration()).Format(time.RFC3339))
	case c.inception && int32(c.at-sig.Inception()) < 0:
		return fmt.Errorf("signature by key %d is not good before %v", sig.KeyTag(), zone.Time(sig.Inception()).Format(time.RFC3339))
	}
	return nil
}
