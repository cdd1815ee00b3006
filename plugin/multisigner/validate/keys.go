package validate

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// ErrInsecure means that a DS RRset has no record that validators know how to
// use: to them the zone is not signed (RFC 4035 5.2).
var ErrInsecure = errors.New("no DS with a known algorithm and digest type")

// Signatures says which of keys, a DNSKEY RRset that is trusted already, validly
// sign s at a moment; s is a set of the zone apex, or has an owner that a wildcard
// made. Without any, err says why, for the last signature looked at: there is none,
// it has expired, is not good yet, is by an unknown key, is bad.
func Signatures(s, keys zone.RRset, apex zone.Name, at time.Time) (good []zone.DNSKEY, err error) {
	signers, err := newRing(keys).check(s, apex, resolverClock(at))
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", s.Name, s.Type, err)
	}
	return records(signers), nil
}

// Entry says which keys of a DNSKEY RRset of the zone apex match a record of ds and
// validly sign the RRset: through each of them a resolver gets from the parent to
// the zone (RFC 4035 5.2). Of ds only the records with the strongest digest type
// among them count: some validators look at no others. Without a usable record
// the error is ErrInsecure.
func Entry(dnskey, ds zone.RRset, apex zone.Name, at time.Time) ([]zone.DNSKEY, error) {
	keys, err := entry(dnskey, ds, apex, resolverClock(at))
	if err != nil {
		return nil, fmt.Errorf("%s DNSKEY: %w", apex, err)
	}
	return records(keys), nil
}

func entry(dnskey, ds zone.RRset, apex zone.Name, c clock) ([]*key, error) {
	usable, err := strongest(ds)
	if err != nil {
		return nil, err
	}
	var entries ring
	for _, k := range newRing(dnskey) {
		if slices.ContainsFunc(usable, func(d zone.DS) bool { return stands(d, k, apex) }) {
			entries = append(entries, k)
		}
	}
	if len(entries) == 0 {
		return nil, fmt.Errorf("no key matches a DS of digest type %d", usable[0].DigestType())
	}
	good, err := entries.check(dnskey, apex, c)
	if err != nil {
		err = noDS(newRing(dnskey), entries, dnskey, err)
	}
	return good, err
}

// noDS says why no entry has signed a DNSKEY RRset: where a key of it has, the key is
// there, and its DS is not.
func noDS(all, entries ring, dnskey zone.RRset, why error) error {
	for rdata := range dnskey.Sigs.All() {
		sig := zone.RRSIG(rdata)
		made := func(k *key) bool { return k.made(sig) }
		if sig.Valid() == nil && slices.ContainsFunc(all, made) && !slices.ContainsFunc(entries, made) {
			return fmt.Errorf("key %d signs it, and there is no DS of that key", sig.KeyTag())
		}
	}
	return why
}

// strength orders the digest types that are known: SHA-1, SHA-256, SHA-384 (RFC
// 4509 3, RFC 6605 2).
var strength = map[uint8]int{1: 1, 2: 2, 4: 3}

// strongest gives the records of the strongest digest type.
func strongest(ds zone.RRset) ([]zone.DS, error) {
	var best []zone.DS
	for rdata := range ds.Rdata.All() {
		d := zone.DS(rdata)
		if d.Valid() != nil || strength[d.DigestType()] == 0 || !slices.Contains(algorithms, d.Algorithm()) {
			continue
		}
		if len(best) > 0 && strength[d.DigestType()] > strength[best[0].DigestType()] {
			best = best[:0]
		}
		if len(best) == 0 || d.DigestType() == best[0].DigestType() {
			best = append(best, d)
		}
	}
	if len(best) == 0 {
		return nil, ErrInsecure
	}
	return best, nil
}

// algorithms are those that newVerifier knows.
var algorithms = []uint8{8, 10, 13, 14, 15}

// stands reports whether d is made of k.
func stands(d zone.DS, k *key, apex zone.Name) bool {
	if d.Tag() != k.tag {
		return false
	}
	own, _ := k.record.DS(apex, d.DigestType())
	return own == d
}

// Under says which of pins, keys that are trusted already, are in a DNSKEY RRset
// and validly sign it: through them it follows from the one that they were pinned in.
func Under(dnskey zone.RRset, pins []zone.DNSKEY, at time.Time) ([]zone.DNSKEY, error) {
	entries := newRing(dnskey)
	entries = slices.DeleteFunc(entries, func(k *key) bool { return !slices.Contains(pins, k.record) })
	if len(entries) == 0 {
		return nil, fmt.Errorf("%s DNSKEY: it has none of the %d keys that are pinned", dnskey.Name, len(pins))
	}
	good, err := entries.check(dnskey, dnskey.Name, resolverClock(at))
	if err != nil {
		return nil, fmt.Errorf("%s DNSKEY: %w", dnskey.Name, err)
	}
	return records(good), nil
}

func records(keys []*key) []zone.DNSKEY {
	list := make([]zone.DNSKEY, 0, len(keys))
	for _, k := range keys {
		if !slices.Contains(list, k.record) {
			list = append(list, k.record)
		}
	}
	return list
}
