package registry

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/miekg/dns"
)

// signedUnder reports what keeps the address's answers from being trusted under
// the DS RRset: its DNSKEY RRset must be signed by a key of each algorithm there and
// so must its data be (RFC 4035 2.2), and CDS and CDNSKEY by a key that a DS names
// (RFC 7344 4.1).
func (a Answer) signedUnder(set []*dns.DS, child string, now time.Time) error {
	entry, err := entryKeys(a.DNSKEY, set, child)
	if err != nil {
		return err
	}
	for _, algorithm := range algorithms(set) {
		of := slices.DeleteFunc(slices.Clone(entry), func(k *dns.DNSKEY) bool { return k.Algorithm != algorithm })
		if err := a.DNSKEY.signedBy(of, now); err != nil {
			return fmt.Errorf("DNSKEY, algorithm %d: %w", algorithm, err)
		}
		if err := a.SOA.signedBy(a.DNSKEY.keys(child, algorithm), now); err != nil {
			return fmt.Errorf("SOA, algorithm %d: %w", algorithm, err)
		}
	}
	if err := a.CDS.signedBy(entry, now); err != nil {
		return fmt.Errorf("CDS: %w", err)
	}
	if err := a.CDNSKEY.signedBy(entry, now); err != nil {
		return fmt.Errorf("CDNSKEY: %w", err)
	}
	return nil
}

// entryKeys are the keys of a DNSKEY RRset that a DS names by its strongest
// digest: validators look at no other (RFC 4509 3).
func entryKeys(dnskey Set, set []*dns.DS, child string) ([]*dns.DNSKEY, error) {
	if len(dnskey.Records) == 0 {
		return nil, errors.New("no DNSKEY")
	}
	var strongest uint8
	for _, ds := range set {
		strongest = max(strongest, ds.DigestType)
	}
	var keys []*dns.DNSKEY
	for _, key := range dnskey.keys(child) {
		if made := key.ToDS(strongest); made != nil && slices.ContainsFunc(set, func(ds *dns.DS) bool { return sameDS([]*dns.DS{ds}, []*dns.DS{made}) }) {
			keys = append(keys, key)
		}
	}
	if len(keys) == 0 {
		return nil, fmt.Errorf("none of its keys is in DS %s", tags(set))
	}
	return keys, nil
}

// keys are the DNSKEYs of a set that may sign for the child, of the algorithms if any
// are given.
func (s Set) keys(child string, algorithms ...uint8) []*dns.DNSKEY {
	var keys []*dns.DNSKEY
	for _, rr := range s.Records {
		key, ok := rr.(*dns.DNSKEY)
		if ok && key.Flags&dns.ZONE != 0 && key.Flags&dns.REVOKE == 0 && key.Hdr.Name == child &&
			(len(algorithms) == 0 || slices.Contains(algorithms, key.Algorithm)) {
			keys = append(keys, key)
		}
	}
	return keys
}

// signedBy reports why no signature by one of keys covers the set now.
func (s Set) signedBy(keys []*dns.DNSKEY, now time.Time) error {
	why := errors.New("not signed by a key that counts")
	for _, sig := range s.Sigs {
		for _, key := range keys {
			if sig.KeyTag != key.KeyTag() || sig.Algorithm != key.Algorithm {
				continue
			}
			switch err := sig.Verify(key, s.Records); {
			case !sig.ValidityPeriod(now):
				why = fmt.Errorf("signature by key %d is valid from %s to %s only", sig.KeyTag, dns.TimeToString(sig.Inception), dns.TimeToString(sig.Expiration))
			case err != nil:
				why = fmt.Errorf("signature by key %d: %w", sig.KeyTag, err)
			default:
				return nil
			}
		}
	}
	return why
}

// requested is the DS RRset that the CDS RRset asks for. CDNSKEY must mean the
// same keys, and each digest type must be there for every key: validators use only
// the strongest type of the whole RRset, so a key without it would be cut off.
func requested(a Answer) ([]*dns.DS, error) {
	var wanted []*dns.DS
	types := make(map[uint8]bool)
	for _, rr := range a.CDS.Records {
		cds, ok := rr.(*dns.CDS)
		if !ok || cds.DigestType != dns.SHA256 && cds.DigestType != dns.SHA384 {
			return nil, fmt.Errorf("CDS with a digest that is not SHA-256 or SHA-384 (RFC 8624 3.3): %s", rr)
		}
		types[cds.DigestType] = true
		ds := cds.DS
		wanted = append(wanted, &ds)
	}
	var made []*dns.DS
	for _, rr := range a.CDNSKEY.Records {
		key, ok := rr.(*dns.CDNSKEY)
		if !ok {
			continue
		}
		for t := range types {
			if ds := key.ToDS(t); ds != nil {
				made = append(made, ds)
			}
		}
	}
	if !sameDS(wanted, made) {
		return nil, fmt.Errorf("CDS means %s, CDNSKEY means %s", tags(wanted), tags(made))
	}
	return wanted, nil
}

// deletion reports whether the records ask for the DS RRset to go. Anything
// beside the one record of each kind that RFC 8078 4 gives is an error.
func deletion(a Answer) (bool, error) {
	isDelete := func(algorithm uint8) bool { return algorithm == 0 }
	var cds, cdnskey int
	for _, rr := range a.CDS.Records {
		if r, ok := rr.(*dns.CDS); ok && isDelete(r.Algorithm) {
			cds++
		}
	}
	for _, rr := range a.CDNSKEY.Records {
		if r, ok := rr.(*dns.CDNSKEY); ok && isDelete(r.Algorithm) {
			cdnskey++
		}
	}
	if cds == 0 && cdnskey == 0 {
		return false, nil
	}
	exact := slices.Equal(a.CDS.text(), []string{"0 0 0 00"}) && slices.Equal(a.CDNSKEY.text(), []string{"0 3 0 AA=="})
	if !exact {
		return false, errors.New("a delete request beside something else, or not in its exact form (RFC 8078 4)")
	}
	return true, nil
}

func algorithms(set []*dns.DS) []uint8 {
	var all []uint8
	for _, ds := range set {
		if !slices.Contains(all, ds.Algorithm) {
			all = append(all, ds.Algorithm)
		}
	}
	slices.Sort(all)
	return all
}
