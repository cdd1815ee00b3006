package keystore

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"github.com/miekg/dns"
)

// parsePublic reads a .key file: one DNSKEY record, and comments.
func parsePublic(content []byte, path, zone string) (rdata string, err error) {
	parser := dns.NewZoneParser(bytes.NewReader(content), ".", "")
	parser.SetDefaultTTL(3600)
	rr, ok := parser.Next()
	if err := parser.Err(); err != nil {
		return "", fmt.Errorf("%s: %w", path, err)
	}
	if !ok {
		return "", fmt.Errorf("%s has no record", path)
	}
	key, ok := rr.(*dns.DNSKEY)
	if !ok {
		return "", fmt.Errorf("%s has a record of type %s instead of DNSKEY", path, dns.TypeToString[rr.Header().Rrtype])
	}
	owner, err := wireName(key.Hdr.Name)
	if err != nil {
		return "", fmt.Errorf("%s: %w", path, err)
	}
	if owner != zone {
		return "", fmt.Errorf("%s has a key of zone %s, not of %s", path, textName(owner), textName(zone))
	}
	wire := make([]byte, dns.Len(key)+len(key.PublicKey))
	end, err := dns.PackRR(key, wire, 0, nil, false)
	if err != nil {
		return "", fmt.Errorf("%s: %w", path, err)
	}
	rdata = string(wire[len(owner)+10 : end])
	if err := checkDNSKEY(rdata); err != nil {
		return "", fmt.Errorf("%s: %w", path, err)
	}
	return rdata, nil
}

// checkDNSKEY refuses what is no zone's key (RFC 4034 2.1).
func checkDNSKEY(rdata string) error {
	switch {
	case len(rdata) < 5:
		return errors.New("the key is cut off")
	case rdata[0]&1 == 0:
		return errors.New("the record's flags do not say that it is a zone's key: 256 or 257 are usual")
	case rdata[2] != 3:
		return fmt.Errorf("the record has protocol %d, not 3", rdata[2])
	}
	_, err := lookup(rdata[3])
	return err
}

// formatPublic writes a .key file.
func formatPublic(zone, rdata string, created time.Time) []byte {
	owner, role := textName(zone), "zone"
	if rdata[1]&1 != 0 {
		role = "key"
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "; This is a %s-signing key, keyid %d, for %s\n", role, keyTag(rdata), owner)
	if !created.IsZero() {
		fmt.Fprintf(&b, "; Created: %s (%s)\n", created.UTC().Format(timeForm), created.UTC().Format(time.ANSIC))
	}
	fmt.Fprintf(&b, "%s IN DNSKEY %d %d %d %s\n", owner, uint16(rdata[0])<<8|uint16(rdata[1]), rdata[2], rdata[3],
		base64.StdEncoding.EncodeToString([]byte(rdata[4:])))
	return b.Bytes()
}
