package validate

import (
	"time"

	"github.com/miekg/dns"

	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// Signatures says which of keys, a DNSKEY RRset, validly sign s.
func Signatures(s, keys zone.RRset, apex zone.Name, at time.Time) (good []zone.DNSKEY, err error) {
	return nil, nil
}

// Entry says which keys of a DNSKEY RRset match a DS and sign it.
func Entry(dnskey, ds zone.RRset, apex zone.Name, at time.Time) ([]zone.DNSKEY, error) {
	return nil, nil
}

// Under says which of pins are in a DNSKEY RRset and sign it.
func Under(dnskey zone.RRset, pins []zone.DNSKEY, at time.Time) ([]zone.DNSKEY, error) {
	return nil, nil
}

// Chain is a way in which a resolver may come to trust the zone.
type Chain struct {
	DS     zone.RRset // as seen at the parent; when it does not Exist, DNSKEY is taken as given
	DNSKEY zone.RRset // as served or cached somewhere
	Name   string     // who has it, for messages
}

// Fault is what a version makes worse.
type Fault struct {
	Name  zone.Name
	Type  zone.Type
	Chain string // the Chain's Name; "" for the version's own DNSKEY RRset
	Why   string
}

// Guard lists what is worse in new than in old.
func Guard(old *zone.Version, d zone.Diff, new *zone.Version, chains []Chain, at time.Time) []Fault {
	return nil
}

// Response says whether a validator would accept m.
func Response(m *dns.Msg, q dns.Question, apex zone.Name, keys zone.RRset, at time.Time) error {
	return nil
}
