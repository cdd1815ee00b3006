package lab

import (
	"bytes"
	_ "embed"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/miekg/dns"

	"github.com/multisigner/multisigner/plugin/multisigner/zone"
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
		if l.Primary != nil { // not every server knows $GENERATE
			var err error
			if body, err = l.expand(strings.NewReader("$TTL "+l.options.pace().seconds()+"\n"+body), l.zoneFile()); err != nil {
				return err
			}
		}
	}
	about := "every signer reads this file. Save a change, its serial left as it is, and each signs what changed."
	if l.Primary != nil {
		about = "the hidden primary reads this file, and serves a change whose serial is greater."
	}
	text := fmt.Sprintf("; Unsigned; %s\n$ORIGIN %s\n$TTL %s\n%s%s", about, l.Zone, l.options.pace().seconds(), body, l.nameservers())
	return os.WriteFile(l.path(l.zoneFile()), []byte(text), 0o644)
}

func (l *layout) soa() string {
	return fmt.Sprintf("@ SOA ns-a hostmaster 1 3600 600 1209600 %s\n", l.options.pace().seconds())
}

// serial is that of the zone file. A hidden primary must not go back from what it served in an
// earlier lab of this directory, whether its file was changed by hand or by updates.
func (l *layout) serial(wanted uint32) uint32 {
	if l.Primary == nil {
		return wanted
	}
	if now := uint32(time.Now().Unix()); zone.SerialAfter(now, wanted) {
		wanted = now
	}
	text, err := os.ReadFile(l.path(l.zoneFile()))
	if err != nil {
		return wanted // the first lab
	}
	parser := dns.NewZoneParser(bytes.NewReader(text), l.Zone, "")
	parser.SetDefaultTTL(3600)
	for rr, ok := parser.Next(); ok; rr, ok = parser.Next() {
		if soa, ok := rr.(*dns.SOA); ok && !zone.SerialAfter(wanted, soa.Serial) {
			wanted = soa.Serial + 1
		}
	}
	return wanted
}

// nameservers are the signers' NS records, and the addresses of their names.
func (l *layout) nameservers() string {
	var b strings.Builder
	for _, s := range l.Signers {
		host, _ := hostPort(s.Address)
		fmt.Fprintf(&b, "@ NS %s\n%s A %s\n", l.host(s), l.host(s), host)
	}
	return b.String()
}

// usersZone reads a zone file, leaves out its apex NS RRset, and notes its largest TTL.
func (l *layout) usersZone(path string) (string, error) {
	text, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer text.Close()
	return l.expand(text, path)
}

// expand has one record a line, each with its TTL, but for the apex NS RRset.
func (l *layout) expand(text io.Reader, path string) (string, error) {
	parser := dns.NewZoneParser(text, l.Zone, path)
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
		if rr, ok := rr.(*dns.SOA); ok && apex {
			soa = true
			rr.Serial = l.serial(rr.Serial)
		}
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
