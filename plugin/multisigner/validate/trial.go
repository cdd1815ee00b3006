package validate

import (
	"fmt"

	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// trial verifies the signatures of one name and type under many rings, each once
// per key.
type trial struct {
	made map[tried]bool
	apex zone.Name
}

type tried struct {
	sig   zone.RRSIG
	rdata zone.Packed
	key   *key
}

func newTrial(apex zone.Name) trial { return trial{made: map[tried]bool{}, apex: apex} }

func (t trial) by(k *key, sig zone.RRSIG, s zone.RRset) bool {
	at := tried{sig, s.Rdata, k}
	good, known := t.made[at]
	if !known {
		good = k.unfit == nil && k.verify(zone.AppendSigned(nil, sig.Header(), s), []byte(sig.Signature()))
		t.made[at] = good
	}
	return good
}

// accepts says why no key of r, of the algorithm if that is not 0, has signed s.
// Of the signatures that had been there before it is no matter when they begin.
func (t trial) accepts(r ring, s zone.RRset, algorithm uint8, c clock, before zone.Packed) error {
	why := fmt.Errorf("no signature")
	if algorithm != 0 {
		why = fmt.Errorf("no signature of algorithm %d, which the DS RRset has", algorithm)
	}
	for rdata := range s.Sigs.All() {
		sig := zone.RRSIG(rdata)
		if err := form(sig, s, t.apex); err != nil {
			why = err
			continue
		}
		if algorithm != 0 && sig.Algorithm() != algorithm {
			continue
		}
		c := c
		c.inception = c.inception && !before.Has(rdata)
		if why = c.check(sig); why != nil {
			continue
		}
		why = fmt.Errorf("no key with tag %d and algorithm %d", sig.KeyTag(), sig.Algorithm())
		if t.known(r, sig, s) {
			return nil
		}
		tries := 0
		for _, k := range r {
			if k.made(sig) {
				if tries++; tries > maxTries {
					return fmt.Errorf("too many keys with tag %d", sig.KeyTag())
				}
				if t.by(k, sig, s) {
					return nil
				}
				why = fmt.Errorf("signature by key %d is bad", sig.KeyTag())
			}
		}
	}
	return why
}

// known reports whether a key of r is known to have made sig: others with its tag
// need not be tried then.
func (t trial) known(r ring, sig zone.RRSIG, s zone.RRset) bool {
	for _, k := range r {
		if t.made[tried{sig, s.Rdata, k}] {
			return true
		}
	}
	return false
}

// made reports whether sig says that it is k's.
func (k *key) made(sig zone.RRSIG) bool {
	return k.tag == sig.KeyTag() && k.record.Algorithm() == sig.Algorithm()
}

// own is accepts, and refuses besides a bad signature next to a good one, be it by
// a key that is published or by one of makers, and one over another TTL or another name.
func (t trial) own(r, makers ring, s zone.RRset, c clock, before zone.Packed) error {
	if err := t.accepts(r, s, 0, c, before); err != nil {
		return err
	}
	labels := s.Name.Labels()
	if s.Name.IsWildcard() {
		labels--
	}
	for rdata := range s.Sigs.All() {
		sig := zone.RRSIG(rdata)
		if err := form(sig, s, t.apex); err != nil {
			return err
		}
		if sig.OriginalTTL() != s.TTL || sig.Labels() != labels {
			return fmt.Errorf("signature is over TTL %d and %d labels", sig.OriginalTTL(), sig.Labels())
		}
		var known, good bool
		for _, keys := range []ring{r, makers} {
			for _, k := range keys {
				if k.made(sig) {
					known, good = true, good || t.by(k, sig, s)
				}
			}
		}
		if known && !good {
			return fmt.Errorf("signature by key %d is bad", sig.KeyTag())
		}
	}
	return nil
}
