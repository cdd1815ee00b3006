package parent

import (
	"errors"
	"fmt"

	"github.com/miekg/dns"

	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// typeDSYNC is the type of RFC 9859, which the library does not know.
const typeDSYNC zone.Type = 66

// schemeNotify is the only scheme that RFC 9859 gives a meaning: NOTIFY.
const schemeNotify = 1

// Endpoint is where a parent wants to be told.
type Endpoint struct {
	Target zone.Name
	Port   uint16
}

// String is host:port.
func (e Endpoint) String() string { return fmt.Sprintf("%s:%d", e.Target, e.Port) }

// dsync is a DSYNC record (RFC 9859 2.2).
type dsync struct {
	Type   zone.Type // that one wants to be told of
	Scheme uint8
	Endpoint
}

func readDSYNC(rdata string) (dsync, error) {
	const fixed = 5
	if len(rdata) <= fixed {
		return dsync{}, errors.New("a DSYNC record that is too short")
	}
	d := dsync{
		Type: zone.Type(rdata[0])<<8 | zone.Type(rdata[1]), Scheme: rdata[2],
		Endpoint: Endpoint{Port: uint16(rdata[3])<<8 | uint16(rdata[4])},
	}
	target, size, err := zone.NameFromWire([]byte(rdata[fixed:]))
	if err != nil || fixed+size != len(rdata) {
		return dsync{}, errors.New("a DSYNC record whose target is no name")
	}
	d.Target = target
	return d, nil
}

// choose takes the endpoint for NOTIFY of changes of type t. Records for other
// types, and with schemes that are not known, do not count; of those that do there
// may be one only (RFC 9859 2.2), because two leave open what is meant.
func choose(records []string, t zone.Type) (Endpoint, error) {
	var found []Endpoint
	for _, rdata := range records {
		d, err := readDSYNC(rdata)
		if err != nil {
			return Endpoint{}, err
		}
		if d.Type == t && d.Scheme == schemeNotify {
			found = append(found, d.Endpoint)
		}
	}
	switch {
	case len(found) == 0:
		return Endpoint{}, ErrNoEndpoint
	case len(found) > 1:
		return Endpoint{}, fmt.Errorf("there are %d DSYNC records for NOTIFY(%s), and one is allowed", len(found), t)
	case found[0].Target == zone.Root || found[0].Port == 0:
		return Endpoint{}, fmt.Errorf("the DSYNC record for NOTIFY(%s) names no target or no port: %s", t, found[0])
	}
	return found[0], nil
}

// maxAliases bounds how many CNAMEs are followed within an answer.
const maxAliases = 8

// dsyncOf gives the rdata of the DSYNC records that an answer has for name, behind
// the CNAMEs in it.
func dsyncOf(answer []dns.RR, name zone.Name) ([]string, error) {
	sets, err := zone.FromRRs(answer)
	if err != nil {
		return nil, err
	}
	at := func(name zone.Name, t zone.Type) zone.RRset {
		for _, s := range sets {
			if s.Name == name && s.Type == t {
				return s
			}
		}
		return zone.RRset{}
	}
	for range maxAliases {
		var records []string
		for rdata := range at(name, typeDSYNC).Rdata.All() {
			records = append(records, rdata)
		}
		alias := at(name, zone.TypeCNAME)
		if len(records) > 0 || !alias.Exists() {
			return records, nil
		}
		for rdata := range alias.Rdata.All() {
			name = zone.Name(rdata)
		}
	}
	return nil, errors.New("CNAMEs without end")
}
