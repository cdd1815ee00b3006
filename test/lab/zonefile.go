package lab

import (
	"bytes"
	_ "embed"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/miekg/dns"
)

// zoneFile is the unsigned zone in the lab's directory, the same for all signers.
func (l *layout) zoneFile() string { return "db." + name(l.Zone) }

// awkward is a zone of one of everything that goes wrong elsewhere, without its
// SOA and the signers' names.
//
//go:embed awkward.zone
var awkward string

// writeZone writes the unsigned zone: the lab's, or the user's with the signers'
// names in the place of its apex NS RRset.
func (l *layout) writeZone() error {
	var body string
	if l.options.zone != "" {
		var err error
		if body, err = l.usersZone(l.options.zone); err != nil {
			return err
		}
	} else {
		body = l.soa() + strings.ReplaceAll(awkward, "{ttl}", l.options.pace().seconds())
	}
	text := fmt.Sprintf("; Unsigned; every signer reads this file. Save a change, its serial left as it is, and each signs what changed.\n$ORIGIN %s\n$TTL %s\n%s%s",
		l.Zone, l.options.pace().seconds(), body, l.nameservers())
	return os.WriteFile(l.path(l.zoneFile()), []byte(text), 0o644)
}

func (l *layout) soa() string {
	return fmt.Sprintf("@ SOA ns-a hostmaster 1 3600 600 1209600 %s\n", l.options.pace().seconds())
}

// nameservers are the signers' NS records, and the addresses of their names.
func (l *layout) nameservers() string {
	var b strings.Builder
	for _, s := range l.Signers {
		host, _, err := net.SplitHostPort(s.Address)
		if err != nil {
			panic(err) // we made it
		}
		fmt.Fprintf(&b, "@ NS %s\n%s A %s\n", l.host(s), l.host(s), host)
	}
	return b.String()
}

// usersZone reads a zone file, leaves out its apex NS RRset, and notes its largest TTL.
func (l *layout) usersZone(path string) (string, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	parser := dns.NewZoneParser(bytes.NewReader(text), l.Zone, path)
	parser.SetIncludeAllowed(true)
	parser.SetDefaultTTL(3600)
	var b strings.Builder
	soa := false
	for rr, ok := parser.Next(); ok; rr, ok = parser.Next() {
		h := rr.Header()
		if !dns.IsSubDomain(l.Zone, h.Name) {
			return "", fmt.Errorf("%s: %s is not in %s, which is the zone that this lab serves; --name names another", path, h.Name, l.Zone)
		}
		apex := strings.EqualFold(h.Name, l.Zone)
		soa = soa || apex && h.Rrtype == dns.TypeSOA
		if apex && h.Rrtype == dns.TypeNS {
			continue
		}
		l.largest = max(l.largest, time.Duration(h.Ttl)*time.Second)
		b.WriteString(strings.Replace(rr.String(), "\tCLASS1\t", "\tIN\t", 1) + "\n") // as the library writes unknown types
	}
	if err := parser.Err(); err != nil {
		return "", fmt.Errorf("%s: %w", filepath.Base(path), err)
	}
	if !soa {
		return "", fmt.Errorf("%s: no SOA at %s", path, l.Zone)
	}
	return b.String(), nil
}
